#include "core/error.h"

#include <gtest/gtest.h>

#include <set>

namespace yoke {
namespace {

TEST(Error, EveryCodeHasANameAStatusAndAnExitCodeOfItsOwnRow) {
  std::set<std::string_view> names;
  for (const Code code : kCodes) {
    EXPECT_TRUE(names.insert(name(code)).second) << name(code);
    EXPECT_EQ(code_from_name(name(code)), code);
    EXPECT_GE(http_status(code), 400);
    EXPECT_LT(http_status(code), 600);
    EXPECT_GE(exit_code(code), 1);
    EXPECT_LE(exit_code(code), 5);
  }
}

TEST(Error, ANameOfANewerPeerIsInternal) { EXPECT_EQ(code_from_name("flux_exhausted"), Code::internal); }

TEST(Error, KeepsMessageCodeAndParam) {
  const Error error{Code::overloaded, "256 requests wait already", "max_queue"};
  EXPECT_STREQ(error.what(), "256 requests wait already");
  EXPECT_EQ(error.code(), Code::overloaded);
  EXPECT_EQ(error.param(), "max_queue");
}

TEST(ErrorDeathTest, AFailedAssertionSaysWhereEvenInRelease) {
  EXPECT_DEATH(YOKE_ASSERT(1 + 1 == 3), "1 \\+ 1 == 3.*error_test.cpp");
}

}  // namespace
}  // namespace yoke
