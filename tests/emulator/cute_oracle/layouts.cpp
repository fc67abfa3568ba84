// The fragment layouts of mma.sync as NVIDIA's CuTe has them, against tests/emulator/ptx/tensor_ops. A program for the
// host, built by check.py with CuTe's headers, which are not in this tree: registers are filled and read through CuTe's
// layouts alone, scale lanes that no layout names are poisoned, and the product is compared with plain loops. Prints
// one line a form; exit status 1 on a difference.
#include <bit>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <random>
#include <vector>

#include <cute/atom/mma_traits_sm120.hpp>
#include <cute/atom/mma_traits_sm80.hpp>

#include "tests/emulator/ptx/number_formats.h"
#include "tests/emulator/ptx/tensor_ops.h"

namespace {

using namespace yoke::emulator;

int entries = 0, differences = 0;

struct Matrix {
  int rows, k;
  std::vector<uint32_t> codes;
  std::vector<double> values;
};

template <class Value>
Matrix random_matrix(int rows, int k, int bits, Value value, std::mt19937& random) {
  Matrix m{rows, k, {}, {}};
  while (static_cast<int>(m.codes.size()) < rows * k) {
    const uint32_t code = static_cast<uint32_t>(random()) & ((1u << bits) - 1);
    const double x = value(code);
    if (!(std::abs(x) <= 64) || (x != 0 && std::abs(x) < 0.015625)) continue;
    m.codes.push_back(code);
    m.values.push_back(x);
  }
  return m;
}

// value(code << shift) is what a register's field of `bits` bits holds.
template <class Layout>
std::vector<Lanes> fragment(const Matrix& m, Layout layout, int registers, int bits, int shift) {
  std::vector<Lanes> result(static_cast<size_t>(registers), Lanes{});
  const int in_register = 32 / bits;
  for (int lane = 0; lane < 32; ++lane) {
    for (int i = 0; i < registers * in_register; ++i) {
      const int index = layout(lane, i), row = index % m.rows, k = index / m.rows;
      result[static_cast<size_t>(i / in_register)][static_cast<size_t>(lane)] |=
          m.codes[static_cast<size_t>(row * m.k + k)] << shift << bits * (i % in_register);
      ++entries;
    }
  }
  return result;
}

struct ScaleMatrix {
  int blocks;
  std::vector<double> values;
  Lanes lanes;
};

// `quad`: lanes of a quad that hold scales; the others keep NaN.
template <class Layout>
ScaleMatrix scales(int rows, int blocks, int k_count, int quad, Layout layout, bool exponent, std::mt19937& random) {
  std::vector<uint8_t> codes(static_cast<size_t>(rows * blocks));
  ScaleMatrix s{blocks, {}, {}};
  for (uint8_t& code : codes) {
    code = static_cast<uint8_t>(exponent ? 120 + random() % 16 : 0x20 + random() % 0x30);
    s.values.push_back(exponent ? ue8m0_to_f32(code) : ue4m3_to_f32(code));
  }
  s.lanes.fill(0xffffffff);
  for (int lane = 0; lane < 32; ++lane) {
    if (lane % 4 >= quad) continue;
    uint32_t& word = s.lanes[static_cast<size_t>(lane)];
    for (int k = 0; k < k_count; ++k) {
      const int index = layout(lane, k), row = index % rows, block = index / rows / (k_count / blocks);
      word = (word & ~(0xffu << 8 * block)) | static_cast<uint32_t>(codes[static_cast<size_t>(row * blocks + block)])
                                                  << 8 * block;
      ++entries;
    }
  }
  return s;
}

template <class Traits>
void compare(const Matrix& a, const Matrix& b, const ScaleMatrix* sa, const ScaleMatrix* sb,
             const std::vector<Lanes>& d) {
  for (int lane = 0; lane < 32; ++lane) {
    for (int i = 0; i < 4; ++i) {
      const int index = typename Traits::CLayout{}(lane, i), row = index % 16, n = index / 16;
      double sum = 0;
      for (int k = 0; k < a.k; ++k) {
        double product = a.values[static_cast<size_t>(row * a.k + k)] * b.values[static_cast<size_t>(n * a.k + k)];
        if (sa != nullptr) {
          product *= sa->values[static_cast<size_t>(row * sa->blocks + k / (a.k / sa->blocks))];
          product *= sb->values[static_cast<size_t>(n * sb->blocks + k / (a.k / sb->blocks))];
        }
        sum += product;
      }
      const double result = std::bit_cast<float>(d[static_cast<size_t>(i)][static_cast<size_t>(lane)]);
      ++entries;
      if (!(std::abs(result - sum) <= 1e-6 * std::abs(sum) + 1e-9)) ++differences;
    }
  }
}

void report(const char* opcode, int before) {
  std::printf("%s: %d differences\n", opcode, differences - before);
}

template <class Traits, class ValueA, class ValueB>
void check_plain(const char* opcode, int k, int bits, ValueA value_a, ValueB value_b) {
  const int before = differences;
  std::mt19937 random(11);
  const Matrix a = random_matrix(16, k, bits, value_a, random), b = random_matrix(8, k, bits, value_b, random);
  const auto fa = fragment(a, typename Traits::ALayout{}, 4, bits, 0),
             fb = fragment(b, typename Traits::BLayout{}, 2, bits, 0);
  std::vector<Lanes> c(4, Lanes{}), d(4);
  if (!mma(mma_form(opcode).value(), fa, fb, c, d).empty()) ++differences;
  compare<Traits>(a, b, nullptr, nullptr, d);
  report(opcode, before);
}

template <class Traits, class ValueA, class ValueB>
void check_scaled(const char* opcode, int k, int blocks, int bits_a, int bits_b, ValueA value_a, ValueB value_b,
                  bool exponent) {
  const int before = differences, container = k == 64 ? 4 : 8;
  std::mt19937 random(12);
  const Matrix a = random_matrix(16, k, bits_a, value_a, random), b = random_matrix(8, k, bits_b, value_b, random);
  const auto shift = [&](int bits) { return container == 8 && bits == 4 ? 2 : 0; };
  const auto fa = fragment(a, typename Traits::ALayout{}, 4, container, shift(bits_a));
  const auto fb = fragment(b, typename Traits::BLayout{}, 2, container, shift(bits_b));
  const ScaleMatrix sa = scales(16, blocks, k, 2, typename Traits::SFALayout{}, exponent, random);
  const ScaleMatrix sb = scales(8, blocks, k, 1, typename Traits::SFBLayout{}, exponent, random);
  std::vector<Lanes> c(4, Lanes{}), d(4);
  const std::string wrong = mma(mma_form(opcode).value(), fa, fb, c, d, &sa.lanes, &sb.lanes, 0, 0, 0, 0);
  if (!wrong.empty()) {
    std::printf("%s\n", wrong.c_str());
    ++differences;
  }
  compare<Traits>(a, b, &sa, &sb, d);
  report(opcode, before);
}

double bf16(uint32_t code) {
  return bf16_to_f32(static_cast<uint16_t>(code));
}
double f16(uint32_t code) {
  return f16_to_f32(static_cast<uint16_t>(code));
}
double e4m3(uint32_t code) {
  return e4m3_to_f32(static_cast<uint8_t>(code));
}
double e5m2(uint32_t code) {
  return e5m2_to_f32(static_cast<uint8_t>(code));
}
double e2m1(uint32_t code) {
  return e2m1_to_f32(static_cast<uint8_t>(code));
}

}  // namespace

