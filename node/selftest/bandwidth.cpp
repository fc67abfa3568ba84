#include "node/selftest/bandwidth.h"

#include <fmt/format.h>

#include <algorithm>

#include "core/cuda/driver.h"
#include "core/error.h"
#include "core/units.h"
#include "kernels/cuda/cuda_device.h"
#include "model/known/layers.h"
#include "node/selftest/decode_products.h"
#include "node/selftest/device_facts.h"
#include "node/selftest/made_matrix.h"

namespace yoke::node::selftest {
namespace {

using kernels::Device;

constexpr uint64_t kArena = 1ull << 30, kArenaEmulated = 2 << 20;
constexpr uint64_t kPiece = 16 << 20;
constexpr uint64_t kReadAPlay = 4ull << 30;  // 16 to 20 ms at the rate of a GB10: the clock and a launch do not count
constexpr int kPlays = 3;
constexpr Duration kDeadline = std::chrono::minutes(2);
constexpr const char* kFormat = "nvfp4";

// Bytes of which any product makes finite numbers: no e4m3 scale is NaN, no f32 large.
void fill(Device& device, std::byte* arena, uint64_t bytes) {
  Numbers numbers(1);
  std::vector<uint64_t> piece(std::min(kPiece, bytes) / sizeof(uint64_t));
  for (uint64_t& word : piece) word = numbers.bits() & 0x3F3F3F3F3F3F3F3Fu;
  const auto pattern = std::as_bytes(std::span(piece));
  for (uint64_t at = 0; at < bytes; at += pattern.size())
    device.upload(arena + at, pattern.first(std::min<uint64_t>(pattern.size(), bytes - at)));
}

struct Bench {
  kernels::Ops& ops;
  std::byte* arena;
  uint64_t arena_bytes;
  float *x, *y;
  int32_t *offsets, *slots;  // of grouped products
  int plays;
  uint64_t read_a_play;
};

// From a device's memory to its memory. Read and written bytes both count.
double copy_rate(kernels::cuda::CudaDevice& device, const Bench& bench) {
  const uint64_t half = bench.arena_bytes / 2;
  const int copies = bench.plays == 1 ? 1 : 8;
  const auto from = reinterpret_cast<cuda::CUdeviceptr>(bench.arena);
  double best = 0;
  device.use();
  for (int play = 0; play <= bench.plays; ++play) {  // the first warms up
    const TimePoint begin = system_clock().now();
    for (int i = 0; i < copies; ++i) {
      cuda::check(cuda::driver().cuMemcpyDtoDAsync(from + half, from, half, device.stream()),
                  fmt::format("copying {} on the GPU", format_bytes(half)));
    }
    device.finish(kDeadline, "copies on the GPU");
    if (play > 0) best = std::max(best, 2e-9 * static_cast<double>(half) * copies / seconds(system_clock().now() - begin));
  }
  return best;
}

// The product with its matrices at `at`.
void run_once(const DecodeProduct& product, const WeightFormat& format, std::byte* at, const Bench& bench) {
  std::vector<kernels::PackedMatrix> matrices;
  const auto take = [&](const PackedShape& shape) {
    matrices.push_back({shape, at});
    at += round_up(static_cast<int64_t>(shape.bytes()), 256);
  };
  for (const PackedShape& shape : product.shapes(format)) {
    for (int64_t e = 0; e < std::max<int64_t>(product.experts, 1); ++e) take(shape);
  }
  if (product.experts > 0) {
    return bench.ops.run(kernels::GroupedLinear{.experts = matrices, .offsets = bench.offsets, .slots = bench.slots, .pairs = product.top_k,
                                                .top_k = product.top_k, .x = bench.x, .x_stride = product.inputs, .y = bench.y});
  }
  std::vector<kernels::Linear> problems;
  float* y = bench.y;
  for (const kernels::PackedMatrix& w : matrices) {
    problems.push_back({.w = w, .x = bench.x, .x_stride = product.inputs, .rows = 1, .y = y, .y_stride = w.rows()});
    y += round_up(w.rows(), 64);
  }
  bench.ops.run(std::span<const kernels::Linear>(problems));
}

// Through the arena again and again, so that no cache holds what comes next.
Bandwidth measure(const DecodeProduct& product, const WeightFormat& format, const Bench& bench, const std::function<void()>& under_load) {
  const uint64_t room = product.room(format), bytes = product.bytes(format);
  const uint64_t places = std::max<uint64_t>(1, std::min<uint64_t>(bench.arena_bytes / room, 256));
  const uint64_t runs = std::max<uint64_t>(places, bench.read_a_play / bytes);
  for (uint64_t i = 0; i < places; ++i) run_once(product, format, bench.arena + i * room, bench);  // tables of experts are made
  bench.ops.device().finish(kDeadline, product.name);
  const auto recording = bench.ops.device().record([&] {
    for (uint64_t i = 0; i < runs; ++i) run_once(product, format, bench.arena + i % places * room, bench);
  });
  double best = 1e300;
  for (int play = 0; play < bench.plays; ++play) {
    const TimePoint begin = system_clock().now();
    recording->play();
    if (play + 1 == bench.plays) under_load();
    bench.ops.device().finish(kDeadline, product.name);
    best = std::min(best, seconds(system_clock().now() - begin));
  }
  Bandwidth row{.model = product.model,
                .product = product.name,
                .inputs = product.inputs,
                .format = kFormat,
                .math = std::string(name(bench.ops.math())),
                .bytes = bytes};
  for (const int64_t n : product.outputs) row.outputs += n;
  row.microseconds = best * 1e6 / static_cast<double>(runs);
  row.gb_per_s = static_cast<double>(bytes) / row.microseconds * 1e-3;
  return row;
}

Bench prepare(kernels::Ops& ops, const std::vector<DecodeProduct>& products, uint64_t arena_bytes, bool emulated) {
  Device& device = ops.device();
  int64_t inputs = 0, outputs = 0;
  for (const DecodeProduct& p : products) {
    inputs = std::max(inputs, p.inputs);
    int64_t sum = 0;
    for (const int64_t n : p.outputs) sum += round_up(n, 64);
    outputs = std::max(outputs, sum * std::max<int64_t>(1, p.top_k));
  }
  const auto put = [&](auto values) {
    const auto bytes = std::as_bytes(std::span<const typename decltype(values)::value_type>(values));
    std::byte* const at = device.allocate(bytes.size(), Device::Memory::local);
    device.upload(at, bytes);
    return at;
  };
  std::byte* const arena = device.allocate(arena_bytes, Device::Memory::local);
  fill(device, arena, arena_bytes);
  // Experts 1 and 2 take the token.
  std::vector<int32_t> offsets(257, 2);
  offsets[0] = offsets[1] = 0;
  offsets[2] = 1;
  return {.ops = ops,
          .arena = arena,
          .arena_bytes = arena_bytes,
          .x = reinterpret_cast<float*>(put(Numbers(2).reals(inputs))),
          .y = reinterpret_cast<float*>(put(std::vector<float>(static_cast<size_t>(outputs)))),
          .offsets = reinterpret_cast<int32_t*>(put(offsets)),
          .slots = reinterpret_cast<int32_t*>(put(std::vector<int32_t>{0, 1})),
          .plays = emulated ? 1 : kPlays,
          .read_a_play = emulated ? 0 : kReadAPlay};
}

}  // namespace

void measure_bandwidth(int gpu, Report& report, const OnProgress& progress) {
  const kernels::OpsBackend& backend = kernels::ops_backend("cuda");
  const WeightFormat format = model::known::format_named(kFormat);
  const bool emulated = report.device.emulated;
  const MathMode math = backend.supports(format, MathMode::bf16) ? MathMode::bf16 : MathMode::exact;
  const std::vector<DecodeProduct> products = emulated ? emulated_products() : measured_products(format);
  const uint64_t arena = emulated ? kArenaEmulated : kArena;
  try {
    const auto ops = backend.make({.gpu = gpu, .math = math});
    auto* const device = dynamic_cast<kernels::cuda::CudaDevice*>(&ops->device());
    YOKE_ASSERT(device != nullptr);
    const Bench bench = prepare(*ops, products, arena, emulated);
    report.copy_gb_per_s = copy_rate(*device, bench);
    for (size_t i = 0; i < products.size(); ++i) {
      if (progress) progress(fmt::format("{} {}", products[i].model, products[i].name), i, products.size());
      report.bandwidth.push_back(measure(products[i], format, bench, [&] { report.device.loaded = reading_of(gpu); }));
      report.bandwidth.back().share = report.bandwidth.back().gb_per_s / report.copy_gb_per_s;
    }
  } catch (const Error& error) {
    report.no_bandwidth = error.what();
    report.checks.push_back({.name = "decode products at the sizes of large models",
                             .ok = error.code() == Code::does_not_fit,
                             .note = error.what(),
                             .ran = error.code() != Code::does_not_fit});
  }
}

}  // namespace yoke::node::selftest
