// Which files belong to a model's folder. A checkpoint comes from a stranger, and so may the links in it: a config.json
// that is a link to somebody's key would be printed in the message that refuses it.
#pragma once

#include <filesystem>
#include <string_view>

namespace yoke::model {

// folder / name, whether it is there or not. `folder` is the user's own choice and may be a link itself; `name` is one
// of the names of a checkpoint's files, without a path. Error{bad_file} if it is a link that leads nowhere or out of
// the folder: only Hugging Face's cache may link, from REPOSITORY/snapshots/REVISION to a file that lies in
// REPOSITORY/blobs.
std::filesystem::path folder_file(const std::filesystem::path& folder, std::string_view name);

}  // namespace yoke::model
