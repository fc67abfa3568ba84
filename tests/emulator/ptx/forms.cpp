#include "tests/emulator/ptx/forms.h"

#include <array>

#include "tests/emulator/ptx/memory_forms.h"

namespace yoke::emulator {
namespace {

Forms make_forms() {
  Forms forms;
  add_integer_forms(forms);
  add_bit_forms(forms);
  add_compare_forms(forms);
  add_float_forms(forms);
  add_approximate_forms(forms);
  add_half_forms(forms);
  add_convert_forms(forms);
  add_narrow_convert_forms(forms);
  add_move_forms(forms);
  add_warp_forms(forms);
  add_control_forms(forms);
  add_async_forms(forms);
  return forms;
}

// Suffixes that change nothing but how the caches behave. shared::cta is the same as shared where there are no clusters.
std::string without_hints(std::string_view opcode) {
  std::string result;
  while (!opcode.empty()) {
    const size_t end = opcode.find('.');
    std::string_view part = opcode.substr(0, end);
    opcode = end == std::string_view::npos ? std::string_view() : opcode.substr(end + 1);
    if (part.starts_with("L1::") || part.starts_with("L2::") || part == "nc") continue;
    if (part == "shared::cta") part = "shared";
    if (part == "param::entry") part = "param";
    if (!result.empty()) result += '.';
    result += part;
  }
  return result;
}

}  // namespace

std::optional<Form> find_form(std::string_view opcode, size_t operands) {
  static const Forms forms = make_forms();
  const std::string key = without_hints(opcode);
  if (const Form* form = forms.find(key + "/" + std::to_string(operands))) return *form;
  if (const Form* form = forms.find(key)) return *form;
  if (auto form = load_store_form(key, operands)) return form;
  if (auto form = atomic_form(key, operands)) return form;
  return tensor_form(key);
}

}  // namespace yoke::emulator
