// Which handler an opcode with its suffixes has, and what its operands must look like. An opcode is found by its full text, only hints
// to the caches stripped, or not at all.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "tests/emulator/ptx/program.h"

namespace yoke::emulator {

// One letter an operand. Lower case: up to 32 bits, upper case: 64 bits.
//   d D destination           e  destination that may be declared wider: the value is extended
//   a A source                b  source that may be declared wider: the value is cut
//   p   destination predicate, q two of them (p|q, the second may be missing), r R register and maybe a predicate (d|p)
//   P   source predicate, maybe negated
//   m   address, n second address   i literal number into `detail`   l label   t branch table
//   v V vector (or one) of destinations, w W of sources; extended or cut as e and b
//   ?   what follows may be missing: missing sources and predicates are a row of zeros and `true`
struct Form {
  Handler handler = nullptr;
  std::string shape;
  Kind kind = Kind::plain;
  Space space = Space::generic;
  uint8_t mask_operand = 0;
  uint8_t vector = 0;  // elements that v, V, w, W must have; 0: any
  bool extends_sign = false;
  uint16_t detail = 0;
  Reduction reduction = Reduction::none;
};

class Forms {
 public:
  void add(std::string opcode, std::string shape, Handler handler) {
    Form form;
    form.handler = handler, form.shape = std::move(shape);
    table_.emplace(std::move(opcode), std::move(form));
  }
  void add(std::string opcode, Form form) { table_.emplace(std::move(opcode), std::move(form)); }
  const Form* find(const std::string& opcode) const {
    const auto found = table_.find(opcode);
    return found == table_.end() ? nullptr : &found->second;
  }
  size_t size() const { return table_.size(); }

 private:
  std::unordered_map<std::string, Form> table_;
};

// Of opcode and number of operands ("max.f32" has a form with two and one with three sources: "max.f32/4").
std::optional<Form> find_form(std::string_view opcode, size_t operands);

void add_integer_forms(Forms& forms);
void add_bit_forms(Forms& forms);
void add_compare_forms(Forms& forms);
void add_float_forms(Forms& forms);
void add_approximate_forms(Forms& forms);
void add_half_forms(Forms& forms);
void add_convert_forms(Forms& forms);
void add_narrow_convert_forms(Forms& forms);
void add_move_forms(Forms& forms);
void add_warp_forms(Forms& forms);
void add_control_forms(Forms& forms);
void add_async_forms(Forms& forms);

}  // namespace yoke::emulator
