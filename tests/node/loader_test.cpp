// What the loader refuses, what it asks of the disk, and how much memory it takes.
#include <fmt/format.h>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstring>
#include <filesystem>
#include <fstream>
#include <limits>

#include "core/error.h"
#include "made_up_checkpoint.h"
#include "node/direct_file.h"
#include "node/loader.h"

namespace yoke::node {
namespace {

namespace fs = std::filesystem;
using model::Weight;
using parallel::Form;
using parallel::Slice;

Weight bf16_matrix(const model::TensorInfo* tensor) {
  return {.role = model::Role::gate, .rows = tensor->rows(), .cols = tensor->cols(), .format = plain_format(Dtype::bf16), .codes = tensor};
}

Slice whole(const Weight& w) { return {&w, 0, Form::packed, {0, w.rows}, {0, w.cols}}; }

class LoaderOfAFile : public testing::Test {
 protected:
  void SetUp() override {
    weight_ = bf16_matrix(made_.add(Dtype::bf16, {4000, 512}));  // 4 MB: two reads, 16 chunks
    made_.write();
    slices_ = {whole(weight_)};
  }

  std::string refusal(Code code, const std::function<void(const LoadProgress&)>& progress = {}, const std::function<bool()>& cancelled = {},
                      model::Manifest* manifest = nullptr) {
    const Pool pool = Pool::create(regions_of(slices_));
    try {
      load(slices_, made_.checkpoint(), pool, progress, cancelled, {.threads = 2, .manifest = manifest, .read_bytes = 1 << 20});
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), code) << error.what();
      return error.what();
    }
    ADD_FAILURE() << "the load went through";
    return {};
  }

  void change_byte(uint64_t offset) {
    const auto time = fs::last_write_time(made_.file());
    std::fstream file(made_.file(), std::ios::in | std::ios::out | std::ios::binary);
    file.seekg(static_cast<std::streamoff>(offset));
    const char byte = static_cast<char>(file.get());
    file.seekp(static_cast<std::streamoff>(offset));
    file.put(static_cast<char>(byte ^ 1));
    file.close();
    fs::last_write_time(made_.file(), time);
  }

  MadeUpCheckpoint made_;
  Weight weight_;
  std::vector<Slice> slices_;
};

TEST_F(LoaderOfAFile, RefusesAFileThatWasCutSinceItWasOpened) {
  fs::resize_file(made_.file(), fs::file_size(made_.file()) - 1);
  refusal(Code::bad_file);
}

TEST_F(LoaderOfAFile, RefusesAFileThatWasTouchedSinceItWasOpened) {
  fs::last_write_time(made_.file(), fs::last_write_time(made_.file()) + std::chrono::seconds(1));
  refusal(Code::bad_file);
}

// `cancelled` is asked once at least before the files are looked at for the last time.
TEST_F(LoaderOfAFile, RefusesAFileThatChangesWhileItIsRead) {
  refusal(Code::bad_file, {}, [&] {
    fs::last_write_time(made_.file(), fs::file_time_type::clock::time_point::min() + std::chrono::hours(1));
    return false;
  });
}

TEST_F(LoaderOfAFile, RefusesAFileThatAnotherOneReplacesWhileItIsRead) {
  bool swapped = false;
  refusal(Code::bad_file, {}, [&] {
    if (std::exchange(swapped, true)) return false;
    const fs::path copy = made_.file().string() + ".copy";
    fs::copy_file(made_.file(), copy);
    fs::last_write_time(copy, fs::last_write_time(made_.file()));
    fs::rename(copy, made_.file());
    return false;
  });
}

TEST_F(LoaderOfAFile, RefusesAFileThatIsGone) {
  fs::remove(made_.file());
  refusal(Code::not_found);
}

TEST_F(LoaderOfAFile, EndsWhenItIsCancelled) {
  int asked = 0;
  refusal(Code::aborted, {}, [&] { return ++asked == 1; });
  EXPECT_EQ(asked, 1);
}

