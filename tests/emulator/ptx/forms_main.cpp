// ptx-forms FILE|FOLDER...: names every instruction of PTX files that the interpreter does not know. Exit code: 0 if there is none,
// 1 if there is one, 77 if there was no file.
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <vector>

#include "tests/emulator/ptx/emulator.h"

namespace {

namespace fs = std::filesystem;
using yoke::emulator::Module;

std::vector<fs::path> files_of(int count, char** names) {
  std::vector<fs::path> files;
  for (int i = 1; i < count; ++i) {
    if (!fs::is_directory(names[i])) {
      if (fs::exists(names[i])) files.emplace_back(names[i]);
      continue;
    }
    for (const auto& entry : fs::recursive_directory_iterator(names[i])) {
      if (entry.path().extension() == ".ptx") files.push_back(entry.path());
    }
  }
  return files;
}

// The number of unknown forms.
size_t check(const fs::path& path) {
  std::ifstream file(path);
  std::stringstream text;
  text << file.rdbuf();
  size_t unknown = 0, kernels = 0;
  try {
    const auto module = Module::parse(text.str());
    for (const std::string& name : module->names()) {
      ++kernels;
      for (const std::string& form : module->find(name)->unknown_forms()) {
        std::printf("%s: kernel %s, %s\n", path.c_str(), name.c_str(), form.c_str());
        ++unknown;
      }
    }
  } catch (const std::exception& error) {
    std::printf("%s: %s\n", path.c_str(), error.what());
    return 1;
  }
  std::printf("%s: %zu kernels, %zu unknown forms\n", path.c_str(), kernels, unknown);
  return unknown;
}

}  // namespace

int main(int count, char** names) {
  const auto files = files_of(count, names);
  if (files.empty()) {
    std::puts("no PTX there: nothing was checked");
    return 77;
  }
  size_t unknown = 0;
  for (const fs::path& file : files) unknown += check(file);
  return unknown != 0;
}
