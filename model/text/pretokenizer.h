// The first half of byte-level BPE as a GGUF names it: cuts a text into words by regular expressions, within which merges happen.
// Which expressions is a fact of the model, under the key tokenizer.ggml.pre. Immutable; any thread.
#pragma once

#include <optional>
#include <string_view>
#include <vector>

#include "model/text/regex/pattern.h"
#include "model/text/unicode/transforms.h"

namespace yoke::model::text {

struct PretokenizerRow {
  std::vector<std::string_view> names;  // the first is its own, the others are models that do the same
  // Each expression cuts the pieces that the ones before it left: matches become pieces, and so does what lies between.
  std::vector<std::string_view> patterns;
  bool whole_words_first = false;                        // a word that is an entry of the vocabulary is that token, whatever the merges say
  std::optional<unicode::NormalForm> normal_form = {};  // the text's, before it is cut
};

// Error{unsupported} with the names there are for an unknown one.
const PretokenizerRow& find_pretokenizer(std::string_view name);

const std::vector<PretokenizerRow>& all_pretokenizers();

class Pretokenizer {
 public:
  explicit Pretokenizer(const PretokenizerRow& row);

  // Words that joined give the text, in its order. Never fails: ill-formed UTF-8 becomes words of its own. The row's normal
  // form is the caller's.
  std::vector<std::string_view> split(std::string_view text) const;

 private:
  void split_well_formed(std::string_view text, std::vector<std::string_view>& words) const;

  std::vector<Pattern> patterns_;
};

}  // namespace yoke::model::text
