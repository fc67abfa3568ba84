// From a text, or from a query and a document, to what an encoder reads: token ids with the special tokens that its tokenizer's files
// put around them, within its length. A caller's special tokens stay text. Pure; any thread.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "coordinator/request.h"
#include "coordinator/served_model.h"

namespace yoke::coordinator::api::openai {

// What becomes of a text that is too long. The special tokens around it stay.
enum class Cut {
  refused,  // Error{context_exceeded} with the numbers
  end,      // it loses its end
  start,    // it loses its beginning
};

struct Fit {
  int64_t most = 0;  // tokens of a sequence with its special tokens
  Cut cut = Cut::refused;
};

// The most tokens of a sequence: the context, or less where the model's folder says so.
int64_t most_tokens(const ServedModel& model);

// Error{unsupported} where the model has no tokenizer, with why.
const model::text::Tokenizer& tokenizer_of(const ServedModel& model, const std::string& path);

// `prompt` is the model's own and stands before the text, special tokens in it count.
std::vector<TokenId> text_tokens(const ServedModel& model, const std::string& prompt, const std::string& text, const Fit& fit,
                                 const std::string& path);

struct PairLengths {
  size_t query = 0, document = 0;
};

// What stays of a pair beside its special tokens. The longer one loses first, then both in turn, as Hugging Face's longest_first:
// then the scores are those of Sentence Transformers' CrossEncoder. Error{context_exceeded}; `path` is the document's.
PairLengths pair_lengths(const ServedModel& model, const PairLengths& given, const Fit& fit, const std::string& path);

// Of a pair that pair_lengths let through. Types are left out where the model knows one alone.
model::text::Framed framed_pair(const ServedModel& model, std::vector<TokenId> query, std::vector<TokenId> document, const Fit& fit,
                                const std::string& path);

// The first `most` tokens, or the last ones.
void keep(std::vector<TokenId>& tokens, size_t most, Cut cut);

}  // namespace yoke::coordinator::api::openai
