// The tokenizer kind "gpt2" of GGUF files: byte-level BPE.
#pragma once

#include <memory>

#include "model/text/tokenizer.h"

namespace yoke::model::text {

std::unique_ptr<Tokenizer> make_gguf_byte_level(const TokenizerAssets& assets);

}  // namespace yoke::model::text
