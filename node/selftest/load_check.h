// The short form of the self-test, at every load before serving: sampled outputs of the weights that were loaded, through every kind of
// product that serves them, against a twin on the host. It shows that the kernels read these weights right, and that a device sees the
// pool's memory as the host does; what the bytes are the loader answers for. At most 3 s.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "core/clock.h"
#include "kernels/ops.h"
#include "node/forward/weights.h"
#include "node/pool.h"

namespace yoke::node::selftest {

// A product that serving runs: a matrix, or the same one of every expert of a half.
struct SampledProduct {
  std::string what;  // "down of layer 3, half 0"
  std::vector<kernels::PackedMatrix> matrices;
  bool grouped = false;
  bool embedding = false;  // looked up, not multiplied
};

// Of each role, half, format and shape the first and the last layer's. Pure.
std::vector<SampledProduct> sampled_products(const forward::Weights& weights);

struct LoadCheck {
  bool ok = true;
  std::string text;       // what differs, or what was checked
  int64_t products = 0;   // checked
  int64_t left_out = 0;   // when `budget` was over
  uint64_t hash = 0;      // of the results: the same for a rank's same weights, math mode and kind of device, load after load, if nothing
                          // was left out
  double seconds = 0;
};

// The engine's thread, before it is ready. Takes up to 24 (inputs + outputs) floats of the device's memory, for as long
// as the Device lives. Errors of the device come as they are.
LoadCheck check_load(const forward::Weights& weights, const Pool& pool, kernels::Ops& ops,
                     Duration budget = std::chrono::milliseconds(2500));

}  // namespace yoke::node::selftest
