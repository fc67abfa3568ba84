// The input is a GGUF file, once as it is and once with zeros behind it, so that a seed needs no bytes for its tensors.
#include "tests/fuzz/open_or_refuse.h"
#include "tests/model/made_files.h"

namespace {
constexpr uint64_t kZeros = 1 << 20;  // a hole in the file: it costs nothing
}

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static const yoke::model::MadeFolder folder;
  const std::filesystem::path path = folder.write("made.gguf", yoke::fuzz::text_of(data, size));
  yoke::fuzz::open_or_refuse(path);
  std::filesystem::resize_file(path, size + kZeros);
  yoke::fuzz::open_or_refuse(path);
  return 0;
}
