// Reads tokenizer.json, the file of Hugging Face's tokenizers, by the semantics of that library (0.23). What the file says of
// truncation and padding is not looked at: a server decides those.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "model/text/model_names.h"
#include "model/text/tokenizer.h"

namespace yoke::model::text {

// `text` is the file's, of at most kMostTokenizerBytes; `file` is for messages. Error{bad_file} names the entry that is inconsistent,
// Error{unsupported} the component that this build does not know.
std::unique_ptr<Tokenizer> read_tokenizer_json(std::string_view text, const std::string& file, const ModelNames& names);

inline constexpr size_t kMostTokenizerBytes = 256 << 20;

}  // namespace yoke::model::text
