#include "tests/emulator/ptx/tensor_ops.h"

#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <cstring>
#include <random>
#include <string>
#include <vector>

#include "tests/emulator/ptx/number_formats.h"

namespace yoke::emulator {
namespace {

constexpr const char* kForms[] = {
    "mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32",
    "mma.sync.aligned.m16n8k16.row.col.f32.f16.f16.f32",
    "mma.sync.aligned.m16n8k32.row.col.f32.e4m3.e4m3.f32",
    "mma.sync.aligned.m16n8k32.row.col.f32.e5m2.e4m3.f32",
    "mma.sync.aligned.kind::f8f6f4.m16n8k32.row.col.f32.e4m3.e2m1.f32",
    "mma.sync.aligned.m16n8k32.row.col.kind::f8f6f4.f32.e2m1.e5m2.f32",
    "mma.sync.aligned.kind::mxf8f6f4.block_scale.scale_vec::1X.m16n8k32.row.col.f32.e4m3.e2m1.f32.ue8m0",
    "mma.sync.aligned.m16n8k32.kind::mxf8f6f4.block_scale.row.col.f32.e2m1.e5m2.f32.ue8m0",
    "mma.sync.aligned.kind::mxf4.block_scale.scale_vec::2X.m16n8k64.row.col.f32.e2m1.e2m1.f32.ue8m0",
    "mma.sync.aligned.m16n8k64.row.col.kind::mxf4.block_scale.f32.e2m1.e2m1.f32.ue8m0",
    "mma.sync.aligned.kind::mxf4nvf4.block_scale.scale_vec::2X.m16n8k64.row.col.f32.e2m1.e2m1.f32.ue8m0",
    "mma.sync.aligned.m16n8k64.row.col.kind::mxf4nvf4.block_scale.scale_vec::4X.f32.e2m1.e2m1.f32.ue4m3",
};

uint32_t bits_of(MmaType type) {
  if (type == MmaType::f16 || type == MmaType::bf16) return 16;
  return type == MmaType::e2m1 ? 4 : 8;
}

double value_of(MmaType type, uint32_t code) {
  switch (type) {
    case MmaType::f16:
      return f16_to_f32(static_cast<uint16_t>(code));
    case MmaType::bf16:
      return bf16_to_f32(static_cast<uint16_t>(code));
    case MmaType::e4m3:
      return e4m3_to_f32(static_cast<uint8_t>(code));
    case MmaType::e5m2:
      return e5m2_to_f32(static_cast<uint8_t>(code));
    case MmaType::e2m1_in_byte:
      return e2m1_to_f32(static_cast<uint8_t>(code >> 2));
    case MmaType::e2m1:
      return e2m1_to_f32(static_cast<uint8_t>(code));
  }
  return 0;
}

// A finite code of moderate size; what lies outside an e2m1's bits 5:2 is noise.
uint32_t random_code(MmaType type, std::mt19937& random) {
  while (true) {
    const uint32_t code = static_cast<uint32_t>(random()) & ((uint32_t{1} << bits_of(type)) - 1);
    const double magnitude = std::abs(value_of(type, code));
    if (magnitude <= 64 && (magnitude >= 0x1p-6 || magnitude == 0)) return code;
  }
}

// A matrix [rows][k] of codes, and the fragment that the ISA's text makes of it: with n = elements in a register,
// element i of a lane is in register i / n; its row is lane / 4, and 8 more in A where (i / n) is odd; its k is n *
// (lane % 4) + i % n, and 4 n more in the later half.
struct Operand {
  MmaType type;
  uint32_t rows, k;
  std::vector<uint32_t> codes;
  std::vector<Lanes> registers;

