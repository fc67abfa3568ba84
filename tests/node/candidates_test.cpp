// The op Candidates says of a half of the vocabulary what the sampler's summarize() says, in every bit of the record.
#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <random>

#include "kernels/ops.h"
#include "node/sampler/found.h"

namespace yoke::node::sampler {
namespace {

std::vector<std::byte> bytes_of(const RowRequest& request, Range half, const HalfRecord& record) {
  std::vector<std::byte> bytes(record_bytes(request, half));
  write_record(record, bytes.data());
  return bytes;
}

Sampling random_sampling(std::mt19937& random) {
  const auto chance = [&](uint32_t percent) { return random() % 100 < percent; };
  Sampling s;
  s.set_temperature(chance(20) ? 0.0f : chance(30) ? 1.0f : 0.05f * static_cast<float>(1 + random() % 50));
  s.set_top_p(chance(50) ? 1.0f : 0.01f * static_cast<float>(1 + random() % 99));
  s.set_top_k(chance(60) ? 0 : 1 + random() % 256);
  s.set_min_p(chance(60) ? 0.0f : 0.01f * static_cast<float>(random() % 40));
  s.set_repetition_penalty(1);
  s.set_seed(random());
  s.set_choice(random() % 4);
  s.set_logprobs(-1);
  return s;
}

std::vector<float> random_logits(std::mt19937& random, int64_t width) {
  std::vector<float> logits(static_cast<size_t>(width));
  const bool ties = random() % 3 == 0, holes = random() % 3 == 0;
  for (float& x : logits) {
    x = std::normal_distribution<float>(0, 4)(random);
    if (ties) x = std::round(x);
    if (holes && random() % 4 == 0) x = -std::numeric_limits<float>::infinity();
  }
  return logits;
}

TEST(FoundCandidates, MakeTheRecordThatTheHostWouldMake) {
  const auto ops = kernels::ops_backend("reference").make({});
  std::mt19937 random(5);
  SummaryScratch scratch;
  const TokenCounts counts(1);
  int taken = 0;
  for (const int64_t width : {0, 1, 15, 257, 1024, 3001}) {
    for (int round = 0; round < 30; ++round) {
      const Range half{100, 100 + width};
      const Sampling s = random_sampling(random);
      const RowRequest request{.sampling = &s, .position = static_cast<int64_t>(random() % 10000)};
      const std::vector<float> logits = random_logits(random, width);
      const kernels::CandidateRequest asked = candidates_for(request);
      kernels::CandidateSummary summary{};
      std::vector<Candidate> best(kernels::kMostCandidates);
      const kernels::CandidateSlice slice{logits.data(), half, &summary, best.data()};
      ops->run(kernels::Candidates{.requests = &asked, .rows = 1, .slices = {&slice, 1}});
      HalfRecord expected, got;
      summarize(request, half, logits, counts, scratch, expected);
      if (!take_found(request, half, {&summary, best.data()}, got)) continue;
      ++taken;
      EXPECT_EQ(bytes_of(request, half, got), bytes_of(request, half, expected)) << "width " << width << "\n" << s.ShortDebugString();
    }
  }
  EXPECT_GT(taken, 150) << "only a row of one token, -inf, is the host's";
}

TEST(FoundCandidates, AreNotAskedForWhatOnlyTheHostCanSay) {
  const auto mode = [](const auto& change) {
    Sampling s;
    s.set_temperature(1);
    s.set_top_p(1);
    s.set_repetition_penalty(1);
    s.set_logprobs(-1);
    RowRequest request{.sampling = &s};
    change(s, request);
    return candidates_for(request).mode;
  };
  using kernels::CandidateMode;
  EXPECT_EQ(mode([](Sampling&, RowRequest&) {}), CandidateMode::noisy);
  EXPECT_EQ(mode([](Sampling& s, RowRequest&) { s.set_temperature(0); }), CandidateMode::greatest);
  EXPECT_EQ(mode([](Sampling& s, RowRequest&) { s.set_top_k(256); }), CandidateMode::ordered);
  EXPECT_EQ(mode([](Sampling& s, RowRequest&) { s.set_top_k(257); }), CandidateMode::none);
  EXPECT_EQ(mode([](Sampling& s, RowRequest&) { s.set_logprobs(0); }), CandidateMode::none);
  EXPECT_EQ(mode([](Sampling& s, RowRequest&) { s.set_presence_penalty(0.5f); }), CandidateMode::none);
  EXPECT_EQ(mode([](Sampling& s, RowRequest&) { s.add_bias_tokens(3), s.add_bias_values(1); }), CandidateMode::none);
  EXPECT_EQ(mode([](Sampling&, RowRequest& r) { r.prompt_alternatives = 0, r.prompt_token = 5; }), CandidateMode::none);
  EXPECT_EQ(mode([](Sampling&, RowRequest& r) { r.sampling = nullptr; }), CandidateMode::none);
}

}  // namespace
}  // namespace yoke::node::sampler
