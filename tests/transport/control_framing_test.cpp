// Frames of the control channel, byte by byte, and what is no frame.
#include <gtest/gtest.h>

#include <random>
#include <string>

#include "core/error.h"
#include "transport/control/framing.h"

namespace yoke::transport {
namespace {

proto::Envelope step(uint64_t id, int tokens) {
  proto::Envelope envelope;
  envelope.set_epoch(7);
  envelope.mutable_step()->set_id(id);
  proto::StepEntry& entry = *envelope.mutable_step()->add_entries();
  for (int i = 0; i < tokens; ++i) entry.add_tokens(static_cast<uint32_t>(i * 31));
  return envelope;
}

Code code_of(const std::function<void()>& act) {
  try {
    act();
  } catch (const Error& error) {
    return error.code();
  }
  ADD_FAILURE() << "nothing was thrown";
  return Code::internal;
}

TEST(Framing, GivesTheSameFramesHoweverTheBytesAreCut) {
  std::string bytes;
  for (uint64_t id = 1; id <= 20; ++id) bytes += encode_frame(step(id, static_cast<int>(id * 37)), kMaxFrameBytes);
  for (uint32_t seed = 0; seed < 20; ++seed) {
    std::mt19937 random(seed);
    FrameReader reader(kMaxFrameBytes);
    uint64_t expected = 1;
    for (size_t at = 0; at < bytes.size();) {
      const size_t size = std::min<size_t>(1 + random() % (seed == 0 ? 1 : 900), bytes.size() - at);
      reader.push({bytes.data() + at, size});
      at += size;
      while (const auto envelope = reader.next()) {
        EXPECT_EQ(envelope->step().id(), expected) << "seed " << seed;
        EXPECT_EQ(envelope->step().entries(0).tokens_size(), static_cast<int>(expected * 37));
        ++expected;
      }
    }
    EXPECT_EQ(expected, 21u) << "seed " << seed;
  }
}

TEST(Framing, RefusesALengthOverTheLimitBeforeItsBytesCome) {
  FrameReader reader(1000);
  const char header[] = {'\xe9', '\x03', 0, 0};  // 1001
  reader.push({header, 4});
  EXPECT_EQ(code_of([&] { reader.next(); }), Code::too_large);
}

TEST(Framing, TakesAFrameOfExactlyTheLimit) {
  const proto::Envelope envelope = step(1, 100);
  const uint64_t size = envelope.ByteSizeLong();
  FrameReader reader(size);
  const std::string frame = encode_frame(envelope, size);
  reader.push({frame.data(), frame.size()});
  EXPECT_TRUE(reader.next().has_value());
  EXPECT_EQ(code_of([&] { encode_frame(envelope, size - 1); }), Code::too_large);
}

TEST(Framing, RefusesAnEmptyFrameAndAFrameWithoutABody) {
  FrameReader empty(1000);
  empty.push({"\0\0\0\0", 4});
  EXPECT_EQ(code_of([&] { empty.next(); }), Code::bad_file);

  proto::Envelope bodyless;
  bodyless.set_epoch(3);
  FrameReader reader(1000);
  const std::string frame = encode_frame(bodyless, 1000);
  reader.push({frame.data(), frame.size()});
  EXPECT_EQ(code_of([&] { reader.next(); }), Code::bad_file);
}

TEST(Framing, EndsWithAnErrorOrAFrameForAnyBytes) {
  int refused = 0;
  for (uint32_t seed = 0; seed < 3000; ++seed) {
    std::mt19937 random(seed);
    std::string bytes = encode_frame(step(seed, 20), kMaxFrameBytes);
    const size_t damaged = random() % bytes.size();
    for (size_t i = 0; i < 1 + seed % 5; ++i) bytes[(damaged + i) % bytes.size()] = static_cast<char>(random());
    FrameReader reader(4096);
    reader.push({bytes.data(), bytes.size()});
    try {
      while (reader.next()) {
      }
    } catch (const Error&) {
      ++refused;
    }
  }
  EXPECT_GT(refused, 300) << "the damage no longer reaches the parser";
}

}  // namespace
}  // namespace yoke::transport
