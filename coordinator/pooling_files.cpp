// The files of a Sentence Transformers folder; their meaning is that of Sentence Transformers 6.2, which still reads older ones.
#include <fmt/format.h>

#include <boost/json.hpp>

#include <cmath>
#include <optional>
#include <string>
#include <utility>

#include "coordinator/pooling.h"
#include "core/error.h"
#include "model/file_reader.h"
#include "model/folder_file.h"

namespace yoke::coordinator {
namespace {

namespace fs = std::filesystem;
namespace json = boost::json;

// Such files have some hundred bytes; a tokenizer_config.json may describe many added tokens.
constexpr uint64_t kMostBytes = 64 << 10;
constexpr uint64_t kMostTokenizerBytes = 16 << 20;
constexpr size_t kMostModules = 16;

[[noreturn]] void broken(const fs::path& file, const std::string& what) {
  throw Error{Code::bad_file, fmt::format("{}: {}", file.string(), what)};
}

// For a message: a stranger wrote it.
std::string shown(std::string_view text) { return json::serialize(json::string(text.substr(0, 100))); }

json::value read_json(const fs::path& file, uint64_t most_bytes = kMostBytes) {
  const std::string text = model::read_text(model::FileReader(file), most_bytes);
  boost::system::error_code error;
  json::value value = json::parse(text, error);
  if (error) broken(file, fmt::format("no JSON ({})", error.message()));
  return value;
}

json::object read_object(const fs::path& file, uint64_t most_bytes = kMostBytes) {
  json::value value = read_json(file, most_bytes);
  if (!value.is_object()) broken(file, "found no object, expected settings");
  return std::move(value.get_object());
}

bool is_there(const fs::path& file) {
  std::error_code ignored;
  return fs::exists(file, ignored);
}

// Null where it is absent or null.
const json::value* find(const json::object& object, const char* key) {
  const json::value* value = object.if_contains(key);
  return value == nullptr || value->is_null() ? nullptr : value;
}

std::string text_of(const fs::path& file, const json::object& object, const char* key) {
  const json::value* value = object.if_contains(key);
  if (value == nullptr || !value->is_string()) broken(file, fmt::format("a module without a string '{}'", key));
  return std::string(std::string_view(value->get_string()));
}

bool flag_of(const fs::path& file, const json::object& object, const char* key, bool otherwise) {
  const json::value* value = find(object, key);
  if (value == nullptr) return otherwise;
  if (!value->is_bool()) broken(file, fmt::format("'{}' is neither true nor false", key));
  return value->get_bool();
}

struct ModeName {
  std::string_view name;  // of pooling_mode
  std::string_view flag;  // of the files before Sentence Transformers 6: one of these is true
  PoolingMode mode;
};
constexpr ModeName kModes[] = {
    {"cls", "pooling_mode_cls_token", PoolingMode::first},
    {"max", "pooling_mode_max_tokens", PoolingMode::max},
    {"mean", "pooling_mode_mean_tokens", PoolingMode::mean},
    {"mean_sqrt_len_tokens", "pooling_mode_mean_sqrt_len_tokens", PoolingMode::mean_sqrt_length},
    {"weightedmean", "pooling_mode_weightedmean_tokens", PoolingMode::weighted_mean},
    {"lasttoken", "pooling_mode_lasttoken", PoolingMode::last},
};

template <std::string_view ModeName::*key>
PoolingMode mode_of(const fs::path& file, std::string_view text) {
  for (const ModeName& row : kModes) {
    if (row.*key == text) return row.mode;
  }
  std::string known;
  for (const ModeName& row : kModes) known += fmt::format("{}{}", known.empty() ? "" : ", ", row.*key);
  throw Error{Code::unsupported, fmt::format("{}: {} is not offered by this build; {} are", file.string(), shown(text), known)};
}

PoolingMode mode_by_flags(const fs::path& file, const json::object& settings) {
  std::optional<PoolingMode> mode;
  for (const auto& member : settings) {
    const std::string_view key = member.key();
    if (!key.starts_with("pooling_mode_") || !member.value().is_bool() || !member.value().get_bool()) continue;
    const PoolingMode found = mode_of<&ModeName::flag>(file, key);
    if (mode) throw Error{Code::unsupported, fmt::format("{}: several pooling modes at once are not offered by this build", file.string())};
    mode = found;
  }
  return mode.value_or(PoolingMode::mean);
}

void read_pooling_module(const fs::path& file, Pooling& pooling) {
  const json::object settings = read_object(file);
  pooling.pools_prompts = flag_of(file, settings, "include_prompt", true);
  const json::value* mode = find(settings, "pooling_mode");
  if (mode == nullptr) return void(pooling.mode = mode_by_flags(file, settings));
  const json::array* several = mode->if_array();
  if (several != nullptr && several->size() == 1) mode = &several->front();
  if (!mode->is_string()) {
    throw Error{Code::unsupported,
                fmt::format("{}: pooling_mode is no single name; several modes at once are not offered by this build", file.string())};
  }
  pooling.mode = mode_of<&ModeName::name>(file, std::string_view(mode->get_string()));
}

// "1_Pooling": one folder within the model's, never a way out of it.
fs::path module_file(const fs::path& folder, const fs::path& modules, const std::string& path) {
  if (path.empty()) return model::folder_file(folder, "config.json");
  if (path.find('/') != std::string::npos || path == "." || path == "..") {
    broken(modules, fmt::format("found a module at {}, expected the name of a folder beside this file", shown(path)));
  }
  return model::folder_file(model::folder_file(folder, path), "config.json");
}

void read_modules(const fs::path& folder, const fs::path& file, Pooling& pooling) {
  const json::value modules = read_json(file);
  if (!modules.is_array() || modules.get_array().size() > kMostModules) {
    broken(file, fmt::format("found no list of at most {} modules", kMostModules));
  }
  for (const json::value& module : modules.get_array()) {
    if (!module.is_object()) broken(file, "a module that is no object");
    const std::string type = text_of(file, module.get_object(), "type");
    const std::string kind = type.substr(type.rfind('.') + 1);  // npos + 1 is 0
    if (kind == "Transformer") continue;
    if (kind == "Normalize") {
      pooling.normalise = true;
    } else if (kind == "Pooling") {
      read_pooling_module(module_file(folder, file, text_of(file, module.get_object(), "path")), pooling);
    } else {
      throw Error{Code::unsupported, fmt::format("{}: a module of type {} is not offered by this build", file.string(), shown(kind))};
    }
  }
}

// 0 where the key is absent or says "no limit" by a huge number.
int64_t length_of(const fs::path& file, const json::object& settings, const char* key) {
  const json::value* value = find(settings, key);
  if (value == nullptr) return 0;
  const double number = value->is_number() ? value->to_number<double>() : std::nan("");
  if (!(number >= 1)) broken(file, fmt::format("'{}' is no length", key));
  return number > 1e9 ? 0 : static_cast<int64_t>(number);
}

void read_lengths(const fs::path& folder, Pooling& pooling) {
  // The second part of the name was once the kind of the model.
  for (const char* name : {"sentence_bert_config.json", "sentence_roberta_config.json", "sentence_xlm-roberta_config.json",
                           "sentence_camembert_config.json"}) {
    const fs::path file = model::folder_file(folder, name);
    if (!is_there(file)) continue;
    const json::object settings = read_object(file);
    pooling.max_tokens = length_of(file, settings, "max_seq_length");
    pooling.lower_case = flag_of(file, settings, "do_lower_case", false);
    break;
  }
  const fs::path file = model::folder_file(folder, "tokenizer_config.json");
  if (pooling.max_tokens == 0 && is_there(file))
    pooling.max_tokens = length_of(file, read_object(file, kMostTokenizerBytes), "model_max_length");
}

void read_prompts(const fs::path& folder, Pooling& pooling) {
  const fs::path file = model::folder_file(folder, "config_sentence_transformers.json");
  if (!is_there(file)) return;
  const json::object settings = read_object(file);
  if (const json::value* prompts = find(settings, "prompts")) {
    if (!prompts->is_object()) broken(file, "'prompts' is no object");
    for (const auto& member : prompts->get_object()) {
      if (member.value().is_null()) continue;
      if (!member.value().is_string()) broken(file, fmt::format("the prompt {} is no string", shown(member.key())));
      pooling.prompts.emplace(member.key(), std::string_view(member.value().get_string()));
    }
  }
  const json::value* name = find(settings, "default_prompt_name");
  if (name == nullptr) return;
  const auto prompt = name->is_string() ? pooling.prompts.find(std::string_view(name->get_string())) : pooling.prompts.end();
  if (prompt == pooling.prompts.end()) broken(file, "'default_prompt_name' is none of its prompts");
  pooling.default_prompt = prompt->second;
}

}  // namespace

Pooling read_pooling(const fs::path& folder) {
  Pooling pooling;
  const fs::path file = model::folder_file(folder, "modules.json");
  if (!is_there(file)) return pooling;
  pooling.normalise = false;
  read_modules(folder, file, pooling);
  read_lengths(folder, pooling);
  read_prompts(folder, pooling);
  return pooling;
}

}  // namespace yoke::coordinator
