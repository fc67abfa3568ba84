// The loader: every slice of every rank in its place, read once, by direct I/O or without.
#include <fmt/format.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <cstring>
#include <filesystem>
#include <fstream>

#include "core/error.h"
#include "forward_group.h"
#include "kernels/format/half.h"
#include "model/file_reader.h"
#include "node/direct_file.h"
#include "parallel/slice.h"

namespace yoke::node {
namespace {

namespace fs = std::filesystem;

struct Opened {
  explicit Opened(const fs::path& path) : checkpoint(model::open_checkpoint(path)), catalogue(checkpoint) {}
  model::Checkpoint checkpoint;
  model::Catalogue catalogue;
};

// A row's part of a BF16 tensor, straight from the file.
std::vector<float> row_of(const model::Checkpoint& checkpoint, const parallel::Slice& slice, int64_t row) {
  const model::FileReader file(checkpoint.files[slice.tensor->file]);
  std::vector<uint16_t> bits(static_cast<size_t>(slice.cols.size()));
  file.read(slice.tensor->offset + 2 * static_cast<uint64_t>(row * slice.tensor->cols() + slice.cols.begin), std::as_writable_bytes(std::span(bits)));
  std::vector<float> values;
  for (const uint16_t b : bits) values.push_back(kernels::format::bf16_to_f32(b));
  return values;
}

std::vector<float> row_in(const Pool& pool, const parallel::Slice& slice, int32_t row, kernels::Ops& ops) {
  const Region& region = pool.at(slice.region());
  std::vector<float> values(static_cast<size_t>(slice.cols.size()));
  if (slice.form == parallel::Form::vector_f32) {
    std::memcpy(values.data(), pool.data(region), values.size() * sizeof(float));
    return values;
  }
  const kernels::PackedMatrix matrix{region.dtype, region.rows, region.cols, pool.data(region)};
  ops.run(kernels::EmbeddingLookup{.w = matrix, .rows_of_w = {&row, 1}, .y = values.data(), .y_stride = slice.cols.size()});
  return values;
}

void expect_loaded(const Opened& model, const parallel::Plan& plan, int rank, const Pool& pool) {
  const auto ops = kernels::ops_backend("reference").make(1);
  for (const parallel::Slice& slice : parallel::slices_of(plan, rank, model.catalogue)) {
    ASSERT_EQ(slice.tensor->dtype, Dtype::bf16);
    for (int64_t row = 0; row < slice.rows.size(); ++row) {
      ASSERT_EQ(row_in(pool, slice, static_cast<int32_t>(row), *ops), row_of(model.checkpoint, slice, slice.rows.begin + row)) << slice.region() << " row " << row;
    }
  }
}

class LoaderOfModel : public testing::TestWithParam<const char*> {};

TEST_P(LoaderOfModel, PutsEverySliceOfEveryRankInItsRegion) {
  const Opened model(golden_model(GetParam()));
  for (const parallel::Layout layout : kLayouts) {
    const parallel::Plan plan = parallel::make_plan(model.checkpoint.config, model.catalogue, layout);
    for (int rank = 0; rank < layout.world(); ++rank) {
      const Pool pool = Pool::create(regions_of(plan, rank, model.catalogue, 2));
      LoadProgress last;
      const uint64_t read = load(plan, rank, model.catalogue, pool, [&](const LoadProgress& p) { last = p; }, {});
      EXPECT_EQ(last.bytes_done, last.bytes_total);
      EXPECT_EQ(read, last.bytes_total);
      expect_loaded(model, plan, rank, pool);
    }
  }
}

TEST_P(LoaderOfModel, OneRankReadsEveryTensorOnce) {
  const Opened model(golden_model(GetParam()));
  const parallel::Plan plan = parallel::make_plan(model.checkpoint.config, model.catalogue, {1, 1});
  const Pool pool = Pool::create(regions_of(plan, 0, model.catalogue, 2));
  uint64_t bytes = 0;
  for (const auto& [name, tensor] : model.checkpoint.tensors) bytes += tensor.bytes;
  EXPECT_EQ(load(plan, 0, model.catalogue, pool, {}, {}), bytes);
}

INSTANTIATE_TEST_SUITE_P(Models, LoaderOfModel, testing::Values("llama", "llama_untied"));

// A copy of a golden's model that a test may spoil.
class LoaderOfACopy : public testing::Test {
 protected:
  void SetUp() override {
    folder_ = fs::temp_directory_path() / fmt::format("yoke-loader-test-{}", getpid());
    fs::remove_all(folder_);
    fs::create_directories(folder_);
    for (const char* file : {"config.json", "model.safetensors"}) fs::copy_file(golden_model("llama") / file, folder_ / file);
  }
  void TearDown() override { fs::remove_all(folder_); }

