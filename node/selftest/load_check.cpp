#include "node/selftest/load_check.h"

#include <fmt/format.h>
#include <sys/mman.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <set>

#include "core/error.h"
#include "kernels/format/panel.h"
#include "kernels/format/values.h"
#include "node/selftest/cases.h"
#include "node/selftest/made_matrix.h"

namespace yoke::node::selftest {
namespace {

using kernels::PackedMatrix;

constexpr int64_t kBatch = 24;                       // rows: more than a kernel for few takes
constexpr int64_t kLanesApart = 4;                   // mode bf16: every fourth output of a panel; its twin decodes in plain loops
constexpr int64_t kGroupedPairs = 3;                 // one of the first expert, two of the last
constexpr Duration kDeadline = std::chrono::seconds(30);

// A matrix where the host can read it. Of what lies on the device alone the wanted panels and all behind the panels are copied to the
// places that they would have: the rest is never touched and takes no memory.
class HostMatrix {
 public:
  HostMatrix(const PackedMatrix& w, const Pool& pool, kernels::Device& device, std::span<const int64_t> panels) : shape_(w.shape) {
    if (device.is_host()) {
      data_ = w.data;
    } else if (pool.memory().host() != nullptr) {
      data_ = pool.memory().host() + (w.data - pool.memory().kernels());
    } else {
      copy(w, device, panels);
    }
  }
  ~HostMatrix() {
    if (mapped_ != nullptr) munmap(mapped_, shape_.bytes());
  }
  HostMatrix(const HostMatrix&) = delete;
  HostMatrix& operator=(const HostMatrix&) = delete;
  PackedMatrix matrix() const { return {shape_, data_}; }

 private:
  void copy(const PackedMatrix& w, kernels::Device& device, std::span<const int64_t> panels) {
    void* const at = mmap(nullptr, shape_.bytes(), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (at == MAP_FAILED) throw Error{Code::does_not_fit, fmt::format("no address space for a matrix of {} bytes", shape_.bytes())};
    mapped_ = static_cast<std::byte*>(at);
    data_ = mapped_;
    const uint64_t panel = shape_.panel_bytes(), tail = panel * static_cast<uint64_t>(ceil_div(shape_.rows, kPanelRows));
    const auto download = [&](uint64_t begin, uint64_t bytes) {
      if (bytes > 0) device.download({mapped_ + begin, bytes}, w.data + begin);
    };
    for (const int64_t p : panels) download(static_cast<uint64_t>(p) * panel, panel);
    download(tail, shape_.bytes() - tail);
  }

  PackedShape shape_;
  std::byte* mapped_ = nullptr;
  const std::byte* data_ = nullptr;
};

// The first, the last, and one in between by the matrix's place in the list.
std::vector<int64_t> sampled_panels(const PackedShape& shape, uint64_t seed) {
  const int64_t panels = ceil_div(shape.rows, kPanelRows);
  std::set<int64_t> chosen = {0, panels - 1, Numbers(seed).between(0, panels - 1)};
  return {chosen.begin(), chosen.end()};
}

Range outputs_of(const PackedShape& shape, int64_t panel) {
  return {panel * kPanelRows, std::min((panel + 1) * kPanelRows, round_up(shape.rows, kPanelRows))};
}
int64_t width_of(const PackedShape& shape, int64_t panel) { return std::min(kPanelRows, shape.rows - panel * kPanelRows); }

// Mode fp4 rounds x in blocks, to what a scale times E2M1 can hold. Of these levels it loses nothing, whatever a block's greatest is, so
// that the bounds of mode bf16 hold.
float level_of_fp4(float x) {
  const float level = std::abs(x) < 0.25f ? 0.0f : std::abs(x) < 0.5f ? 1.5f : std::abs(x) < 0.75f ? 3.0f : 6.0f;
  return std::copysign(level, x);
}

// Rows of x: the first of them, how far apart they are, how many.
struct Taken {
  int64_t first, step, count;
};

class Checker {
 public:
  Checker(const std::vector<SampledProduct>& products, const Pool& pool, kernels::Ops& ops)
      : pool_(pool), ops_(ops), exact_(ops.math() == MathMode::exact),
        twin_(kernels::ops_backend(ops.device().is_host() ? "reference" : "cpu").make({.threads = 2})) {
    int64_t inputs = 1, outputs = kPanelRows;
    for (const SampledProduct& p : products) {
      inputs = std::max(inputs, p.matrices.front().cols());
      if (p.grouped) outputs = std::max(outputs, p.matrices.front().rows());
    }
    x_ = Numbers(7).reals(kBatch * inputs);
    if (ops.math() == MathMode::fp4) std::ranges::transform(x_, x_.begin(), level_of_fp4);
    device_x_ = put(std::as_bytes(std::span(x_)));
    y_floats_ = std::max(kBatch * kPanelRows, kGroupedPairs * outputs);
    y_floats_ = std::max(y_floats_, 2 * inputs);  // two rows looked up
    device_y_ = reinterpret_cast<float*>(
        ops.device().allocate(static_cast<uint64_t>(y_floats_) * sizeof(float), kernels::Device::Memory::local));
  }

