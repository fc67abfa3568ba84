// Whether this build's GPU kernels run a model: what the coordinator and every agent ask before a byte is read. Pure.
#pragma once

#include <string>

#include "core/math_mode.h"
#include "model/catalogue.h"

namespace yoke::parallel {

// The formats that kernels/cuda multiplies with, in any of its math modes (tests/kernels/cuda holds the kernels to it).
bool gpu_multiplies(const WeightFormat& format);

// Why not, by the name of the feature or of the format and its tensor; empty where it does. docs/cuda.md lists both.
std::string gpu_refusal(const model::Catalogue& catalogue, bool pack);

// Error{unsupported} for a mode that a device has not: a CPU has `exact` alone. Whether a GPU's architecture has `fp4`, its kernels say.
void check_math(MathMode math, bool gpu);

}  // namespace yoke::parallel
