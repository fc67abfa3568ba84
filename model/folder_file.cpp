#include "model/folder_file.h"

#include <fmt/format.h>

#include <algorithm>

#include "model/bad_file.h"

namespace yoke::model {
namespace {

namespace fs = std::filesystem;

bool lies_below(const fs::path& file, const fs::path& folder) {
  return std::mismatch(folder.begin(), folder.end(), file.begin(), file.end()).first == folder.end();
}

// huggingface_hub keeps each file once, under its hash, and every revision as links to them. Both paths are without
// links: a `blobs` that is a link itself has another name by now.
bool is_blob_of_the_same_repository(const fs::path& file, const fs::path& folder) {
  for (fs::path above = folder; above.has_relative_path(); above = above.parent_path()) {
    if (above.parent_path().filename() == "snapshots")
      return file.parent_path() == above.parent_path().parent_path() / "blobs";
  }
  return false;
}

[[noreturn]] void refuse_link(const fs::path& path, const std::string& target) {
  std::error_code ignored;
  const std::string written = fs::read_symlink(path, ignored).string();
  refuse({.file = path,
          .found = fmt::format("a link to {}, which {}", printable(written), target),
          .expected = "a file within the model's folder",
          .remedy =
              "if you made the link yourself, give the folder where the files lie, or make hard links; if it came "
              "with the model, do not use its files before you know why"});
}

}  // namespace

fs::path folder_file(const fs::path& folder, std::string_view name) {
  const fs::path path = folder / name;
  std::error_code error;
  if (!fs::is_symlink(fs::symlink_status(path, error))) return path;
  const fs::path target = fs::canonical(path, error);
  if (error) refuse_link(path, fmt::format("leads nowhere ({})", error.message()));
  const fs::path real_folder = fs::canonical(folder.empty() ? fs::path(".") : folder, error);
  if (error || (!lies_below(target, real_folder) && !is_blob_of_the_same_repository(target, real_folder)))
    refuse_link(path, "lies outside");
  return path;
}

}  // namespace yoke::model