TEST_F(LoaderOfAFile, TellsWhatACallbackThrows) {
  refusal(Code::overloaded, {}, []() -> bool { throw Error{Code::overloaded, "the one who asks gave up"}; });
}

TEST_F(LoaderOfAFile, RefusesAFlippedBitOfEveryChunkByFileAndBytes) {
  model::Manifest manifest = model::start_manifest(made_.checkpoint());
  {
    const Pool pool = Pool::create(regions_of(slices_));
    load(slices_, made_.checkpoint(), pool, {}, {}, {.manifest = &manifest});
  }
  ASSERT_EQ(manifest.known(), manifest.chunks());
  const uint64_t first = weight_.codes->offset;
  for (const uint64_t offset : {first, first + 70'001, first + 3'000'000, first + weight_.codes->bytes - 1}) {
    change_byte(offset);
    const std::string message = refusal(Code::bad_file, {}, {}, &manifest);
    EXPECT_NE(message.find(made_.file().string()), std::string::npos);
    uint64_t begin = 0, end = 0;
    const size_t words = message.find("in bytes ");
    ASSERT_NE(words, std::string::npos) << message;
    ASSERT_EQ(std::sscanf(message.c_str() + words, "in bytes %lu to %lu", &begin, &end), 2) << message;
    EXPECT_TRUE(begin <= offset && offset < end && end - begin <= (256u << 10)) << message;
    change_byte(offset);
  }
  const Pool pool = Pool::create(regions_of(slices_));
  load(slices_, made_.checkpoint(), pool, {}, {}, {.manifest = &manifest});
}

// A file of zeros, mostly holes, of 40 MiB and more: what is requested of the system depends on shapes alone.
class LoaderOfALargeFile : public testing::TestWithParam<std::tuple<CodeLayout, bool>> {};

TEST_P(LoaderOfALargeFile, RequestsTwoPercentMoreThanItsPartAtMost) {
  const auto [layout, checked] = GetParam();
  constexpr int64_t kRows = 4096, kCols = 5120;
  const bool transposed = layout == CodeLayout::columns;
  MadeUpCheckpoint made;
  const auto* tensor = made.add_zeros(Dtype::bf16, transposed ? std::vector{kCols, kRows} : std::vector{kRows, kCols});
  made.write();
  Weight weight = bf16_matrix(tensor);
  weight.rows = kRows, weight.cols = kCols, weight.layout = layout;
  for (const bool by_rows : {true, false}) {
    for (const int half : {0, 1}) {
      const Range rows = !by_rows ? Range{0, kRows} : half == 0 ? Range{0, 2064} : Range{2064, kRows};
      const Range cols = by_rows ? Range{0, kCols} : half == 0 ? Range{0, 2576} : Range{2576, kCols};
      const std::vector<Slice> slices{{&weight, half, Form::packed, rows, cols}};
      const Pool pool = Pool::create(regions_of(slices));
      model::Manifest manifest = model::start_manifest(made.checkpoint());
      const uint64_t requested = load(slices, made.checkpoint(), pool, {}, {}, {.threads = 2, .manifest = checked ? &manifest : nullptr});
      const bool sequential = by_rows == transposed;  // the other half is dropped
      const uint64_t part = sequential ? tensor->bytes : static_cast<uint64_t>(rows.size() * cols.size()) * 2;
      EXPECT_LE(requested, part + part / 50) << "by rows: " << by_rows << ", half " << half;
      EXPECT_GE(requested, part);
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Layouts, LoaderOfALargeFile,
                         testing::Combine(testing::Values(CodeLayout::rows, CodeLayout::columns), testing::Bool()));

TEST(Loader, ReadsATensorOnceWhoseHalvesItHoldsBoth) {
  MadeUpCheckpoint made;
  const Weight weight = bf16_matrix(made.add_zeros(Dtype::bf16, {4096, 5120}));
  made.write();
  const std::vector<Slice> halves{{&weight, 0, Form::packed, {0, 4096}, {0, 2560}}, {&weight, 1, Form::packed, {0, 4096}, {2560, 5120}}};
  const Pool pool = Pool::create(regions_of(halves));
  EXPECT_LE(load(halves, made.checkpoint(), pool, {}, {}), weight.codes->bytes + weight.codes->bytes / 50);
}

uint64_t status_bytes(const char* key) {
  std::ifstream status("/proc/self/status");
  std::string word;
  uint64_t kib = 0;
  while (status >> word) {
    if (word == key) return status >> kib, kib << 10;
  }
  return std::numeric_limits<uint64_t>::max();
}

// Exit code of a process that loads: 0 if it never had more than `most` in memory.
int load_within(const std::vector<Slice>& slices, const model::Checkpoint& checkpoint, uint64_t most) {
  std::ofstream("/proc/self/clear_refs") << 5;  // VmHWM counts from here
  uint64_t told = 0, furthest = 0;
  model::Manifest manifest = model::start_manifest(checkpoint);
  const Pool pool = Pool::create(regions_of(slices));
  load(slices, checkpoint, pool, [&](const LoadProgress& p) { furthest = std::max(furthest, p.bytes_done - std::exchange(told, p.bytes_done)); },
       {}, {.threads = 2, .manifest = &manifest});
  const uint64_t peak = status_bytes("VmHWM:");
  fmt::print("a load of {} MiB took {} MiB at most\n", pool.bytes() >> 20, peak >> 20);
  std::fflush(stdout);
  return peak > most ? 2 : furthest > (64u << 20) ? 3 : 0;
}

TEST(Loader, TakesItsShardAndSixtyFourMebibytesAtMostAndTellsAsOften) {
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
  GTEST_SKIP() << "a sanitizer takes memory of its own";
#endif
  MadeUpCheckpoint made;
  const Weight weight = bf16_matrix(made.add_zeros(Dtype::bf16, {20480, 5120}));  // 200 MiB
  made.write();
  const std::vector<Slice> slices{whole(weight)};
  const uint64_t shard = slices[0].pool_bytes();
  const pid_t child = fork();
  if (child == 0) _exit(load_within(slices, made.checkpoint(), shard + shard / 50 + (64u << 20)));
  int status = 0;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  EXPECT_TRUE(WIFEXITED(status));
  EXPECT_EQ(WEXITSTATUS(status), 0) << "2: too much memory, 3: told too late";
}

// Any range, also across sectors and at the very end, and on a file system without direct I/O.
void expect_ranges(const fs::path& path) {
  constexpr uint64_t kBytes = 3 * 4096 + 123;
  std::vector<char> content(kBytes);
  for (uint64_t i = 0; i < kBytes; ++i) content[i] = static_cast<char>(i * 31 + i / 4096);
  std::ofstream(path, std::ios::binary).write(content.data(), kBytes);
  DirectFile file(path, {.bytes = kBytes});
  DirectBuffer buffer;
  for (const uint64_t offset : {uint64_t{0}, uint64_t{1}, uint64_t{4095}, uint64_t{4096}, uint64_t{8191}, kBytes - 1}) {
    for (const uint64_t bytes : {uint64_t{0}, uint64_t{1}, uint64_t{123}, uint64_t{5000}, kBytes}) {
      if (offset + bytes > kBytes) {
        EXPECT_THROW(file.read(offset, bytes, buffer), Error);
        continue;
      }
      const auto got = file.read(offset, bytes, buffer);
      ASSERT_EQ(got.size(), bytes);
      EXPECT_TRUE(bytes == 0 || std::memcmp(got.data(), content.data() + offset, bytes) == 0) << offset << " + " << bytes;
    }
  }
  file.check_unchanged();
  fs::remove(path);
}

TEST(LoaderFile, ReadsAnyRangeOnDiskAndInMemory) {
  const std::string name = fmt::format("yoke-direct-file-{}", getpid());
  expect_ranges(fs::temp_directory_path() / name);
  if (fs::is_directory("/dev/shm")) expect_ranges(fs::path("/dev/shm") / name);
}

}  // namespace
}  // namespace yoke::node
