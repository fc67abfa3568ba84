#include "model/text/tokenizer_json/vocabulary.h"

#include <fmt/format.h>

#include <algorithm>

#include "model/bad_file.h"

namespace yoke::model::text {
namespace {

// Ids may leave gaps, but a small file must not ask for a large table.
constexpr size_t kMostUnused = 1 << 16;

void take_id(const Entry& entry, std::string_view text, TokenId id, Vocabulary& vocabulary) {
  const auto at = static_cast<size_t>(id);
  if (at >= vocabulary.texts.size()) {
    const size_t most = 2 * (vocabulary.entries.size() + vocabulary.added.size()) + kMostUnused;
    if (at >= most) entry.inconsistent(fmt::format("{} has id {}, expected an id below {}", printable(text), id, most));
    vocabulary.texts.resize(at + 1);
    vocabulary.special.resize(at + 1);
  }
  std::string_view& place = vocabulary.texts[at];
  if (place.data() != nullptr) {
    entry.inconsistent(fmt::format("{} and {} both have id {}", printable(place), printable(text), id));
  }
  place = text;
}

// A map from text to id.
void read_map(const Entry& vocab, Vocabulary& vocabulary) {
  const auto& object = vocab.object();
  size_t bytes = 0;
  for (const auto& [text, id] : object) bytes += text.size();
  vocabulary.entries.reserve(object.size());
  vocabulary.index.reserve(object.size(), bytes);
  for (const auto& [text, id] : object) {
    const int64_t* number = id.if_int64();
    if (number == nullptr || *number < 0 || *number > INT32_MAX) {
      Entry(id, fmt::format("{}[{}]", vocab.place(), printable(text))).refuse("an id from 0 to 2147483647");
    }
    vocabulary.entries.emplace_back(text, static_cast<TokenId>(*number));
  }
  for (const auto& [text, id] : vocabulary.entries) {
    take_id(vocab, text, id, vocabulary);
    vocabulary.index.add(text, id);
  }
}

// Unigram's list of texts and scores, in the order of ids.
void read_list(const Entry& vocab, Vocabulary& vocabulary) {
  for (size_t i = 0; i < vocab.size(); ++i) {
    const Entry pair = vocab.item(i);
    if (pair.size() != 2) pair.refuse("a text and a score");
    const std::string_view text = pair.item(0).string();
    vocabulary.entries.emplace_back(text, static_cast<TokenId>(i));
    vocabulary.index.add(text, static_cast<TokenId>(i));
  }
  for (const auto& [text, id] : vocabulary.entries) take_id(vocab, text, id, vocabulary);
}

AddedToken read_added(const Entry& entry) {
  AddedToken token{.content = std::string(entry.at("content").string()),
                   .id = static_cast<TokenId>(entry.at("id").integer(0, INT32_MAX)),
                   .special = entry.boolean_or("special", false),
                   .normalized = false,
                   .single_word = entry.boolean_or("single_word", false),
                   .lstrip = entry.boolean_or("lstrip", false),
                   .rstrip = entry.boolean_or("rstrip", false)};
  token.normalized = entry.boolean_or("normalized", !token.special);
  if (token.content.size() > AddedVocabulary::kMaxBytes) {
    entry.at("content").refuse(fmt::format("at most {} bytes", AddedVocabulary::kMaxBytes));
  }
  return token;
}

void add(const Entry& entry, Vocabulary& vocabulary, TokenIndex& seen) {
  AddedToken token = read_added(entry);
  if (token.content.empty()) return;  // as the reference does
  const std::string_view text = entry.at("content").string();
  if (!seen.add(text, token.id)) {
    if (seen.find(text) == token.id) return;
    entry.inconsistent(fmt::format("{} has ids {} and {}", printable(text), seen.find(text), token.id));
  }
  const TokenId own = vocabulary.index.find(text);
  if (own != kNoToken && own != token.id) {
    entry.inconsistent(fmt::format("{} has id {}, but {} in the model's vocabulary", printable(text), token.id, own));
  }
  const bool special = token.special;
  const TokenId id = token.id;
  vocabulary.added.push_back(std::move(token));
  if (own == kNoToken) take_id(entry, text, id, vocabulary);
  vocabulary.special[static_cast<size_t>(id)] = special;
}

// The tokenizer's own file is the truth where they differ.
void add_from_elsewhere(const Entry& vocab, const AddedToken& token, Vocabulary& vocabulary, TokenIndex& seen) {
  if (token.content.empty() || token.content.size() > AddedVocabulary::kMaxBytes || vocabulary.holds(token.id)) return;
  if (vocabulary.index.find(token.content) != kNoToken || !seen.add(token.content, token.id)) return;
  vocabulary.added.push_back(token);
  take_id(vocab, token.content, token.id, vocabulary);
  vocabulary.special[static_cast<size_t>(token.id)] = token.special;
}

}  // namespace

TokenId Vocabulary::find(std::string_view text) const {
  const TokenId own = index.find(text);
  if (own != kNoToken) return own;
  const auto found = std::ranges::find(added, text, &AddedToken::content);
  return found == added.end() ? kNoToken : found->id;
}

Vocabulary read_vocabulary(const Entry& file, const std::vector<AddedToken>& added) {
  Vocabulary vocabulary;
  const Entry vocab = file.at("model").at("vocab");
  vocab.raw().is_array() ? read_list(vocab, vocabulary) : read_map(vocab, vocabulary);
  if (vocabulary.entries.empty()) vocab.inconsistent("there is no token");
  TokenIndex seen;
  const auto list = file.find("added_tokens");
  for (size_t i = 0; list && i < list->size(); ++i) add(list->item(i), vocabulary, seen);
  for (const AddedToken& token : added) add_from_elsewhere(vocab, token, vocabulary, seen);
  return vocabulary;
}

}  // namespace yoke::model::text
