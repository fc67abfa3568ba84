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

std::string line_of(const ModelConfig& c) {
  return fmt::format("{} {} {} {} {} {} {} {} {} {:a} {} {} {:a} {} {:a} {:a} {:a} {}", c.architecture, c.hidden,
                     c.layers, c.heads, c.kv_heads, c.head_dim, c.intermediate, c.vocab, c.context_length,
                     c.norm_epsilon, c.tied, static_cast<int>(c.rope.style), c.rope.theta,
                     static_cast<int>(c.rope.scaling), c.rope.factor, c.rope.low_freq_factor, c.rope.high_freq_factor,
                     c.rope.original_context);
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
  hash.line(line_of(checkpoint.config));
  return hash.hex();
}

}  // namespace yoke::model
