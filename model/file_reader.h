// Reads the headers of files that nobody vouches for. Every read is bounded by the file's size and by a limit of the
// caller's, and nothing is allocated for what a file merely claims to hold.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace yoke::model {

// Both formats are little-endian, and so is every machine that Yoke runs on.
static_assert(std::endian::native == std::endian::little);

// A regular file, open for reading. Const after opening; any thread.
class FileReader {
 public:
  // Error{not_found} with the system's reason; Error{bad_file} for a folder, a pipe or a device.
  explicit FileReader(std::filesystem::path path);
  ~FileReader();
  FileReader(const FileReader&) = delete;
  FileReader& operator=(const FileReader&) = delete;

  const std::filesystem::path& path() const { return path_; }
  uint64_t size() const { return size_; }
  int64_t modified_ns() const { return modified_ns_; }  // since 1970

  // Fills `into`. Error{bad_file} if the file ends before, Error{internal} with the system's reason if reading fails.
  void read(uint64_t offset, std::span<std::byte> into) const;

 private:
  std::filesystem::path path_;
  int descriptor_ = -1;
  uint64_t size_ = 0;
  int64_t modified_ns_ = 0;
};

// A whole small file as text. Error{too_large} with both numbers if it is larger than `most_bytes`.
std::string read_text(const FileReader& file, uint64_t most_bytes);

// Walks through a header from the file's start. `what` in its calls names the thing in messages. One thread.
class HeaderReader {
 public:
  // The header may reach up to `most_bytes` into the file. `file` must outlive the reader.
  HeaderReader(const FileReader& file, uint64_t most_bytes);

  const FileReader& file() const { return *file_; }
  uint64_t offset() const { return offset_; }
  uint64_t left() const { return end_ - offset_; }  // bytes up to the file's end or the limit, whichever comes first

  template <typename T>
  T number(std::string_view what) {
    static_assert(std::is_arithmetic_v<T>);
    std::byte bytes[sizeof(T)];
    take(bytes, what);
    T value;
    std::memcpy(&value, bytes, sizeof(T));
    return value;
  }

  // Of exactly `bytes`, a number that the file gave: checked against what is left before any memory is taken.
  std::string text(uint64_t bytes, std::string_view what);

  // Error{bad_file} unless `count` things of `least_bytes` or more can still follow. Call before reserving memory.
  void demand(uint64_t count, uint64_t least_bytes, std::string_view what) const;

  // Error{bad_file}: at `offset` is FOUND where EXPECTED should be.
  [[noreturn]] void refuse_at(uint64_t offset, std::string found, std::string expected) const;

 private:
  void take(std::span<std::byte> into, std::string_view what);
  void fill_window();

  const FileReader* file_;
  uint64_t end_;
  uint64_t offset_ = 0;
  std::vector<std::byte> window_;  // bytes [window_begin_, window_begin_ + window_.size()) of the file
  uint64_t window_begin_ = 0;
};

}  // namespace yoke::model
