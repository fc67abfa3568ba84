// Small files with every bit and every field of their headers changed and cut off at every byte: whatever comes of it,
// it is a model or an Error, within a second and 64 MiB. Every case is replayable: the seed and the place stand in the
// message.
#include <gtest/gtest.h>

#include <ctime>
#include <random>

#include "core/error.h"
#include "model/catalogue.h"
#include "tests/model/made_files.h"
#include "tests/model/memory_meter.h"

namespace yoke::model {
namespace {

constexpr uint64_t kMostBytes = 64 << 20;
// Of the processor's time: a busy machine is no fault of a reader. Sanitizers take some ten times as much.
#ifdef __SANITIZE_ADDRESS__
constexpr double kMostSeconds = 10.0;
#else
constexpr double kMostSeconds = 1.0;
#endif
constexpr int kBits[] = {0x01, 0x02, 0x04, 0x08, 0x10, 0x20, 0x40, 0x80};

class Mutation : public ::testing::Test {
 protected:
  // Opens `name` of the folder with these bytes; counts what came of it.
  void try_bytes(std::string_view name, const std::string& bytes, const std::string& what) {
    const std::filesystem::path path = folder_.write(name, bytes);
    reset_peak();
    const std::clock_t start = std::clock();
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
    longest_ = std::max(longest_, static_cast<double>(std::clock() - start) / CLOCKS_PER_SEC);
  }

  void TearDown() override { EXPECT_LT(longest_, kMostSeconds) << "the longest of these cases"; }

  void flip_bits(std::string_view name, const std::string& bytes, size_t begin, size_t end) {
    for (size_t at = begin; at < end; ++at) {
      for (const int mask : kBits) {
        std::string changed = bytes;
        changed[at] = static_cast<char>(changed[at] ^ mask);
        try_bytes(name, changed, "byte " + std::to_string(at) + " xor " + std::to_string(mask));
      }
    }
  }

  // No file that ends within its header is a model.
  void truncate(std::string_view name, const std::string& bytes, size_t header_bytes) {
    for (size_t length = 0; length < header_bytes; ++length)
      try_bytes(name, bytes.substr(0, length), "the first " + std::to_string(length) + " bytes");
    EXPECT_EQ(refused_, static_cast<int>(header_bytes));
    EXPECT_EQ(opened_, 0);
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
  double longest_ = 0;  // seconds
};

TEST_F(Mutation, AGgufCutOffAtEveryByteOfItsHeaderIsRefused) {
  const MadeGguf made = made_llama_gguf();
  truncate("made.gguf", made.bytes(), made.header().size());
}

TEST_F(Mutation, ASafetensorsCutOffAtEveryByteOfItsHeaderIsRefused) {
  folder_.write("config.json", made_llama_config());
  const std::string bytes = made_safetensors(made_llama_tensors());
  truncate("model.safetensors", bytes, bytes.rfind('}') + 1);
}

TEST_F(Mutation, FlippedBitsOfAGgufHeaderAreReadOrRefused) {
  const MadeGguf made = made_llama_gguf();
  flip_bits("made.gguf", made.bytes(), 0, made.header().size());
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

TEST_F(Mutation, FlippedBitsAndScatteredBytesOfASafetensorsHeaderAreReadOrRefused) {
  folder_.write("config.json", made_llama_config());
  const std::string bytes = made_safetensors(made_llama_tensors());
  const size_t header = bytes.rfind('}', bytes.size()) + 1;
  flip_bits("model.safetensors", bytes, 0, header);
  scatter_bytes("model.safetensors", bytes, 0, header);
  EXPECT_GT(refused_, 1000);
}

TEST_F(Mutation, FlippedBitsOfAConfigurationAreReadOrRefused) {
  const std::string config =
      made_llama_config(R"(,"rope_parameters":{"rope_theta":10000.0,"rope_type":"linear","factor":2.0})");
  const std::string tensors = made_safetensors(made_llama_tensors());
  for (size_t at = 0; at < config.size(); ++at) {
    for (const int mask : kBits) {
      std::string changed = config;
      changed[at] = static_cast<char>(changed[at] ^ mask);
      folder_.write("config.json", changed);
      try_bytes("model.safetensors", tensors, "byte " + std::to_string(at) + " xor " + std::to_string(mask));
    }
  }
  EXPECT_GT(refused_, 500);
}

// JSON amplifies most: a value takes some 40 bytes for two of the text's.
TEST_F(Mutation, ADenselyPackedJsonHeaderTakesBoundedMemory) {
  folder_.write("config.json", made_llama_config());
  for (const char* dense : {",0", ",[]", ",{}", ",\"\""}) {
    for (const size_t bytes : {size_t{2} << 20, size_t{5} << 20}) {  // below the limit of 2^20 values and above it
      std::string json = "{\"a\":[0";
      while (json.size() < bytes) json += dense;
      try_bytes("model.safetensors", safetensors_with_header(json + "]}", ""), dense);
    }
  }
  EXPECT_EQ(refused_, 8);
}

// As many layers as there may be, and a list of layers as long as a configuration can hold.
TEST_F(Mutation, ALongListOfDenseLayersTakesLittleTime) {
  std::string dense = "1";
  while (dense.size() < 900'000) dense += ",1";
  folder_.write("config.json", R"({"architectures":["Qwen3MoeForCausalLM"],"model_type":"qwen3_moe","hidden_size":64,
"num_hidden_layers":4096,"num_attention_heads":2,"num_key_value_heads":1,"head_dim":32,"intermediate_size":96,"vocab_size":8,
"max_position_embeddings":256,"rms_norm_eps":1e-05,"num_experts":2,"num_experts_per_tok":2,"moe_intermediate_size":32,
"tie_word_embeddings":true,"mlp_only_layers":[)" + dense + "]}");
  try_bytes("model.safetensors", made_safetensors(made_llama_tensors()), "450,000 dense layers");
  EXPECT_EQ(refused_, 1);
}

}  // namespace
}  // namespace yoke::model
