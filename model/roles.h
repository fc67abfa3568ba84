// The table of roles: what each is called, how large it is, and which models have it. One answer for the tensors of a
// file and for the catalogue of a model that nobody downloaded.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

#include "model/catalogue.h"
#include "model/config.h"

namespace yoke::model {

enum class Scope : uint8_t { model, layer, expert };  // expert: one for each expert of a layer

struct RoleShape {
  int64_t rows = 1;
  int64_t cols = 1;
};

struct RoleRow {
  Role role;
  std::string_view name;
  Scope scope;
  bool vector;
  bool (*present)(const ModelConfig&, const LayerKind&);  // of roles outside layers: the kind says nothing
  RoleShape (*shape)(const ModelConfig&);
};

// In the order of Role.
std::span<const RoleRow> role_rows();
const RoleRow& row_of(Role role);

// The kind of a layer, also where the configuration was made without kinds.
LayerKind kind_of(const ModelConfig& config, int64_t layer);

}  // namespace yoke::model
