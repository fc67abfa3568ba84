// The steps of a decoder, by the names of tokenizer.json.
#pragma once

#include <string>

#include "model/text/replacement.h"
#include "model/text/token_decoder.h"

namespace yoke::model::text {

using Step = std::unique_ptr<const DecoderStep>;

Step make_byte_level_decoder();     // characters of GPT-2's byte alphabet to bytes
Step make_byte_fallback_decoder();  // runs of <0xNN> to text, or to one U+FFFD a byte
Step make_fuse_decoder();
Step make_space_decoder();          // where a file has no decoder: the tokens with spaces between
Step make_replace_decoder(Replacement replacement);
Step make_strip_decoder(char32_t content, size_t start, size_t stop);
Step make_metaspace_decoder(char32_t replacement, bool prefixed);  // prefixed: the first token's mark is no space
Step make_word_piece_decoder(std::string prefix, bool cleanup);
Step make_bpe_decoder(std::string suffix);
Step make_ctc_decoder(std::string pad, std::string delimiter, bool cleanup);

}  // namespace yoke::model::text
