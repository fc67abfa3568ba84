#include "model/gguf_split.h"

#include <fmt/format.h>

#include <charconv>

#include "core/error.h"
#include "model/folder_file.h"

namespace yoke::model {
namespace {

namespace fs = std::filesystem;

constexpr size_t kDigits = 5;
constexpr int64_t kMostParts = 1024;

// The number that `text` ends with, after `before`; both are taken off.
std::optional<int64_t> take_number(std::string_view& text, std::string_view before) {
  if (text.size() < kDigits + before.size()) return std::nullopt;
  const std::string_view digits = text.substr(text.size() - kDigits);
  const std::string_view rest = text.substr(0, text.size() - kDigits);
  int64_t number = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + kDigits, number);
  if (error != std::errc() || end != digits.data() + kDigits || number < 1 || !rest.ends_with(before))
    return std::nullopt;
  text = rest.substr(0, rest.size() - before.size());
  return number;
}

}  // namespace

std::optional<GgufPart> gguf_part(const fs::path& path) {
  const std::string stem = path.stem().string();
  std::string_view text = stem;
  const std::optional<int64_t> count = take_number(text, "-of-");
  const std::optional<int64_t> number = count ? take_number(text, "-") : std::nullopt;
  if (!number || *number > *count || *count > kMostParts) return std::nullopt;
  return GgufPart{std::string(text), *number - 1, *count};
}

std::string gguf_model_name(const fs::path& path) {
  const std::optional<GgufPart> part = gguf_part(path);
  return part && !part->model.empty() ? part->model : path.stem().string();
}

std::vector<fs::path> gguf_parts(const fs::path& path) {
  const std::optional<GgufPart> part = gguf_part(path);
  if (!part) return {path};
  std::vector<fs::path> parts;
  for (int64_t i = 1; i <= part->count; ++i) {
    const std::string name = fmt::format("{}-{:05}-of-{:05}.gguf", part->model, i, part->count);
    // The user names one file; the others are found by it, so that their links are the checkpoint's.
    parts.push_back(i == part->number + 1 ? path : folder_file(path.parent_path(), name));
    std::error_code ignored;
    if (!fs::exists(parts.back(), ignored))
      throw Error{Code::not_found,
                  fmt::format("{} is part {} of {}, and part {}, {}, is not beside it; download it too", path.string(),
                              part->number + 1, part->count, i, name)};
  }
  return parts;
}

}  // namespace yoke::model
