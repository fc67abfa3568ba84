// The files of a Hugging Face folder that belong to its text side: the names they give tokens, and the chat templates.
#pragma once

#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "model/text/model_names.h"

namespace yoke::model::text {

// A file of the folder as text, or nothing where there is none. Error{too_large} with both numbers. Errors of links: folder_file.h.
std::optional<std::string> read_folder_file(const std::filesystem::path& folder, std::string_view name, uint64_t most_bytes);

// tokenizer_config.json, special_tokens_map.json, added_tokens.json, generation_config.json and config.json, as far as they are
// there. Error{bad_file} with file and entry.
ModelNames read_names(const std::filesystem::path& folder);

// By name; "default" is the one without a name. From tokenizer_config.json, and from chat_template.json, chat_template.jinja and
// additional_chat_templates/NAME.jinja, of which the later ones replace the earlier.
std::map<std::string, std::string> read_templates(const std::filesystem::path& folder);

}  // namespace yoke::model::text
