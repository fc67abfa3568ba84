// The text side of a model: its tokenizer and its chat templates, from a GGUF or from the files of a Hugging Face folder. No
// weights are needed: a folder with tokenizer.json and tokenizer_config.json is enough. Const after opening; any thread.
#pragma once

#include <filesystem>
#include <map>
#include <memory>
#include <string>

#include "model/checkpoint.h"
#include "model/text/tokenizer.h"

namespace yoke::model::text {

// The name of the template that has none.
inline constexpr const char* kDefaultTemplate = "default";

struct ModelText {
  std::unique_ptr<Tokenizer> tokenizer;           // null: the model has none, or one of a kind that this build does not know
  std::string why_no_tokenizer;                   // for people; empty where there is one
  std::map<std::string, std::string> templates;  // Jinja sources by name; "default" is the one without a name
};

// `model` is a .gguf file or a folder. Read are tokenizer.json, else tokenizer.model (SentencePiece); tokenizer_config.json,
// special_tokens_map.json, added_tokens.json, chat_template.jinja or .json, and generation_config.json.
// Error{not_found} where nothing of the kind is, Error{bad_file} with file and entry for a broken one.
ModelText open_text(const std::filesystem::path& model);
// The same for a checkpoint that is open already.
ModelText open_text(const Checkpoint& checkpoint);

}  // namespace yoke::model::text
