// Which kernels make a product, by the math mode and the weights' format: a format that a mode's kernels do not read takes those of the
// mode before it (docs/bits.md: `fp4`, `bf16`, `exact`), at every number of rows.
#pragma once

#include <span>

#include "core/math_mode.h"
#include "kernels/cuda/launch.h"
#include "kernels/cuda/scratch.h"
#include "kernels/ops.h"

namespace yoke::kernels::cuda {

class Products {
 public:
  Products(Launcher& launcher, Scratch& scratch, MathMode math) : launcher_(launcher), scratch_(scratch), math_(math) {}

  void run(std::span<const Linear> problems);
  void run(const GroupedLinear& p);

 private:
  void run_fp4(std::span<const Linear> problems);
  void run_grouped_exact(const GroupedLinear& p);
  void run_grouped_bf16(const GroupedLinear& p);
  void run_grouped_fp4(const GroupedLinear& p);

  Launcher& launcher_;
  Scratch& scratch_;
  MathMode math_;
};

}  // namespace yoke::kernels::cuda
