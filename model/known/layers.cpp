#include "model/known/layers.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "core/error.h"
#include "model/bad_file.h"
#include "model/known/models.h"

namespace yoke::model::known {
namespace {

constexpr std::string_view kPrefix = "known:";

struct NamedFormat {
  std::string_view name;
  WeightFormat format;
};

constexpr NamedFormat kFormats[] = {
    {"bf16", {.codes = Dtype::bf16}},
    {"nvfp4", {.codes = Dtype::e2m1, .scales = Scales::per_group, .scale_dtype = Dtype::f8_e4m3, .group = 16, .global = true}},
    {"mxfp4", {.codes = Dtype::e2m1, .scales = Scales::per_group, .scale_dtype = Dtype::f8_e8m0, .group = 32}},
    {"fp8", {.codes = Dtype::f8_e4m3, .scales = Scales::per_row}},
    {"fp8-block", {.codes = Dtype::f8_e4m3, .scales = Scales::per_block, .group = 128}},
    {"int4", {.codes = Dtype::int4, .scales = Scales::per_group, .scale_dtype = Dtype::f16, .group = 128, .zero_points = true}},
};

struct Parts {
  std::string_view model, format;
  int64_t layers = 0;
};

Parts parts_of(std::string_view name) {
  Parts parts;
  std::string_view rest = name.substr(kPrefix.size());
  const size_t first = rest.find(':'), second = rest.find(':', first == rest.npos ? first : first + 1);
  if (first != rest.npos && second != rest.npos) {
    parts = {rest.substr(0, first), rest.substr(first + 1, second - first - 1)};
    const std::string_view number = rest.substr(second + 1);
    const auto [end, error] = std::from_chars(number.data(), number.data() + number.size(), parts.layers);
    if (error == std::errc() && end == number.data() + number.size() && parts.layers >= 1) return parts;
  }
  throw Error{Code::invalid_argument, fmt::format("{} is no known model's layers: expected known:NAME:FORMAT:LAYERS", printable(name)), "model"};
}

}  // namespace

WeightFormat format_named(std::string_view name) {
  std::string names;
  for (const NamedFormat& row : kFormats) {
    if (row.name == name) return row.format;
    names += (names.empty() ? "" : ", ") + std::string(row.name);
  }
  throw Error{Code::not_found, fmt::format("the weight format {} is not known here; these are: {}", printable(name), names), "model"};
}

std::string layers_name(std::string_view model_and_format, int64_t layers) {
  const std::string name = fmt::format("{}{}:{}", kPrefix, model_and_format, layers);
  open_layers(name);  // or an error that says what is wrong
  return name;
}

bool is_layers(std::string_view name) { return name.starts_with(kPrefix); }

Checkpoint open_layers(const std::string& name) {
  const Parts parts = parts_of(name);
  Checkpoint checkpoint;
  checkpoint.path = name;
  checkpoint.config = config_of(parts.model);
  checkpoint.made = format_named(parts.format);
  ModelConfig& config = checkpoint.config;
  if (parts.layers > config.layers) {
    throw Error{Code::invalid_argument, fmt::format("{} layers of {}, which has {}", parts.layers, parts.model, config.layers), "layers"};
  }
  // The last ones: where some layers are dense, these are mixtures of experts.
  config.layer_kinds.erase(config.layer_kinds.begin(), config.layer_kinds.end() - parts.layers);
  config.layers = parts.layers;
  config.layers_alone = true;
  config.name = fmt::format("{}:{}", parts.model, parts.format);
  checkpoint.identity = name;
  return checkpoint;
}

}  // namespace yoke::model::known
