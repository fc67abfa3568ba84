#include "model/tensor_index.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "model/bad_file.h"

namespace yoke::model {

const TensorInfo* TensorIndex::find(const std::string& name) const {
  const auto found = checkpoint_.tensors.find(name);
  return found == checkpoint_.tensors.end() ? nullptr : &found->second;
}

const TensorInfo* TensorIndex::take(const std::string& name) {
  const TensorInfo* tensor = find(name);
  if (tensor != nullptr) taken_.insert(tensor);
  return tensor;
}

bool TensorIndex::any_begins_with(const std::string& prefix) const {
  const auto found = checkpoint_.tensors.lower_bound(prefix);
  return found != checkpoint_.tensors.end() && found->first.starts_with(prefix);
}

void TensorIndex::refuse_shape(const TensorInfo& tensor, const std::string& expected, std::string_view of) const {
  refuse({.file = checkpoint_.files.at(tensor.file),
          .offset = tensor.offset,
          .found = fmt::format("tensor {} of shape {}", printable(tensor.name), listed(tensor.shape)),
          .expected = fmt::format("shape {} for {}, as the configuration says", expected, of),
          .remedy = "configuration and tensors are of different models"});
}

void TensorIndex::refuse_type(const TensorInfo& tensor, const std::string& expected) const {
  refuse({.file = checkpoint_.files.at(tensor.file),
          .offset = tensor.offset,
          .found = fmt::format("tensor {} of type {}", printable(tensor.name), yoke::name(tensor.dtype)),
          .expected = expected,
          .remedy = "convert the model again"});
}

bool is_unread_companion(const TensorIndex& tensors, std::string_view name) {
  constexpr std::array<std::string_view, 8> kSuffixes = {
      ".input_scale", ".input_global_scale", ".activation_scale", ".weight_shape", ".k_scale", ".v_scale",
      ".q_scale",     ".output_scale"};
  const auto suffix = std::ranges::find_if(kSuffixes, [&](std::string_view end) { return name.ends_with(end); });
  return suffix != kSuffixes.end() &&
         (tensors.checkpoint().quantisation.method != QuantMethod::none || name.ends_with(".input_scale"));
}

}  // namespace yoke::model
