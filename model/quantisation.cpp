#include "model/quantisation.h"

#include <fmt/format.h>

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/string.hpp>

#include <algorithm>
#include <initializer_list>

#include "core/error.h"
#include "model/bad_file.h"
#include "model/file_reader.h"
#include "model/folder_file.h"

namespace yoke::model {
namespace {

namespace json = boost::json;
namespace fs = std::filesystem;

constexpr uint64_t kMostConfigBytes = 16 << 20;  // exclude_modules of a large mixture name every router
constexpr IntegerLimits kGroup = {-1, 1 << 20};

[[noreturn]] void unsupported(const JsonFields& fields, const std::string& what) {
  throw Error{Code::unsupported, fmt::format("{}: {}", fields.file().string(), what)};
}

void demand_one_of(const JsonFields& fields, std::string_view key, const std::string& found,
                   std::initializer_list<std::string_view> offered) {
  if (std::find(offered.begin(), offered.end(), found) != offered.end()) return;
  unsupported(fields, fmt::format("quantisation with {} {} is not offered by this build; {} are", key, printable(found),
                                  fmt::join(offered, ", ")));
}

void demand_bits(const JsonFields& fields, std::string_view key, int64_t offered) {
  const int64_t bits = fields.integer(key, {0, 64}).value_or(offered);
  if (bits != offered)
    unsupported(fields, fmt::format("quantisation with {} {} is not offered by this build; {} is", key, bits, offered));
}

bool has_content(const JsonFields& fields, std::string_view key) {
  const std::optional<JsonFields> object = fields.object(key);
  return object && !object->raw().empty();
}

Quantisation read_modelopt(const JsonFields& fields) {
  // FP8_PB_WO: FP8 in blocks. A mixture's layers are told apart by their tensors.
  demand_one_of(fields, "quant_algo", fields.string("quant_algo").value_or("NVFP4"),
                {"NVFP4", "FP8", "FP8_PB_WO", "MIXED_PRECISION"});
  return {.method = QuantMethod::modelopt};
}

void read_weights_group(const JsonFields& group, Quantisation& q) {
  const std::optional<JsonFields> weights = group.object("weights");
  if (!weights) return;
  const std::string type = weights->string("type").value_or("int");
  demand_one_of(*weights, "type", type, {"int", "float"});
  const int64_t bits = weights->integer("num_bits", {0, 64}).value_or(8);
  if (type == "int" && bits != 4)
    unsupported(*weights, fmt::format("integer weights of {} bits are not offered by this build; 4 are", bits));
  const std::string strategy = weights->string("strategy").value_or("group");
  demand_one_of(*weights, "strategy", strategy, {"tensor", "channel", "group", "tensor_group", "block"});
  if (strategy == "block") {
    const std::vector<int64_t> block = weights->integers("block_structure", {1, 1 << 20});
    if (block.size() == 2 && block[0] != block[1])
      unsupported(*weights,
                  fmt::format("blocks of {} x {} are not offered by this build; squares are", block[0], block[1]));
    if (!block.empty()) q.block = block[0];
  }
  if (type == "int")
    q.groups.push_back(strategy == "channel" ? -1 : weights->integer("group_size", kGroup).value_or(-1));
}

Quantisation read_compressed_tensors(const JsonFields& fields) {
  Quantisation q = {.method = QuantMethod::compressed_tensors};
  const std::initializer_list<std::string_view> kFormats = {"nvfp4-pack-quantized",
                                                            "mxfp4-pack-quantized",
                                                            "float-quantized",
                                                            "naive-quantized",
                                                            "pack-quantized",
                                                            "mixed-precision",
                                                            "dense"};
  demand_one_of(fields, "format", fields.string("format").value_or("dense"), kFormats);
  if (has_content(fields, "transform_config"))
    unsupported(fields, "quantisation with transforms (transform_config) is not offered by this build");
  if (const std::optional<JsonFields> sparsity = fields.object("sparsity_config"))
    demand_one_of(*sparsity, "sparsity format", sparsity->string("format").value_or("dense"), {"dense"});
  const std::optional<JsonFields> groups = fields.object("config_groups");
  if (!groups) return q;
  for (const auto& [name, value] : groups->raw()) {
    const std::optional<JsonFields> group = groups->object(name);
    if (!group) continue;
    demand_one_of(*group, "format", group->string("format").value_or("dense"), kFormats);
    read_weights_group(*group, q);
  }
  return q;
}

Quantisation read_fp8(const JsonFields& fields) {
  Quantisation q = {.method = QuantMethod::fp8};
  const std::vector<int64_t> block = fields.integers("weight_block_size", {1, 1 << 20});
  if (block.empty()) return q;
  if (block.size() != 2 || block[0] != block[1])
    fields.refuse_field("weight_block_size", "two equal integers: this build reads square blocks");
  q.block = block[0];
  return q;
}

Quantisation read_awq(const JsonFields& fields) {
  demand_bits(fields, "bits", 4);
  demand_bits(fields, "w_bit", 4);
  std::string version = fields.string("version").value_or("gemm");
  std::ranges::transform(version, version.begin(),
                         [](char c) { return c >= 'A' && c <= 'Z' ? char(c - 'A' + 'a') : c; });
  demand_one_of(fields, "version", version, {"gemm"});
  if (!fields.boolean("zero_point").value_or(true))
    unsupported(fields, "AWQ without zero points (zero_point false) is not offered by this build");
  const std::optional<int64_t> older = fields.integer("q_group_size", kGroup);
  return {.method = QuantMethod::awq, .groups = {fields.integer("group_size", kGroup).value_or(older.value_or(128))}};
}

// A module of its own bits or group size; entries that only leave modules out ("-:PATTERN") say what tensors say too.
void refuse_overrides(const JsonFields& fields) {
  const std::optional<JsonFields> dynamic = fields.object("dynamic");
  if (!dynamic) return;
  for (const auto& [pattern, value] : dynamic->raw()) {
    if (value.is_object() && !value.get_object().empty())
      unsupported(fields, fmt::format("GPTQ with settings of its own for {} (dynamic) is not offered by this build",
                                      printable(std::string_view(pattern))));
  }
}

Quantisation read_gptq(const JsonFields& fields) {
  demand_bits(fields, "bits", 4);
  const std::string format = fields.string("checkpoint_format").value_or("gptq");
  demand_one_of(fields, "checkpoint_format", format, {"gptq", "gptq_v2"});
  if (fields.boolean("is_marlin_format").value_or(false))
    unsupported(fields, "quantisation with checkpoint_format marlin is not offered by this build; gptq, gptq_v2 are");
  refuse_overrides(fields);
  return {.method = QuantMethod::gptq,
          .groups = {fields.integer("group_size", kGroup).value_or(128)},
          .zero_bias = static_cast<int8_t>(format == "gptq" ? 1 : 0),
          .listed_groups = fields.boolean("desc_act").value_or(false)};
}

Quantisation read_mxfp4(const JsonFields&) {
  return {.method = QuantMethod::mxfp4};
}

constexpr struct {
  std::string_view name;
  Quantisation (*read)(const JsonFields&);
} kMethods[] = {{"modelopt", read_modelopt},
                {"modelopt_fp4", read_modelopt},
                {"compressed-tensors", read_compressed_tensors},
                {"fp8", read_fp8},
                {"awq", read_awq},
                {"gptq", read_gptq},
                {"mxfp4", read_mxfp4}};

Quantisation read_named(const JsonFields& fields, const std::string& method) {
  std::string known;
  for (const auto& row : kMethods) {
    if (row.name == method) return row.read(fields);
    known += fmt::format("{}{}", known.empty() ? "" : ", ", row.name);
  }
  unsupported(fields, fmt::format("quantisation {} is not offered by this build; {} are",
                                  method.empty() ? "without a quant_method" : printable(method), known));
}

// What exporters left beside a config.json that says nothing: {file, member that holds it, method}.
constexpr struct {
  const char* file;
  const char* member;
  const char* method;
} kBeside[] = {{"hf_quant_config.json", "quantization", "modelopt"}, {"quantize_config.json", "", "gptq"}};

}  // namespace

Quantisation read_quantisation(const JsonFields& fields, const fs::path& folder) {
  if (const std::optional<JsonFields> within = fields.object("quantization_config"))
    return read_named(*within, within->string("quant_method").value_or(""));
  for (const auto& row : kBeside) {
    const fs::path path = folder_file(folder, row.file);
    std::error_code ignored;
    if (!fs::exists(path, ignored)) continue;
    const FileReader file(path);
    const json::object root = parse_json_object(read_text(file, kMostConfigBytes), path, 0);
    const JsonFields whole(root, path, 0);
    const std::optional<JsonFields> within = *row.member ? whole.object(row.member) : std::optional(whole);
    if (!within) whole.refuse_field(row.member, "an object");
    return read_named(*within, row.method);
  }
  return {};
}

}  // namespace yoke::model