  // What differs; empty where nothing does.
  std::string check(const SampledProduct& p, uint64_t seed) {
    if (p.embedding) return lookup(p.matrices.front());
    return p.grouped ? grouped(p, seed) : plain(p.matrices.front(), seed);
  }

  uint64_t hash() const { return hash_; }

 private:
  std::string plain(const PackedMatrix& w, uint64_t seed) {
    const std::vector<int64_t> panels = sampled_panels(w.shape, seed);
    const HostMatrix host(w, pool_, ops_.device(), panels);
    for (const int64_t panel : panels) {
      const int64_t width = width_of(w.shape, panel);
      const std::vector<float> alone = multiply(w, panel, 1), batch = multiply(w, panel, kBatch);
      if (const Comparison c = same_bits(std::span(batch).first(static_cast<size_t>(width)), alone); !c.ok) {
        return fmt::format("outputs {}..: a row in a batch of {} and alone: {}", panel * kPanelRows, kBatch, c.text);
      }
      // The first and the last row of the batch.
      std::vector<float> ends(batch.begin(), batch.begin() + width);
      ends.insert(ends.end(), batch.end() - width, batch.end());
      if (std::string text = differs(host.matrix(), panel, {0, kBatch - 1, 2}, ends); !text.empty()) return text;
    }
    return {};
  }

  // y [rows, outputs of the panel]
  std::vector<float> multiply(const PackedMatrix& w, int64_t panel, int64_t rows) {
    const int64_t width = width_of(w.shape, panel);
    poison(rows * width);
    ops_.run(kernels::Linear{.w = w,
                             .x = device_x_,
                             .x_stride = w.cols(),
                             .rows = rows,
                             .y = device_y_,
                             .y_stride = width,
                             .outputs = outputs_of(w.shape, panel)});
    return results(rows * width);
  }

  std::string grouped(const SampledProduct& p, uint64_t seed) {
    const size_t experts = p.matrices.size(), last = experts - 1;
    const PackedShape& shape = p.matrices.front().shape;
    // Positions 0 of the first expert; 1 and 2 of the last; by rows 0, 1, 2 of x.
    std::vector<int32_t> offsets{0};
    for (size_t e = 0; e < last; ++e) offsets.push_back(1);
    offsets.push_back(kGroupedPairs);
    poison(kGroupedPairs * shape.rows);
    ops_.run(kernels::GroupedLinear{.experts = p.matrices,
                                    .offsets = reinterpret_cast<const int32_t*>(put(std::as_bytes(std::span(offsets)))),
                                    .pairs = kGroupedPairs,
                                    .top_k = 1,
                                    .x = device_x_,
                                    .x_stride = shape.cols,
                                    .y = device_y_});
    const std::vector<float> y = results(kGroupedPairs * shape.rows);
    const std::vector<int64_t> panels = sampled_panels(shape, seed);
    for (const Taken taken : {Taken{0, 1, 1}, Taken{1, 1, kGroupedPairs - 1}}) {
      const size_t expert = taken.first == 0 ? 0 : last;
      const HostMatrix host(p.matrices[expert], pool_, ops_.device(), panels);
      for (const int64_t panel : panels) {
        const std::string text = differs(host.matrix(), panel, taken, columns(y, shape, panel, taken));
        if (!text.empty()) return fmt::format("expert {} of these: {}", expert, text);
      }
    }
    return {};
  }

  // Of y [pairs, outputs] the panel's outputs of the rows that were taken.
  static std::vector<float> columns(const std::vector<float>& y, const PackedShape& shape, int64_t panel, Taken taken) {
    std::vector<float> all;
    for (int64_t i = 0; i < taken.count; ++i) {
      const auto begin = y.begin() + (taken.first + i * taken.step) * shape.rows + panel * kPanelRows;
      all.insert(all.end(), begin, begin + width_of(shape, panel));
    }
    return all;
  }

