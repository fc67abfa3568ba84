// Reads the components of a tokenizer.json, each from its entry. Error{bad_file} names an inconsistent entry, Error{unsupported}
// a kind that this build does not know.
#pragma once

#include <memory>

#include "model/text/framing.h"
#include "model/text/normalizers.h"
#include "model/text/token_decoder.h"
#include "model/text/tokenizer_json/entry.h"
#include "model/text/tokenizer_json/vocabulary.h"
#include "model/text/word_cutters.h"

namespace yoke::model::text {

NormalizerStep read_normalizer(const Entry& entry);

// A pattern: {"String": ...} or {"Regex": ...}.
Finder read_finder(const Entry& entry);

// Whether words come as characters of GPT-2's byte alphabet because the last step writes them so. A model that reads bytes can do
// without: `as_bytes` leaves that last act out.
bool ends_byte_level(const Entry& pre_tokenizer);
CutStep read_pre_tokenizer(const Entry& entry, bool as_bytes);

// `words_are_bytes`: see above.
std::unique_ptr<const Subword> read_model(const Entry& entry, const Vocabulary& vocabulary, bool words_are_bytes);
// Whether the model can read words as bytes: BPE of the plain kind.
bool may_read_bytes(const Entry& model);

Framing read_post_processor(const Entry& entry, const Vocabulary& vocabulary);

TokenDecoder read_decoder(const Entry& entry);

}  // namespace yoke::model::text
