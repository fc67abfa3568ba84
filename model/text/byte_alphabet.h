// GPT-2's byte alphabet: byte-level vocabularies write each byte as one printable character. 188 bytes stand for
// themselves as Latin-1, the other 68 (space, controls, ...) are U+0100 to U+0143 in ascending order.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace yoke::model::text {

// The character that writes each byte, as UTF-8.
const std::array<std::string, 256>& byte_alphabet();

// The bytes that a vocabulary's entry stands for; nothing where a character is outside the alphabet.
std::optional<std::string> bytes_of_entry(std::string_view entry);

}  // namespace yoke::model::text
