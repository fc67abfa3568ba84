// Forms whose suffixes are read one by one rather than listed.
#pragma once

#include <optional>
#include <string_view>

#include "tests/emulator/ptx/forms.h"
#include "tests/emulator/ptx/suffix.h"

namespace yoke::emulator {

Space take_space(Suffix& suffix);
bool take_scope(Suffix& suffix);

std::optional<Form> load_store_form(std::string_view opcode, size_t operands);
std::optional<Form> atomic_form(std::string_view opcode, size_t operands);
// mma and ldmatrix.
std::optional<Form> tensor_form(std::string_view opcode);

}  // namespace yoke::emulator
