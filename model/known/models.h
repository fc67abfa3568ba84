// Published models whose configurations we carry as facts: plans, ledgers and benches need no download of 200 GB to speak of them.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

#include "model/config.h"

namespace yoke::model::known {

struct KnownModel {
  std::string_view name;    // "llama-3.1-405b"
  std::string_view source;  // where configuration and number come from
  int64_t parameters = 0;   // as published
  int64_t rounding = 1;     // of that number: 1 where it is exact
};

std::span<const KnownModel> models();

// Everything that a config.json would have said. Error{not_found} lists the names.
ModelConfig config_of(std::string_view name);

}  // namespace yoke::model::known
