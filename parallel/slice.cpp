#include "parallel/slice.h"

#include <fmt/format.h>

#include <algorithm>

#include "core/error.h"

namespace yoke::parallel {
namespace {

using model::kNoLayer;
using model::Role;
using model::TensorInfo;

// What tensor parallelism cuts a tensor by.
enum class CutBy { nothing, heads, kv_heads, features, vocab };
// Which of its dimensions: outputs (column-parallel), inputs (row-parallel), or none.
enum class CutDim { none, rows, cols };

struct RoleCut {
  Role role;
  CutBy by;
  CutDim dim;
  Form form;
};

// The roles of a layer, one row each. Row-parallel biases are whole and join half 0 (docs/bits.md rule 4).
constexpr RoleCut kLayerRoles[] = {
    {Role::attn_norm, CutBy::nothing, CutDim::none, Form::vector_f32},
    {Role::q, CutBy::heads, CutDim::rows, Form::packed},
    {Role::k, CutBy::kv_heads, CutDim::rows, Form::packed},
    {Role::v, CutBy::kv_heads, CutDim::rows, Form::packed},
    {Role::o, CutBy::heads, CutDim::cols, Form::packed},
    {Role::q_bias, CutBy::heads, CutDim::cols, Form::vector_f32},
    {Role::k_bias, CutBy::kv_heads, CutDim::cols, Form::vector_f32},
    {Role::v_bias, CutBy::kv_heads, CutDim::cols, Form::vector_f32},
    {Role::o_bias, CutBy::nothing, CutDim::none, Form::vector_f32},
    {Role::mlp_norm, CutBy::nothing, CutDim::none, Form::vector_f32},
    {Role::gate, CutBy::features, CutDim::rows, Form::packed},
    {Role::up, CutBy::features, CutDim::rows, Form::packed},
    {Role::down, CutBy::features, CutDim::cols, Form::packed},
    {Role::gate_bias, CutBy::features, CutDim::cols, Form::vector_f32},
    {Role::up_bias, CutBy::features, CutDim::cols, Form::vector_f32},
    {Role::down_bias, CutBy::nothing, CutDim::none, Form::vector_f32},
};

Range cut_range(const Plan& plan, const model::ModelConfig& config, CutBy by, int layer, int half) {
  const auto scaled = [&](Range heads) { return Range{heads.begin * config.head_dim, heads.end * config.head_dim}; };
  switch (by) {
    case CutBy::nothing: break;
    case CutBy::heads: return scaled(plan.layers[layer].half[half].heads);
    case CutBy::kv_heads: return scaled(plan.layers[layer].half[half].kv_heads);
    case CutBy::features: return plan.layers[layer].half[half].features;
    case CutBy::vocab: return plan.vocab[half];
  }
  return {};
}

class SliceList {
 public:
  SliceList(const Plan& plan, int rank, const model::Catalogue& catalogue)
      : plan_(plan), rank_(plan.ranks[rank]), catalogue_(catalogue) {}

  void add(const RoleCut& cut, int layer) {
    const TensorInfo* tensor = catalogue_.find(cut.role, layer);
    if (tensor == nullptr) return;
    if (cut.by == CutBy::nothing) {
      // Whole: every rank has it, except biases of what is summed, which only half 0 adds.
      const bool summed_bias = cut.role == Role::o_bias || cut.role == Role::down_bias;
      if (!summed_bias || rank_.halves.front() == 0) push(cut, *tensor, layer, 0, {0, tensor->rows()}, {0, tensor->cols()});
      return;
    }
    for (const int half : rank_.halves) {
      const Range part = cut_range(plan_, catalogue_.checkpoint().config, cut.by, layer, half);
      if (part.empty()) continue;
      const bool by_rows = cut.dim == CutDim::rows;
      push(cut, *tensor, layer, half, by_rows ? part : Range{0, tensor->rows()}, by_rows ? Range{0, tensor->cols()} : part);
    }
  }

  std::vector<Slice> take() {
    std::sort(slices_.begin(), slices_.end(), [](const Slice& a, const Slice& b) {
      return std::tuple(a.tensor->file, a.tensor->offset, a.half) < std::tuple(b.tensor->file, b.tensor->offset, b.half);
    });
    return std::move(slices_);
  }

 private:
  void push(const RoleCut& cut, const TensorInfo& tensor, int layer, int half, Range rows, Range cols) {
    const int block = info(tensor.dtype).block_elements;
    if (cols.begin % block != 0 || cols.end % block != 0) {
      throw Error{Code::unsupported, fmt::format("{}: columns {}..{} do not lie on the {}-element blocks of {}; run this model with --tp 1",
                                                 tensor.name, cols.begin, cols.end, block, name(tensor.dtype))};
    }
    slices_.push_back({cut.role, layer, half, &tensor, cut.form, rows, cols});
  }

  const Plan& plan_;
  const RankPlan& rank_;
  const model::Catalogue& catalogue_;
  std::vector<Slice> slices_;
};

}  // namespace

std::string region_name(Role role, int layer, int half) {
  if (layer == kNoLayer) return fmt::format("{}.{}", model::name(role), half);
  return fmt::format("L{}.{}.{}", layer, model::name(role), half);
}

std::string kv_region_name(int layer, int half) { return fmt::format("L{}.kv.{}", layer, half); }

std::string Slice::region() const { return region_name(role, layer, half); }

uint64_t Slice::pool_bytes() const {
  if (form == Form::vector_f32) return static_cast<uint64_t>(cols.size()) * sizeof(float);
  return packed_matrix_bytes(tensor->dtype, rows.size(), cols.size());
}

uint64_t Slice::file_bytes() const { return static_cast<uint64_t>(rows.size()) * row_bytes(tensor->dtype, cols.size()); }

std::vector<Slice> slices_of(const Plan& plan, int rank, const model::Catalogue& catalogue) {
  const RankPlan& r = plan.ranks[rank];
  SliceList list(plan, rank, catalogue);
  const bool tied = catalogue.find(Role::head) == nullptr;
  if (r.first_stage || (r.last_stage && tied)) list.add({Role::embedding, CutBy::vocab, CutDim::rows, Form::packed}, kNoLayer);
  for (int64_t layer = r.layers.begin; layer < r.layers.end; ++layer) {
    for (const RoleCut& cut : kLayerRoles) list.add(cut, static_cast<int>(layer));
  }
  if (r.last_stage) {
    list.add({Role::final_norm, CutBy::nothing, CutDim::none, Form::vector_f32}, kNoLayer);
    list.add({Role::head, CutBy::vocab, CutDim::rows, Form::packed}, kNoLayer);
  }
  list.add({Role::rope_freqs, CutBy::nothing, CutDim::none, Form::vector_f32}, kNoLayer);
  return list.take();
}

}  // namespace yoke::parallel
