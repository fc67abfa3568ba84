#include "model/text/gguf_bert.h"

#include <algorithm>
#include <deque>

#include "model/text/bert_text.h"
#include "model/text/gguf_vocabulary.h"
#include "model/text/sentencepiece/model_file.h"
#include "model/text/wordpiece.h"

namespace yoke::model::text {
namespace {

constexpr std::string_view kContinues = "##";

// "[CLS]", "[unused0]": the converter leaves these as they are.
bool is_bracketed(std::string_view token) { return token.size() > 2 && token.front() == '[' && token.back() == ']'; }

// The entry of BERT's own vocabulary.
std::string entry_of(std::string_view token) {
  if (token.starts_with(kSpaceMark)) return std::string(token.substr(kSpaceMark.size()));
  return is_bracketed(token) ? std::string(token) : std::string(kContinues).append(token);
}

// No key says so, but a vocabulary without capitals was made of texts without.
bool is_uncased(const TokenizerAssets& assets) {
  const auto is_capital = [](char c) { return c >= 'A' && c <= 'Z'; };
  return std::ranges::none_of(assets.tokens, [&](const std::string& token) {
    return token.starts_with(kSpaceMark) && std::ranges::any_of(token, is_capital);
  });
}

std::unique_ptr<const Subword> make_words(const TokenizerAssets& assets, const TokenIndex& tokens) {
  std::deque<std::string> written;
  WordPieceParts parts;
  for (size_t id = 0; id < assets.tokens.size(); ++id) {
    parts.vocabulary.emplace_back(written.emplace_back(entry_of(assets.tokens[id])), static_cast<TokenId>(id));
  }
  // Of equal entries the last counts, and here the first is to.
  std::ranges::reverse(parts.vocabulary);
  parts.continuing_prefix = kContinues;
  const TokenId unknown = assets.unk.value_or(tokens.find(parts.unknown));
  if (unknown == kNoToken) refuse_gguf_tokenizer("the vocabulary has no unknown token");
  parts.unknown = entry_of(assets.tokens[static_cast<size_t>(unknown)]);
  return make_wordpiece(std::move(parts));
}

TokenTable read_pieces(const TokenizerAssets& assets) {
  TokenTable table;
  for (size_t id = 0; id < assets.tokens.size(); ++id) {
    const std::string_view token = assets.tokens[id];
    const GgufType type = gguf_type(assets, id);
    const bool begins = token.starts_with(kSpaceMark);
    table.add(begins ? std::string(" ").append(token.substr(kSpaceMark.size())) : std::string(token),
              type == GgufType::control || type == GgufType::unknown);
  }
  return table;
}

// [CLS] A [SEP], and for two [CLS] A [SEP] B [SEP].
void frame(const TokenizerAssets& assets, const TokenIndex& tokens, PipelineParts& parts) {
  const TokenId cls = assets.cls.value_or(assets.bos.value_or(tokens.find("[CLS]")));
  const TokenId sep = assets.sep.value_or(assets.eos.value_or(tokens.find("[SEP]")));
  using enum FramePart::Kind;
  parts.framing = {{{first_text, 0, 0}}, {{first_text, 0, 0}}};
  if (cls != kNoToken && assets.add_bos) {
    parts.bos = cls;
    for (auto* list : {&parts.framing.single, &parts.framing.pair}) list->insert(list->begin(), {token, 0, cls});
  }
  const bool ends = sep != kNoToken && assets.add_eos;
  if (ends) parts.framing.single.push_back({token, 0, sep});
  if (sep != kNoToken) parts.framing.pair.push_back({token, 0, sep});
  parts.framing.pair.push_back({second_text, 1, 0});
  if (ends) parts.framing.pair.push_back({token, 1, sep});
}

}  // namespace

std::unique_ptr<Tokenizer> make_gguf_bert(const TokenizerAssets& given) {
  check_gguf_types(given);
  check_gguf_id(given, "cls", given.cls);
  check_gguf_id(given, "sep", given.sep);
  const TokenIndex tokens = index_gguf_tokens(given);
  PipelineParts parts;
  fill_gguf_names(given, tokens, parts);
  parts.subword = make_words(given, tokens);
  const bool uncased = is_uncased(given);
  parts.normalizer = make_bert_normalizer({.strip_accents = uncased, .lowercase = uncased});
  parts.pre_tokenizer = make_bert_pretokenizer();
  parts.added = AddedVocabulary(gguf_added_tokens(given), nullptr);
  parts.pieces = read_pieces(given);
  parts.drops_first_space = true;
  frame(given, tokens, parts);
  return std::make_unique<PipelineTokenizer>(std::move(parts));
}

}  // namespace yoke::model::text
