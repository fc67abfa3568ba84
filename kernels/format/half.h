// 16-bit floats as kernels name them; transport adds them too, so they live in core.
#pragma once

#include "core/half.h"

namespace yoke::kernels::format {

using yoke::bf16_to_f32;
using yoke::f16_to_f32;
using yoke::f32_to_bf16;
using yoke::f32_to_f16;

}  // namespace yoke::kernels::format
