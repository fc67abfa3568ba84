// Reads the suffixes of an opcode from left to right.
#pragma once

#include <array>
#include <initializer_list>
#include <string_view>
#include <utility>

namespace yoke::emulator {

class Suffix {
 public:
  explicit Suffix(std::string_view opcode) : rest_(opcode) {}

  std::string_view peek() const { return rest_.substr(0, rest_.find('.')); }
  bool done() const { return rest_.empty(); }
  std::string_view next() {
    const std::string_view part = peek();
    rest_.remove_prefix(part.size() == rest_.size() ? part.size() : part.size() + 1);
    return part;
  }
  bool take(std::string_view part) { return !done() && peek() == part && (next(), true); }
  bool take_one_of(std::initializer_list<std::string_view> parts) {
    for (const std::string_view part : parts) {
      if (take(part)) return true;
    }
    return false;
  }

 private:
  std::string_view rest_;
};

}  // namespace yoke::emulator
