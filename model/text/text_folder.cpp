#include "model/text/text_folder.h"

#include <fmt/format.h>

#include <boost/json/parse.hpp>

#include <charconv>

#include "core/error.h"
#include "model/file_reader.h"
#include "model/folder_file.h"
#include "model/text/tokenizer_json/entry.h"

namespace yoke::model::text {
namespace {

namespace fs = std::filesystem;
namespace json = boost::json;

constexpr uint64_t kMostConfigBytes = 32 << 20;  // Mistral's lists a thousand added tokens in 180 KB
constexpr size_t kMostTemplates = 64;
constexpr TokenId kMostId = 1 << 30;

// An object of a file, with what its entries are called in messages. Empty where the folder has none.
struct ConfigFile {
  json::value value = json::object{};
  std::string place;
  Entry entry() const { return {value, place}; }
};

ConfigFile read_config(const fs::path& folder, std::string_view name) {
  ConfigFile config;
  config.place = (folder / name).string() + ":";
  const auto text = read_folder_file(folder, name, kMostConfigBytes);
  if (!text) return config;
  boost::system::error_code error;
  json::parse_options options;
  options.max_depth = 32;
  config.value = json::parse(*text, error, {}, options);
  if (error) throw Error{Code::bad_file, fmt::format("{} no JSON ({})", config.place, error.message())};
  config.entry().object();
  return config;
}

// A token is written as its text, or as an object with its content.
std::optional<std::string> token_text(const Entry& entry) {
  if (entry.raw().is_string()) return std::string(entry.string());
  if (entry.raw().is_object() && entry.find("content")) return std::string(entry.at("content").string());
  return std::nullopt;
}

// What is there already stays.
void add_special_texts(const Entry& config, bool only_tokens, ModelNames& names) {
  for (const auto& [key, value] : config.object()) {
    if (value.is_null() || (only_tokens && !key.ends_with("_token"))) continue;
    const auto text = token_text({value, fmt::format("{}.{}", config.place(), std::string_view(key))});
    if (text) names.special_texts.emplace(key, *text);
  }
}

void add_ends(const Entry& config, ModelNames& names) {
  const auto ids = config.find("eos_token_id");
  if (!ids) return;
  if (!ids->raw().is_array()) {
    if (ids->integer(INT32_MIN, INT32_MAX) >= 0) names.ends.push_back(static_cast<TokenId>(ids->integer(0, INT32_MAX)));
    return;
  }
  for (size_t i = 0; i < ids->size(); ++i) names.ends.push_back(static_cast<TokenId>(ids->item(i).integer(0, INT32_MAX)));
}

TokenId id_of_key(const Entry& entry, std::string_view key) {
  TokenId id = -1;
  const auto [end, error] = std::from_chars(key.data(), key.data() + key.size(), id);
  if (error != std::errc() || end != key.data() + key.size() || id < 0 || id > kMostId) entry.refuse("a token by its id");
  return id;
}

// added_tokens_decoder: from id to token.
void add_decoder(const Entry& config, ModelNames& names) {
  const auto decoder = config.find("added_tokens_decoder");
  if (!decoder) return;
  for (const auto& [key, value] : decoder->object()) {
    const Entry token(value, fmt::format("{}.{}", decoder->place(), std::string_view(key)));
    const bool special = token.boolean_or("special", false);
    names.added.push_back({.content = std::string(token.at("content").string()),
                           .id = id_of_key(token, key),
                           .special = special,
                           .normalized = token.boolean_or("normalized", !special),
                           .single_word = token.boolean_or("single_word", false),
                           .lstrip = token.boolean_or("lstrip", false),
                           .rstrip = token.boolean_or("rstrip", false)});
  }
}

// added_tokens.json, which slow tokenizers wrote: from text to id.
void add_map(const Entry& file, ModelNames& names) {
  for (const auto& [key, value] : file.object()) {
    const Entry id(value, fmt::format("{}.{}", file.place(), std::string_view(key)));
    names.added.push_back({.content = key, .id = static_cast<TokenId>(id.integer(0, kMostId)), .normalized = true});
  }
}

void read_named_templates(const Entry& list, std::map<std::string, std::string>& templates) {
  if (list.size() > kMostTemplates) list.refuse("at most 64 templates");
  for (size_t i = 0; i < list.size(); ++i) {
    templates[std::string(list.item(i).at("name").string())] = list.item(i).at("template").string();
  }
}

void read_config_template(const Entry& config, std::map<std::string, std::string>& templates) {
  const auto chat_template = config.find("chat_template");
  if (!chat_template) return;
  if (chat_template->raw().is_array()) return read_named_templates(*chat_template, templates);
  templates["default"] = chat_template->string();
}

void read_additional_templates(const fs::path& folder, std::map<std::string, std::string>& templates) {
  std::error_code error;
  for (fs::directory_iterator it(folder, error), end; !error && it != end; it.increment(error)) {
    if (it->path().extension() != ".jinja") continue;
    if (templates.size() >= kMostTemplates) {
      throw Error{Code::bad_file, fmt::format("{} has more than {} templates", folder.string(), kMostTemplates)};
    }
    const auto source = read_folder_file(folder, it->path().filename().string(), kMostConfigBytes);
    if (source) templates[it->path().stem().string()] = *source;
  }
}

}  // namespace

std::optional<std::string> read_folder_file(const fs::path& folder, std::string_view name, uint64_t most_bytes) {
  const fs::path path = folder_file(folder, name);
  std::error_code ignored;
  if (!fs::exists(path, ignored)) return std::nullopt;
  return read_text(FileReader(path), most_bytes);
}

ModelNames read_names(const fs::path& folder) {
  ModelNames names;
  const ConfigFile tokenizer = read_config(folder, "tokenizer_config.json");
  add_special_texts(tokenizer.entry(), true, names);
  const auto extra = tokenizer.entry().find("extra_special_tokens");
  if (extra && extra->raw().is_object()) add_special_texts(*extra, false, names);
  add_special_texts(read_config(folder, "special_tokens_map.json").entry(), true, names);
  add_decoder(tokenizer.entry(), names);
  if (const auto adds = tokenizer.entry().find("add_bos_token")) names.adds_bos = adds->boolean();
  if (const auto adds = tokenizer.entry().find("add_eos_token")) names.adds_eos = adds->boolean();
  add_map(read_config(folder, "added_tokens.json").entry(), names);
  add_ends(read_config(folder, "generation_config.json").entry(), names);
  const ConfigFile model = read_config(folder, "config.json");
  add_ends(model.entry(), names);
  if (const auto text = model.entry().find("text_config"); text && text->raw().is_object()) add_ends(*text, names);
  return names;
}

std::map<std::string, std::string> read_templates(const fs::path& folder) {
  std::map<std::string, std::string> templates;
  read_config_template(read_config(folder, "tokenizer_config.json").entry(), templates);
  read_config_template(read_config(folder, "chat_template.json").entry(), templates);
  if (auto source = read_folder_file(folder, "chat_template.jinja", kMostConfigBytes)) templates["default"] = std::move(*source);
  std::error_code ignored;
  const fs::path additional = folder / "additional_chat_templates";
  if (fs::is_directory(fs::symlink_status(additional, ignored))) read_additional_templates(additional, templates);
  return templates;
}

}  // namespace yoke::model::text
