// The input is model.safetensors.index.json beside a configuration and two shards that are right.
#include "tests/fuzz/open_or_refuse.h"
#include "tests/model/made_files.h"

namespace {

using namespace yoke;

model::MadeFolder& folder_with_shards() {
  static model::MadeFolder folder;
  static const bool written = [] {
    const std::vector<model::MadeTensor> all = model::made_llama_tensors();
    folder.write("config.json", model::made_llama_config());
    folder.write("model-00001-of-00002.safetensors", model::made_safetensors({all.begin(), all.begin() + 4}));
    folder.write("model-00002-of-00002.safetensors", model::made_safetensors({all.begin() + 4, all.end()}));
    return true;
  }();
  (void)written;
  return folder;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const model::MadeFolder& folder = folder_with_shards();
  folder.write("model.safetensors.index.json", fuzz::text_of(data, size));
  fuzz::open_or_refuse(folder.path());
  return 0;
}
