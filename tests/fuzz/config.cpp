// The input is config.json beside the tensors of a llama. Other architectures' configurations are read to their end and
// then refused for their tensors.
#include "tests/fuzz/open_or_refuse.h"
#include "tests/model/made_files.h"

namespace {

using namespace yoke;

model::MadeFolder& folder_with_tensors() {
  static model::MadeFolder folder;
  static const std::filesystem::path tensors =
      folder.write("model.safetensors", model::made_safetensors(model::made_llama_tensors()));
  return folder;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const model::MadeFolder& folder = folder_with_tensors();
  folder.write("config.json", fuzz::text_of(data, size));
  fuzz::open_or_refuse(folder.path());
  return 0;
}
