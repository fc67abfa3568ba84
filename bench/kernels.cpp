// Speed of the kernels, and beside it in the same run what the machine can do: memory read bandwidth and f32 fma peak of one
// core, measured by plain loops, and the sum of all Linears of one SmolLM2-135M token.
//   bench_kernels [--json FILE] [--threads N] [--quick]
#include <fmt/format.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <string>
#include <vector>

#include "bench/machine_peaks.h"
#include "core/clock.h"
#include "core/units.h"
#include "kernels/ops.h"

namespace {

using namespace yoke;
using namespace yoke::kernels;

// A matrix in packed form with random codes and small scales: what a kernel reads, without a file behind it.
std::vector<std::byte> random_panels(Dtype dtype, int64_t rows, int64_t cols) {
  std::vector<std::byte> panels(packed_matrix_bytes(dtype, rows, cols) + 64);
  uint32_t state = 1;
  for (std::byte& b : panels) {
    state = state * 1664525u + 1013904223u;
    b = static_cast<std::byte>((state >> 24) & 0x3Bu);  // keeps exponents of f32, f16 and bf16 far from infinity
  }
  return panels;
}

const std::byte* aligned(const std::vector<std::byte>& panels) {
  const auto address = reinterpret_cast<uintptr_t>(panels.data());
  return panels.data() + (64 - address % 64) % 64;
}

// The fastest of several runs: the machine is shared, and what interferes only ever slows a run down.
template <typename Body>
double best_seconds(int repeats, Body&& body) {
  double best = 1e30;
  for (int i = 0; i < repeats; ++i) {
    const TimePoint begin = system_clock().now();
    body();
    best = std::min(best, seconds(system_clock().now() - begin));
  }
  return best;
}

struct Shape {
  int64_t outputs, inputs;
};

// A product with a matrix of its own memory and the fastest time seen for it.
struct TimedProduct {
  std::vector<std::byte> weights;
  Linear problem;
  double seconds = 1e30;
};

// Runs all products in turn, several times over; each is timed alone, so that one interruption spoils one sample. Returns
// the sum of their fastest times.
double sum_of_best_seconds(Ops& ops, std::vector<TimedProduct>& products, int repeats) {
  for (int i = 0; i < repeats; ++i) {
    for (TimedProduct& product : products) {
      product.seconds = std::min(product.seconds, best_seconds(1, [&] { ops.run(product.problem); }));
    }
  }
  double sum = 0;
  for (const TimedProduct& product : products) sum += product.seconds;
  return sum;
}

struct Activations {
  std::vector<float> x, y;
  Activations(int64_t rows, Shape largest)
      : x(static_cast<size_t>(rows * largest.inputs), 0.37f), y(static_cast<size_t>(rows * largest.outputs)) {}
};

TimedProduct make_product(Dtype dtype, Shape shape, int64_t rows, Activations& memory) {
  TimedProduct product{random_panels(dtype, shape.outputs, shape.inputs), {}};
  const PackedMatrix w{dtype, shape.outputs, shape.inputs, aligned(product.weights)};
  product.problem = Linear{w, memory.x.data(), shape.inputs, rows, memory.y.data(), shape.outputs};
  return product;
}

double linear_seconds(Ops& ops, Dtype dtype, Shape shape, int64_t rows, int repeats) {
  // Several copies in turn, more than the last-level cache holds: in a model no weight is read twice in a row.
  const uint64_t bytes = packed_matrix_bytes(dtype, shape.outputs, shape.inputs);
  const size_t copies = rows >= 16 ? 1 : std::max<size_t>(1, (96u << 20) / bytes);
  Activations memory(rows, shape);
  std::vector<TimedProduct> products;
  for (size_t i = 0; i < copies; ++i) products.push_back(make_product(dtype, shape, rows, memory));
  return sum_of_best_seconds(ops, products, repeats) / static_cast<double>(copies);
}

// Every Linear of one token of SmolLM2-135M-Instruct.Q4_1, each with memory of its own.
double smollm2_token_seconds(Ops& ops, int repeats) {
  constexpr Shape kLayer[] = {{576, 576}, {192, 576}, {192, 576}, {576, 576}, {1536, 576}, {1536, 576}, {576, 1536}};
  Activations memory(1, {49152, 1536});
  std::vector<TimedProduct> products;
  for (int layer = 0; layer < 30; ++layer) {
    for (const Shape shape : kLayer) products.push_back(make_product(Dtype::q4_1, shape, 1, memory));
  }
  products.push_back(make_product(Dtype::q8_0, {49152, 576}, 1, memory));
  return sum_of_best_seconds(ops, products, repeats);
}

struct AttentionShape {
  int64_t rows, context;
};

// SmolLM2's heads: 3 KV heads of 3 query heads each, head_dim 64. The last `rows` positions of one sequence.
double attention_seconds(Ops& ops, AttentionShape shape, int repeats) {
  const int64_t blocks = ceil_div(shape.context, kKvBlockTokens);
  KvCacheView cache{nullptr, 3, 64};
  std::vector<float> data(static_cast<size_t>(blocks * cache.block_floats()), 0.01f);
  cache.data = data.data();
  std::vector<int32_t> table(static_cast<size_t>(blocks));
  for (size_t i = 0; i < table.size(); ++i) table[i] = static_cast<int32_t>(table.size() - 1 - i);
  std::vector<RowPlace> rows;
  for (int64_t r = 0; r < shape.rows; ++r) rows.push_back({table.data(), shape.context - shape.rows + r});
  const std::vector<float> q(static_cast<size_t>(shape.rows * 576), 0.1f);
  std::vector<float> out(q.size());
  const Attention problem{q.data(), 576, rows, cache, 3, 0.125f, out.data(), 576};
  ops.run(problem);
  return best_seconds(repeats, [&] { ops.run(problem); });
}

struct Options {
  std::string json;
  int threads = 1;
  bool quick = false;
};

struct Report {
  std::vector<std::string> entries;
  void line(const std::string& text, const std::string& json) {
    std::puts(text.c_str());
    entries.push_back(json);
  }
};

void report_peaks(const bench::MachinePeaks& peaks, Report& report) {
  report.line(fmt::format("one core: fma peak {:.1f} GMAC/s, memory read {:.1f} GB/s", peaks.gmacs, peaks.gigabytes),
              fmt::format(R"({{"what": "peak", "gmacs": {:.2f}, "gigabytes_per_s": {:.2f}}})", peaks.gmacs, peaks.gigabytes));
}

void report_linear(Ops& ops, const Options& options, const bench::MachinePeaks& peaks, Report& report) {
  constexpr Shape kShape{1536, 576};
  std::printf("\n%-6s %5s %10s %8s %8s\n", "Linear", "rows", "GMAC/s", "of peak", "GB/s");
  for (const Dtype dtype : {Dtype::q4_1, Dtype::q4_0, Dtype::q8_0, Dtype::f16, Dtype::bf16, Dtype::f32}) {
    for (const int64_t rows : {1, 4, 16, 64, 512}) {
      const double s = linear_seconds(ops, dtype, kShape, rows, options.quick ? 2 : rows >= 64 ? 5 : 12);
      const double gmacs = static_cast<double>(rows * kShape.outputs * kShape.inputs) / s * 1e-9;
      const double gigabytes = static_cast<double>(packed_matrix_bytes(dtype, kShape.outputs, kShape.inputs)) / s * 1e-9;
      report.line(fmt::format("{:6} {:5} {:10.1f} {:7.0f}% {:8.1f}", name(dtype), rows, gmacs, 100 * gmacs / peaks.gmacs, gigabytes),
                  fmt::format(R"({{"what": "linear", "dtype": "{}", "rows": {}, "outputs": {}, "inputs": {}, "gmacs": {:.2f}, "gigabytes_per_s": {:.2f}}})",
                              name(dtype), rows, kShape.outputs, kShape.inputs, gmacs, gigabytes));
    }
  }
}

void report_attention(Ops& ops, const Options& options, const bench::MachinePeaks& peaks, Report& report) {
  std::printf("\n%-9s %5s %8s %10s %8s\n", "Attention", "rows", "context", "us", "of peak");
  for (const AttentionShape shape : {AttentionShape{1, 128}, {1, 1024}, {1, 8192}, {64, 64}, {64, 1024}, {256, 4096}}) {
    const double s = attention_seconds(ops, shape, options.quick ? 2 : 10);
    const double positions = static_cast<double>(shape.rows) * (static_cast<double>(shape.context) - static_cast<double>(shape.rows - 1) / 2);
    const double share = 2 * positions * 576 / s * 1e-9 / peaks.gmacs;
    report.line(fmt::format("{:9} {:5} {:8} {:10.1f} {:7.0f}%", "", shape.rows, shape.context, s * 1e6, 100 * share),
                fmt::format(R"({{"what": "attention", "rows": {}, "context": {}, "microseconds": {:.2f}}})", shape.rows, shape.context, s * 1e6));
  }
}

Options parse(int argc, char** argv) {
  Options options;
  for (int i = 1; i < argc; ++i) {
    const bool has_value = i + 1 < argc;
    if (std::strcmp(argv[i], "--quick") == 0) {
      options.quick = true;
    } else if (std::strcmp(argv[i], "--json") == 0 && has_value) {
      options.json = argv[++i];
    } else if (std::strcmp(argv[i], "--threads") == 0 && has_value) {
      options.threads = std::max(1, std::atoi(argv[++i]));
    } else {
      std::fprintf(stderr, "usage: bench_kernels [--json FILE] [--threads N] [--quick]\n");
      std::exit(2);
    }
  }
  return options;
}

}  // namespace

int main(int argc, char** argv) {
  const Options options = parse(argc, argv);
  const auto ops = ops_backend("cpu").make(options.threads);
  Report report;
  const bench::MachinePeaks peaks = bench::measure_machine_peaks(options.quick ? 3 : 10);
  report_peaks(peaks, report);
  const double token = smollm2_token_seconds(*ops, options.quick ? 3 : 20);
  report.line(fmt::format("all Linears of one SmolLM2-135M Q4_1 token, {} thread(s): {:.2f} ms", options.threads, token * 1e3),
              fmt::format(R"({{"what": "smollm2_token", "threads": {}, "milliseconds": {:.3f}}})", options.threads, token * 1e3));
  report_linear(*ops, options, peaks, report);
  report_attention(*ops, options, peaks, report);
  if (options.json.empty()) return 0;
  std::ofstream file(options.json);
  file << "[\n";
  for (size_t i = 0; i < report.entries.size(); ++i) {
    file << "  " << report.entries[i] << (i + 1 < report.entries.size() ? ",\n" : "\n");
  }
  file << "]\n";
  return file.good() ? 0 : 1;
}
