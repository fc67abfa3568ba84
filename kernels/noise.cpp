#include "kernels/noise.h"

#include "kernels/elementary.h"

namespace yoke::kernels {

double Noise::gumbel(uint64_t bits) {
  // 52 bits and a half: exact, never 0 and never 1.
  const double u = (static_cast<double>(bits >> 12) + 0.5) * 0x1p-52;
  return -log_f64(-log_f64(u));
}

}  // namespace yoke::kernels
