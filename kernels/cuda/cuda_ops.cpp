#include "kernels/cuda/cuda_ops.h"

#include <fmt/format.h>

#include <algorithm>

#include "core/cuda/driver.h"
#include "core/error.h"
#include "kernels/cuda/attention_launch.h"
#include "kernels/cuda/candidates_params.h"
#include "kernels/cuda/cuda_device.h"
#include "kernels/cuda/elementwise_params.h"
#include "kernels/cuda/exact_launch.h"
#include "kernels/cuda/images.h"
#include "kernels/cuda/launch.h"
#include "kernels/cuda/moe_params.h"
#include "kernels/cuda/norms_params.h"
#include "kernels/cuda/products.h"
#include "kernels/cuda/scratch.h"

namespace yoke::kernels::cuda {
namespace {

using namespace yoke::cuda;

// What the images are made for (cmake/yoke_cuda.cmake). Code of an architecture with an "a" runs on that one alone.
struct Architecture {
  int major, minor;
  std::string_view name;
};
constexpr Architecture kArchitectures[] = {{12, 1, "sm_121a"}, {9, 0, "sm_90a"}};

std::string wrong_architecture(int gpu) {
  const int major = attribute(gpu, CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR), minor = attribute(gpu, CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MINOR);
  for (const Architecture& row : kArchitectures) {
    if (row.major == major && row.minor == minor) return {};
  }
  return fmt::format("GPU {} ({}) has compute capability {}.{}, the kernels are made for 12.1 (GB10) and 9.0 (Hopper); use --device cpu", gpu, device_name(gpu),
                     major, minor);
}

uint32_t norm_threads(int64_t width) { return static_cast<uint32_t>(std::clamp<int64_t>(round_up(width, 32), 32, kNormThreads)); }

SwiGluHalf gates_of(const float* gate, const float* up, int64_t width, int64_t stride, float* y) { return {gate, up, width, stride, y}; }

class CudaOps final : public Ops {
 public:
  explicit CudaOps(const OpsConfig& config)
      : device_(config.gpu), launcher_(device_), math_(config.math), multiprocessors_(attribute(config.gpu, CU_DEVICE_ATTRIBUTE_MULTIPROCESSOR_COUNT)) {}

  Device& device() override { return device_; }
  MathMode math() const override { return math_; }

  void run(const Linear& p) override { run(std::span(&p, 1)); }
  void run(std::span<const Linear> problems) override { products_.run(problems); }

  void run(const TransposedLinear&) override {
    throw Error{Code::unsupported, "multi-head latent attention has no CUDA kernels; run the model with --device cpu", "device"};
  }

  void run(const RmsNorm& p) override {
    norm("rms_norm", p.rows, {.x = p.x, .x_stride = p.x_stride, .width = static_cast<int32_t>(p.width), .w_rows = 1, .w = p.w, .epsilon = p.epsilon,
                              .y = p.y, .y_stride = p.y_stride});
  }

  void run(const LayerNorm& p) override {
    norm("layer_norm", p.rows, {.x = p.x, .x_stride = p.x_stride, .width = static_cast<int32_t>(p.width), .w_rows = p.w_rows, .w = p.w, .bias = p.bias,
                                .epsilon = p.epsilon, .y = p.y, .y_stride = p.y_stride});
  }

  void run(const SumOfSquares& p) override {
    norm("sum_of_squares", p.rows, {.x = p.x, .x_stride = p.x_stride, .width = static_cast<int32_t>(p.width), .y = p.sums});
  }

  void run(const RmsScale& p) override {
    launcher_.launch("norms", "rms_scale", {.x = blocks_of(p.width, kNormThreads), .y = grid_rows(p.rows), .threads = kNormThreads},
                     RmsScaleParams{.x = p.x, .x_stride = p.x_stride, .rows = p.rows, .width = static_cast<int32_t>(p.width),
                                    .whole_width = p.whole_width, .sums = p.sums, .w = p.w, .epsilon = p.epsilon});
  }

  void run(const JoinNorm& p) override {
    const NormParams params{.x = p.x, .x_stride = p.width, .width = static_cast<int32_t>(p.width), .w_rows = 1, .w = p.w, .bias = p.bias,
                            .epsilon = p.epsilon, .y = p.y, .y_stride = p.width};
    if (p.h0 == nullptr) {
      YOKE_ASSERT(p.meeting == nullptr);
      if (p.y != nullptr) norm(p.centred ? "layer_norm" : "rms_norm", p.rows, params);
      return;
    }
    JoinNormParams joined{.norm = params, .joined = p.x, .h0 = p.h0, .h1 = p.h1};
    if (p.meeting != nullptr) joined.meeting = {p.meeting->base, p.meeting->index, p.meeting->sent, p.meeting->arrived};
    launcher_.launch("norms", p.y == nullptr ? "join" : p.centred ? "join_layer_norm" : "join_rms_norm",
                     {.x = static_cast<uint32_t>(p.rows), .threads = norm_threads(p.width)}, joined);
  }

