// Speed of the kernels, and beside it in the same run what the machine can do: memory read bandwidth and f32 fma peak of one
// core, measured by plain loops, and the sum of all Linears of one SmolLM2-135M token.
//   bench_kernels [--json FILE] [--threads N] [--quick]
#include <fmt/format.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "bench/machine_peaks.h"
#include "core/clock.h"
#include "core/units.h"
#include "kernels/ops.h"

namespace {

using namespace yoke;
using namespace yoke::kernels;

// A matrix in packed form with random codes and small scales: what a kernel reads, without a file behind it.
std::vector<std::byte> random_panels(const PackedShape& shape) {
  std::vector<std::byte> panels(shape.bytes() + 64);
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

PackedShape packed(Dtype dtype, Shape shape) { return {.format = plain_format(dtype), .rows = shape.outputs, .cols = shape.inputs}; }

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
  TimedProduct product{random_panels(packed(dtype, shape)), {}};
  const PackedMatrix w{packed(dtype, shape), aligned(product.weights)};
  product.problem = Linear{w, memory.x.data(), shape.inputs, rows, memory.y.data(), shape.outputs};
  return product;
}

double linear_seconds(Ops& ops, Dtype dtype, Shape shape, int64_t rows, int repeats) {
  // Several copies in turn, more than the last-level cache holds: in a model no weight is read twice in a row.
  const uint64_t bytes = packed(dtype, shape).bytes();
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

// The last `rows` positions of one sequence.
struct AttentionCase {
  KvShape cache;
  int64_t heads_per_kv;
  int64_t rows, context;

  // Multiplications of all rows and heads: row r sees context - rows + r + 1 positions.
  double multiplications() const {
    const double positions = static_cast<double>(rows) * (static_cast<double>(context) - static_cast<double>(rows - 1) / 2);
    return positions * static_cast<double>(cache.kv_heads * heads_per_kv * (cache.key_dim + cache.value_dim));
  }
};

// Keys and values are what KvAppend makes of small numbers.
double attention_seconds(Ops& ops, const AttentionCase& c, int repeats) {
  const int64_t blocks = ceil_div(c.context, kKvBlockTokens);
  std::vector<std::byte> data(static_cast<size_t>(blocks * c.cache.block_bytes()));
  KvCacheView cache;
  static_cast<KvShape&>(cache) = c.cache;
  cache.data = data.data();
  std::vector<int32_t> table(static_cast<size_t>(blocks));
  for (size_t i = 0; i < table.size(); ++i) table[i] = static_cast<int32_t>(table.size() - 1 - i);
  std::vector<RowPlace> all;
  for (int64_t t = 0; t < c.context; ++t) all.push_back({table.data(), t, t + 1});
  const std::vector<float> token(static_cast<size_t>(c.cache.kv_heads * std::max(c.cache.key_dim, c.cache.value_dim)), 0.01f);
  ops.run(KvAppend{token.data(), 0, token.data(), 0, all, cache});

  const int64_t heads = c.cache.kv_heads * c.heads_per_kv;
  const std::vector<float> q(static_cast<size_t>(c.rows * heads * c.cache.key_dim), 0.1f);
  std::vector<float> out(static_cast<size_t>(c.rows * heads * c.cache.value_dim));
  const Attention problem{.q = q.data(), .q_stride = heads * c.cache.key_dim, .rows = std::span(all).last(static_cast<size_t>(c.rows)),
                          .cache = cache, .heads_per_kv = c.heads_per_kv, .scale = 0.125f, .out = out.data(),
                          .out_stride = heads * c.cache.value_dim};
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
      const double gigabytes = static_cast<double>(packed(dtype, kShape).bytes()) / s * 1e-9;
      report.line(fmt::format("{:6} {:5} {:10.1f} {:7.0f}% {:8.1f}", name(dtype), rows, gmacs, 100 * gmacs / peaks.gmacs, gigabytes),
                  fmt::format(R"({{"what": "linear", "dtype": "{}", "rows": {}, "outputs": {}, "inputs": {}, "gmacs": {:.2f}, "gigabytes_per_s": {:.2f}}})",
                              name(dtype), rows, kShape.outputs, kShape.inputs, gmacs, gigabytes));
    }
  }
}

void report_attention_case(Ops& ops, const AttentionCase& c, const bench::MachinePeaks& peaks, int repeats, Report& report) {
  const double s = attention_seconds(ops, c, repeats);
  const double share = c.multiplications() / s * 1e-9 / peaks.gmacs;
  const KvShape& kv = c.cache;
  report.line(fmt::format("{:9} {:>5} {:>9} {:5} {:8} {:10.1f} {:7.0f}%", kv_type_name(kv.type), kv.kv_heads * c.heads_per_kv,
                          fmt::format("{}+{}", kv.key_dim, kv.value_dim), c.rows, c.context, s * 1e6, 100 * share),
              fmt::format(R"({{"what": "attention", "kv": "{}", "heads": {}, "key_dim": {}, "value_dim": {}, "rows": {}, "context": {}, "microseconds": {:.2f}}})",
                          kv_type_name(kv.type), kv.kv_heads * c.heads_per_kv, kv.key_dim, kv.value_dim, c.rows, c.context, s * 1e6));
}

// SmolLM2's heads, 3 KV heads of 3 query heads each; then, for every type of the cache, a rank's half of Llama 3.1 405B's (4 of 16)
// and of DeepSeek-V3's (64 on one latent).
void report_attention(Ops& ops, const Options& options, const bench::MachinePeaks& peaks, Report& report) {
  const int repeats = options.quick ? 2 : 10;
  std::printf("\n%-9s %5s %9s %5s %8s %10s %8s\n", "Attention", "heads", "dims", "rows", "context", "us", "of peak");
  constexpr KvShape kSmollm2{Dtype::f32, 3, 64, 64};
  for (const auto& [rows, context] : {std::pair<int64_t, int64_t>{1, 128}, {1, 1024}, {1, 8192}, {64, 64}, {64, 1024}, {256, 4096}}) {
    report_attention_case(ops, {kSmollm2, 3, rows, context}, peaks, repeats, report);
  }
  for (const KvTypeName& type : kKvTypes) {
    report_attention_case(ops, {{type.type, 3, 64, 64}, 3, 1, 8192}, peaks, repeats, report);
    report_attention_case(ops, {{type.type, 4, 128, 128}, 16, 1, 4096}, peaks, repeats, report);
    report_attention_case(ops, {{type.type, 4, 128, 128}, 16, 64, 1024}, peaks, options.quick ? 1 : 3, report);
    report_attention_case(ops, {{type.type, 1, 576, 512}, 64, 1, 1024}, peaks, repeats, report);
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
  const auto ops = ops_backend("cpu").make({.threads = options.threads});
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
