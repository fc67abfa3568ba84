// The input is MODEL.yoke.json beside a model, read by itself and as what was recorded of that model.
#include "model/manifest_json.h"
#include "tests/fuzz/open_or_refuse.h"
#include "tests/model/made_files.h"

namespace {

using namespace yoke;

const model::MadeFolder& folder_with_model() {
  static const model::MadeFolder folder;
  static const std::filesystem::path config = folder.write("config.json", model::made_llama_config()),
                                     tensors = folder.write("model.safetensors",
                                                            model::made_safetensors(model::made_llama_tensors()));
  return folder;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static const model::Checkpoint checkpoint = model::open_checkpoint(folder_with_model().path());
  const std::filesystem::path beside = model::manifest_beside(checkpoint);
  folder_with_model().write(beside.filename().string(), fuzz::text_of(data, size));
  fuzz::read_or_refuse([&] { model::read_manifest(beside); });
  fuzz::read_or_refuse([&] { model::find_manifest(checkpoint); });
  return 0;
}
