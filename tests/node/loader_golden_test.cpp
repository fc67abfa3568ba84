// Real checkpoints of every layout: what each rank of each cut holds is what the file's bytes say.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <bit>
#include <cstring>

#include "copied_memory.h"
#include "forward_group.h"
#include "kernels/format/values.h"
#include "node/loader.h"
#include "stored_weight.h"

namespace yoke::node {
namespace {

constexpr parallel::Layout kCuts[] = {{1, 1, 1}, {2, 1, 1}, {1, 2, 1}};

struct Opened {
  explicit Opened(const std::filesystem::path& path) : checkpoint(model::open_checkpoint(path)), catalogue(checkpoint), files(bytes_of(checkpoint)) {}
  model::Checkpoint checkpoint;
  model::Catalogue catalogue;
  std::vector<FileBytes> files;
};

float loaded(const parallel::Slice& slice, const Region& region, const std::byte* data, int64_t row, int64_t col) {
  if (slice.form == parallel::Form::vector_f32) return reinterpret_cast<const float*>(data)[col - slice.cols.begin];
  return kernels::format::weight({region.shape, data}, row - slice.rows.begin, col - slice.cols.begin);
}

// Some of each row's weights, other columns in each row.
void expect_stored(const Opened& model, const parallel::Slice& slice, const Pool& pool, int64_t step) {
  const Region& region = pool.at(slice.region());
  for (int64_t row = slice.rows.begin; row < slice.rows.end; ++row) {
    for (int64_t col = slice.cols.begin + row % step; col < slice.cols.end; col += step) {
      const float expected = stored_weight(model.files, *slice.weight, row, col);
      const float found = loaded(slice, region, pool.data(region), row, col);
      ASSERT_EQ(std::bit_cast<uint32_t>(found), std::bit_cast<uint32_t>(expected))
          << slice.region() << " (" << row << ", " << col << "): " << found << ", expected " << expected;
    }
  }
}

class LoaderOfGolden : public testing::TestWithParam<const char*> {};

void expect_loads(const Opened& model, const parallel::PlanOptions& options) {
  const parallel::Plan plan = parallel::make_plan(model.catalogue, options);
  for (int rank = 0; rank < options.layout.world(); ++rank) {
    for (const bool copied : {false, true}) {
      const std::vector<Region> regions = regions_of(plan, rank, model.catalogue, 2);
      const Pool pool = copied ? Pool::create(regions, copied_memory(CopyTime::late)) : Pool::create(regions);
      LoadProgress last;
      load(plan, rank, model.catalogue, pool, [&](const LoadProgress& p) { last = p; }, {}, {.threads = 2, .read_bytes = 64 << 10});
      EXPECT_EQ(last.bytes_done, last.bytes_total);
      for (const parallel::Slice& slice : parallel::slices_of(plan, rank, model.catalogue)) {
        ASSERT_NO_FATAL_FAILURE(expect_stored(model, slice, pool, 37)) << options.layout.name() << " rank " << rank << ", copied: " << copied;
      }
    }
  }
}

// In the packed forms too, where the checkpoint's formats have one.
TEST_P(LoaderOfGolden, PutsEverySliceOfEveryRankInItsRegion) {
  const auto folder = golden_folder(GetParam());
  if (!folder) GTEST_SKIP() << GetParam() << " is in the larger collection of goldens: set YOKE_SHARED to its folder";
  const Opened model(golden_checkpoint(*folder));
  for (const parallel::Layout layout : kCuts) {
    for (const bool pack : {false, true}) ASSERT_NO_FATAL_FAILURE(expect_loads(model, {.layout = layout, .pack = pack})) << "packed: " << pack;
  }
}

INSTANTIATE_TEST_SUITE_P(Goldens, LoaderOfGolden,
                         testing::Values("models/llama", "models/gpt_oss", "models/deepseek_v3", "models/bert", "quantised/llama_modelopt_nvfp4",
                                         "quantised/llama_ct_nvfp4", "quantised/llama_ct_fp8_channel", "quantised/llama_ct_int4",
                                         "quantised/llama_ct_int4_asymmetric", "quantised/llama_fp8_block", "quantised/llama_awq",
                                         "quantised/llama_gptq", "quantised/llama_gptq_desc_act", "quantised/gpt_oss_mxfp4",
                                         "quantised/mixtral_gptq_desc_act", "gguf/llama", "gguf/mixtral", "gguf/qwen2"),
                         [](const auto& info) {
                           std::string name = info.param;
                           std::replace(name.begin(), name.end(), '/', '_');
                           return name;
                         });

}  // namespace
}  // namespace yoke::node
