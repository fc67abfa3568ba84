// Where manifests lie, and how several processes write one.
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <thread>

#include "core/descriptor.h"
#include "core/clock.h"
#include "core/error.h"
#include "model/chunk_hash.h"
#include "model/folder_file.h"
#include "model/manifest.h"
#include "model/manifest_json.h"

namespace yoke::model {
namespace {

namespace fs = std::filesystem;

constexpr Duration kLockPatience = std::chrono::seconds(10);  // a manifest is written in well under one
constexpr Duration kLockPause = std::chrono::milliseconds(5);

fs::path folder_of(const Checkpoint& checkpoint) {
  const fs::path folder = checkpoint.files.at(0).parent_path();
  return folder.empty() ? fs::path(".") : folder;
}

fs::path cache_folder() {
  const char* cache = std::getenv("XDG_CACHE_HOME");
  const char* home = std::getenv("HOME");
  if (cache != nullptr && *cache == '/') return fs::path(cache) / "yoke" / "manifests";
  if (home != nullptr && *home == '/') return fs::path(home) / ".cache" / "yoke" / "manifests";
  return {};
}

// Of the folder itself, so that no lock file is left beside the model. Closing the descriptor opens it.
void lock(const Descriptor& folder, const fs::path& path) {
  const TimePoint end = system_clock().now() + kLockPatience;
  while (flock(folder.get(), LOCK_EX | LOCK_NB) != 0) {
    if (errno != EWOULDBLOCK && errno != EINTR) return;  // a file system without locks: the last writer wins, whole files only
    if (system_clock().now() > end) {
      throw Error{Code::deadline_exceeded, fmt::format("{}: another process held the folder's lock for {:.0f} s; end it, or run "
                                                       "`yoke manifest MODEL` later", path.string(), seconds(kLockPatience))};
    }
    std::this_thread::sleep_for(kLockPause);
  }
}

// Under another name first, so that nobody ever reads half of one. False where the folder cannot be written.
bool write_whole(const fs::path& path, const std::string& text) {
  const std::string temporary = fmt::format("{}.{}.tmp", path.string(), getpid());
  // A link of that name may have come with the model: what it leads to is not ours to overwrite.
  unlink(temporary.c_str());
  const Descriptor file(open(temporary.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644));
  if (file.get() < 0) return false;
  size_t done = 0;
  while (done < text.size()) {
    const ssize_t n = write(file.get(), text.data() + done, text.size() - done);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) break;
    done += static_cast<size_t>(n);
  }
  if (done == text.size() && fsync(file.get()) == 0 && rename(temporary.c_str(), path.c_str()) == 0) return true;
  unlink(temporary.c_str());
  return false;
}

// The first tensor's hashes that both know and that differ are named.
void merge(const Checkpoint& checkpoint, const Manifest& recorded, Manifest& into) {
  for (auto& [name, hashes] : into.hashes) {
    const auto old = recorded.hashes.find(name);
    if (old == recorded.hashes.end() || old->second.size() != hashes.size()) continue;
    for (size_t i = 0; i < hashes.size(); ++i) {
      if (hashes[i] == 0) hashes[i] = old->second[i];
      else if (old->second[i] != 0 && old->second[i] != hashes[i]) refuse_chunk(checkpoint, checkpoint.tensors.at(name), i);
    }
  }
}

bool write_at(const fs::path& path, const Checkpoint& checkpoint, const Manifest& seen, bool keep) {
  if (path.empty()) return false;
  const fs::path folder = path.parent_path();
  std::error_code error;
  fs::create_directories(folder, error);
  const Descriptor locked(open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (locked.get() < 0 || access(folder.c_str(), W_OK) != 0) return false;
  lock(locked, path);
  Manifest whole = seen;
  if (keep && fs::exists(path, error)) merge(checkpoint, read_manifest(folder_file(folder, path.filename().string())), whole);
  return write_whole(path, to_json(whole));
}

fs::path write_somewhere(const Checkpoint& checkpoint, const Manifest& seen, bool keep) {
  const fs::path beside = manifest_beside(checkpoint), cached = manifest_in_cache(checkpoint);
  for (const fs::path& path : {beside, cached}) {
    if (write_at(path, checkpoint, seen, keep)) return path;
  }
  throw Error{Code::unavailable, fmt::format("the checksums of {} were not recorded: neither {} nor {} can be written",
                                             checkpoint.path.string(), beside.string(), cached.empty() ? "a cache (HOME is not set)" : cached.string())};
}

}  // namespace

fs::path manifest_beside(const Checkpoint& checkpoint) { return folder_of(checkpoint) / (checkpoint.config.name + ".yoke.json"); }

// By place and names, not by the identity: that changes with a file's time, and a file that was changed is to be found out.
fs::path manifest_in_cache(const Checkpoint& checkpoint) {
  const fs::path cache = cache_folder();
  if (cache.empty()) return {};
  std::error_code ignored;
  std::string place = fs::weakly_canonical(fs::absolute(folder_of(checkpoint), ignored), ignored).string();
  for (const fs::path& file : checkpoint.files) place += "\n" + file.filename().string();
  return cache / fmt::format("{}-{:016x}.yoke.json", checkpoint.config.name, chunk_hash(std::as_bytes(std::span(place))));
}

fs::path record(const Checkpoint& checkpoint, const Manifest& seen) { return write_somewhere(checkpoint, seen, true); }

fs::path record_anew(const Checkpoint& checkpoint, const Manifest& seen) { return write_somewhere(checkpoint, seen, false); }

}  // namespace yoke::model
