#include <gtest/gtest.h>

#include "core/error.h"
#include "transport/nccl/library.h"

namespace yoke::transport::nccl {
namespace {

std::string refusal(const std::vector<Identity>& by_rank) {
  try {
    check_equal(by_rank);
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), Code::unsupported);
    return error.what();
  }
  return {};
}

TEST(Nccl, RanksOfOneBuildMayJoinWhereverTheFileLies) {
  EXPECT_EQ(refusal({{22809, "aa", "/one/libnccl.so.2"}, {22809, "aa", "/two/libnccl.so.2"}}), "");
}

TEST(Nccl, AnotherVersionOrBuildIsRefusedWithBothNamed) {
  const std::string version =
      refusal({{22809, "aa", "/x/libnccl.so.2"}, {22809, "aa", "/x/libnccl.so.2"}, {22907, "aa", "/x/libnccl.so.2"}});
  EXPECT_NE(version.find("rank 0 has NCCL 2.28.9"), std::string::npos) << version;
  EXPECT_NE(version.find("rank 2 has NCCL 2.29.7"), std::string::npos) << version;
  const std::string build = refusal({{22809, "aa", "/x/libnccl.so.2"}, {22809, "bb", "/y/libnccl.so.2"}});
  EXPECT_NE(build.find("build-id aa, /x/"), std::string::npos) << build;
  EXPECT_NE(build.find("build-id bb, /y/"), std::string::npos) << build;
}

TEST(Nccl, IsThereOrSaysWhyNotWithARemedy) {
  const std::string why = library_unavailable();
  if (why.empty()) {
    EXPECT_GE(identity().version, kOldestNccl);
    EXPECT_NE(identity().path.find("libnccl.so.2"), std::string::npos);
    return;
  }
  EXPECT_TRUE(why.find("install") != std::string::npos || why.find("--device cpu") != std::string::npos) << why;
  EXPECT_THROW(functions(), Error);
}

TEST(Nccl, ItsDeclarationsWereHeldToNvidias) {
#if __has_include(<nccl.h>) && __has_include(<cuda_runtime.h>)
  SUCCEED() << "nccl_abi_test.cpp compiled against nccl.h";
#else
  GTEST_SKIP() << "no nccl.h here: the declarations of transport/nccl/nccl_api.h were not checked against it";
#endif
}

}  // namespace
}  // namespace yoke::transport::nccl
