// One key and value for all query heads (multi-query attention), which both halves read and every rank holds: the same model with that
// head written down twice, one for each half, must give the same bits.
#include <fmt/format.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <cmath>
#include <fstream>
#include <map>
#include <random>

#include "core/half.h"
#include "forward_group.h"
#include "forward_script.h"

namespace yoke::node {
namespace {

constexpr int64_t kHidden = 64, kHeads = 4, kHeadDim = 16, kFeatures = 48, kVocab = 128, kLayers = 2;

struct Matrix {
  int64_t rows, cols;  // rows 0: a vector
  std::vector<uint16_t> values;  // BF16
};
using Tensors = std::map<std::string, Matrix>;

Matrix random_matrix(std::mt19937& random, int64_t rows, int64_t cols) {
  std::normal_distribution<float> normal(0.0f, 1.5f / std::sqrt(static_cast<float>(cols)));
  Matrix m{rows, cols, {}};
  for (int64_t i = 0; i < rows * cols; ++i) m.values.push_back(f32_to_bf16(normal(random)));
  return m;
}

Matrix ones(int64_t n) { return {0, n, std::vector<uint16_t>(static_cast<size_t>(n), f32_to_bf16(1.0f))}; }

// Every row once more below all of them.
Matrix twice(Matrix m) {
  const std::vector<uint16_t> once = m.values;
  m.values.insert(m.values.end(), once.begin(), once.end());
  m.rows *= 2;
  return m;
}

Tensors multi_query_model() {
  std::mt19937 random(11);
  Tensors t;
  t["model.embed_tokens.weight"] = random_matrix(random, kVocab, kHidden);
  t["lm_head.weight"] = random_matrix(random, kVocab, kHidden);
  t["model.norm.weight"] = ones(kHidden);
  for (int layer = 0; layer < kLayers; ++layer) {
    const std::string at = "model.layers." + std::to_string(layer) + ".";
    t[at + "input_layernorm.weight"] = t[at + "post_attention_layernorm.weight"] = ones(kHidden);
    t[at + "self_attn.q_proj.weight"] = random_matrix(random, kHeads * kHeadDim, kHidden);
    for (const char* name : {"k", "v"}) t[at + "self_attn." + name + "_proj.weight"] = random_matrix(random, kHeadDim, kHidden);
    t[at + "self_attn.o_proj.weight"] = random_matrix(random, kHidden, kHeads * kHeadDim);
    for (const char* name : {"gate", "up"}) t[at + "mlp." + name + "_proj.weight"] = random_matrix(random, kFeatures, kHidden);
    t[at + "mlp.down_proj.weight"] = random_matrix(random, kHidden, kFeatures);
  }
  return t;
}

class Folder {
 public:
  Folder(const Tensors& tensors, int kv_heads)
      : path_(std::filesystem::temp_directory_path() / fmt::format("yoke-shared-key-{}-{}", getpid(), kv_heads)) {
    std::filesystem::create_directory(path_);
    std::ofstream(path_ / "config.json")
        << R"({"model_type":"llama","hidden_size":64,"num_hidden_layers":2,"num_attention_heads":4,"head_dim":16,"intermediate_size":48,)"
        << R"("vocab_size":128,"max_position_embeddings":128,"rms_norm_eps":1e-5,"num_key_value_heads":)" << kv_heads << "}";
    std::string header, data;
    for (const auto& [name, m] : tensors) {
      const std::string shape = m.rows == 0 ? std::to_string(m.cols) : std::to_string(m.rows) + "," + std::to_string(m.cols);
      const size_t begin = data.size();
      data.append(reinterpret_cast<const char*>(m.values.data()), m.values.size() * sizeof(uint16_t));
      header += (header.empty() ? "" : ",") + ("\"" + name) + R"(":{"dtype":"BF16","shape":[)" + shape + R"(],"data_offsets":[)" +
                std::to_string(begin) + "," + std::to_string(data.size()) + "]}";
    }
    header = "{" + header + "}";
    const uint64_t size = header.size();
    std::ofstream file(path_ / "model.safetensors", std::ios::binary);
    file.write(reinterpret_cast<const char*>(&size), sizeof size) << header << data;
  }
  ~Folder() { std::filesystem::remove_all(path_); }
  const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
};

std::vector<float> logits_of(const std::filesystem::path& model, const parallel::Layout& layout, size_t chunk) {
  ForwardGroup group(model, {.layout = layout});
  ScriptSequence s = script_sequence(1, 3, 8, 5);
  std::vector<float> all;
  uint64_t step = 0;
  for (int32_t begin = 0; begin < 40;) {
    Tokens tokens;
    for (; tokens.size() < chunk && begin < 40; ++begin) tokens.push_back((begin * 7 + 3) % static_cast<int32_t>(kVocab));
    const StepOutput out = group.run(step_of(++step, {rows_entry(s, tokens, WantLogits::all)}));
    all.insert(all.end(), out.logits.at(1).begin(), out.logits.at(1).end());
  }
  return all;
}

TEST(SharedKey, GivesTheBitsOfTheSameHeadWrittenDownForEachHalf) {
  const Tensors one = multi_query_model();
  Tensors two = one;
  for (auto& [name, m] : two) {
    if (name.find("k_proj") != name.npos || name.find("v_proj") != name.npos) m = twice(m);
  }
  const Folder shared(one, 1), doubled(two, 2);
  const std::vector<float> expected = logits_of(doubled.path(), {1, 1, 1}, 40);
  for (const parallel::Layout& layout : kLayouts) {
    for (const size_t chunk : {size_t{40}, size_t{3}}) {
      EXPECT_TRUE(equal_bits(logits_of(shared.path(), layout, chunk), expected)) << layout.name() << " chunk " << chunk;
    }
  }
}

}  // namespace
}  // namespace yoke::node
