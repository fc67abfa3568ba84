#include "coordinator/pooling.h"

#include <fmt/format.h>

#include <boost/json.hpp>

#include <algorithm>
#include <cmath>
#include <optional>
#include <string>

#include "core/error.h"
#include "model/file_reader.h"
#include "model/folder_file.h"

namespace yoke::coordinator {
namespace {

namespace fs = std::filesystem;
namespace json = boost::json;

// Such files have some hundred bytes.
constexpr uint64_t kMostBytes = 64 << 10;
constexpr size_t kMostModules = 16;

[[noreturn]] void broken(const fs::path& file, const std::string& what) {
  throw Error{Code::bad_file, fmt::format("{}: {}", file.string(), what)};
}

// For a message: a stranger wrote it.
std::string shown(std::string_view text) { return json::serialize(json::string(text.substr(0, 100))); }

json::value read_json(const fs::path& file) {
  const std::string text = model::read_text(model::FileReader(file), kMostBytes);
  boost::system::error_code error;
  json::value value = json::parse(text, error);
  if (error) broken(file, fmt::format("no JSON ({})", error.message()));
  return value;
}

std::string text_of(const fs::path& file, const json::object& object, const char* key) {
  const json::value* value = object.if_contains(key);
  if (value == nullptr || !value->is_string()) broken(file, fmt::format("a module without a string '{}'", key));
  return std::string(std::string_view(value->get_string()));
}

Pooling read_mode(const fs::path& file) {
  const json::value root = read_json(file);
  if (!root.is_object()) broken(file, "found no object, expected the pooling module's settings");
  std::optional<Pooling> mode;
  for (const auto& member : root.get_object()) {
    const std::string_view key = member.key();
    if (!key.starts_with("pooling_mode_") || !member.value().is_bool() || !member.value().get_bool()) continue;
    const bool cls = key == "pooling_mode_cls_token";
    if (!cls && key != "pooling_mode_mean_tokens") {
      throw Error{Code::unsupported, fmt::format("{}: {} is not offered by this build; mean_tokens and cls_token are", file.string(), shown(key))};
    }
    if (mode) throw Error{Code::unsupported, fmt::format("{}: several pooling modes at once are not offered by this build", file.string())};
    mode = cls ? Pooling::cls : Pooling::mean;
  }
  if (!mode) throw Error{Code::unsupported, fmt::format("{}: no pooling_mode_* of it is true", file.string())};
  return *mode;
}

// "1_Pooling": one folder within the model's, never a way out of it.
fs::path module_file(const fs::path& folder, const fs::path& modules, const std::string& path) {
  if (path.empty()) return model::folder_file(folder, "config.json");
  if (path.find('/') != std::string::npos || path == "." || path == "..") {
    broken(modules, fmt::format("found a module at {}, expected the name of a folder beside this file", shown(path)));
  }
  return model::folder_file(model::folder_file(folder, path), "config.json");
}

}  // namespace

Pooling read_pooling(const fs::path& folder) {
  const fs::path file = model::folder_file(folder, "modules.json");
  std::error_code ignored;
  if (!fs::exists(file, ignored)) return Pooling::mean;
  const json::value modules = read_json(file);
  if (!modules.is_array() || modules.get_array().size() > kMostModules) {
    broken(file, fmt::format("found no list of at most {} modules", kMostModules));
  }
  Pooling pooling = Pooling::mean;
  for (const json::value& module : modules.get_array()) {
    if (!module.is_object()) broken(file, "a module that is no object");
    const std::string type = text_of(file, module.get_object(), "type");
    const std::string kind = type.substr(type.rfind('.') + 1);  // npos + 1 is 0
    if (kind == "Transformer" || kind == "Normalize") continue;  // the latter is done for every model
    if (kind != "Pooling") {
      throw Error{Code::unsupported, fmt::format("{}: a module of type {} is not offered by this build", file.string(), shown(kind))};
    }
    pooling = read_mode(module_file(folder, file, text_of(file, module.get_object(), "path")));
  }
  return pooling;
}

void RowMean::add(std::span<const float> row) {
  if (rows_++ == 0) sums_.assign(row.size(), 0.0);
  YOKE_ASSERT(row.size() == sums_.size());
  for (size_t i = 0; i < row.size(); ++i) sums_[i] += static_cast<double>(row[i]);
}

std::vector<float> RowMean::mean() const {
  YOKE_ASSERT(rows_ > 0);
  std::vector<float> mean(sums_.size());
  std::ranges::transform(sums_, mean.begin(), [&](double sum) { return static_cast<float>(sum / static_cast<double>(rows_)); });
  return mean;
}

std::vector<float> normalised(std::span<const float> vector) {
  double squares = 0;
  for (const float x : vector) squares += static_cast<double>(x) * static_cast<double>(x);
  const double norm = std::sqrt(squares);
  std::vector<float> unit(vector.begin(), vector.end());
  if (norm == 0) return unit;
  for (float& x : unit) x = static_cast<float>(static_cast<double>(x) / norm);
  return unit;
}

float sigmoid(float logit) { return static_cast<float>(1.0 / (1.0 + std::exp(-static_cast<double>(logit)))); }

}  // namespace yoke::coordinator
