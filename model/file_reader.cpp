#include "model/file_reader.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "core/error.h"
#include "core/units.h"
#include "model/bad_file.h"

namespace yoke::model {
namespace {

// A header is read in pieces of this size: few system calls, little memory.
constexpr uint64_t kWindowBytes = 64 << 10;

}  // namespace

FileReader::FileReader(std::filesystem::path path) : path_(std::move(path)) {
  // O_NONBLOCK: opening a pipe must not wait for its other end.
  descriptor_ = ::open(path_.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (descriptor_ < 0) {
    throw Error{Code::not_found, fmt::format("{} cannot be opened: {}", path_.string(), std::strerror(errno))};
  }
  struct stat status = {};
  if (::fstat(descriptor_, &status) != 0 || !S_ISREG(status.st_mode)) {
    ::close(descriptor_);
    refuse({.file = path_,
            .found = "a folder, a pipe or a device",
            .expected = "a regular file",
            .remedy = "give a file"});
  }
  size_ = static_cast<uint64_t>(status.st_size);
  modified_ns_ = static_cast<int64_t>(status.st_mtim.tv_sec) * 1'000'000'000 + status.st_mtim.tv_nsec;
}

FileReader::~FileReader() {
  ::close(descriptor_);
}

void FileReader::read(uint64_t offset, std::span<std::byte> into) const {
  if (offset > size_ || into.size() > size_ - offset) {
    refuse({.file = path_,
            .offset = offset,
            .found = fmt::format("the end of the file at byte {}", size_),
            .expected = fmt::format("{} more bytes", into.size())});
  }
  for (size_t done = 0; done < into.size();) {
    const ssize_t n = ::pread(descriptor_, into.data() + done, into.size() - done, static_cast<off_t>(offset + done));
    if (n < 0 && errno == EINTR) continue;
    if (n < 0)
      throw Error{Code::internal, fmt::format("{}, byte {}: {}", path_.string(), offset + done, std::strerror(errno))};
    if (n == 0) {
      refuse({.file = path_,
              .offset = offset + done,
              .found = "the end of the file",
              .expected = fmt::format("{} more bytes", into.size() - done),
              .remedy = "the file became shorter while it was read"});
    }
    done += static_cast<size_t>(n);
  }
}

std::string read_text(const FileReader& file, uint64_t most_bytes) {
  if (file.size() > most_bytes) {
    throw Error{Code::too_large,
                fmt::format("{} has {}, more than the {} that such a file may have", file.path().string(),
                            format_bytes(file.size()), format_bytes(most_bytes))};
  }
  std::string text(file.size(), '\0');
  file.read(0, std::as_writable_bytes(std::span(text)));
  return text;
}

HeaderReader::HeaderReader(const FileReader& file, uint64_t most_bytes)
    : file_(&file), end_(std::min(file.size(), most_bytes)) {}

std::string HeaderReader::text(uint64_t bytes, std::string_view what) {
  demand(bytes, 1, what);
  std::string result(bytes, '\0');
  take(std::as_writable_bytes(std::span(result)), what);
  return result;
}

void HeaderReader::demand(uint64_t count, uint64_t least_bytes, std::string_view what) const {
  if (count <= left() / least_bytes) return;
  const bool limited = end_ < file_->size();
  const std::string found = limited ? fmt::format("a header that goes on past its limit of {}", format_bytes(end_))
                                    : fmt::format("the end of the file at byte {}", file_->size());
  const bool plain = count == 1 || least_bytes == 1;
  refuse_at(offset_, found,
            plain ? fmt::format("{} bytes for {}", count * least_bytes, what)
                  : fmt::format("{} x {} bytes or more for {}", count, least_bytes, what));
}

void HeaderReader::refuse_at(uint64_t offset, std::string found, std::string expected) const {
  refuse({.file = file_->path(), .offset = offset, .found = std::move(found), .expected = std::move(expected)});
}

void HeaderReader::take(std::span<std::byte> into, std::string_view what) {
  demand(into.size(), 1, what);
  while (!into.empty()) {
    if (offset_ < window_begin_ || offset_ >= window_begin_ + window_.size()) fill_window();
    const uint64_t at = offset_ - window_begin_;
    const size_t n = std::min<uint64_t>(into.size(), window_.size() - at);
    std::memcpy(into.data(), window_.data() + at, n);
    into = into.subspan(n);
    offset_ += n;
  }
}

void HeaderReader::fill_window() {
  window_.resize(std::min(kWindowBytes, left()));
  window_begin_ = offset_;
  file_->read(offset_, window_);
}

}  // namespace yoke::model
