// Small files with every byte and every field of their headers changed: whatever comes of it, it is a model or an
// Error, soon and without much memory. Every case is replayable: the seed and the place stand in the message.
#include <gtest/gtest.h>

#include <random>

#include "core/error.h"
#include "model/catalogue.h"
#include "tests/model/made_files.h"
#include "tests/model/memory_meter.h"

namespace yoke::model {
namespace {

constexpr uint64_t kMostBytes = 64 << 20;

class Mutation : public ::testing::Test {
 protected:
  // Opens `name` of the folder with these bytes; counts what came of it.
  void try_bytes(std::string_view name, const std::string& bytes, const std::string& what) {
    const std::filesystem::path path = folder_.write(name, bytes);
    reset_peak();
    try {
      const Checkpoint checkpoint = open_checkpoint(path);
      const Catalogue catalogue(checkpoint);
      ++opened_;
    } catch (const Error& error) {
      EXPECT_TRUE(error.code() == Code::bad_file || error.code() == Code::unsupported ||
                  error.code() == Code::too_large)
          << what << ": " << error.what();
      ++refused_;
    } catch (const std::exception& other) {
      ADD_FAILURE() << what << ": " << other.what();
    }
    EXPECT_LT(peak_bytes(), kMostBytes) << what;
  }

  void flip_bytes(std::string_view name, const std::string& bytes, size_t begin, size_t end) {
    for (size_t at = begin; at < end; ++at) {
      for (const int mask : {0x01, 0x10, 0x80, 0xff}) {
        std::string changed = bytes;
        changed[at] = static_cast<char>(changed[at] ^ mask);
        try_bytes(name, changed, "byte " + std::to_string(at) + " xor " + std::to_string(mask));
      }
    }
  }

  void scatter_bytes(std::string_view name, const std::string& bytes, size_t begin, size_t end) {
    for (uint32_t seed = 0; seed < 2000; ++seed) {
      std::mt19937 random(seed);
      std::string changed = bytes;
      for (uint32_t i = 0; i < 1 + seed % 8; ++i)
        changed[begin + random() % (end - begin)] = static_cast<char>(random());
      try_bytes(name, changed, "seed " + std::to_string(seed));
    }
  }

  MadeFolder folder_;
  int opened_ = 0;
  int refused_ = 0;
};

TEST_F(Mutation, FlippedBytesOfAGgufHeaderAreReadOrRefused) {
  const MadeGguf made = made_llama_gguf();
  flip_bytes("made.gguf", made.bytes(), 0, made.header().size());
  EXPECT_GT(refused_, 1000);
  EXPECT_GT(opened_, 100) << "letters of tokens may change";
}

TEST_F(Mutation, ExtremeNumbersAtEveryByteOfAGgufHeaderAreReadOrRefused) {
  const MadeGguf made = made_llama_gguf();
  const std::string bytes = made.bytes();
  for (size_t at = 0; at + 8 <= made.header().size(); ++at) {
    for (const uint64_t number : {uint64_t{0}, uint64_t{0x7fffffff}, uint64_t{0xffffffff}, uint64_t{1} << 40,
                                  uint64_t{INT64_MAX}, UINT64_MAX}) {
      std::string changed = bytes;
      changed.replace(at, 8, bytes_of(number));
      try_bytes("made.gguf", changed, "byte " + std::to_string(at) + " = " + std::to_string(number));
    }
  }
  EXPECT_GT(refused_, 1000);
}

TEST_F(Mutation, ScatteredBytesOfAGgufHeaderAreReadOrRefused) {
  const MadeGguf made = made_llama_gguf();
  scatter_bytes("made.gguf", made.bytes(), 0, made.header().size());
  EXPECT_GT(refused_, 100);
}

TEST_F(Mutation, FlippedAndScatteredBytesOfASafetensorsHeaderAreReadOrRefused) {
  folder_.write("config.json", made_llama_config());
  const std::string bytes = made_safetensors(made_llama_tensors());
  const size_t header = bytes.rfind('}', bytes.size()) + 1;
  flip_bytes("model.safetensors", bytes, 0, header);
  scatter_bytes("model.safetensors", bytes, 0, header);
  EXPECT_GT(refused_, 1000);
}

TEST_F(Mutation, FlippedBytesOfAConfigurationAreReadOrRefused) {
  const std::string config =
      made_llama_config(R"(,"rope_parameters":{"rope_theta":10000.0,"rope_type":"linear","factor":2.0})");
  const std::string tensors = made_safetensors(made_llama_tensors());
  for (size_t at = 0; at < config.size(); ++at) {
    for (const int mask : {0x01, 0x02, 0x10, 0x80}) {
      std::string changed = config;
      changed[at] = static_cast<char>(changed[at] ^ mask);
      folder_.write("config.json", changed);
      try_bytes("model.safetensors", tensors, "byte " + std::to_string(at) + " xor " + std::to_string(mask));
    }
  }
  EXPECT_GT(refused_, 500);
}

// JSON amplifies most: a value takes 16 bytes or more for two of the text's.
TEST_F(Mutation, ADenselyPackedJsonHeaderTakesBoundedMemory) {
  folder_.write("config.json", made_llama_config());
  std::string json = "{\"a\":[0";
  while (json.size() < 1 << 20) json += ",0";
  try_bytes("model.safetensors", safetensors_with_header(json + "]}", ""), "an array of 500,000 zeros");
  EXPECT_EQ(refused_, 1);
}

}  // namespace
}  // namespace yoke::model
