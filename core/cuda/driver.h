// The CUDA driver, loaded from libcuda.so.1 when first asked for: one binary serves with and without a GPU. Any thread.
// A context is current per thread, as everywhere in the driver API: who owns a device says which (kernels/cuda/device.h).
#pragma once

#include <string>
#include <string_view>

#include "core/cuda/driver_functions.h"

namespace yoke::cuda {

// driver().cuMemAlloc(&pointer, bytes)
struct Driver {
#define YOKE_CUDA_MEMBER(name, symbol, params) CUresult(*name) params = nullptr;
  YOKE_CUDA_FUNCTIONS(YOKE_CUDA_MEMBER)
#undef YOKE_CUDA_MEMBER
};

inline constexpr int kOldestDriver = 13000;  // CUDA 13.0: what the kernels' images are made with

// Why there is no driver here (no libcuda.so.1, too old, cuInit failed, no device), with the remedy; empty where there is one.
// The first call loads the library and calls cuInit; the answer stays for the life of the process.
std::string unavailable();

const Driver& driver();  // Error{unsupported} with unavailable()'s words where there is none

std::string name(CUresult result);  // "CUDA_ERROR_ILLEGAL_ADDRESS (700): the driver's own sentence"

// Throws for everything but CUDA_SUCCESS: Error{does_not_fit} for CUDA_ERROR_OUT_OF_MEMORY, else Error{internal}. `what` is what
// was tried, with its numbers: check(driver().cuMemAlloc(&p, n), "cuMemAlloc of 3 MiB").
void check(CUresult result, std::string_view what);

}  // namespace yoke::cuda