  void run(const RotaryEmbedding& p) override {
    elements("rotary", p.heads * p.dims / 2, p.rows,
             RotaryParams{.x = p.x, .x_stride = p.x_stride, .rows = p.rows, .heads = p.heads, .head_stride = p.head_stride, .dims = p.dims,
                          .cos = p.cos, .sin = p.sin, .neighbours = p.neighbours});
  }

  void run(const SwiGlu& p) override { run(std::span(&p, 1)); }
  void run(std::span<const SwiGlu> problems) override {
    gated("swiglu", problems, [](const SwiGlu&, SwiGluParams&) {});
  }
  void run(const ClampedSwiGlu& p) override { run(std::span(&p, 1)); }
  void run(std::span<const ClampedSwiGlu> problems) override {
    gated("clamped_swiglu", problems, [](const ClampedSwiGlu& p, SwiGluParams& params) {
      params.alpha = p.alpha;
      params.limit = p.limit;
    });
  }

  void run(const Gelu& p) override { elements("gelu", p.count, 1, InPlaceParams{.x = p.x, .count = p.count}); }
  void run(const Tanh& p) override { elements("tanh_inplace", p.count, 1, InPlaceParams{.x = p.x, .count = p.count}); }
  void run(const Scale& p) override { elements("scale", p.count, 1, InPlaceParams{.x = p.x, .count = p.count, .factor = p.factor}); }
  void run(const ResidualAdd& p) override { elements("residual_add", p.count, 1, ResidualAddParams{.x = p.x, .h0 = p.h0, .h1 = p.h1, .count = p.count}); }

  void run(const Fill& p) override {
    if (p.count == 0) return;
    device_.use();
    check(driver().cuMemsetD32Async(reinterpret_cast<CUdeviceptr>(p.x), 0, static_cast<size_t>(p.count), device_.stream()),
          fmt::format("filling {} floats", p.count));
  }

  void run(const GatherRows& p) override {
    const int64_t rows = static_cast<int64_t>(p.from.size());
    elements("gather_rows", p.width, rows, RowsParams{.x = p.x, .width = p.width, .index = p.from.data(), .rows = rows, .y = p.y});
  }

  void run(const ScatterAdd& p) override {
    const int64_t rows = static_cast<int64_t>(p.to.size());
    elements("scatter_add", p.width, rows == 0 ? 0 : 1,
             RowsParams{.x = p.x, .width = p.width, .index = p.to.data(), .weights = p.weights.data(), .rows = rows, .y = p.y});
  }

  void run(const EmbeddingLookup& p) override { launch_embedding(launcher_, p); }
  void run(const KvAppend& p) override { launch_kv_append(launcher_, p); }
  void run(std::span<const PlaceHeads> problems) override { launch_place_heads(launcher_, problems); }
  void run(const Attention& p) override { run(std::span(&p, 1)); }
  void run(std::span<const Attention> problems) override {
    launch_attention(launcher_, problems, multiprocessors_, [this](int64_t floats) {
      return reinterpret_cast<float*>(scratch_.room(static_cast<uint64_t>(floats) * sizeof(float)));
    });
  }

  void run(const Route& p) override {
    YOKE_ASSERT(p.top_k >= 1 && p.groups >= 1 && p.experts % p.groups == 0 && p.top_k <= p.experts / p.groups * p.top_groups);
    require_experts(p.experts);
    launcher_.launch("moe", "route", {.x = static_cast<uint32_t>(p.rows), .threads = kRouteThreads},
                     RouteParams{.logits = p.logits, .experts = static_cast<int32_t>(p.experts), .top_k = static_cast<int32_t>(p.top_k),
                                 .groups = static_cast<int32_t>(p.groups), .top_groups = static_cast<int32_t>(p.top_groups), .score = score_of(p.score),
                                 .renormalise = p.renormalise, .scaling = p.scaling, .correction = p.correction, .chosen = p.chosen, .weights = p.weights});
  }

  void run(const SortExperts& p) override {
    require_experts(p.experts.size());
    launcher_.launch("moe", "sort_experts", {.threads = kSortThreads},
                     SortExpertsParams{.chosen = p.chosen, .rows = p.rows, .top_k = static_cast<int32_t>(p.top_k),
                                       .first_expert = static_cast<int32_t>(p.experts.begin), .experts = static_cast<int32_t>(p.experts.size()),
                                       .row_places = p.row_places.empty() ? nullptr : row_places(p.row_places), .offsets = p.offsets,
                                       .slots = p.slots, .places = p.places});
  }

  void run(const GroupedLinear& p) override { products_.run(p); }

