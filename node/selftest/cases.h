// The problems of the self-test: every op that the forward pass of a GPU runs, small, with tails. Each runs on the device under test and,
// unless it says otherwise, on its twin, `reference`, whose bits it must have. Pure but for the device's work; all are functions of their
// seeds.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "core/math_mode.h"
#include "node/selftest/compare.h"
#include "node/selftest/side.h"

namespace yoke::node::selftest {

inline constexpr uint64_t kSideBytes = 48u << 20;  // what a Side needs for any of them

enum class Against {
  twin,    // equal bits
  bounds,  // expected(): products of a mode that rounds
  itself,  // the first half of the outputs has the second half's bits
};

struct Case {
  std::string name;
  Against against = Against::twin;
  // Integers as their bits. The room around outputs is among them: nothing else may have been written.
  std::function<std::vector<float>(Side&)> run;
  std::function<Expected()> expected{};
};

using Supports = bool (*)(const WeightFormat& weight, MathMode math);

// Products, grouped ones too, of every format that `supports` names for the mode. product_cases.cpp
std::vector<Case> product_cases(MathMode math, Supports supports);
// Formats that parallel::gpu_multiplies promises and no mode has.
std::vector<std::string> formats_without_product(Supports supports);
// norms, gates, router, experts, embedding: elementwise_cases.cpp; heads and attention, each type of the cache: attention_cases.cpp
std::vector<Case> elementwise_cases(Supports supports);
std::vector<Case> attention_cases();

// Whether mode bf16 multiplies with this format by MMA; F32 and F16, whose values bf16 does not hold, take the kernel of mode exact.
bool multiplies_as_bf16(const WeightFormat& format);

// What a product by MMA may differ by: x rounded to bf16 (exact here), then sums in f32, whose error a step is at most 2^-20 of the sum of
// magnitudes (NVIDIA promises no more than f32 sums of unstated order): 8 parts of K in chains of 16 columns, and the parts' sum.
Expected bf16_expected(const kernels::PackedMatrix& w, std::span<const float> x, int64_t x_stride, int64_t rows,
                       const float* bias, Range outputs);

}  // namespace yoke::node::selftest
