// The math modes of docs/bits.md, named once. Equality of bits holds within one of them.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace yoke {

enum class MathMode : uint8_t {
  exact,  // f32 activations, f32 fma
  bf16,   // products of bf16 values by MMA with f32 sums
  fp4,    // products of block-scaled FP4 by FP4 MMA
};

std::string_view name(MathMode mode);
std::string math_mode_names();                // "exact, bf16, fp4"
MathMode math_mode_named(std::string_view);  // Error{invalid_argument} lists the names

}  // namespace yoke
