#include "cli/encoder_golden.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>

#include "core/error.h"
#include "model/tensor_file.h"

namespace yoke::cli {
namespace {

// What a tensor's size is a product of.
enum class Size { rows, hidden, pooler, labels };

struct Known {
  const char* name;
  Size size;
};
constexpr Known kKnown[] = {
    {"last_hidden_state", Size::rows}, {"pair_last_hidden_state", Size::rows}, {"cls", Size::hidden},
    {"cls_normalized", Size::hidden},  {"mean", Size::hidden},                 {"mean_normalized", Size::hidden},
    {"pooler_output", Size::pooler},   {"logits", Size::labels},               {"score", Size::labels},
};

int64_t floats_of(Size size, int64_t rows, const EncoderShape& shape) {
  switch (size) {
    case Size::rows: return rows * shape.hidden;
    case Size::hidden: return shape.hidden;
    case Size::pooler: return shape.pooler ? shape.hidden : 0;
    case Size::labels: return shape.labels;
  }
  return 0;
}

[[noreturn]] void refuse(const EncoderGolden& golden, const std::string& what) {
  throw Error{Code::bad_file, fmt::format("{}: {}", golden.file, what), "golden"};
}

}  // namespace

bool is_encoder_golden(const std::filesystem::path& path) {
  const model::TensorFile file(path);
  if (file.find("greedy_ids") != nullptr) return false;
  return std::ranges::any_of(kKnown, [&](const Known& known) { return file.find(known.name) != nullptr; });
}

EncoderGolden read_encoder_golden(const std::filesystem::path& path) {
  const model::TensorFile file(path);
  EncoderGolden golden;
  golden.file = path.string();
  golden.input_ids = file.read<int32_t>("input_ids");
  if (golden.input_ids.empty()) refuse(golden, "input_ids must not be empty");
  if (file.find("pair_token_type_ids") != nullptr) golden.pair_token_type_ids = file.read<int32_t>("pair_token_type_ids");
  for (const Known& known : kKnown) {
    if (file.find(known.name) != nullptr) golden.tensors[known.name] = file.read<float>(known.name);
  }
  const bool pair = golden.tensors.contains("pair_last_hidden_state");
  if (pair && golden.pair_token_type_ids.size() != golden.input_ids.size()) {
    refuse(golden, fmt::format("pair_last_hidden_state needs {} pair_token_type_ids, found {}", golden.input_ids.size(),
                               golden.pair_token_type_ids.size()));
  }
  return golden;
}

void check_shape(const EncoderGolden& golden, const EncoderShape& shape) {
  for (const auto& [name, values] : golden.tensors) {
    const auto known = std::ranges::find(kKnown, name, [](const Known& k) { return std::string_view(k.name); });
    YOKE_ASSERT(known != std::end(kKnown));
    const int64_t expected = floats_of(known->size, static_cast<int64_t>(golden.input_ids.size()), shape);
    if (expected == static_cast<int64_t>(values.size())) continue;
    refuse(golden, fmt::format("{} has {} values, and the served model gives {}", name, values.size(), expected));
  }
}

}  // namespace yoke::cli
