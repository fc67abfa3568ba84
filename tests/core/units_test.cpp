#include "core/units.h"

#include <gtest/gtest.h>

#include "core/error.h"

namespace yoke {
namespace {

TEST(Units, BytesAreWrittenWithThreeDigits) {
  EXPECT_EQ(format_bytes(17), "17 B");
  EXPECT_EQ(format_bytes(98362432), "93.8 MiB");
  EXPECT_EQ(format_bytes(115ull << 30), "115 GiB");
  EXPECT_EQ(format_bytes(1536), "1.50 KiB");
}

TEST(Units, BytesAreReadInEverySpellingThatPeopleWrite) {
  EXPECT_EQ(parse_bytes("4096"), 4096u);
  EXPECT_EQ(parse_bytes("64KiB"), 65536u);
  EXPECT_EQ(parse_bytes("2 GiB"), 2ull << 30);
  EXPECT_EQ(parse_bytes("1.5G"), 3ull << 29);
  EXPECT_EQ(parse_bytes("7b"), 7u);
}

TEST(Units, WhatIsNoSizeIsRefusedWithTheText) {
  for (const char* bad : {"", "x", "12 parsecs", "-1", "1e30G", "nan", "3KX", "GiB"}) {
    EXPECT_THROW(parse_bytes(bad), Error) << bad;
  }
}

TEST(Units, SizesThatOverflowAreErrorsAndNotWrapped) {
  EXPECT_EQ(checked_multiply(1ull << 31, 1ull << 32, "a"), 1ull << 63);
  EXPECT_THROW(checked_multiply(1ull << 32, 1ull << 32, "a"), Error);
  EXPECT_THROW(checked_add(~0ull, 1, "a"), Error);
}

TEST(Range, KnowsItsSizeAndMembers) {
  const Range range{3, 7};
  EXPECT_EQ(range.size(), 4);
  EXPECT_TRUE(range.contains(3));
  EXPECT_FALSE(range.contains(7));
  EXPECT_TRUE((Range{5, 5}.empty()));
}

}  // namespace
}  // namespace yoke
