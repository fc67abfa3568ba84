#include "model/text/tokenizer_json/tokenizer_json.h"

#include <fmt/format.h>

#include <boost/json/monotonic_resource.hpp>
#include <boost/json/parse.hpp>

#include <algorithm>
#include <iterator>
#include <unordered_map>
#include <unordered_set>

#include "core/error.h"
#include "model/text/pipeline.h"
#include "model/text/tokenizer_json/components.h"

namespace yoke::model::text {
namespace {

namespace json = boost::json;

constexpr size_t kMostDepth = 32;

json::value parse(std::string_view text, const std::string& file, json::storage_ptr memory) {
  if (text.size() > kMostTokenizerBytes) {
    throw Error{Code::too_large, fmt::format("{} has {} bytes, at most {} are read", file, text.size(), kMostTokenizerBytes)};
  }
  json::parse_options options;
  options.max_depth = kMostDepth;
  boost::system::error_code error;
  json::value value = json::parse(text, error, std::move(memory), options);
  if (error) throw Error{Code::bad_file, fmt::format("{} is no JSON ({})", file, error.message())};
  return value;
}

// What the decoder sees of each token: of an added token that stands in the normalised text, the normalised text. It is skipped as
// special if that text is a special token's. Both are the reference's.
TokenTable read_texts(const Vocabulary& vocabulary, const Normalizer* normalizer) {
  std::unordered_map<TokenId, std::string> normalised;
  std::unordered_set<std::string_view> special;
  for (const AddedToken& token : vocabulary.added) {
    if (token.special) special.insert(token.content);
    if (token.normalized && normalizer) normalised.emplace(token.id, normalizer->apply(token.content));
  }
  TokenTable texts;
  for (size_t id = 0; id < vocabulary.texts.size(); ++id) {
    const auto found = normalised.find(static_cast<TokenId>(id));
    const std::string_view text = found == normalised.end() ? vocabulary.texts[id] : found->second;
    texts.add(text, special.contains(text));
  }
  return texts;
}

void fill_tables(const Vocabulary& vocabulary, PipelineParts& parts) {
  parts.texts = std::make_unique<TokenTable>(read_texts(vocabulary, parts.normalizer.get()));
  for (TokenId id = 0; id < parts.texts->size(); ++id) {
    const bool is_there = vocabulary.holds(id);
    parts.pieces.add(is_there ? parts.decoder->piece(parts.texts->bytes(id)) : "", vocabulary.special[static_cast<size_t>(id)]);
  }
}

void fill_names(const Vocabulary& vocabulary, const ModelNames& names, PipelineParts& parts) {
  parts.special_texts = names.special_texts;
  std::vector<TokenId> ends;
  std::ranges::copy_if(names.ends, std::back_inserter(ends), [&](TokenId id) { return vocabulary.holds(id); });
  const auto find = [&](std::string_view name) { return vocabulary.find(name); };
  if (const auto eos = names.special_texts.find("eos_token"); eos != names.special_texts.end()) ends.push_back(find(eos->second));
  parts.ends = end_tokens(std::move(ends), find);
  if (const auto bos = names.special_texts.find("bos_token"); bos != names.special_texts.end()) {
    const TokenId id = find(bos->second);
    if (id != kNoToken) parts.bos = id;
  }
}

// Bytes that are no UTF-8 may only meet steps that let them pass.
bool lets_bytes_pass(const Entry& file) {
  const auto normalizer = file.find("normalizer");
  return !normalizer || normalizer->at("type").string() == "NFC";
}

}  // namespace

std::unique_ptr<Tokenizer> read_tokenizer_json(std::string_view text, const std::string& file, const ModelNames& names) {
  json::monotonic_resource memory;
  const json::value root = parse(text, file, &memory);
  const Entry entry(root, file + ":");
  const Vocabulary vocabulary = read_vocabulary(entry, names.added);
  PipelineParts parts;
  if (const auto normalizer = entry.find("normalizer")) parts.normalizer = read_normalizer(*normalizer);
  const auto pre_tokenizer = entry.find("pre_tokenizer");
  const bool as_bytes = pre_tokenizer && ends_byte_level(*pre_tokenizer) && may_read_bytes(entry.at("model"));
  if (pre_tokenizer) parts.pre_tokenizer = read_pre_tokenizer(*pre_tokenizer, as_bytes);
  parts.subword = read_model(entry.at("model"), vocabulary, as_bytes);
  parts.added = AddedVocabulary(vocabulary.added, parts.normalizer.get());
  parts.ill_formed = as_bytes && lets_bytes_pass(entry) ? IllFormed::as_bytes : IllFormed::replaced;
  if (const auto post_processor = entry.find("post_processor")) parts.framing = read_post_processor(*post_processor, vocabulary);
  static const json::value kNothing;
  const auto decoder = entry.find("decoder");
  parts.decoder = std::make_unique<TokenDecoder>(read_decoder(decoder.value_or(Entry(kNothing, file + ":"))));
  parts.drops_first_space = parts.decoder->drops_first_space();
  fill_tables(vocabulary, parts);
  fill_names(vocabulary, names, parts);
  return std::make_unique<PipelineTokenizer>(std::move(parts));
}

}  // namespace yoke::model::text
