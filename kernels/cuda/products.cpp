#include "kernels/cuda/products.h"

#include <vector>

#include "kernels/cuda/exact_launch.h"
#include "kernels/cuda/linear_fp4_launch.h"
#include "kernels/cuda/linear_launch.h"

namespace yoke::kernels::cuda {
namespace {

static_assert(sizeof(ExpertData) == 2 * sizeof(uint64_t));

MathMode mode_of(MathMode math, const PackedMatrix& w) {
  if (math == MathMode::fp4 && supports_fp4(w.shape)) return MathMode::fp4;
  if (math != MathMode::exact && supports_bf16(w.shape.format)) return MathMode::bf16;
  return MathMode::exact;
}

uint64_t word(const void* address) { return reinterpret_cast<uint64_t>(address); }

// An expert's product, of as many rows as there may be pairs.
Linear product_of(const GroupedLinear& p) {
  const PackedMatrix& w = p.experts[0];
  return {.w = w, .x = p.x, .x_stride = p.x_stride, .rows = p.pairs, .y = p.y, .y_stride = w.rows(), .bias = p.bias.empty() ? nullptr : p.bias[0]};
}

LinearGroups groups_of(Scratch& scratch, const GroupedLinear& p) {
  std::vector<uint64_t> matrices, biases;
  for (const PackedMatrix& w : p.experts) matrices.push_back(word(w.data));
  for (const float* bias : p.bias) biases.push_back(word(bias));
  return {.offsets = p.offsets, .slots = p.slots, .matrices = reinterpret_cast<const std::byte* const*>(scratch.table(matrices)),
          .biases = reinterpret_cast<const float* const*>(scratch.table(biases)), .experts = static_cast<uint32_t>(p.experts.size()),
          .top_k = static_cast<uint32_t>(p.top_k), .by_token = p.slots != nullptr};
}

void launch_bf16(Launcher& launcher, const std::vector<LinearLaunch>& launches) {
  for (const LinearLaunch& l : launches) {
    launcher.launch(l.image, l.kernel, {.x = l.grid, .threads = kLinearThreads, .shared_bytes = l.shared_bytes}, l.params);
  }
}

void launch_fp4(Launcher& launcher, const Fp4Plan& plan) {
  for (const QuantiseLaunch& q : plan.quantise) launcher.launch(kFp4Image, q.kernel, {.x = q.grid, .threads = kLinearThreads}, q.params);
  for (const Fp4Launch& l : plan.products) {
    launcher.launch(kFp4Image, l.kernel, {.x = l.grid, .threads = kLinearThreads, .shared_bytes = l.shared_bytes}, l.params);
  }
}

}  // namespace

void Products::run(std::span<const Linear> problems) {
  std::vector<Linear> exact, bf16, fp4;
  for (const Linear& p : problems) {
    switch (mode_of(math_, p.w)) {
      case MathMode::exact: exact.push_back(p); break;
      case MathMode::bf16: bf16.push_back(p); break;
      case MathMode::fp4: fp4.push_back(p); break;
    }
  }
  if (!exact.empty()) launch_linear_exact(launcher_, exact);
  if (!bf16.empty()) launch_bf16(launcher_, plan_linear(bf16));
  if (!fp4.empty()) run_fp4(fp4);
}

void Products::run(const GroupedLinear& p) {
  if (p.pairs == 0 || p.experts.empty()) return;
  switch (mode_of(math_, p.experts[0])) {
    case MathMode::exact: return run_grouped_exact(p);
    case MathMode::bf16: return run_grouped_bf16(p);
    case MathMode::fp4: return run_grouped_fp4(p);
  }
}

void Products::run_grouped_exact(const GroupedLinear& p) {
  std::vector<uint64_t> experts;
  for (size_t e = 0; e < p.experts.size(); ++e) {
    experts.push_back(word(p.experts[e].data));
    experts.push_back(word(p.bias.empty() ? nullptr : p.bias[e]));
  }
  launch_grouped_exact(launcher_, p, reinterpret_cast<const ExpertData*>(scratch_.table(experts)));
}

void Products::run_grouped_bf16(const GroupedLinear& p) {
  const Linear product = product_of(p);
  launch_bf16(launcher_, plan_grouped_linear({&product, 1}, groups_of(scratch_, p)));
}

void Products::run_fp4(std::span<const Linear> problems) {
  uint64_t bytes = 0;
  for (const Linear& p : problems) bytes += fp4_scratch_bytes(p.rows, p.w.cols());
  launch_fp4(launcher_, plan_fp4(problems, scratch_.room(bytes)));
}

void Products::run_grouped_fp4(const GroupedLinear& p) {
  const Linear product = product_of(p);
  const int64_t x_rows = p.slots != nullptr ? ceil_div(p.pairs, p.top_k) : p.pairs;
  launch_fp4(launcher_, plan_grouped_fp4({&product, 1}, groups_of(scratch_, p), x_rows, scratch_.room(fp4_scratch_bytes(x_rows, product.w.cols()))));
}

}  // namespace yoke::kernels::cuda
