// The words of every refusal of a file: which file, where in it, what was found, what was expected, what to do.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>

namespace yoke::model {

struct BadFile {
  std::filesystem::path file;
  uint64_t offset = 0;  // bytes from the file's start, of what was found
  std::string found;
  std::string expected;
  std::string remedy = "the file is damaged or incomplete: download or convert it again";
};

// Throws Error{bad_file}: "FILE, byte OFFSET: found FOUND, expected EXPECTED; REMEDY".
[[noreturn]] void refuse(const BadFile& bad);

// A string that came from a file, fit for a message: in quotes, at most 80 bytes, anything but printable ASCII as \xNN.
std::string printable(std::string_view text);

// "[49152, 576]"
template <typename Numbers>
std::string listed(const Numbers& numbers) {
  std::string text = "[";
  for (const auto& number : numbers) {
    if (text.size() > 1) text += ", ";
    text += std::to_string(number);
  }
  return text + "]";
}

}  // namespace yoke::model
