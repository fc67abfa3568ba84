// Checksums of a model's files: recorded by one process or by several, found beside the files or in the cache, and distrusted where
// they do not fit.
#include <fmt/format.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdlib>
#include <fstream>
#include <thread>

#include "core/error.h"
#include "model/chunk_hash.h"
#include "model/manifest_json.h"
#include "model/manifest_scan.h"

namespace yoke::model {
namespace {

namespace fs = std::filesystem;

class ManifestOfAModel : public testing::Test {
 protected:
  void SetUp() override {
    folder_ = fs::temp_directory_path() / fmt::format("yoke-manifest-test-{}", getpid());
    fs::remove_all(folder_);
    fs::create_directories(folder_ / "model");
    for (const char* file : {"config.json", "model.safetensors"}) {
      fs::copy_file(fs::path(YOKE_SOURCE_DIR) / "tests/golden/models/llama" / file, folder_ / "model" / file);
    }
    setenv("XDG_CACHE_HOME", (folder_ / "cache").c_str(), 1);
  }
  void TearDown() override {
    fs::remove_all(folder_);
    unsetenv("XDG_CACHE_HOME");
  }

  Checkpoint open() const { return open_checkpoint(folder_ / "model"); }
  fs::path weights() const { return folder_ / "model/model.safetensors"; }

  void flip(uint64_t offset, int bit = 0) const {
    std::fstream file(weights(), std::ios::in | std::ios::out | std::ios::binary);
    file.seekg(static_cast<std::streamoff>(offset));
    const char byte = static_cast<char>(file.get() ^ (1 << bit));
    file.seekp(static_cast<std::streamoff>(offset));
    file.put(byte);
  }

  fs::path folder_;
};

std::string refusal_of(const std::function<void()>& run, Code code = Code::bad_file) {
  try {
    run();
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), code) << error.what();
    return error.what();
  }
  return {};
}

TEST_F(ManifestOfAModel, IsFoundBesideTheFilesWithEveryChunk) {
  const Checkpoint checkpoint = open();
  EXPECT_FALSE(find_manifest(checkpoint).has_value());
  const Manifest scanned = scan(checkpoint, {.threads = 2});
  EXPECT_EQ(scanned.known(), scanned.chunks());
  EXPECT_EQ(record(checkpoint, scanned), folder_ / "model/model.yoke.json");
  const std::optional<Manifest> found = find_manifest(checkpoint);
  ASSERT_TRUE(found.has_value());
  EXPECT_EQ(found->files, scanned.files);
  EXPECT_EQ(found->hashes, scanned.hashes);
}

TEST_F(ManifestOfAModel, NamesTheFileAndBytesOfAFlippedBit) {
  const Manifest before = scan(open(), {});
  const Checkpoint checkpoint = open();
  const TensorInfo& tensor = checkpoint.tensors.begin()->second;
  flip(tensor.offset + tensor.bytes / 2, 5);
  const Checkpoint changed = open();
  const std::vector<BadChunk> bad = differences(changed, before, scan(changed, {}));
  ASSERT_EQ(bad.size(), 1u);
  EXPECT_EQ(bad[0].tensor->name, tensor.name);
  EXPECT_LE(bad[0].begin, tensor.offset + tensor.bytes / 2);
  EXPECT_GT(bad[0].end, tensor.offset + tensor.bytes / 2);
}

// Some flips make a header that nobody can read; then opening refuses. None goes unnoticed.
TEST_F(ManifestOfAModel, RefusesEveryFlippedBitOfAHeader) {
  const Manifest recorded = scan(open(), {});
  record(open(), recorded);
  const uint64_t header = recorded.files[0].header_bytes;
  ASSERT_GT(header, 8u);
  int by_manifest = 0;
  for (uint64_t offset = 0; offset < header; offset += 1 + offset / 64) {
    const int bit = static_cast<int>(offset % 8);
    flip(offset, bit);
    std::string reason;
    try {
      const Checkpoint checkpoint = open();
      reason = refusal_of([&] { find_manifest(checkpoint); });
      ++by_manifest;
    } catch (const Error& error) {
      reason = error.what();
    }
    EXPECT_FALSE(reason.empty()) << "bit " << bit << " of byte " << offset;
    flip(offset, bit);
  }
  EXPECT_GT(by_manifest, 0);
  EXPECT_TRUE(find_manifest(open()).has_value());
}