  double at(uint32_t row, uint32_t column) const { return value_of(type, codes[row * k + column]); }
};

Operand operand(MmaType type, uint32_t rows, uint32_t k, std::mt19937& random) {
  Operand m{type, rows, k, std::vector<uint32_t>(rows * k), std::vector<Lanes>(rows / 4)};
  for (uint32_t& code : m.codes) code = random_code(type, random);
  const uint32_t bits = bits_of(type), n = 32 / bits, count = rows == 16 ? 4 * n : 2 * n;
  for (Lanes& lanes : m.registers) lanes.fill(0);
  for (uint32_t lane = 0; lane < 32; ++lane) {
    for (uint32_t i = 0; i < count; ++i) {
      const uint32_t row = lane / 4 + (rows == 16 && i / n % 2 == 1 ? 8 : 0);
      const uint32_t column = n * (lane % 4) + i % n + (i >= count / 2 ? 4 * n : 0);
      m.registers[i / n][lane] |= m.codes[row * k + column] << bits * (i % n);
    }
  }
  return m;
}

struct ScaleOperand {
  uint32_t blocks;
  std::vector<double> values;  // [rows][blocks]
  Lanes lanes;
};

// Scales in the lanes and bytes that the selectors name; every other byte is NaN.
ScaleOperand scales(const MmaForm& form, uint32_t rows, uint32_t byte, uint32_t thread, std::mt19937& random) {
  ScaleOperand s{form.scale_blocks, {}, {}};
  s.lanes.fill(0xffffffff);
  for (uint32_t row = 0; row < rows; ++row) {
    const uint32_t lane = rows == 16 ? row % 8 * 4 + 2 * thread + row / 8 : 4 * row + thread;
    for (uint32_t j = 0; j < s.blocks; ++j) {
      const bool exponent = form.scale == ScaleType::ue8m0;
      const uint8_t code = static_cast<uint8_t>(exponent ? 120 + random() % 16 : 0x20 + random() % 0x30);
      s.values.push_back(exponent ? ue8m0_to_f32(code) : ue4m3_to_f32(code));
      reinterpret_cast<uint8_t*>(&s.lanes[lane])[byte + j] = code;
    }
  }
  return s;
}

struct Case {
  MmaForm form;
  Operand a, b;
  std::vector<Lanes> c, d;
};

Case make_case(const MmaForm& form, std::mt19937& random) {
  Case x{form, operand(form.a, 16, form.k, random), operand(form.b, 8, form.k, random), std::vector<Lanes>(4),
         std::vector<Lanes>(4)};
  for (Lanes& lanes : x.c) {
    for (uint32_t& lane : lanes)
      lane = std::bit_cast<uint32_t>(static_cast<float>(static_cast<int>(random() % 64) - 32));
  }
  return x;
}

// Against loops over the whole matrices. Sums in another order than mma's, so a unit in the last place is allowed.
void expect_product(const Case& x, const ScaleOperand* sa, const ScaleOperand* sb, const std::string& what) {
  for (uint32_t lane = 0; lane < 32; ++lane) {
    for (uint32_t q = 0; q < 4; ++q) {
      const uint32_t row = lane / 4 + (q >= 2 ? 8 : 0), n = lane % 4 * 2 + q % 2;
      double sum = 0, size = 0;
      for (uint32_t k = x.form.k; k-- > 0;) {
        double product = x.a.at(row, k) * x.b.at(n, k);
        if (sa != nullptr) {
          const uint32_t block = k / (x.form.k / sa->blocks);
          product *= sa->values[row * sa->blocks + block] * sb->values[n * sb->blocks + block];
        }
        sum += product;
        size += std::abs(product);
      }
      const double c = std::bit_cast<float>(x.c[q][lane]);
      const double result = std::bit_cast<float>(x.d[q][lane]);
      ASSERT_LE(std::abs(result - (sum + c)), 0x1p-24 * std::abs(sum + c) + 0x1p-48 * size)
          << what << " row " << row << " column " << n;
    }
  }
}

TEST(TensorOps, EveryFormEqualsPlainLoops) {
  std::mt19937 random(7);
  for (const char* opcode : kForms) {
    const auto form = mma_form(opcode);
    ASSERT_TRUE(form.has_value()) << opcode;
    for (int i = 0; i < 10; ++i) {
      Case x = make_case(*form, random);
      if (form->has_scales()) continue;
      ASSERT_EQ(mma(*form, x.a.registers, x.b.registers, x.c, x.d), "");
      expect_product(x, nullptr, nullptr, opcode);
    }
  }
}

TEST(TensorOps, EverySelectorTakesItsLanesAndBytesAndNoOther) {
  std::mt19937 random(8);
  for (const char* opcode : kForms) {
    const MmaForm form = *mma_form(opcode);
    if (!form.has_scales()) continue;
    const uint32_t step = form.scale_blocks == 3 ? 1 : form.scale_blocks;  // of byte-ids: 4X only 0, 2X 0 and 2, 1X all
    for (uint32_t byte_a = 0; byte_a < 4; byte_a += step) {
      for (uint32_t byte_b = 0; byte_b < 4; byte_b += step) {
        for (uint32_t thread_a = 0; thread_a < 2; ++thread_a) {
          for (uint32_t thread_b = 0; thread_b < 4; ++thread_b) {
            Case x = make_case(form, random);
            const ScaleOperand sa = scales(form, 16, byte_a, thread_a, random),
                               sb = scales(form, 8, byte_b, thread_b, random);
            ASSERT_EQ(mma(form, x.a.registers, x.b.registers, x.c, x.d, &sa.lanes, &sb.lanes, byte_a, thread_a, byte_b,
                          thread_b),
                      "")
                << opcode;
            expect_product(x, &sa, &sb, opcode);
          }
        }
      }
    }
  }
}

TEST(TensorOps, BadSelectorsAndScalesAreReportedAndWriteNothing) {
  std::mt19937 random(9);
  const MmaForm four =
      *mma_form("mma.sync.aligned.kind::mxf4nvf4.block_scale.scale_vec::4X.m16n8k64.row.col.f32.e2m1.e2m1.f32.ue4m3");
  const MmaForm two =
      *mma_form("mma.sync.aligned.kind::mxf4.block_scale.scale_vec::2X.m16n8k64.row.col.f32.e2m1.e2m1.f32.ue8m0");
  Case x = make_case(four, random);
  const auto run = [&](const MmaForm& form, uint32_t word, uint32_t byte_a, uint32_t thread_a, uint32_t byte_b,
                       uint32_t thread_b) {
    Lanes good, bad;
    good.fill(0x38383838);
    bad.fill(0x38383838);
    bad[4 * 3 + 1] = word;  // of row 11
    for (Lanes& lanes : x.d) lanes.fill(0xabababab);
    const std::string text =
        mma(form, x.a.registers, x.b.registers, x.c, x.d, &bad, &good, byte_a, thread_a, byte_b, thread_b);
    if (!text.empty()) {
      EXPECT_EQ(x.d[0][0], 0xababababu);
    }
    return text;
  };
  EXPECT_EQ(run(four, 0x38383838, 0, 0, 0, 0), "");
  EXPECT_NE(run(four, 0x38383838, 1, 0, 0, 0).find("byte-id of scale a"), std::string::npos);
  EXPECT_NE(run(four, 0x38383838, 0, 0, 2, 0).find("byte-id of scale b"), std::string::npos);
  EXPECT_NE(run(two, 0x38383838, 1, 0, 0, 0).find("byte-id of scale a"), std::string::npos);
  EXPECT_NE(run(two, 0x38383838, 0, 2, 0, 0).find("thread-id of scale a"), std::string::npos);
  EXPECT_NE(run(two, 0x38383838, 0, 0, 0, 4).find("thread-id of scale b"), std::string::npos);
  EXPECT_NE(run(four, 0x38b83838, 0, 0, 0, 0).find("row 11 in lane 13"), std::string::npos);  // a set top bit
  EXPECT_NE(run(four, 0x3838387f, 0, 0, 0, 0).find("NaN"), std::string::npos);
  EXPECT_NE(run(two, 0xffff38ff, 0, 0, 0, 0).find("NaN"), std::string::npos);
  EXPECT_EQ(run(two, 0xffff3838, 0, 0, 0, 0), "");   // bytes that no selector names
  EXPECT_EQ(run(four, 0xffffffff, 0, 1, 0, 0), "");  // a lane that none names
}

TEST(TensorOps, UnknownFormsAreNotGuessed) {
  for (const char* opcode : {
           "mma.sync.aligned.m16n8k8.row.col.f32.bf16.bf16.f32",
           "mma.sync.aligned.m16n8k16.row.col.f16.f16.f16.f16",
           "mma.sync.aligned.m16n8k16.row.col.f32.bf16.f16.f32",
           "mma.sync.aligned.m16n8k32.row.col.f32.bf16.bf16.f32",
           "mma.sync.aligned.m16n8k32.row.col.f32.e2m1.e4m3.f32",
           "mma.sync.aligned.m16n8k32.row.col.s32.s8.s8.s32",
           "mma.sync.aligned.m16n8k16.col.row.f32.bf16.bf16.f32",
           "mma.sync.aligned.kind::f8f6f4.m16n8k32.row.col.f32.e3m2.e4m3.f32",
           "mma.sync.aligned.kind::mxf4nvf4.block_scale.scale_vec::2X.m16n8k64.row.col.f32.e2m1.e2m1.f32.ue4m3",
           "mma.sync.aligned.kind::mxf4nvf4.block_scale.m16n8k64.row.col.f32.e2m1.e2m1.f32.ue4m3",
           "mma.sync.aligned.kind::mxf4.scale_vec::2X.m16n8k64.row.col.f32.e2m1.e2m1.f32.ue8m0",
           "mma.sync.aligned.kind::mxf4.block_scale.scale_vec::4X.m16n8k64.row.col.f32.e2m1.e2m1.f32.ue8m0",
           "mma.sp.sync.aligned.m16n8k32.row.col.f32.bf16.bf16.f32",
           "mma.sync.aligned.m16n8k16.row.col.satfinite.f32.bf16.bf16.f32",
           "mma.sync.aligned",
       }) {
    EXPECT_FALSE(mma_form(opcode).has_value()) << opcode;
  }
}

TEST(TensorOps, ARegisterOfDMayBeOneOfC) {
  std::mt19937 random(10);
  Case x = make_case(*mma_form(kForms[0]), random);
  ASSERT_EQ(mma(x.form, x.a.registers, x.b.registers, x.c, x.d), "");
  ASSERT_EQ(mma(x.form, x.a.registers, x.b.registers, x.c, x.c), "");
  EXPECT_EQ(x.c, x.d);
}

TEST(TensorOps, LdmatrixHandsOutRowsOrColumns) {
  std::vector<MatrixRow> rows(32);
  for (uint32_t i = 0; i < 32; ++i) {
    for (uint32_t j = 0; j < 8; ++j) rows[i][j] = static_cast<uint16_t>(i << 8 | j);
  }
  for (const size_t count : {1, 2, 4}) {
    std::vector<Lanes> plain(count), transposed(count);
    ldmatrix(rows, false, plain);
    ldmatrix(rows, true, transposed);
    for (uint32_t i = 0; i < count; ++i) {
      for (uint32_t lane = 0; lane < 32; ++lane) {
        const uint32_t g = lane / 4, t = lane % 4;
        EXPECT_EQ(plain[i][lane], pack_halves(rows[8 * i + g][2 * t], rows[8 * i + g][2 * t + 1]));
        EXPECT_EQ(transposed[i][lane], pack_halves(rows[8 * i + 2 * t][g], rows[8 * i + 2 * t + 1][g]));
      }
    }
  }
}

// The accumulators and the fragments of an MMA come from one product's own numbers: column 3 and row 5 alone are not
// zero.
TEST(TensorOps, OneRowAndOneColumnMeetInOneElement) {
  const MmaForm form = *mma_form(kForms[0]);
  std::vector<Lanes> a(4, Lanes{}), b(2, Lanes{}), c(4, Lanes{}), d(4);
  for (uint32_t t = 0; t < 4; ++t) {
    const uint32_t twos = pack_halves(0x4000, 0x4000), ones = pack_halves(0x3f80, 0x3f80);
    a[0][4 * 5 + t] = a[2][4 * 5 + t] = twos;
    b[0][4 * 3 + t] = b[1][4 * 3 + t] = ones;
  }
  ASSERT_EQ(mma(form, a, b, c, d), "");
  for (uint32_t q = 0; q < 4; ++q) {
    for (uint32_t lane = 0; lane < 32; ++lane)
      EXPECT_EQ(std::bit_cast<float>(d[q][lane]), q == 1 && lane == 4 * 5 + 1 ? 32.0f : 0.0f);
  }
}

}  // namespace
}  // namespace yoke::emulator
