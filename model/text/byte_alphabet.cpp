#include "model/text/byte_alphabet.h"

#include "model/text/utf8.h"

namespace yoke::model::text {
namespace {

constexpr int kNoByte = -1;
constexpr char32_t kFirstStandIn = 0x100;
constexpr char32_t kCodes = 0x144;  // one past the last character of the alphabet

struct Alphabet {
  std::array<std::string, 256> characters;
  std::array<int, kCodes> bytes;
};

bool stands_for_itself(int byte) {
  return (byte >= 0x21 && byte <= 0x7E) || (byte >= 0xA1 && byte <= 0xAC) || (byte >= 0xAE && byte <= 0xFF);
}

Alphabet make_alphabet() {
  Alphabet alphabet;
  alphabet.bytes.fill(kNoByte);
  char32_t stand_in = kFirstStandIn;
  for (int byte = 0; byte < 256; ++byte) {
    const char32_t code = stands_for_itself(byte) ? static_cast<char32_t>(byte) : stand_in++;
    append_char(alphabet.characters[byte], code);
    alphabet.bytes[code] = byte;
  }
  return alphabet;
}

const Alphabet& alphabet() {
  static const Alphabet made = make_alphabet();
  return made;
}

}  // namespace

const std::array<std::string, 256>& byte_alphabet() { return alphabet().characters; }

std::optional<std::string> bytes_of_entry(std::string_view entry) {
  std::string bytes;
  for (size_t at = 0; at < entry.size();) {
    const Utf8Char c = read_char(entry, at);
    if (c.state != Utf8Char::State::well_formed || c.code >= kCodes) return std::nullopt;
    const int byte = alphabet().bytes[c.code];
    if (byte == kNoByte) return std::nullopt;
    bytes.push_back(static_cast<char>(byte));
    at += c.bytes;
  }
  return bytes;
}

}  // namespace yoke::model::text
