#include "tests/fuzz/open_or_refuse.h"

#include <algorithm>
#include <charconv>
#include <cstdio>
#include <cstdlib>

#include "core/error.h"
#include "model/catalogue.h"
#include "model/checkpoint.h"

namespace yoke::fuzz {
namespace {

constexpr uint64_t kMostZeros = 1 << 20;

// not_found: an index may name a file that is not there.
bool fits_a_bad_file(Code code) {
  return code == Code::bad_file || code == Code::unsupported || code == Code::too_large || code == Code::not_found;
}

[[noreturn]] void finding(const char* kind, const char* what) {
  std::fprintf(stderr, "a reader threw %s: %s\n", kind, what);
  std::abort();
}

uint64_t last_number(std::string_view text) {
  constexpr std::string_view kDigits = "0123456789";
  const size_t end = text.find_last_of(kDigits) + 1;  // 0 where there is none
  const size_t begin = text.substr(0, end).find_last_not_of(kDigits) + 1;
  uint64_t number = 0;
  std::from_chars(text.data() + begin, text.data() + end, number);  // stays 0 where it overflows
  return number;
}

}  // namespace

void read_or_refuse(const std::function<void()>& read) {
  try {
    read();
  } catch (const Error& error) {
    if (!fits_a_bad_file(error.code())) finding(std::string(name(error.code())).c_str(), error.what());
  } catch (const std::exception& other) {
    finding("what is no Error", other.what());
  }
}

void open_or_refuse(const std::filesystem::path& model) {
  read_or_refuse([&] {
    const model::Checkpoint checkpoint = model::open_checkpoint(model);
    const model::Catalogue catalogue(checkpoint);
  });
}

void put_zeros_behind(const std::filesystem::path& file, std::string_view header) {
  std::filesystem::resize_file(file, std::filesystem::file_size(file) + std::min(last_number(header), kMostZeros));
}

}  // namespace yoke::fuzz
