// Reads the model "BPE" of a tokenizer.json. Dropout is ignored: it is for training.
#pragma once

#include <memory>

#include "model/text/bpe.h"
#include "model/text/tokenizer_json/entry.h"
#include "model/text/tokenizer_json/vocabulary.h"

namespace yoke::model::text {

std::unique_ptr<const Subword> read_bpe(const Entry& model, const Vocabulary& vocabulary, bool words_are_bytes);

}  // namespace yoke::model::text
