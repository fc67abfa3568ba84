#include "model/identity.h"

#include <fmt/format.h>
#include <openssl/evp.h>

#include <memory>

#include "core/error.h"
#include "model/bad_file.h"

namespace yoke::model {
namespace {

class Sha256 {
 public:
  Sha256() : context_(EVP_MD_CTX_new(), EVP_MD_CTX_free) {
    YOKE_ASSERT(context_ != nullptr && EVP_DigestInit_ex(context_.get(), EVP_sha256(), nullptr) == 1);
  }
  // A line ends with a byte that no other line holds, so that two lists of lines never hash alike by being cut
  // differently.
  void line(const std::string& text) {
    const std::string framed = fmt::format("{}:{}", text.size(), text);
    YOKE_ASSERT(EVP_DigestUpdate(context_.get(), framed.data(), framed.size()) == 1);
  }
  std::string hex() {
    unsigned char digest[EVP_MAX_MD_SIZE];
    unsigned int bytes = 0;
    YOKE_ASSERT(EVP_DigestFinal_ex(context_.get(), digest, &bytes) == 1);
    std::string text;
    for (unsigned int i = 0; i < bytes; ++i) text += fmt::format("{:02x}", digest[i]);
    return text;
  }

 private:
  std::unique_ptr<EVP_MD_CTX, decltype(&EVP_MD_CTX_free)> context_;
};

template <typename Enum>
int number(Enum value) {
  return static_cast<int>(value);
}

std::string line_of(const Rope& r) {
  return fmt::format("{} {:a} {} {} {:a} {:a} {:a} {:a} {:a} {} {:a} {}", number(r.style), r.theta, r.dims,
                     number(r.scaling), r.factor, r.low_freq_factor, r.high_freq_factor, r.beta_fast, r.beta_slow,
                     r.truncate, r.attention_factor, r.original_context);
}

std::string line_of(const Moe& m) {
  return fmt::format("{} {} {} {} {} {} {:a} {} {}", m.experts, m.top_k, m.intermediate, m.shared_intermediate,
                     number(m.router), m.renormalise, m.scaling, m.groups, m.top_groups);
}

std::string line_of(const Latent& l) {
  return fmt::format("{} {} {} {} {}", l.q_rank, l.kv_rank, l.nope_dim, l.rope_dim, l.value_dim);
}

std::string line_of(const Encoder& e) {
  return fmt::format("{} {} {} {} {} {}", e.is, e.position_offset, e.positions, e.token_types, number(e.head),
                     e.labels);
}

std::string line_of(const Biases& b) {
  return fmt::format("{} {} {} {} {} {}", b.norms, b.qkv, b.o, b.mlp, b.router, b.correction);
}

std::string line_of(const Quantisation& q) {
  return fmt::format("{} {} {} {} {}", number(q.method), listed(q.groups), q.block, q.zero_bias, q.listed_groups);
}

std::string sizes_of(const ModelConfig& c) {
  return fmt::format("{} {} {} {} {} {} {} {} {} {} {:a} {} {:a} {:a} {:a} {:a} {} {} {} {} {} {} {}", c.architecture,
                     c.hidden, c.layers, c.heads, c.kv_heads, c.head_dim, c.value_dim, c.intermediate, c.vocab,
                     c.context_length, c.norm_epsilon, c.tied, c.logit_scale, c.attention_scale, c.swiglu_alpha,
                     c.swiglu_limit, number(c.norm), number(c.block), number(c.qk_norm), number(c.mlp), c.sinks,
                     c.unserved_layers, c.text_tower);
}

std::string kinds_of(const ModelConfig& c) {
  std::string text;
  for (const LayerKind& kind : c.layer_kinds) text += fmt::format("{} {} ", kind.window, kind.moe);
  return text;
}

}  // namespace

std::string identity_of(const Checkpoint& checkpoint) {
  Sha256 hash;
  for (size_t i = 0; i < checkpoint.files.size(); ++i) {
    hash.line(checkpoint.files[i].filename().string());
    hash.line(fmt::format("{} {}", checkpoint.file_bytes[i], checkpoint.file_modified_ns[i]));
  }
  for (const auto& [name, tensor] : checkpoint.tensors) {
    hash.line(name);
    hash.line(fmt::format("{} {} {} {} {}", yoke::name(tensor.dtype), listed(tensor.shape), tensor.file, tensor.offset,
                          tensor.bytes));
  }
  const ModelConfig& config = checkpoint.config;
  for (const std::string& line :
       {sizes_of(config), line_of(config.rope), line_of(config.moe), line_of(config.latent), line_of(config.encoder),
        line_of(config.biases), kinds_of(config), line_of(checkpoint.quantisation)}) {
    hash.line(line);
  }
  return hash.hex();
}

}  // namespace yoke::model
