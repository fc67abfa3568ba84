// model.safetensors.index.json of a sharded model: {"metadata": ..., "weight_map": {tensor: file name}}.
#include <fmt/format.h>

#include <set>

#include "core/error.h"
#include "model/bad_file.h"
#include "model/folder_file.h"
#include "model/json_fields.h"
#include "model/safetensors.h"

namespace yoke::model {
namespace {

namespace json = boost::json;

constexpr uint64_t kMostIndexBytes = 16 << 20;
// Llama 3.1 405B comes in 191.
constexpr size_t kMostShards = 1024;

// A shard lies beside its index: a name that leads elsewhere is an attack or a mistake.
bool is_plain_name(std::string_view name) {
  return name.size() > 12 && name.size() < 256 && name.ends_with(".safetensors") && name[0] != '.' &&
         name.find_first_of(std::string_view("/\\\0", 3)) == std::string_view::npos;
}

std::string shard_name(std::string_view tensor, const json::value& value, const std::filesystem::path& index) {
  const json::string* name = value.if_string();
  if (name == nullptr || !is_plain_name(std::string_view(*name))) {
    refuse({.file = index,
            .found = fmt::format("weight_map.{} = {}", printable(tensor),
                                 name ? printable(std::string_view(*name)) : "no string"),
            .expected = "the plain name of a .safetensors file beside the index, without a path",
            .remedy = "do not use this model's files before you know why"});
  }
  return std::string(*name);
}

void check_placement(const std::string& tensor, const std::string& shard, const std::filesystem::path& index,
                     const Checkpoint& checkpoint) {
  const auto found = checkpoint.tensors.find(tensor);
  const std::string there =
      found == checkpoint.tensors.end() ? "" : checkpoint.files[found->second.file].filename().string();
  if (there == shard) return;
  refuse({.file = index,
          .found = fmt::format("tensor {} placed in {}", printable(tensor), shard),
          .expected = there.empty() ? "a file that has it" : fmt::format("{}, which has it", there),
          .remedy = "index and files are of different versions: download the whole folder again"});
}

}  // namespace

void read_safetensors_index(const std::filesystem::path& index, Checkpoint& checkpoint) {
  const FileReader file(index);
  const std::string text = read_text(file, kMostIndexBytes);
  const json::object root = parse_json_object(text, index, 0);
  const JsonFields fields(root, index, 0);
  const std::optional<JsonFields> map = fields.object("weight_map");
  if (!map) fields.refuse_field("weight_map", "an object of tensor names and file names");
  std::set<std::string> shards;
  for (const auto& [tensor, value] : map->raw()) shards.insert(shard_name(tensor, value, index));
  if (shards.empty() || shards.size() > kMostShards) {
    refuse({.file = index,
            .found = fmt::format("{} files in weight_map", shards.size()),
            .expected = fmt::format("1 to {}", kMostShards)});
  }
  for (const std::string& shard : shards) read_safetensors_file(folder_file(index.parent_path(), shard), checkpoint);
  for (const auto& [tensor, value] : map->raw()) {
    check_placement(std::string(tensor), shard_name(tensor, value, index), index, checkpoint);
  }
}

}  // namespace yoke::model