int main() {
  using namespace cute;
  using Four = float_e2m1_t;
  check_plain<MMA_Traits<SM80_16x8x16_F32BF16BF16F32_TN>>("mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32", 16, 16,
                                                          bf16, bf16);
  check_plain<MMA_Traits<SM80_16x8x16_F32F16F16F32_TN>>("mma.sync.aligned.m16n8k16.row.col.f32.f16.f16.f32", 16, 16,
                                                        f16, f16);
  check_plain<MMA_Traits<SM120_16x8x32_TN<float_e4m3_t, float_e5m2_t, float>>>(
      "mma.sync.aligned.kind::f8f6f4.m16n8k32.row.col.f32.e4m3.e5m2.f32", 32, 8, e4m3, e5m2);
  check_scaled<MMA_Traits<SM120::BLOCKSCALED::SM120_16x8x32_TN_VS<float_e4m3_t, Four, float, float_ue8m0_t, 32>>>(
      "mma.sync.aligned.kind::mxf8f6f4.block_scale.scale_vec::1X.m16n8k32.row.col.f32.e4m3.e2m1.f32.ue8m0", 32, 1, 8, 4,
      e4m3, e2m1, true);
  check_scaled<MMA_Traits<SM120::BLOCKSCALED::SM120_16x8x64_TN_VS<Four, Four, float, float_ue8m0_t, 32>>>(
      "mma.sync.aligned.kind::mxf4.block_scale.scale_vec::2X.m16n8k64.row.col.f32.e2m1.e2m1.f32.ue8m0", 64, 2, 4, 4,
      e2m1, e2m1, true);
  check_scaled<MMA_Traits<SM120::BLOCKSCALED::SM120_16x8x64_TN_VS<Four, Four, float, float_ue4m3_t, 16>>>(
      "mma.sync.aligned.kind::mxf4nvf4.block_scale.scale_vec::4X.m16n8k64.row.col.f32.e2m1.e2m1.f32.ue4m3", 64, 4, 4, 4,
      e2m1, e2m1, false);
  std::printf("%d entries, %d differences\n", entries, differences);
  return differences == 0 ? 0 : 1;
}
