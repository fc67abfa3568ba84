// The tokens of a tokenizer.json: the model's entries and the added tokens, by text and by id. Views of the parsed file, which
// must outlive it.
#pragma once

#include <string_view>
#include <utility>
#include <vector>

#include "model/text/added_vocabulary.h"
#include "model/text/token_index.h"
#include "model/text/tokenizer_json/entry.h"

namespace yoke::model::text {

struct Vocabulary {
  std::vector<std::pair<std::string_view, TokenId>> entries;  // of the model; of Unigram in the order of ids
  TokenIndex index;                                           // of those
  std::vector<AddedToken> added;
  std::vector<std::string_view> texts;  // by id, of both; null views where ids are left out
  std::vector<bool> special;            // by id

  TokenId find(std::string_view text) const;  // of both; kNoToken where it is not there
  bool holds(int64_t id) const {
    return id >= 0 && static_cast<size_t>(id) < texts.size() && texts[static_cast<size_t>(id)].data() != nullptr;
  }
};

// Of the whole file, and of tokens `added` elsewhere, as far as neither their text nor their id is in it. Error{bad_file} with the
// entry where two tokens have one id, an id is out of range, or an added token contradicts the model.
Vocabulary read_vocabulary(const Entry& file, const std::vector<AddedToken>& added);

}  // namespace yoke::model::text
