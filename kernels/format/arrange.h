// One of GGUF's blocks with its fields in the order in which a panel holds them (kernels/format/panel.h).
#pragma once

#include <cstddef>

#include "core/dtype.h"

namespace yoke::kernels::format {

inline constexpr size_t kMostUnitBytes = 210;  // Q6_K's

// `block` and `unit` are info(codes).block_bytes long and do not overlap.
void arrange(Dtype codes, const std::byte* block, std::byte* unit);

}  // namespace yoke::kernels::format
