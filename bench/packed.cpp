// What packing without loss (--pack, docs/formats.md) saves and costs: bits a weight, exceptions, products of one row and of many,
// and the time of packing, of one matrix of Mixtral 8x22B's experts as one of two ranks holds it.
//   bench_packed [--json FILE] [--threads N] [--rows OUTPUTS] [--quick]
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <random>
#include <string>
#include <vector>

#include "core/clock.h"
#include "core/half.h"
#include "kernels/format/panel.h"
#include "kernels/ops.h"

namespace {

using namespace yoke;
using namespace yoke::kernels;

constexpr int64_t kInputs = 6144;

struct Options {
  std::string json;
  int threads = 1;
  int64_t outputs = 8192;
  int rounds = 12;
};

// A weight's tensors as a file has them.
struct Tensors {
  WeightFormat format;
  int64_t outputs;
  std::vector<std::byte> codes, scales;
};

// e4m3 of a positive number within its range, rounded down: the bits of an f16 with three of mantissa and another bias.
uint8_t e4m3_of(float x) { return static_cast<uint8_t>(f32_to_f16(x * 0x1p-8f) >> 7); }

Tensors bf16_normals(int64_t outputs) {
  Tensors t{plain_format(Dtype::bf16), outputs, std::vector<std::byte>(static_cast<size_t>(outputs * kInputs) * 2), {}};
  std::mt19937_64 random(1);
  std::normal_distribution<float> normal(0.0f, 0.02f);
  for (size_t at = 0; at < t.codes.size(); at += 2) {
    const uint16_t code = f32_to_bf16(normal(random));
    std::memcpy(t.codes.data() + at, &code, sizeof(code));
  }
  return t;
}

// The scales that normals get: a block's largest of 16, as a part of what the largest block of all would have.
Tensors nvfp4_normals(int64_t outputs) {
  const WeightFormat format{.codes = Dtype::e2m1, .scales = Scales::per_group, .scale_dtype = Dtype::f8_e4m3, .group = 16, .global = true};
  Tensors t{format, outputs, std::vector<std::byte>(static_cast<size_t>(outputs * kInputs) / 2), std::vector<std::byte>(static_cast<size_t>(outputs * kInputs) / 16)};
  std::mt19937_64 random(1);
  std::normal_distribution<float> normal(0.0f, 1.0f);
  for (std::byte& both : t.codes) both = static_cast<std::byte>(random());
  for (std::byte& scale : t.scales) {
    float largest = 0;
    for (int i = 0; i < 16; ++i) largest = std::max(largest, std::fabs(normal(random)));
    scale = static_cast<std::byte>(e4m3_of(largest / 6 * 448));
  }
  return t;
}

struct Matrix {
  std::vector<std::byte> memory;
  PackedMatrix w;
  double pack_seconds;
};

Matrix make_matrix(const Tensors& t, bool packed) {
  PackedShape shape{.format = t.format, .rows = t.outputs, .cols = kInputs};
  shape.format.packed = packed;
  Matrix m{std::vector<std::byte>(shape.bytes() + 64), {}, 0};
  std::byte* const data = m.memory.data() + (64 - reinterpret_cast<uintptr_t>(m.memory.data()) % 64) % 64;
  const Range rows{0, t.outputs};
  const TimePoint begin = system_clock().now();
  pack_codes({.shape = shape, .source = t.codes.data(), .source_stride = t.codes.size() / static_cast<size_t>(t.outputs), .rows = rows,
              .cols = {0, kInputs}, .matrix = data});
  if (!t.scales.empty()) {
    pack_scales({.shape = shape, .source = t.scales.data(), .source_stride = kInputs / 16, .rows = rows, .groups = {0, kInputs / 16}, .matrix = data});
  }
  m.pack_seconds = seconds(system_clock().now() - begin);
  if (t.format.global) put_global_scale(shape, 0.01f, data);
  m.w = {shape, data};
  return m;
}

double exceptions_share(const PackedMatrix& w) {
  if (!w.shape.format.packed) return 0;
  uint32_t words;
  std::memcpy(&words, w.data + format::tail_offsets(w.shape).exceptions, sizeof(words));
  return static_cast<double>(words) / static_cast<double>(w.shape.exception_words() - 1);
}

struct Times {
  double one_row = 1e30, many_rows = 1e30;
};
constexpr int64_t kManyRows = 64;

// Both forms in turn, so that what disturbs one disturbs the other; the fastest run counts.
std::vector<Times> measure(Ops& ops, const std::vector<Matrix>& forms, const Options& options) {
  const int64_t outputs = forms[0].w.rows();
  const std::vector<float> x(static_cast<size_t>(kManyRows * kInputs), 0.37f);
  std::vector<float> y(static_cast<size_t>(kManyRows * outputs));
  std::vector<Times> times(forms.size());
  const auto run = [&](const Matrix& m, int64_t rows) {
    const TimePoint begin = system_clock().now();
    ops.run(Linear{.w = m.w, .x = x.data(), .x_stride = kInputs, .rows = rows, .y = y.data(), .y_stride = outputs});
    return seconds(system_clock().now() - begin);
  };
  for (int round = 0; round < options.rounds; ++round) {
    for (size_t i = 0; i < forms.size(); ++i) times[i].one_row = std::min(times[i].one_row, run(forms[i], 1));
    for (size_t i = 0; i < forms.size() && round % 4 == 0; ++i) times[i].many_rows = std::min(times[i].many_rows, run(forms[i], kManyRows));
  }
  return times;
}

std::string report(Ops& ops, const Tensors& t, const Options& options) {
  std::vector<Matrix> forms;
  forms.push_back(make_matrix(t, false));
  forms.push_back(make_matrix(t, true));
  const std::vector<Times> times = measure(ops, forms, options);
  std::string json;
  for (size_t i = 0; i < forms.size(); ++i) {
    const PackedShape& shape = forms[i].w.shape;
    const double weights = static_cast<double>(shape.rows * shape.cols), bytes = static_cast<double>(shape.bytes());
    const double source = static_cast<double>(t.codes.size() + t.scales.size());
    std::printf("%-14s %7.3f %6.0f%% %8.2f %8.1f %8.2f %9.2f %9.2f %8.2f\n", name(shape.format).c_str(), 8 * bytes / weights,
                100 * exceptions_share(forms[i].w), times[i].one_row * 1e3, bytes / times[i].one_row * 1e-9, times[i].one_row / times[0].one_row,
                times[i].many_rows * 1e3, times[i].many_rows / times[0].many_rows, source / forms[i].pack_seconds * 1e-9);
    json += fmt::format(R"(  {{"format": "{}", "bits": {:.4f}, "list_filled": {:.4f}, "one_row_ms": {:.4f}, "many_rows_ms": {:.3f}, "pack_gigabytes_per_s": {:.3f}}})",
                        name(shape.format), 8 * bytes / weights, exceptions_share(forms[i].w), times[i].one_row * 1e3, times[i].many_rows * 1e3,
                        source / forms[i].pack_seconds * 1e-9) + ",\n";
  }
  return json;
}

Options parse(int argc, char** argv) {
  Options options;
  for (int i = 1; i < argc; ++i) {
    const bool has_value = i + 1 < argc;
    if (std::strcmp(argv[i], "--quick") == 0) {
      options.rounds = 3;
    } else if (std::strcmp(argv[i], "--json") == 0 && has_value) {
      options.json = argv[++i];
    } else if (std::strcmp(argv[i], "--threads") == 0 && has_value) {
      options.threads = std::max(1, std::atoi(argv[++i]));
    } else if (std::strcmp(argv[i], "--rows") == 0 && has_value) {
      options.outputs = std::max(16, std::atoi(argv[++i]));
    } else {
      std::fprintf(stderr, "usage: bench_packed [--json FILE] [--threads N] [--rows OUTPUTS] [--quick]\n");
      std::exit(2);
    }
  }
  return options;
}

}  // namespace

int main(int argc, char** argv) {
  const Options options = parse(argc, argv);
  const auto ops = ops_backend("cpu").make({.threads = options.threads});
  std::printf("%lld x %lld, %d thread(s)\n%-14s %7s %7s %8s %8s %8s %9s %9s %8s\n", static_cast<long long>(options.outputs),
              static_cast<long long>(kInputs), options.threads, "format", "bits", "list", "1 row ms", "GB/s", "ratio", "64 rows", "ratio", "packing");
  std::string json = report(*ops, bf16_normals(options.outputs), options);
  json += report(*ops, nvfp4_normals(options.outputs), options);
  if (options.json.empty()) return 0;
  std::ofstream file(options.json);
  file << "[\n" << json.substr(0, json.size() - 2) << "\n]\n";
  return file.good() ? 0 : 1;
}
