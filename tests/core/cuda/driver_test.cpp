#include <gtest/gtest.h>

#include <cstdio>

#include "core/cuda/driver.h"
#include "core/cuda/nvml.h"
#include "core/error.h"

namespace yoke::cuda {
namespace {

TEST(Driver, IsThereOrSaysWhyNotWithARemedy) {
  const std::string why = unavailable();
  if (why.empty()) {
    int devices = 0;
    EXPECT_EQ(driver().cuDeviceGetCount(&devices), CUDA_SUCCESS);
    EXPECT_GT(devices, 0);
    return;
  }
  EXPECT_NE(why.find("--device cpu"), std::string::npos) << why;
  try {
    driver();
    FAIL() << "a driver, though unavailable() says: " << why;
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), Code::unsupported);
    EXPECT_EQ(error.what(), why);
  }
}

TEST(Driver, ItsDeclarationsWereHeldToNvidias) {
#if __has_include(<cuda.h>)
  SUCCEED() << "driver_abi_test.cpp compiled against cuda.h";
#else
  std::printf("no cuda.h here: the declarations of core/cuda/driver_api.h were not checked against it\n");
  GTEST_SKIP() << "no cuda.h";
#endif
}

TEST(Nvml, IsThereOrSaysWhyNotAndReadsNothing) {
  if (nvml::unavailable().empty()) {
    EXPECT_FALSE(nvml::driver_version().empty());
    return;
  }
  EXPECT_NE(nvml::unavailable().find("ml"), std::string::npos) << nvml::unavailable();
  EXPECT_EQ(nvml::driver_version(), "");
  EXPECT_FALSE(nvml::read("0000:01:00.0").sm_mhz.has_value());
}

TEST(Nvml, NamesWhyAClockIsLow) {
  EXPECT_EQ(nvml::throttle_words(0), "none");
  EXPECT_EQ(nvml::throttle_words(0x1), "idle");
  EXPECT_EQ(nvml::throttle_words(0x4 | 0x40), "power cap, thermal slowdown (hardware)");
  EXPECT_EQ(nvml::throttle_words(uint64_t{1} << 40), "unknown bits 0x10000000000");
}

}  // namespace
}  // namespace yoke::cuda
