// The normalizer that SentencePiece compiles into its models (tokenizer.json: "Precompiled"): a double-array trie from strings to
// strings. The blob is the trie's size in bytes (u32, little-endian), the trie in units of 32 bits (darts-clone's layout), and the
// strings, each ended by a NUL. A cluster of fewer than 6 bytes is looked up as a whole, anything else character by
// character, and the shortest match stands for all of it: so does the reference, tokenizers. (SentencePiece itself looks for
// the longest match in the text as it goes on: sentencepiece/normalizer.h.) Immutable; any thread.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "model/text/stages.h"

namespace yoke::model::text {

class Charsmap {
 public:
  // Error{bad_file} for a blob of another form, or with a place in it that leads out of the trie or out of the strings.
  explicit Charsmap(std::string_view blob);

  struct Match {
    size_t bytes = 0;  // of the text; 0: the map knows no beginning of it
    std::string_view becomes;
  };
  Match shortest(std::string_view text) const { return find(text, true); }
  Match longest(std::string_view text) const { return find(text, false); }

 private:
  Match find(std::string_view text, bool shortest) const;

  std::vector<uint32_t> units_;
  std::string strings_;
};

std::unique_ptr<Normalizer> make_charsmap(std::string_view blob);

}  // namespace yoke::model::text
