// The input is a .safetensors file, read by itself with every tensor in it, then with zeros behind it, then as the
// tensors of a model.
#include "model/tensor_file.h"
#include "tests/fuzz/open_or_refuse.h"
#include "tests/model/made_files.h"

namespace {

using namespace yoke;

void read_all(const std::filesystem::path& path) {
  const model::TensorFile file(path);
  for (const auto& entry : file.tensors()) {
    const model::TensorInfo& tensor = entry.second;
    if (tensor.dtype == Dtype::f32)
      file.read<float>(tensor.name);
    else if (tensor.dtype == Dtype::i64)
      file.read<int64_t>(tensor.name);
    else
      fuzz::read_or_refuse([&] { file.read<uint8_t>(tensor.name); });  // another type is an Error
  }
}

model::MadeFolder& folder_with_config() {
  static model::MadeFolder folder;
  static const std::filesystem::path config = folder.write("config.json", model::made_llama_config());
  return folder;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string input = fuzz::text_of(data, size);
  const std::filesystem::path path = folder_with_config().write("model.safetensors", input);
  fuzz::read_or_refuse([&] { read_all(path); });
  fuzz::put_zeros_behind(path, input);
  fuzz::read_or_refuse([&] { read_all(path); });
  fuzz::open_or_refuse(path.parent_path());
  return 0;
}
