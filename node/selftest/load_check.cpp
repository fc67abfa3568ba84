#include "node/selftest/load_check.h"

#include <fmt/format.h>
#include <sys/mman.h>

#include <algorithm>
#include <bit>
#include <map>
#include <optional>
#include <set>
#include <tuple>

#include "core/error.h"
#include "kernels/format/panel.h"
#include "kernels/format/values.h"
#include "node/selftest/cases.h"
#include "node/selftest/made_matrix.h"

namespace yoke::node::selftest {
namespace {

using kernels::PackedMatrix;

constexpr int64_t kBatch = 24;                       // rows: more than a kernel for few takes
constexpr int64_t kComparedRows[] = {0, kBatch - 1};  // of the batch, with the twin
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
      for (const int64_t row : kComparedRows) {
        const auto got = std::span(batch).subspan(static_cast<size_t>(row * width), static_cast<size_t>(width));
        if (std::string text = differs(host.matrix(), panel, row, got); !text.empty()) return text;
      }
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
    std::vector<int32_t> offsets(experts + 1, 1);
    offsets.front() = 0;
    offsets.back() = kGroupedPairs;
    if (experts == 1) offsets = {0, kGroupedPairs};
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
    for (int64_t pair = 0; pair < kGroupedPairs; ++pair) {
      const size_t expert = pair == 0 ? 0 : last;
      const HostMatrix host(p.matrices[expert], pool_, ops_.device(), panels);
      for (const int64_t panel : panels) {
        const auto got = std::span(y).subspan(static_cast<size_t>(pair * shape.rows + panel * kPanelRows),
                                              static_cast<size_t>(width_of(shape, panel)));
        if (const std::string text = differs(host.matrix(), panel, pair, got); !text.empty())
          return fmt::format("expert {} of these: {}", expert, text);
      }
    }
    return {};
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

  // One row of x through one panel, beside the twin.
  std::string differs(const PackedMatrix& w, int64_t panel, int64_t row, std::span<const float> got) {
    const float* const x = x_.data() + row * w.cols();
    const Range outputs = outputs_of(w.shape, panel);
    Comparison c;
    if (exact_ || !multiplies_as_bf16(w.shape.format)) {
      std::vector<float> wanted(got.size());
      twin_->run(kernels::Linear{.w = w,
                                 .x = x,
                                 .x_stride = w.cols(),
                                 .rows = 1,
                                 .y = wanted.data(),
                                 .y_stride = static_cast<int64_t>(wanted.size()),
                                 .outputs = outputs});
      c = same_bits(got, wanted);
    } else {
      c = within(got, bf16_expected(w, {x, static_cast<size_t>(w.cols())}, w.cols(), 1, nullptr, outputs));
    }
    return c.ok ? std::string() : fmt::format("outputs {}.. of row {}: {}", outputs.begin, row, c.text);
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

// The first and the last of each kind, in the order in which they are met.
class Sampler {
 public:
  void add(std::string_view role, std::string_view where, std::span<const PackedMatrix> matrices, bool grouped = false,
           bool embedding = false) {
    if (matrices.empty() || matrices.front().rows() == 0 || matrices.front().cols() == 0) return;
    const PackedMatrix& w = matrices.front();
    SampledProduct sample{.what = fmt::format("{} of {} ({}, {} x {})", role, where, name(w.shape.format), w.rows(), w.cols()),
                          .matrices = {matrices.begin(), matrices.end()}, .grouped = grouped, .embedding = embedding};
    const auto [at, first] = kinds_.try_emplace(
        {std::string(role), name(w.shape.format), w.rows(), w.cols(), w.shape.row_begin > 0}, samples_.size());
    if (first) {
      samples_.emplace_back(std::move(sample), std::nullopt);
    } else {
      samples_[at->second].second = std::move(sample);
    }
  }
  void add(std::string_view role, std::string_view where, const PackedMatrix& w) { add(role, where, std::span(&w, 1)); }

  std::vector<SampledProduct> take() {
    std::vector<SampledProduct> all;
    for (auto& [first, last] : samples_) {
      all.push_back(std::move(first));
      if (last) all.push_back(std::move(*last));
    }
    return all;
  }

 private:
  std::map<std::tuple<std::string, std::string, int64_t, int64_t, bool>, size_t> kinds_;
  std::vector<std::pair<SampledProduct, std::optional<SampledProduct>>> samples_;
};

void add_mlp(std::string_view prefix, std::string_view where, const forward::MlpWeights& w, Sampler& sampler) {
  sampler.add(fmt::format("{}gate", prefix), where, w.gate);
  sampler.add(fmt::format("{}up", prefix), where, w.up);
  sampler.add(fmt::format("{}down", prefix), where, w.down);
}

void add_half(const std::string& where, const forward::HalfWeights& w, Sampler& sampler) {
  sampler.add("q", where, w.q);
  sampler.add("k", where, w.k);
  sampler.add("v", where, w.v);
  sampler.add("o", where, w.o);
  sampler.add("q_b", where, w.q_b);
  add_mlp("", where, w.mlp, sampler);
  add_mlp("shared ", where, w.shared, sampler);
  sampler.add("experts' gate", where, w.experts.gate.matrices, true);
  sampler.add("experts' up", where, w.experts.up.matrices, true);
  sampler.add("experts' down", where, w.experts.down.matrices, true);
}

}  // namespace

std::vector<SampledProduct> sampled_products(const forward::Weights& weights) {
  Sampler sampler;
  for (size_t layer = 0; layer < weights.layers.size(); ++layer) {
    const forward::LayerWeights& w = weights.layers[layer];
    const std::string where = fmt::format("layer {}", layer);
    sampler.add("q_a", where, w.q_a);
    sampler.add("kv_a", where, w.kv_a);
    sampler.add("router", where, w.router);
    for (size_t half = 0; half < 2; ++half) add_half(fmt::format("layer {}, half {}", layer, half), w.half[half], sampler);
  }
  for (size_t half = 0; half < 2; ++half) {
    const std::string where = fmt::format("half {} of the vocabulary", half);
    sampler.add("embedding", where, std::span(&weights.embedding[half], 1), false, true);
    sampler.add("head", where, weights.head[half]);
  }
  return sampler.take();
}

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
