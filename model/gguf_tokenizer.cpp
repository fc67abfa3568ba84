#include <fmt/format.h>

#include <algorithm>

#include "model/gguf.h"

namespace yoke::model {
namespace {

std::optional<int32_t> token_id(const GgufMetadata& metadata, const char* key, size_t vocab) {
  const std::optional<int64_t> id = metadata.integer(key, -1, UINT32_MAX);
  if (!id || *id == -1 || *id == UINT32_MAX) return std::nullopt;  // -1, signed or not: there is none
  if (*id >= static_cast<int64_t>(vocab))
    metadata.refuse_key(key, fmt::format("an id below {}, the number of tokens", vocab));
  return static_cast<int32_t>(*id);
}

// Where no key says whether BOS comes first, llama.cpp goes by the pre-tokenizer: Llama 3's wants it.
bool adds_bos_by_default(std::string_view pre) {
  constexpr std::string_view kWithBos[] = {"llama3", "llama-v3", "llama-bpe"};
  return std::find(std::begin(kWithBos), std::end(kWithBos), pre) != std::end(kWithBos);
}

std::string text(const GgufMetadata& metadata, const char* key) {
  const std::string* value = metadata.string(key);
  return value ? *value : std::string();
}

std::vector<int32_t> token_types(const GgufMetadata& metadata, size_t vocab) {
  constexpr const char* kKey = "tokenizer.ggml.token_type";
  const std::vector<int64_t>* types = metadata.integers(kKey);
  if (types == nullptr) return {};
  if (types->size() != vocab) metadata.refuse_key(kKey, "one type for each token");
  std::vector<int32_t> narrow;
  narrow.reserve(types->size());
  for (const int64_t type : *types) {
    if (type < 0 || type > INT32_MAX) metadata.refuse_key(kKey, "types from 0 to 2147483647");
    narrow.push_back(static_cast<int32_t>(type));
  }
  return narrow;
}

}  // namespace

std::optional<TokenizerAssets> tokenizer_from_gguf(const GgufMetadata& metadata) {
  const std::vector<std::string>* tokens = metadata.strings("tokenizer.ggml.tokens");
  if (tokens == nullptr) return std::nullopt;
  TokenizerAssets assets;
  assets.model = text(metadata, "tokenizer.ggml.model");
  assets.pre = text(metadata, "tokenizer.ggml.pre");
  assets.tokens = *tokens;
  assets.token_types = token_types(metadata, tokens->size());
  if (const std::vector<std::string>* merges = metadata.strings("tokenizer.ggml.merges")) assets.merges = *merges;
  assets.bos = token_id(metadata, "tokenizer.ggml.bos_token_id", tokens->size());
  assets.eos = token_id(metadata, "tokenizer.ggml.eos_token_id", tokens->size());
  assets.unk = token_id(metadata, "tokenizer.ggml.unknown_token_id", tokens->size());
  assets.pad = token_id(metadata, "tokenizer.ggml.padding_token_id", tokens->size());
  assets.add_bos = metadata.boolean("tokenizer.ggml.add_bos_token").value_or(adds_bos_by_default(assets.pre));
  assets.add_space_prefix = metadata.boolean("tokenizer.ggml.add_space_prefix").value_or(false);
  assets.chat_template = text(metadata, "tokenizer.chat_template");
  return assets;
}

}  // namespace yoke::model
