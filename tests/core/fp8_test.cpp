#include "core/fp8.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

namespace yoke {
namespace {

// A tensor of a golden, by the offsets that its header gives. The files are ours: nothing is checked that a test would not show.
template <typename T>
std::vector<T> golden(const std::string& format, const std::string& tensor) {
  std::ifstream file(std::string(YOKE_SOURCE_DIR) + "/tests/golden/formats/" + format + ".safetensors", std::ios::binary);
  const std::string bytes{std::istreambuf_iterator<char>(file), {}};
  uint64_t header = 0;
  std::memcpy(&header, bytes.data(), sizeof(header));
  const size_t entry = bytes.find('"' + tensor + "\":{");
  const char* offsets = bytes.data() + bytes.find("\"data_offsets\":[", entry) + 16;
  char* comma = nullptr;
  const uint64_t begin = std::strtoull(offsets, &comma, 10), end = std::strtoull(comma + 1, nullptr, 10);
  std::vector<T> values((end - begin) / sizeof(T));
  std::memcpy(values.data(), bytes.data() + 8 + header + begin, end - begin);
  return values;
}

struct Small {
  const char* golden;
  float (*value)(uint8_t code);
  uint8_t (*code)(float value);
  int codes;     // positive finite ones
  uint8_t sign;  // bit
};

constexpr Small kSmalls[] = {
    {"fp8_e4m3", f8_e4m3_to_f32, f32_to_f8_e4m3, 0x7F, 0x80},
    {"fp8_e5m2", f8_e5m2_to_f32, f32_to_f8_e5m2, 0x7C, 0x80},
    {"e2m1", e2m1_to_f32, f32_to_e2m1, 8, 8},
};

void expect_golden(const char* name, float (*value)(uint8_t)) {
  const auto codes = golden<uint8_t>(name, "codes");
  const auto values = golden<float>(name, "values");
  ASSERT_EQ(codes.size(), values.size());
  ASSERT_GE(codes.size(), 16u);
  for (size_t i = 0; i < codes.size(); ++i) {
    const float got = value(codes[i]);
    if (std::isnan(values[i])) {
      EXPECT_TRUE(std::isnan(got)) << name << " code " << int{codes[i]};
    } else {
      EXPECT_EQ(std::bit_cast<uint32_t>(got), std::bit_cast<uint32_t>(values[i])) << name << " code " << int{codes[i]};
    }
  }
}

TEST(SmallFloats, EveryCodeHasTheBitsOfTheGolden) {
  for (const Small& small : kSmalls) expect_golden(small.golden, small.value);
  expect_golden("e8m0", f8_e8m0_to_f32);
}

TEST(SmallFloats, EveryFiniteValueComesBackAsItsCode) {
  for (const Small& small : kSmalls) {
    for (int code = 0; code < small.codes; ++code) {
      EXPECT_EQ(small.code(small.value(static_cast<uint8_t>(code))), code) << small.golden;
      EXPECT_EQ(small.code(small.value(static_cast<uint8_t>(code | small.sign))), code | small.sign) << small.golden;
    }
  }
  for (int code = 0; code < 255; ++code) EXPECT_EQ(f32_to_f8_e8m0(f8_e8m0_to_f32(static_cast<uint8_t>(code))), code);
}

TEST(SmallFloats, AtEveryBoundaryTheTieGoesToTheEvenCodeAndItsNeighboursToTheNearest) {
  for (const Small& small : kSmalls) {
    for (int low = 0; low + 1 < small.codes; ++low) {
      const int high = low + 1;
      const float middle = (small.value(static_cast<uint8_t>(low)) + small.value(static_cast<uint8_t>(high))) / 2;  // exact
      EXPECT_EQ(small.code(middle), low % 2 == 0 ? low : high) << small.golden << " " << middle;
      EXPECT_EQ(small.code(std::nextafter(middle, 0.0f)), low) << small.golden << " " << middle;
      EXPECT_EQ(small.code(std::nextafter(middle, 1e9f)), high) << small.golden << " " << middle;
      EXPECT_EQ(small.code(-middle), small.sign | (low % 2 == 0 ? low : high)) << small.golden << " " << middle;
    }
  }
}

TEST(SmallFloats, WhatIsTooLargeIsTheLargestAndNanStaysNan) {
  for (const Small& small : kSmalls) {
    const int largest = small.codes - 1;
    const float value = small.value(static_cast<uint8_t>(largest));
    for (const float x : {value * 1.0625f, value * 2, 1e30f, std::numeric_limits<float>::infinity()}) {
      EXPECT_EQ(small.code(x), largest) << small.golden << " " << x;
      EXPECT_EQ(small.code(-x), largest | small.sign) << small.golden << " " << x;
    }
  }
  EXPECT_EQ(f8_e4m3_to_f32(0x7E), kF8E4m3Largest);
  EXPECT_EQ(f8_e5m2_to_f32(0x7B), kF8E5m2Largest);
  const float nan = std::numeric_limits<float>::quiet_NaN();
  EXPECT_TRUE(std::isnan(f8_e4m3_to_f32(f32_to_f8_e4m3(nan))));
  EXPECT_TRUE(std::isnan(f8_e5m2_to_f32(f32_to_f8_e5m2(nan))));
  EXPECT_EQ(f32_to_f8_e8m0(nan), 255);
  EXPECT_EQ(f32_to_f8_e8m0(3.9f), 128);
}

}  // namespace
}  // namespace yoke
