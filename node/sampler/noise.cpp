#include "node/sampler/noise.h"

#include "kernels/elementary.h"

namespace yoke::node::sampler {

double Noise::gumbel(uint64_t bits) {
  // 52 bits and a half: exact, never 0 and never 1.
  const double u = (static_cast<double>(bits >> 12) + 0.5) * 0x1p-52;
  return -kernels::log_f64(-kernels::log_f64(u));
}

}  // namespace yoke::node::sampler
