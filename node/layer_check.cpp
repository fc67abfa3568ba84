#include "node/layer_check.h"

#include <fmt/format.h>
#include <unistd.h>
#define XXH_INLINE_ALL
#include <xxhash.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <vector>

#include "core/error.h"
#include "core/log.h"

namespace yoke::node {
namespace {

namespace fs = std::filesystem;

constexpr std::array<int32_t, 8> kTokens{1, 2, 3, 5, 8, 13, 21, 34};  // any: they seed made-up states

uint64_t hash_of(std::span<const float> values) { return XXH3_64bits(values.data(), values.size_bytes()); }

void compare_ranks(uint64_t mine, transport::Communicator& group, Duration deadline) {
  std::vector<uint64_t> all(static_cast<size_t>(group.size()));
  const std::vector<uint64_t> bytes(all.size(), sizeof(uint64_t));
  group.all_gather(std::as_bytes(std::span(&mine, 1)), reinterpret_cast<std::byte*>(all.data()), bytes, deadline);
  for (size_t rank = 0; rank < all.size(); ++rank) {
    if (all[rank] == mine) continue;
    throw Error{Code::internal, fmt::format("the check before serving: ranks {} and {} make different bits of the same rows ({:016x}, "
                                            "{:016x}); run `yoke selftest` on both nodes", group.rank(), rank, mine, all[rank])};
  }
}

std::string read_line(const fs::path& file) {
  std::ifstream in(file);
  std::string line;
  std::getline(in, line);
  return line;
}

void write_line(const fs::path& file, const std::string& line) {
  std::error_code error;
  fs::create_directories(file.parent_path(), error);
  const fs::path unfinished = file.string() + fmt::format(".{}", getpid());
  std::ofstream out(unfinished);
  out << line << "\n";
  out.close();
  if (out) fs::rename(unfinished, file, error);
  if (!out || error) spdlog::warn("the hash of this load could not be kept in {}: later loads cannot be compared with it", file.string());
}

}  // namespace

std::string check_layers(Runner& runner, int64_t hidden, transport::Communicator* group, Duration deadline) {
  const auto tokens = std::span(kTokens).first(static_cast<size_t>(checked_rows(runner)));
  const int32_t other_block = runner.kv_blocks() > 1 ? 1 : 0;
  const std::vector<float> whole = runner.run_made(tokens, 0, 0);
  for (size_t i = 0; i < tokens.size(); ++i) {
    const std::vector<float> single = runner.run_made(tokens.subspan(i, 1), static_cast<int64_t>(i), other_block);
    if (std::memcmp(single.data(), whole.data() + i * static_cast<size_t>(hidden), single.size() * sizeof(float)) == 0) continue;
    throw Error{Code::internal, fmt::format("the check before serving: token {} of {} has other bits decoded than prefilled; run "
                                            "`yoke selftest`, which names the kernel", i, tokens.size())};
  }
  const uint64_t hash = hash_of(whole);
  if (group != nullptr) compare_ranks(hash, *group, deadline);
  return fmt::format("{:016x}", hash);
}

int64_t checked_rows(const Runner& runner) { return std::min(static_cast<int64_t>(kTokens.size()), runner.max_rows()); }

fs::path LoadRecord::default_folder() {
  const char* cache = std::getenv("XDG_CACHE_HOME");
  const char* home = std::getenv("HOME");
  if (cache != nullptr && *cache != 0) return fs::path(cache) / "yoke/loads";
  return home != nullptr && *home != 0 ? fs::path(home) / ".cache/yoke/loads" : fs::path();
}

void LoadRecord::hold(const std::string& shard, const std::string& hash) const {
  if (folder_.empty()) return;
  const fs::path file = folder_ / fmt::format("{:016x}", XXH3_64bits(shard.data(), shard.size()));
  const std::string line = fmt::format("{} {}", hash, shard), before = read_line(file);
  if (before == line) return;
  const size_t end = before.find(' ');
  const bool same_shard = end != std::string::npos && before.substr(end + 1) == shard;
  if (!same_shard) return write_line(file, line);
  throw Error{Code::internal, fmt::format("the check before serving: this shard made {} at its last good load and makes {} now, by the "
                                          "same build: memory or the device is at fault, or the files were changed in place. Run "
                                          "`yoke selftest`; remove {} if the files were meant to change",
                                          before.substr(0, end), hash, file.string())};
}

}  // namespace yoke::node
