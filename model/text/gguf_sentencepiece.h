// GGUF's kinds "llama" (SentencePiece's BPE by scores) and "t5" (its unigram). Error{bad_file} for what is inconsistent.
#pragma once

#include <memory>

#include "model/text/tokenizer.h"

namespace yoke::model::text {

std::unique_ptr<Tokenizer> make_gguf_llama(const TokenizerAssets& assets);
std::unique_ptr<Tokenizer> make_gguf_t5(const TokenizerAssets& assets);

}  // namespace yoke::model::text