  Code code_of_load(const Opened& model, const std::function<void(const LoadProgress&)>& progress, const std::function<bool()>& cancelled) {
    const parallel::Plan plan = parallel::make_plan(model.checkpoint.config, model.catalogue, {1, 1});
    const Pool pool = Pool::create(regions_of(plan, 0, model.catalogue, 2));
    try {
      load(plan, 0, model.catalogue, pool, progress, cancelled);
    } catch (const Error& error) {
      return error.code();
    }
    ADD_FAILURE() << "the load went through";
    return Code::internal;
  }

  fs::path folder_;
};

TEST_F(LoaderOfACopy, RefusesAFileThatWasCutSinceItWasOpened) {
  const Opened model(folder_);
  fs::resize_file(folder_ / "model.safetensors", fs::file_size(folder_ / "model.safetensors") - 1);
  EXPECT_EQ(code_of_load(model, {}, {}), Code::bad_file);
}

TEST_F(LoaderOfACopy, RefusesAFileThatChangesWhileItIsRead) {
  const Opened model(folder_);
  const auto touch = [&](const LoadProgress&) {
    std::fstream file(folder_ / "model.safetensors", std::ios::in | std::ios::out | std::ios::binary);
    file.seekp(-1, std::ios::end);
    file.put('x');
    file.close();
    fs::last_write_time(folder_ / "model.safetensors", fs::file_time_type::clock::time_point::min() + std::chrono::hours(1));
  };
  EXPECT_EQ(code_of_load(model, touch, {}), Code::bad_file);
}

TEST_F(LoaderOfACopy, EndsWhenItIsCancelled) {
  int asked = 0;
  EXPECT_EQ(code_of_load(Opened(folder_), {}, [&] { return ++asked == 3; }), Code::aborted);
  EXPECT_EQ(asked, 3);
}

TEST_F(LoaderOfACopy, RefusesAFileThatIsGone) {
  const Opened model(folder_);
  fs::remove(folder_ / "model.safetensors");
  EXPECT_EQ(code_of_load(model, {}, {}), Code::not_found);
}

// Any range, also across sectors and at the very end, and on a file system without direct I/O.
void expect_ranges(const fs::path& path) {
  constexpr uint64_t kBytes = 3 * 4096 + 123;
  std::vector<char> content(kBytes);
  for (uint64_t i = 0; i < kBytes; ++i) content[i] = static_cast<char>(i * 31 + i / 4096);
  std::ofstream(path, std::ios::binary).write(content.data(), kBytes);
  DirectFile file(path, kBytes);
  for (const uint64_t offset : {uint64_t{0}, uint64_t{1}, uint64_t{4095}, uint64_t{4096}, uint64_t{8191}, kBytes - 1}) {
    for (const uint64_t bytes : {uint64_t{0}, uint64_t{1}, uint64_t{123}, uint64_t{5000}, kBytes}) {
      if (offset + bytes > kBytes) {
        EXPECT_THROW(file.read(offset, bytes), Error);
        continue;
      }
      const auto got = file.read(offset, bytes);
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
