#include "core/kv_block.h"

#include <fmt/format.h>

#include "core/error.h"

namespace yoke {

std::vector<std::string> kv_type_names() {
  std::vector<std::string> names;
  for (const KvTypeName& row : kKvTypes) names.emplace_back(row.name);
  return names;
}

Dtype kv_type_named(std::string_view name) {
  for (const KvTypeName& row : kKvTypes) {
    if (row.name == name) return row.type;
  }
  throw Error{Code::invalid_argument, fmt::format("a KV cache of '{}' is not offered; these are: {}", name, fmt::join(kv_type_names(), ", ")), "kv"};
}

}  // namespace yoke
