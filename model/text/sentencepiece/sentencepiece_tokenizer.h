// A tokenizer from a SentencePiece model: what model/text needs where a folder has tokenizer.model and no tokenizer.json, and for
// GGUF's kinds "llama" and "t5". Pieces, scores and spaces as the library (libsentencepiece 0.1.97 to 0.2) has them; its own code,
// since Debian's library brings a Protocol Buffers runtime along that does not bear the other one in the process
// (docs/decisions/0015). Control pieces are found in what a template wrote, each stretch between them is prepared as a text of
// its own, as Hugging Face's tokenizers do it.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "model/text/model_names.h"
#include "model/text/sentencepiece/model_file.h"
#include "model/text/tokenizer.h"

namespace yoke::model::text {

// `bytes` are the file's, `file` is for messages. What `names` leaves out is the model's: special texts, BOS where the model has that
// piece, no EOS. Error{bad_file} with the piece for what is inconsistent.
std::unique_ptr<Tokenizer> open_sentencepiece(std::string_view bytes, const std::string& file, const ModelNames& names);

// `model` is checked.
std::unique_ptr<Tokenizer> make_sentencepiece(const SentencePieceModel& model, const std::string& file, const ModelNames& names);

}  // namespace yoke::model::text
