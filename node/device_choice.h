// Where this node computes: what --device asks for, held against what is here and against the model. `cuda` never becomes something
// else; `auto` takes a GPU that can be used and says why it took none.
#pragma once

#include <string>

#include "core/device_name.h"
#include "core/math_mode.h"
#include "model/catalogue.h"
#include "node/pool_memory.h"

namespace yoke::node {

struct ChosenDevice {
  std::string backend = "cpu";        // kernels/ops.h's row
  int gpu = 0;                        // cuda
  PoolPlace place = PoolPlace::host;
  std::string description = "cpu";    // "cuda (NVIDIA GB10)"
  std::string reason;                 // of `auto`: why this one

  bool on_gpu() const { return backend == "cuda"; }
  uint64_t memory_available() const { return pool_place(place).available_bytes(gpu); }
  std::string memory() const;         // whose that is, within the node: "host", "GPU 0"
};

// `gpu`: --gpu, which a number in the name overrides. Error{unsupported} with the remedy where `cuda` is asked for and no driver, GPU,
// kernel for it or memory for a pool is there.
ChosenDevice choose_device(const DeviceName& wanted, int gpu);

// The same for one model: Error{unsupported} by the name of what `cuda` has not; `auto` falls back to the CPU. `packed`: --pack.
ChosenDevice choose_for_model(const DeviceName& wanted, const ChosenDevice& here, const model::Catalogue& catalogue, bool packed, MathMode math);

}  // namespace yoke::node
