// What a model's configuration says, whichever file said it. Const after opening; any thread.
#pragma once

#include <cstdint>
#include <string>

namespace yoke::model {

// Which pairs of a head's elements RoPE turns: (i, i + d/2) in Hugging Face's layout; (2i, 2i + 1) in GGUF files of
// architecture llama, whose q and k rows the converter permuted.
enum class RopeStyle { halves, neighbours };

// none; linear: frequencies / factor; llama3: the piecewise scaling of Llama 3.1 (see node/forward/rope.h).
enum class RopeScaling { none, linear, llama3 };

struct Rope {
  RopeStyle style = RopeStyle::halves;
  double theta = 10000.0;
  RopeScaling scaling = RopeScaling::none;
  double factor = 1.0;
  double low_freq_factor = 1.0;
  double high_freq_factor = 4.0;
  int64_t original_context = 0;
};

struct ModelConfig {
  std::string architecture;  // "llama"
  std::string name;          // what clients call it unless --alias says otherwise
  int64_t hidden = 0;
  int64_t layers = 0;
  int64_t heads = 0;
  int64_t kv_heads = 0;
  int64_t head_dim = 0;
  int64_t intermediate = 0;
  int64_t vocab = 0;
  int64_t context_length = 0;
  float norm_epsilon = 1e-5f;
  bool tied = false;  // the head is the embedding
  Rope rope;

  int64_t heads_per_kv() const { return heads / kv_heads; }
};

}  // namespace yoke::model