  std::string lookup(const PackedMatrix& w) {
    const std::vector<int32_t> rows = {0, static_cast<int32_t>(w.rows() - 1)};
    const std::vector<int64_t> panels = {0, (w.rows() - 1) / kPanelRows};
    const HostMatrix host(w, pool_, ops_.device(), panels);
    poison(2 * w.cols());
    ops_.run(kernels::EmbeddingLookup{
        .w = w,
        .rows_of_w = {reinterpret_cast<const int32_t*>(put(std::as_bytes(std::span(rows)))), rows.size()},
        .y = device_y_,
        .y_stride = w.cols()});
    const std::vector<float> got = results(2 * w.cols());
    std::vector<float> wanted(got.size());
    for (size_t i = 0; i < rows.size(); ++i) {
      kernels::format::weights(host.matrix(), rows[i], {0, w.cols()}, wanted.data() + static_cast<int64_t>(i) * w.cols());
    }
    return same_bits(got, wanted).text;
  }

  // Rows of x through one panel, beside the twin: got [rows, outputs of the panel].
  std::string differs(const PackedMatrix& w, int64_t panel, Taken taken, std::span<const float> got) {
    const int64_t stride = taken.step * w.cols(), width = width_of(w.shape, panel);
    const float* const x = x_.data() + taken.first * w.cols();
    const Range outputs = outputs_of(w.shape, panel);
    Comparison c;
    if (exact_ || !multiplies_as_bf16(w.shape.format)) {
      std::vector<float> wanted(got.size());
      twin_->run(kernels::Linear{
          .w = w, .x = x, .x_stride = stride, .rows = taken.count, .y = wanted.data(), .y_stride = width, .outputs = outputs});
      c = same_bits(got, wanted);
    } else {
      const std::span<const float> rows{x, static_cast<size_t>((taken.count - 1) * stride + w.cols())};
      for (int64_t lane = panel % kLanesApart; lane < width && c.ok; lane += kLanesApart) {
        std::vector<float> of_lane;
        for (int64_t i = 0; i < taken.count; ++i) of_lane.push_back(got[static_cast<size_t>(i * width + lane)]);
        const int64_t n = outputs.begin + lane;
        c = within(of_lane, bf16_expected(w, rows, stride, taken.count, nullptr, {n, n + 1}));
      }
    }
    return c.ok ? std::string() : fmt::format("outputs {}..: {}", outputs.begin, c.text);
  }

  float* put(std::span<const std::byte> bytes) {
    std::byte* const at = ops_.device().allocate(bytes.size(), kernels::Device::Memory::local);
    ops_.device().upload(at, bytes);
    return reinterpret_cast<float*>(at);
  }

  void poison(int64_t floats) {
    YOKE_ASSERT(floats <= y_floats_);
    poison_.assign(static_cast<size_t>(floats), std::bit_cast<float>(0xFFFFFFFFu));
    ops_.device().upload(reinterpret_cast<std::byte*>(device_y_), std::as_bytes(std::span(poison_)));
  }

  std::vector<float> results(int64_t floats) {
    std::vector<float> y(static_cast<size_t>(floats));
    ops_.device().finish(kDeadline, "a product of the load's check");
    ops_.device().download(std::as_writable_bytes(std::span(y)), reinterpret_cast<const std::byte*>(device_y_));
    for (const float value : y) hash_ = (hash_ ^ std::bit_cast<uint32_t>(value)) * 0x100000001B3u;  // FNV-1a, by words
    return y;
  }

  const Pool& pool_;
  kernels::Ops& ops_;
  const bool exact_;
  std::unique_ptr<kernels::Ops> twin_;
  std::vector<float> x_, poison_;
  float *device_x_, *device_y_;
  int64_t y_floats_;
  uint64_t hash_ = 0xCBF29CE484222325u;
};

}  // namespace

LoadCheck check_load(const forward::Weights& weights, const Pool& pool, kernels::Ops& ops, Duration budget) {
  const TimePoint begin = system_clock().now();
  const std::vector<SampledProduct> products = sampled_products(weights);
  Checker checker(products, pool, ops);
  LoadCheck check;
  for (const SampledProduct& p : products) {
    if (system_clock().now() - begin > budget) {
      ++check.left_out;
      continue;
    }
    ++check.products;
    const std::string text = checker.check(p, static_cast<uint64_t>(check.products));
    if (text.empty()) continue;
    check.ok = false;
    check.text = fmt::format("{}: {}", p.what, text);
    break;
  }
  check.hash = checker.hash();
  check.seconds = seconds(system_clock().now() - begin);
  if (check.ok) {
    check.text = fmt::format("{} products of the loaded weights {}", check.products,
                             ops.math() == MathMode::exact ? "have their twins' bits" : "are within their bounds");
    if (check.left_out > 0) check.text += fmt::format("; {} left out after {:.1f} s", check.left_out, check.seconds);
  }
  return check;
}

}  // namespace yoke::node::selftest