TEST_F(ManifestOfAModel, RefusesAFileOfAnotherSize) {
  record(open(), scan(open(), {}));
  std::ofstream(weights(), std::ios::app) << "x";
  const std::string reason = refusal_of([&] { find_manifest(open()); });
  // A reader may refuse what lies behind the last tensor by itself.
  EXPECT_FALSE(reason.empty());
}

TEST_F(ManifestOfAModel, IsMergedFromWhatSeveralProcessesSaw) {
  const Checkpoint checkpoint = open();
  const Manifest whole = scan(checkpoint, {});
  std::vector<std::jthread> agents;
  for (size_t agent = 0; agent < 4; ++agent) {
    agents.emplace_back([&, agent] {
      Manifest seen = start_manifest(checkpoint);
      size_t at = 0;
      for (auto& [name, hashes] : seen.hashes) {
        if (at++ % 4 == agent) hashes = whole.hashes.at(name);
      }
      record(checkpoint, seen);
    });
  }
  agents.clear();
  EXPECT_EQ(find_manifest(checkpoint)->hashes, whole.hashes);
}

TEST_F(ManifestOfAModel, IsNotOverwrittenByAnotherChecksum) {
  const Checkpoint checkpoint = open();
  Manifest manifest = scan(checkpoint, {});
  record(checkpoint, manifest);
  manifest.hashes.begin()->second[0] ^= 1;
  EXPECT_NE(refusal_of([&] { record(checkpoint, manifest); }).find(weights().string()), std::string::npos);
  record_anew(checkpoint, manifest);
  EXPECT_EQ(find_manifest(checkpoint)->hashes, manifest.hashes);
}

// A folder in the way of the temporary file stops root as well.
TEST_F(ManifestOfAModel, LiesInTheCacheWhereItsFolderCannotBeWritten) {
  const Checkpoint checkpoint = open();
  fs::create_directories(fmt::format("{}.{}.tmp/in-the-way", manifest_beside(checkpoint).string(), getpid()));
  const Manifest scanned = scan(checkpoint, {});
  EXPECT_EQ(record(checkpoint, scanned), manifest_in_cache(checkpoint));
  EXPECT_EQ(find_manifest(checkpoint)->hashes, scanned.hashes);
  flip(3);
  EXPECT_FALSE(refusal_of([&] { find_manifest(checkpoint); }).empty());
}

TEST_F(ManifestOfAModel, IsRefusedWhereItIsDamaged) {
  const Checkpoint checkpoint = open();
  const std::string good = to_json(scan(checkpoint, {}));
  const auto write = [&](const std::string& text) { std::ofstream(manifest_beside(checkpoint)) << text; };
  for (size_t cut = 0; cut + 2 < good.size(); cut += 1 + good.size() / 97) {
    write(good.substr(0, cut));
    EXPECT_FALSE(refusal_of([&] { find_manifest(checkpoint); }).empty()) << "cut at " << cut;
  }
  std::string other = good;
  other.replace(other.find("xxh3-64"), 7, "md5-128");
  write(other);
  EXPECT_NE(refusal_of([&] { find_manifest(checkpoint); }).find("xxh3-64"), std::string::npos);
}

TEST(ManifestChunks, HoldWholeLinesAndAreNeverLargerThanTheyMay) {
  for (const std::vector<int64_t>& shape : std::vector<std::vector<int64_t>>{{1}, {7, 3}, {53248, 16384}, {32000, 4096}, {128, 5760, 90, 16}, {16384, 200000}}) {
    TensorInfo tensor{.dtype = Dtype::u8, .shape = shape, .bytes = 1};
    for (const int64_t n : shape) tensor.bytes *= static_cast<uint64_t>(n);
    const uint64_t chunk = chunk_bytes(tensor);
    EXPECT_LE(chunk, kMostChunkBytes);
    EXPECT_GE(chunk * chunk_count(tensor), tensor.bytes);
    EXPECT_LT(chunk * (chunk_count(tensor) - 1), tensor.bytes);
  }
}

TEST(ManifestChunks, HashAlikeWholeAndInPieces) {
  std::vector<std::byte> bytes(300'001);
  for (size_t i = 0; i < bytes.size(); ++i) bytes[i] = static_cast<std::byte>(i * 7 + i / 256);
  RunningHash running;
  for (size_t at = 0; at < bytes.size(); at += 1000) running.add(std::span(bytes).subspan(at, std::min<size_t>(1000, bytes.size() - at)));
  EXPECT_EQ(running.value(), chunk_hash(bytes));
  bytes[150'000] ^= std::byte{4};
  EXPECT_NE(running.value(), chunk_hash(bytes));
}

}  // namespace
}  // namespace yoke::model
