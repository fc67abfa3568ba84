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

// Where no key says whether BOS comes first, llama.cpp goes by the kind, and by the pre-tokenizer: Llama 3's wants it.
bool adds_bos_by_default(const TokenizerAssets& assets) {
  constexpr std::string_view kWithBos[] = {"llama3", "llama-v3", "llama-bpe"};
  if (assets.model == "llama" || assets.model == "bert") return true;
  return std::find(std::begin(kWithBos), std::end(kWithBos), assets.pre) != std::end(kWithBos);
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

std::vector<float> scores(const GgufMetadata& metadata, size_t vocab) {
  constexpr const char* kKey = "tokenizer.ggml.scores";
  const std::vector<double>* scores = metadata.numbers(kKey);
  if (scores == nullptr) return {};
  if (scores->size() != vocab) metadata.refuse_key(kKey, "one score for each token");
  return std::vector<float>(scores->begin(), scores->end());
}

// A blob, as an array of bytes of either sign.
std::string blob(const GgufMetadata& metadata, const char* key) {
  const std::vector<int64_t>* bytes = metadata.integers(key);
  if (bytes == nullptr) return {};
  std::string text;
  text.reserve(bytes->size());
  for (const int64_t byte : *bytes) {
    if (byte < -128 || byte > 255) metadata.refuse_key(key, "bytes");
    text += static_cast<char>(byte);
  }
  return text;
}

void read_habits(const GgufMetadata& metadata, TokenizerAssets& assets) {
  const auto is = [&](const char* key, bool absent) { return metadata.boolean(key).value_or(absent); };
  const bool unigram = assets.model == "t5";
  assets.add_bos = is("tokenizer.ggml.add_bos_token", adds_bos_by_default(assets));
  assets.add_eos = is("tokenizer.ggml.add_eos_token", unigram || assets.model == "bert");
  assets.add_space_prefix = is("tokenizer.ggml.add_space_prefix", unigram || assets.model == "llama");
  assets.remove_extra_whitespaces = is("tokenizer.ggml.remove_extra_whitespaces", false);
  assets.charsmap = blob(metadata, "tokenizer.ggml.precompiled_charsmap");
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
  assets.scores = scores(metadata, tokens->size());
  if (const std::vector<std::string>* merges = metadata.strings("tokenizer.ggml.merges")) assets.merges = *merges;
  assets.bos = token_id(metadata, "tokenizer.ggml.bos_token_id", tokens->size());
  assets.eos = token_id(metadata, "tokenizer.ggml.eos_token_id", tokens->size());
  assets.unk = token_id(metadata, "tokenizer.ggml.unknown_token_id", tokens->size());
  assets.pad = token_id(metadata, "tokenizer.ggml.padding_token_id", tokens->size());
  assets.cls = token_id(metadata, "tokenizer.ggml.cls_token_id", tokens->size());
  assets.sep = token_id(metadata, "tokenizer.ggml.seperator_token_id", tokens->size());  // the key is spelt so
  read_habits(metadata, assets);
  assets.chat_template = text(metadata, "tokenizer.chat_template");
  return assets;
}

}  // namespace yoke::model
