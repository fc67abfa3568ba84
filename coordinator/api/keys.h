// API keys: a file of "name:sha256" lines, one a key; the key itself is stored nowhere. '#' begins a comment line.
#pragma once

#include <array>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace yoke::coordinator::api {

// Immutable after load; any thread.
class Keys {
 public:
  // Error{not_found} without the file, Error{bad_file} with file and line for a line that is none, Error{invalid_argument}
  // for a file without keys (nobody could enter).
  static Keys load(const std::filesystem::path& file);

  // Whose key it is. Takes the same time for any wrong key.
  std::optional<std::string> owner(std::string_view key) const;
  size_t size() const { return entries_.size(); }

 private:
  using Digest = std::array<unsigned char, 32>;
  struct Entry {
    std::string name;
    Digest digest;
  };
  friend std::string add_key(const std::filesystem::path& file, const std::string& name);
  static Digest digest_of(std::string_view key);
  static Keys read(const std::filesystem::path& file, const std::string& text);

  std::vector<Entry> entries_;
};

// Makes a new key, adds its line to `file` (made with mode 0600 where there is none) and returns the key: the only time that
// it can be seen. Error{invalid_argument} for a name that is taken or not of [A-Za-z0-9._-]{1,64}.
std::string add_key(const std::filesystem::path& file, const std::string& name);

}  // namespace yoke::coordinator::api
