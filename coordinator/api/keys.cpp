#include "coordinator/api/keys.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <openssl/crypto.h>
#include <openssl/sha.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <iterator>
#include <sstream>

#include "coordinator/api/random_id.h"
#include "core/error.h"

namespace yoke::coordinator::api {
namespace {

namespace fs = std::filesystem;

constexpr size_t kKeyBytes = 32;
constexpr size_t kMaxNameBytes = 64;
constexpr uintmax_t kMaxFileBytes = 1 << 20;

bool good_name(std::string_view name) {
  constexpr std::string_view kAllowed = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-";
  return !name.empty() && name.size() <= kMaxNameBytes && name.find_first_not_of(kAllowed) == std::string_view::npos;
}

std::string contents(const fs::path& file) {
  std::error_code ec;
  const uintmax_t bytes = fs::file_size(file, ec);
  if (ec) {
    throw Error(Code::not_found, fmt::format("the key file {}: {}; `yoke key add NAME` makes one", file.string(), ec.message()),
                "api-key-file");
  }
  if (bytes > kMaxFileBytes) {
    throw Error(Code::bad_file, fmt::format("{}: {} bytes; a key file has at most {}", file.string(), bytes, kMaxFileBytes),
                "api-key-file");
  }
  std::ifstream in(file, std::ios::binary);
  std::ostringstream text;
  text << in.rdbuf();
  if (!in) throw Error(Code::bad_file, file.string() + ": cannot be read", "api-key-file");
  return text.str();
}

int nibble(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

template <typename Digest>
bool parse_hex(std::string_view text, Digest& digest) {
  if (text.size() != 2 * digest.size()) return false;
  for (size_t i = 0; i < digest.size(); ++i) {
    const int high = nibble(text[2 * i]), low = nibble(text[2 * i + 1]);
    if (high < 0 || low < 0) return false;
    digest[i] = static_cast<unsigned char>(high * 16 + low);
  }
  return true;
}

// Written beside the old file and renamed over it, so that a crash leaves one or the other. Never readable by others.
void replace_file(const fs::path& file, const std::string& text) {
  const fs::path fresh = file.string() + ".new-" + random_hex(4);
  const int fd = open(fresh.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
  const auto fail = [&](const char* what) {
    const std::string why = std::strerror(errno);
    if (fd >= 0) unlink(fresh.c_str());
    throw Error(Code::invalid_argument, fmt::format("{}: {}: {}", file.string(), what, why), "api-key-file");
  };
  if (fd < 0) fail("cannot be written");
  const bool written = write(fd, text.data(), text.size()) == static_cast<ssize_t>(text.size()) && fsync(fd) == 0;
  close(fd);
  if (!written) fail("cannot be written");
  if (rename(fresh.c_str(), file.c_str()) != 0) fail("cannot be replaced");
}

}  // namespace

Keys::Digest Keys::digest_of(std::string_view key) {
  Digest digest;
  SHA256(reinterpret_cast<const unsigned char*>(key.data()), key.size(), digest.data());
  return digest;
}

Keys Keys::read(const fs::path& file, const std::string& text) {
  Keys keys;
  std::istringstream lines(text);
  std::string line;
  for (int number = 1; std::getline(lines, line); ++number) {
    while (!line.empty() && (line.back() == '\r' || line.back() == ' ')) line.pop_back();
    if (line.empty() || line[0] == '#') continue;
    const size_t colon = line.find(':');
    Entry entry{.name = line.substr(0, colon), .digest = {}};
    if (colon == std::string::npos || !good_name(entry.name) || !parse_hex(line.substr(colon + 1), entry.digest)) {
      throw Error(Code::bad_file,
                  fmt::format("{}:{}: expected name:sha256 with 64 hex digits", file.string(), number), "api-key-file");
    }
    keys.entries_.push_back(std::move(entry));
  }
  return keys;
}

Keys Keys::load(const fs::path& file) {
  Keys keys = read(file, contents(file));
  if (keys.entries_.empty()) {
    throw Error(Code::invalid_argument,
                fmt::format("{} holds no key, so nobody could enter; `yoke key add NAME` adds one", file.string()),
                "api-key-file");
  }
  return keys;
}

std::optional<std::string> Keys::owner(std::string_view key) const {
  const Digest digest = digest_of(key);
  const Entry* found = nullptr;
  for (const Entry& entry : entries_) {  // all of them, also after a match
    if (CRYPTO_memcmp(digest.data(), entry.digest.data(), digest.size()) == 0) found = &entry;
  }
  if (found == nullptr) return std::nullopt;
  return found->name;
}

std::string add_key(const fs::path& file, const std::string& name) {
  if (!good_name(name)) {
    throw Error(Code::invalid_argument, "a key's name has 1 to 64 letters, digits, '.', '_' or '-'", "name");
  }
  std::string text = fs::exists(file) ? contents(file) : std::string("# Keys of Yoke's REST endpoint: name:sha256 of the key.\n");
  for (const Keys::Entry& entry : Keys::read(file, text).entries_) {
    if (entry.name == name) {
      throw Error(Code::invalid_argument, fmt::format("{} has a key named {}; delete its line first", file.string(), name), "name");
    }
  }
  const std::string key = "yoke-" + random_hex(kKeyBytes);
  if (!text.empty() && text.back() != '\n') text += '\n';
  text += name + ":";
  for (const unsigned char byte : Keys::digest_of(key)) fmt::format_to(std::back_inserter(text), "{:02x}", byte);
  replace_file(file, text + "\n");
  return key;
}

}  // namespace yoke::coordinator::api
