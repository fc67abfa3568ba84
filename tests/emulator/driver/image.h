// What cuModuleLoadData is given: PTX text, or a fatbin (its wrapper too) with uncompressed PTX for the device's architecture.
#pragma once

#include <string>

#include "tests/emulator/driver/failure.h"

namespace yoke::emulator {

// The PTX for `capability` (121: 12.1). Failure: CUDA_ERROR_NO_BINARY_FOR_GPU names what the image has instead (other architectures,
// SASS only, compressed entries); CUDA_ERROR_INVALID_IMAGE where it is none.
std::string ptx_of(const void* image, int capability);

}  // namespace yoke::emulator
