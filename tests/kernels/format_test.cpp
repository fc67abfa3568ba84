#include <gtest/gtest.h>

#include <bit>
#include <cmath>

#include "core/error.h"
#include "kernels/format/half.h"
#include "kernels/ops.h"

namespace yoke::kernels {
namespace {

TEST(Half, EveryF16GoesToF32AndBack) {
  for (uint32_t bits = 0; bits < 0x10000; ++bits) {
    const float value = format::f16_to_f32(static_cast<uint16_t>(bits));
    if (std::isnan(value)) {
      EXPECT_EQ(bits & 0x7C00u, 0x7C00u);
      continue;
    }
    ASSERT_EQ(format::f32_to_f16(value), bits) << value;
  }
}

TEST(Half, RoundsToTheNearestAndTiesToEven) {
  for (uint32_t bits = 0; bits < 0x7C00; ++bits) {  // between each f16 and the next one up
    const float low = format::f16_to_f32(static_cast<uint16_t>(bits));
    const float high = bits == 0x7BFF ? 65536.0f : format::f16_to_f32(static_cast<uint16_t>(bits + 1));
    const float middle = low + (high - low) / 2;  // exact: one bit more than an f16 has
    ASSERT_EQ(format::f32_to_f16(middle), bits % 2 == 0 ? bits : bits + 1);
    ASSERT_EQ(format::f32_to_f16(std::nextafter(middle, low)), bits);
    ASSERT_EQ(format::f32_to_f16(-std::nextafter(middle, high)), (bits + 1) | 0x8000u);
  }
  EXPECT_EQ(format::f32_to_bf16(1.0f + 0x1p-8f), 0x3F80u);  // a tie goes to the even one
  EXPECT_EQ(format::f32_to_bf16(1.0f + 0x1.8p-7f), 0x3F82u);
  EXPECT_EQ(format::f32_to_bf16(std::nextafter(1.0f + 0x1p-8f, 2.0f)), 0x3F81u);
}

TEST(OpsBackends, AnUnknownNameIsRefusedWithTheNamesThereAre) {
  try {
    ops_backend("abacus");
    FAIL() << "expected an error";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), Code::invalid_argument);
    EXPECT_NE(std::string(error.what()).find("cpu, cuda, reference"), std::string::npos) << error.what();
  }
}

}  // namespace
}  // namespace yoke::kernels
