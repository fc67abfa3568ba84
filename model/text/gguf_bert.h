// GGUF's kind "bert": WordPiece, with the beginning of a word marked (U+2581) and its continuation bare, the other way round from
// BERT's own files. Error{bad_file} for what is inconsistent.
#pragma once

#include <memory>

#include "model/text/tokenizer.h"

namespace yoke::model::text {

std::unique_ptr<Tokenizer> make_gguf_bert(const TokenizerAssets& assets);

}  // namespace yoke::model::text
