// The input is everything that says how a model is quantised, in parts with a line of four dashes between them:
// config.json, hf_quant_config.json (ModelOpt), quantize_config.json (GPTQ), quant_config.json (AWQ), and the header of
// model.safetensors. An empty part is an absent file. The tensors' bytes are zeros, as many as the header's last number
// says.
#include <algorithm>
#include <array>

#include "tests/fuzz/open_or_refuse.h"
#include "tests/model/made_files.h"

namespace {

using namespace yoke;

constexpr std::string_view kBetween = "\n----\n";
constexpr std::array<const char*, 4> kFiles = {"config.json", "hf_quant_config.json", "quantize_config.json",
                                               "quant_config.json"};

std::string_view next_part(std::string_view& input) {
  const size_t end = std::min(input.find(kBetween), input.size());
  const std::string_view part = input.substr(0, end);
  input.remove_prefix(std::min(end + kBetween.size(), input.size()));
  return part;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static const model::MadeFolder folder;
  const std::string input = fuzz::text_of(data, size);
  std::string_view rest = input;
  for (const char* name : kFiles) {
    const std::string_view part = next_part(rest);
    if (part.empty())
      std::filesystem::remove(folder.path() / name);
    else
      folder.write(name, part);
  }
  const std::filesystem::path tensors = folder.write("model.safetensors", model::safetensors_with_header(rest, ""));
  fuzz::put_zeros_behind(tensors, rest);
  fuzz::open_or_refuse(folder.path());
  return 0;
}
