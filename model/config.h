// What a model's configuration says, whichever file said it: the numbers and, from the table of architectures, the kinds of
// which node/forward composes a layer. Const after opening; any thread.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace yoke::model {

// Which pairs of a head's elements RoPE turns: (i, i + d/2) in Hugging Face's layout; (2i, 2i + 1) in GGUF files of
// architecture llama, whose q and k rows the converter permuted, in Cohere's and in DeepSeek's.
enum class RopeStyle { none, halves, neighbours };

// none; linear: frequencies / factor; llama3: the piecewise scaling of Llama 3.1; yarn: node/forward/rope.h.
enum class RopeScaling { none, linear, llama3, yarn };

struct Rope {
  RopeStyle style = RopeStyle::halves;
  double theta = 10000.0;
  int64_t dims = 0;           // elements of a head that turn: the first ones; head_dim unless the model says otherwise
  RopeScaling scaling = RopeScaling::none;
  double factor = 1.0;
  double low_freq_factor = 1.0;
  double high_freq_factor = 4.0;
  double beta_fast = 32.0;
  double beta_slow = 1.0;
  bool truncate = true;         // yarn: the corrected dimensions are rounded to whole ones
  double attention_factor = 1;  // yarn: cos and sin are multiplied by it
  int64_t original_context = 0;

  friend bool operator==(const Rope&, const Rope&) = default;
};

enum class NormKind { rms, layer };  // layer: subtracts the mean; its bias is added where the checkpoint has one
enum class BlockKind {
  pre_norm,   // x += attention(norm(x)); x += mlp(norm(x))
  parallel,   // x += attention(n) + mlp(n), n = norm(x)          (Cohere)
  post_norm,  // x = norm(x + attention(x)); x = norm(x + mlp(x)) (BERT)
};
enum class QkNorm {
  none,
  per_head,        // RMSNorm over each head, one weight of head_dim for all
  per_head_layer,  // mean-subtracting, a weight for every head          (Cohere)
  all_heads,       // RMSNorm over all heads at once                     (MiniMax-M2)
};
enum class MlpKind {
  swiglu,          // silu(gate) * up
  swiglu_clamped,  // (up + 1) * gate * sigmoid(alpha * gate), gate at most and up within +-limit   (gpt-oss)
  gelu,            // gelu_erf(up): no gate
};
enum class RouterKind {
  softmax,         // softmax over all experts, then top-k
  softmax_top_k,   // top-k of the logits, then softmax over these
  sigmoid,         // sigmoid; a correction bias, where the checkpoint has one, chooses but does not weigh
};

// A mixture of experts; experts == 0 where the model has none.
struct Moe {
  int64_t experts = 0;
  int64_t top_k = 0;
  int64_t intermediate = 0;         // of one expert
  int64_t shared_intermediate = 0;  // of the shared experts together; 0: none
  RouterKind router = RouterKind::softmax;
  bool renormalise = true;          // the chosen weights are divided by their sum
  double scaling = 1.0;             // and multiplied by this
  int64_t groups = 1;               // choice within groups: top_groups of them by the sum of their best two
  int64_t top_groups = 1;

  friend bool operator==(const Moe&, const Moe&) = default;
};

// Multi-head latent attention (DeepSeek-V2, arXiv 2405.04434); kv_rank == 0 where the model has none.
struct Latent {
  int64_t q_rank = 0;  // 0: q comes from the residual directly
  int64_t kv_rank = 0;
  int64_t nope_dim = 0;
  int64_t rope_dim = 0;
  int64_t value_dim = 0;

  friend bool operator==(const Latent&, const Latent&) = default;
};

// Which vectors lie beside the weights. The tensors say so in GGUF, the configuration in Hugging Face's files.
struct Biases {
  bool norms = false;
  bool qkv = false;
  bool o = false;
  bool mlp = false;  // of the experts, in layers that have them
  bool router = false;
  bool correction = false;  // Role::router_correction

  friend bool operator==(const Biases&, const Biases&) = default;
};

struct LayerKind {
  int64_t window = 0;  // a row sees the last `window` positions, itself among them; 0: all
  bool moe = false;

  friend bool operator==(const LayerKind&, const LayerKind&) = default;
};

// What an encoder gives for every row besides its hidden state.
enum class EncoderHead {
  none,
  pooler,      // tanh(dense(row)): [hidden]
  classifier,  // out_proj(tanh(dense(row))): [labels]
};

struct Encoder {
  bool is = false;              // attention sees the whole sequence; nothing is generated
  int64_t position_offset = 0;  // of the first token in the position table (XLM-RoBERTa: 2)
  int64_t positions = 0;        // rows of that table
  int64_t token_types = 0;
  EncoderHead head = EncoderHead::none;
  int64_t labels = 0;

  friend bool operator==(const Encoder&, const Encoder&) = default;
};

struct ModelConfig {
  std::string architecture;  // a row of the table: "llama", "mixtral", ...
  std::string name;          // what clients call it unless --alias says otherwise
  int64_t hidden = 0;
  int64_t layers = 0;
  int64_t heads = 0;
  int64_t kv_heads = 0;      // MLA: 1, the latent, which all heads share
  int64_t head_dim = 0;      // of a key and of a query; MLA: kv_rank + rope_dim
  int64_t value_dim = 0;     // of a value; head_dim but for MLA: kv_rank
  int64_t intermediate = 0;  // of dense layers
  int64_t vocab = 0;
  int64_t context_length = 0;
  float norm_epsilon = 1e-5f;
  bool tied = false;  // the head is the embedding
  float logit_scale = 1.0f;
  float attention_scale = 0;  // what a score is multiplied by: 1/sqrt(head_dim) mostly
  float swiglu_alpha = 1.702f;
  float swiglu_limit = 7.0f;

  NormKind norm = NormKind::rms;
  BlockKind block = BlockKind::pre_norm;
  QkNorm qk_norm = QkNorm::none;
  MlpKind mlp = MlpKind::swiglu;
  Biases biases;
  bool sinks = false;  // a logit of each head that joins the softmax and weighs nothing
  Rope rope;
  Moe moe;
  Latent latent;
  Encoder encoder;
  std::vector<LayerKind> layer_kinds;  // [layers]

  // What the files hold besides and this build leaves alone.
  int64_t unserved_layers = 0;  // behind the last: multi-token prediction (DeepSeek-V3, GLM-4.6)
  bool layers_alone = false;    // a bench's: no embedding, no head; rows of states go in and come out
  bool text_tower = false;      // of a multimodal model: the other towers' tensors are skipped

  int64_t heads_per_kv() const { return heads / kv_heads; }
  // The last stage gives states instead of logits; nothing is drawn.
  bool gives_states() const { return encoder.is || layers_alone; }
  // Floats that it gives for a row: logits, or an encoder's hidden state and what its head makes of it, or a hidden state.
  int64_t output_width() const {
    if (layers_alone) return hidden;
    if (!encoder.is) return vocab;
    return hidden + (encoder.head == EncoderHead::pooler ? hidden : encoder.labels);
  }

  friend bool operator==(const ModelConfig&, const ModelConfig&) = default;
};

}  // namespace yoke::model
