// What a model's other files say of its tokens: the texts behind the names that templates use, which tokens end a generation,
// and tokens that were added since the tokenizer's own file was written.
#pragma once

#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "model/text/added_vocabulary.h"
#include "model/text/tokenizer.h"

namespace yoke::model::text {

struct ModelNames {
  std::map<std::string, std::string, std::less<>> special_texts;  // "bos_token": "<s>", ...
  std::vector<TokenId> ends;                                      // eos_token_id of generation_config.json and config.json
  std::vector<AddedToken> added;                                  // added_tokens_decoder and added_tokens.json; ids are not negative
  std::optional<bool> adds_bos, adds_eos;                          // tokenizer_config.json's add_bos_token, add_eos_token
};

// Every token that ends a generation, ascending: `given` (negative ones are none), and those by whose names vocabularies call a
// token that ends a turn or a document. `find` gives a token's id by its text, or a negative number.
std::vector<TokenId> end_tokens(std::vector<TokenId> given, const std::function<TokenId(std::string_view)>& find);

}  // namespace yoke::model::text
