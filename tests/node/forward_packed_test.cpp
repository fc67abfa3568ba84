// --pack changes what weights take in memory, and not a bit of what they are: every weight of every golden, and the logits.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>

#include "forward_group.h"
#include "forward_script.h"
#include "kernels/format/values.h"
#include "kernels/packed_matrix.h"
#include "model/tensor_file.h"

namespace yoke::node {
namespace {

std::string name_of(const testing::TestParamInfo<const char*>& named) {
  std::string name = named.param;
  std::replace(name.begin(), name.end(), '/', '_');
  return name;
}

Pool load_rank(const parallel::Plan& plan, int rank, const model::Catalogue& catalogue) {
  Pool pool = Pool::create(regions_of(plan, rank, catalogue, 0));
  load(plan, rank, catalogue, pool, {}, {});
  return pool;
}

bool same_values(const kernels::PackedMatrix& a, const kernels::PackedMatrix& b) {
  std::vector<float> x(static_cast<size_t>(a.cols())), y(x.size());
  for (int64_t row = 0; row < a.rows(); ++row) {
    kernels::format::weights(a, row, {0, a.cols()}, x.data());
    kernels::format::weights(b, row, {0, b.cols()}, y.data());
    if (std::memcmp(x.data(), y.data(), x.size() * sizeof(float)) != 0) return false;
  }
  return true;
}

class PackedGolden : public testing::TestWithParam<const char*> {};

TEST_P(PackedGolden, EveryWeightHasTheBitsThatItHasUnpacked) {
  const auto folder = golden_folder(GetParam());
  if (!folder) GTEST_SKIP() << GetParam() << " is in the larger collection of goldens: set YOKE_SHARED to its folder";
  const model::Checkpoint checkpoint = model::open_checkpoint(golden_checkpoint(*folder));
  const model::Catalogue catalogue(checkpoint);
  int packed = 0;
  for (const parallel::Layout layout : {parallel::Layout{1, 1, 1}, {2, 1, 1}}) {
    const parallel::Plan plain_plan = parallel::make_plan(catalogue, {.layout = layout});
    const parallel::Plan packed_plan = parallel::make_plan(catalogue, {.layout = layout, .pack = true});
    for (int rank = 0; rank < layout.world(); ++rank) {
      const Pool plain = load_rank(plain_plan, rank, catalogue), held = load_rank(packed_plan, rank, catalogue);
      for (const parallel::Slice& slice : parallel::slices_of(packed_plan, rank, catalogue)) {
        if (slice.form != parallel::Form::packed) continue;
        const Region &a = plain.at(slice.region()), &b = held.at(slice.region());
        ASSERT_EQ(b.shape, slice.shape());
        ASSERT_FALSE(a.shape.format.packed);
        packed += b.shape.format.packed;
        EXPECT_TRUE(same_values({a.shape, plain.data(a)}, {b.shape, held.data(b)})) << slice.region() << " of rank " << rank << " of " << layout.name();
      }
    }
  }
  EXPECT_GT(packed, 0) << "a golden without a weight that packs belongs elsewhere";
}

INSTANTIATE_TEST_SUITE_P(Models, PackedGolden,
                         testing::Values("models/bert", "models/cohere", "models/deepseek_v3", "models/glm4_moe", "models/gpt_oss", "models/llama",
                                         "models/llama_untied", "models/minimax_m2", "models/mistral", "models/mixtral", "models/qwen2",
                                         "models/qwen3", "models/qwen3_moe", "models/xlm_roberta", "quantised/gpt_oss_mxfp4",
                                         "quantised/llama_ct_nvfp4", "quantised/llama_modelopt_nvfp4", "quantised/mixtral_ct_nvfp4",
                                         "quantised/mixtral_modelopt_nvfp4", "quantised/llama_ct_int4", "quantised/llama_fp8_block"),
                         name_of);

class PackedForward : public testing::TestWithParam<const char*> {};

TEST_P(PackedForward, LogitsHaveTheBitsThatTheyHaveUnpackedInEveryLayoutAndChunk) {
  const auto folder = golden_folder(GetParam());
  if (!folder) GTEST_SKIP() << GetParam() << " is in the larger collection of goldens: set YOKE_SHARED to its folder";
  const std::filesystem::path model = golden_checkpoint(*folder);
  const Tokens tokens = model::TensorFile(*folder / "golden.safetensors").read<int32_t>("input_ids");
  const auto logits = [&](const GroupOptions& options, size_t chunk) {
    ForwardGroup group(model, options);
    ScriptSequence s = script_sequence(1, 0, 8);
    std::vector<float> all;
    for (size_t begin = 0; begin < tokens.size(); begin += chunk) {
      const auto rows = std::span(tokens).subspan(begin, std::min(chunk, tokens.size() - begin));
      const std::vector<float> part = group.run(step_of(begin + 1, {rows_entry(s, rows, WantLogits::all)})).logits.at(1);
      all.insert(all.end(), part.begin(), part.end());
    }
    return all;
  };
  const std::vector<float> expected = logits({.layout = {1, 1, 1}}, tokens.size());
  EXPECT_TRUE(equal_bits(logits({.layout = {1, 1, 1}, .pack = true}, tokens.size()), expected));
  EXPECT_TRUE(equal_bits(logits({.layout = {2, 1, 1}, .pack = true}, 3), expected));
  EXPECT_TRUE(equal_bits(logits({.layout = {1, 2, 1}, .pack = true}, 1), expected));
  EXPECT_TRUE(equal_bits(logits({.layout = {2, 1, 1}, .ops = "reference", .pack = true}, tokens.size()), expected));
}

INSTANTIATE_TEST_SUITE_P(Models, PackedForward,
                         testing::Values("models/llama", "models/mixtral", "models/deepseek_v3", "models/gpt_oss", "quantised/llama_modelopt_nvfp4",
                                         "quantised/llama_ct_nvfp4", "quantised/mixtral_modelopt_nvfp4"),
                         name_of);

}  // namespace
}  // namespace yoke::node
