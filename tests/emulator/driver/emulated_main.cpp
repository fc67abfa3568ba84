// main() of test programs that run on the doubles: they are loaded by path before anything asks for them by name, and children find
// them through LD_LIBRARY_PATH. gtest's death tests start the program again, so each of them may choose its own settings.
#include <dlfcn.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdio>
#include <cstdlib>
#include <string>

namespace {

bool load(const char* name, bool needed) {
  const std::string path = std::string(YOKE_EMULATOR_FOLDER "/") + name;
  if (dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL)) return true;
  if (needed) std::fprintf(stderr, "%s\n", dlerror());
  return !needed;
}

}  // namespace

int main(int argc, char** argv) {
  testing::InitGoogleMock(&argc, argv);
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  const char* path = std::getenv("LD_LIBRARY_PATH");
  setenv("LD_LIBRARY_PATH", path ? (std::string(YOKE_EMULATOR_FOLDER ":") + path).c_str() : YOKE_EMULATOR_FOLDER, 1);
  setenv("YOKE_CUDA_EMULATOR", "1", 1);
  if (!load("libcuda.so.1", true) || !load("libnvidia-ml.so.1", true)) return 1;
  load("libnccl.so.2", false);  // not every build folder has it
  return RUN_ALL_TESTS();
}
