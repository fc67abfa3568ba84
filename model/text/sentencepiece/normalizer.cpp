#include "model/text/sentencepiece/normalizer.h"

#include <optional>

#include "model/text/charsmap.h"
#include "model/text/utf8.h"

namespace yoke::model::text {
namespace {

class SentencePieceNormalizer : public Normalizer {
 public:
  SentencePieceNormalizer(const SentencePieceModel::Preparation& preparation, TokenTrie user_defined, bool whitespace_as_suffix)
      : user_defined_(std::move(user_defined)), mark_(preparation.escape_whitespaces ? kSpaceMark : " "),
        prefixes_(preparation.add_dummy_prefix && !whitespace_as_suffix),
        suffixes_(preparation.add_dummy_prefix && whitespace_as_suffix),
        removes_extra_(preparation.remove_extra_whitespaces) {
    if (!preparation.charsmap.empty()) map_.emplace(preparation.charsmap);
  }

  std::string apply(std::string text) const override {
    std::string_view rest = text;
    while (removes_extra_ && !rest.empty()) {
      const Step step = next(rest);
      if (step.becomes != " ") break;
      rest.remove_prefix(step.bytes);
    }
    if (rest.empty()) return {};
    std::string out;
    out.reserve(rest.size() + rest.size() / 4 + mark_.size());
    if (prefixes_) out += mark_;
    add_all(rest, out);
    while (removes_extra_ && out.ends_with(mark_)) out.resize(out.size() - mark_.size());
    if (suffixes_) out += mark_;
    return out;
  }

 private:
  struct Step {
    size_t bytes;  // of the text
    std::string_view becomes;
  };

  Step next(std::string_view text) const {
    if (const size_t bytes = longest_entry(user_defined_, text); bytes > 0) return {bytes, text.substr(0, bytes)};
    if (map_) {
      if (const Charsmap::Match rule = map_->longest(text); rule.bytes > 0) return {rule.bytes, rule.becomes};
    }
    const size_t bytes = read_char(text, 0).bytes;
    return {bytes, text.substr(0, bytes)};
  }

  void add_all(std::string_view rest, std::string& out) const {
    bool after_space = removes_extra_;
    while (!rest.empty()) {
      Step step = next(rest);
      while (after_space && step.becomes.starts_with(' ')) step.becomes.remove_prefix(1);
      for (const char c : step.becomes) c == ' ' ? out += mark_ : out += c;
      if (removes_extra_ && !step.becomes.empty()) after_space = step.becomes.back() == ' ';
      rest.remove_prefix(step.bytes);
    }
  }

  TokenTrie user_defined_;
  std::optional<Charsmap> map_;
  std::string_view mark_;
  bool prefixes_, suffixes_, removes_extra_;
};

}  // namespace

size_t longest_entry(const TokenTrie& entries, std::string_view text) {
  size_t longest = 0;
  uint32_t node = TokenTrie::kRoot;
  for (size_t at = 0; at < text.size(); ++at) {
    node = entries.child(node, text[at]);
    if (node == TokenTrie::kNowhere) break;
    if (entries.id(node) >= 0) longest = at + 1;
  }
  return longest;
}

std::unique_ptr<Normalizer> make_sentencepiece_normalizer(const SentencePieceModel::Preparation& preparation, TokenTrie user_defined,
                                                          bool whitespace_as_suffix) {
  return std::make_unique<SentencePieceNormalizer>(preparation, std::move(user_defined), whitespace_as_suffix);
}

}  // namespace yoke::model::text