  void run(const CombineExperts& p) override {
    launcher_.launch("moe", "combine_experts", {.x = blocks_of(p.width, kElementwiseThreads), .y = grid_rows(p.rows), .threads = kElementwiseThreads},
                     CombineExpertsParams{.x = p.x, .places = p.places, .weights = p.weights, .rows = p.rows, .width = p.width,
                                          .top_k = static_cast<int32_t>(p.top_k), .y = p.y});
  }

  void run(const Candidates& p) override {
    YOKE_ASSERT(p.slices.size() <= kMostCandidateSlices);
    CandidatesParams params{.requests = p.requests};
    int64_t widest = 0;
    for (size_t i = 0; i < p.slices.size(); ++i) {
      const CandidateSlice& s = p.slices[i];
      params.slices[i] = {s.logits, static_cast<int32_t>(s.tokens.size()), static_cast<int32_t>(s.tokens.begin), s.summaries, s.best};
      widest = std::max(widest, s.tokens.size());
    }
    const auto threads = static_cast<uint32_t>(std::clamp<int64_t>(round_up(widest, 32), 32, kCandidateThreads));
    launcher_.launch("candidates", "candidates", {.x = static_cast<uint32_t>(p.rows), .y = static_cast<uint32_t>(p.slices.size()), .threads = threads}, params);
  }

 private:
  template <class Params>
  void elements(std::string_view kernel, int64_t columns, int64_t rows, const Params& params) {
    launcher_.launch("elementwise", kernel, {.x = blocks_of(columns, kElementwiseThreads), .y = grid_rows(rows), .threads = kElementwiseThreads}, params);
  }

  void norm(std::string_view kernel, int64_t rows, const NormParams& params) {
    launcher_.launch("norms", kernel, {.x = static_cast<uint32_t>(rows), .threads = norm_threads(params.width)}, params);
  }

  template <class Problem, class More>
  void gated(std::string_view kernel, std::span<const Problem> problems, const More& more) {
    for (size_t first = 0; first < problems.size(); first += kMostHalves) {
      SwiGluParams params{.rows = problems[first].rows};
      int64_t width = 0;
      uint32_t count = 0;
      for (const Problem& p : problems.subspan(first, std::min(problems.size() - first, static_cast<size_t>(kMostHalves)))) {
        params.halves[count++] = gates_of(p.gate, p.up, p.width, p.stride, p.y);
        width = std::max(width, p.width);
        more(p, params);
      }
      launcher_.launch("elementwise", kernel, {.x = blocks_of(width, kElementwiseThreads), .y = grid_rows(params.rows), .z = count, .threads = kElementwiseThreads},
                       params);
    }
  }

  static RouteScore score_of(RouterScore score) {
    switch (score) {
      case RouterScore::softmax: return RouteScore::softmax;
      case RouterScore::softmax_top_k: return RouteScore::softmax_top_k;
      case RouterScore::sigmoid: return RouteScore::sigmoid;
    }
    return {};
  }

  static void require_experts(int64_t experts) {
    if (experts <= kMostExperts) return;
    throw Error{Code::unsupported, fmt::format("the CUDA router takes up to {} experts, this model has {}; run it with --device cpu", kMostExperts, experts), "device"};
  }

  CudaDevice device_;
  Launcher launcher_;
  MathMode math_;
  int multiprocessors_;
  Scratch scratch_{device_};
  Products products_{launcher_, scratch_, math_};
};

}  // namespace

std::string cuda_unavailable() {
  if (!images_absent().empty()) return fmt::format("no CUDA kernels: {}", images_absent());
  if (std::string why = unavailable(); !why.empty()) return why;
  int count = 0;
  check(driver().cuDeviceGetCount(&count), "counting GPUs");
  std::string why;
  for (int gpu = 0; gpu < count; ++gpu) {
    const std::string wrong = wrong_architecture(gpu);
    if (wrong.empty()) return {};
    if (why.empty()) why = wrong;
  }
  return why;
}

bool cuda_supports(const WeightFormat& weight, MathMode) { return reads_weights(weight); }

std::unique_ptr<Ops> make_cuda_ops(const OpsConfig& config) {
  if (!images_absent().empty()) throw Error{Code::unsupported, fmt::format("no CUDA kernels: {}", images_absent()), "device"};
  device_at(config.gpu);
  if (const std::string wrong = wrong_architecture(config.gpu); !wrong.empty()) throw Error{Code::unsupported, wrong, "device"};
  if (config.math == MathMode::fp4 && attribute(config.gpu, CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR) != 12) {
    throw Error{Code::unsupported, fmt::format("GPU {} ({}) does not multiply FP4: mode 'fp4' needs a GB10; use mode 'bf16'", config.gpu, device_name(config.gpu)), "math"};
  }
  return std::make_unique<CudaOps>(config);
}

}  // namespace yoke::kernels::cuda
