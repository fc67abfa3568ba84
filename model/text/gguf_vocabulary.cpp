#include "model/text/gguf_vocabulary.h"

#include <fmt/format.h>

#include "core/error.h"
#include "model/text/model_names.h"

namespace yoke::model::text {
namespace {

bool is_whole(GgufType type) { return type == GgufType::control || type == GgufType::user_defined; }

}  // namespace

void refuse_gguf_tokenizer(const std::string& what) { throw Error{Code::bad_file, "tokenizer: " + what}; }

void check_gguf_id(const TokenizerAssets& assets, std::string_view which, std::optional<int32_t> id) {
  if (!id || (*id >= 0 && static_cast<size_t>(*id) < assets.tokens.size())) return;
  refuse_gguf_tokenizer(fmt::format("{} is token {}, but the vocabulary has {} tokens", which, *id, assets.tokens.size()));
}

GgufType gguf_type(const TokenizerAssets& assets, size_t id) {
  return assets.token_types.empty() ? GgufType::normal : static_cast<GgufType>(assets.token_types[id]);
}

void check_gguf_types(const TokenizerAssets& assets) {
  if (assets.tokens.empty()) refuse_gguf_tokenizer("the vocabulary (tokenizer.ggml.tokens) is empty");
  if (assets.token_types.empty()) return;
  if (assets.token_types.size() != assets.tokens.size()) {
    refuse_gguf_tokenizer(fmt::format("tokenizer.ggml.token_type has {} entries, expected {}, one for each token",
                                      assets.token_types.size(), assets.tokens.size()));
  }
  for (size_t id = 0; id < assets.tokens.size(); ++id) {
    const int32_t type = assets.token_types[id];
    if (type < static_cast<int32_t>(GgufType::normal) || type > static_cast<int32_t>(GgufType::byte)) {
      refuse_gguf_tokenizer(fmt::format("token {} has type {}, expected 1 to 6", id, type));
    }
    if (is_whole(gguf_type(assets, id)) && assets.tokens[id].size() > AddedVocabulary::kMaxBytes) {
      refuse_gguf_tokenizer(fmt::format("special token {} has {} bytes, at most {} are expected", id, assets.tokens[id].size(),
                                        AddedVocabulary::kMaxBytes));
    }
  }
}

TokenIndex index_gguf_tokens(const TokenizerAssets& assets) {
  TokenIndex tokens;
  tokens.reserve(assets.tokens.size(), assets.tokens.size() * 8);
  for (size_t id = 0; id < assets.tokens.size(); ++id) tokens.add(assets.tokens[id], static_cast<TokenId>(id));
  return tokens;
}

std::vector<AddedToken> gguf_added_tokens(const TokenizerAssets& assets) {
  std::vector<AddedToken> added;
  for (size_t id = 0; id < assets.tokens.size(); ++id) {
    const GgufType type = gguf_type(assets, id);
    if (!is_whole(type) || assets.tokens[id].empty()) continue;
    added.push_back({.content = assets.tokens[id], .id = static_cast<TokenId>(id), .special = type == GgufType::control});
  }
  return added;
}

void fill_gguf_names(const TokenizerAssets& assets, const TokenIndex& tokens, PipelineParts& parts) {
  const std::pair<std::string_view, std::optional<int32_t>> named[] = {
      {"bos", assets.bos}, {"eos", assets.eos}, {"unk", assets.unk}, {"pad", assets.pad}};
  for (const auto& [name, id] : named) {
    check_gguf_id(assets, name, id);
    if (id) parts.special_texts.emplace(std::string(name) + "_token", assets.tokens[static_cast<size_t>(*id)]);
  }
  parts.bos = assets.bos;
  if (assets.add_bos && assets.bos) {
    const FramePart bos{FramePart::Kind::token, 0, *assets.bos};
    parts.framing.single.insert(parts.framing.single.begin(), bos);
    parts.framing.pair.insert(parts.framing.pair.begin(), bos);
  }
  parts.ends = end_tokens({assets.eos.value_or(kNoToken)}, [&](std::string_view name) { return tokens.find(name); });
}

}  // namespace yoke::model::text
