#include "parallel/slice.h"

#include <fmt/format.h>

#include <algorithm>
#include <tuple>

#include "core/error.h"

namespace yoke::parallel {
namespace {

using model::kNoLayer;
using model::Role;
using model::Weight;

// What tensor parallelism cuts a tensor by. Heads are cut in units: of a query, a key, a value, MLA's parts of them, or one number.
enum class CutBy { nothing, query, query_output, key, value, sink, latent_query, latent_up, features, experts, shared, vocab };
// Which of its dimensions: outputs (column-parallel) or inputs (row-parallel; of a vector: its elements).
enum class CutDim { none, rows, cols };

struct RoleCut {
  Role role;
  CutBy by = CutBy::nothing;
  CutDim dim = CutDim::none;
};

// The roles of a layer, one row each. Row-parallel biases are whole and join half 0 (docs/bits.md rule 4).
constexpr RoleCut kLayerRoles[] = {
    {Role::attn_norm},
    {Role::attn_norm_bias},
    {Role::q, CutBy::query, CutDim::rows},
    {Role::k, CutBy::key, CutDim::rows},
    {Role::v, CutBy::value, CutDim::rows},
    {Role::o, CutBy::query_output, CutDim::cols},
    {Role::q_bias, CutBy::query, CutDim::cols},
    {Role::k_bias, CutBy::key, CutDim::cols},
    {Role::v_bias, CutBy::value, CutDim::cols},
    {Role::o_bias},
    {Role::sinks, CutBy::sink, CutDim::cols},
    {Role::q_a},
    {Role::q_a_norm},
    {Role::q_b, CutBy::latent_query, CutDim::rows},
    {Role::kv_a},
    {Role::kv_a_norm},
    {Role::kv_b, CutBy::latent_up, CutDim::rows},
    {Role::mlp_norm},
    {Role::mlp_norm_bias},
    {Role::gate, CutBy::features, CutDim::rows},
    {Role::up, CutBy::features, CutDim::rows},
    {Role::down, CutBy::features, CutDim::cols},
    {Role::gate_bias, CutBy::features, CutDim::cols},
    {Role::up_bias, CutBy::features, CutDim::cols},
    {Role::down_bias},
    {Role::router},
    {Role::router_bias},
    {Role::router_correction},
    {Role::shared_gate, CutBy::shared, CutDim::rows},
    {Role::shared_up, CutBy::shared, CutDim::rows},
    {Role::shared_down, CutBy::shared, CutDim::cols},
};

constexpr RoleCut kExpertRoles[] = {
    {Role::expert_gate, CutBy::experts, CutDim::rows},      {Role::expert_up, CutBy::experts, CutDim::rows},
    {Role::expert_down, CutBy::experts, CutDim::cols},      {Role::expert_gate_bias, CutBy::experts, CutDim::cols},
    {Role::expert_up_bias, CutBy::experts, CutDim::cols},   {Role::expert_down_bias},
};

// What an encoder's first and last stage hold besides; whole on every rank of the stage.
constexpr Role kEncoderFirst[] = {Role::position_embedding, Role::token_type_embedding, Role::embedding_norm, Role::embedding_norm_bias};
constexpr Role kEncoderLast[] = {Role::pooler, Role::pooler_bias, Role::classifier, Role::classifier_bias};

// A norm of queries or keys: one weight for all heads is whole, else each head has its own.
RoleCut norm_cut(Role role, const model::ModelConfig& config) {
  const bool whole = config.qk_norm == model::QkNorm::none || config.qk_norm == model::QkNorm::per_head;
  if (whole) return {role};
  return {role, role == Role::q_norm ? CutBy::query : CutBy::key, CutDim::cols};
}

bool joins_half_0(Role role) { return role == Role::o_bias || role == Role::down_bias || role == Role::expert_down_bias; }

Range scaled(Range range, int64_t unit) { return {range.begin * unit, range.end * unit}; }

Range cut_range(const HalfLayer& half, const Range& vocab, const model::ModelConfig& c, CutBy by) {
  switch (by) {
    case CutBy::nothing: break;
    case CutBy::query: return scaled(half.heads, c.head_dim);
    case CutBy::query_output: return scaled(half.heads, c.latent.kv_rank > 0 ? c.latent.value_dim : c.value_dim);
    case CutBy::key: return scaled(half.kv_heads, c.head_dim);
    case CutBy::value: return scaled(half.kv_heads, c.value_dim);
    case CutBy::sink: return half.heads;
    case CutBy::latent_query: return scaled(half.heads, c.latent.nope_dim + c.latent.rope_dim);
    case CutBy::latent_up: return scaled(half.heads, c.latent.nope_dim + c.latent.value_dim);
    case CutBy::features: return half.features;
    case CutBy::experts: return half.expert_features;
    case CutBy::shared: return half.shared_features;
    case CutBy::vocab: return vocab;
  }
  return {};
}

class SliceList {
 public:
  SliceList(const Plan& plan, int rank, const model::Catalogue& catalogue)
      : plan_(plan), rank_(plan.ranks[static_cast<size_t>(rank)]), catalogue_(catalogue), config_(catalogue.checkpoint().config) {}

  void add(const RoleCut& cut, int layer = kNoLayer) {
    const Weight* weight = catalogue_.find(cut.role, layer);
    if (weight == nullptr) return;
    if (cut.by == CutBy::nothing) {
      if (!joins_half_0(cut.role) || rank_.halves.front() == 0) push(*weight, 0, {0, weight->rows}, {0, weight->cols});
      return;
    }
    const bool shared = layer != kNoLayer && plan_.layers[static_cast<size_t>(layer)].shared_kv &&
                        (cut.by == CutBy::key || cut.by == CutBy::value);
    for (const int half : rank_.halves) {
      if (shared && half != rank_.halves.front()) continue;
      push_part(cut, *weight, layer, half, shared ? 0 : half);
    }
  }

  void add_experts(int layer) {
    if (!config_.layer_kinds[static_cast<size_t>(layer)].moe) return;
    for (const int half : rank_.halves) {
      const Range experts = plan_.layers[static_cast<size_t>(layer)].half[half].experts;
      for (int64_t expert = experts.begin; expert < experts.end; ++expert) {
        for (const RoleCut& cut : kExpertRoles) {
          const Weight* weight = catalogue_.find(cut.role, layer, static_cast<int>(expert));
          if (weight != nullptr) add_expert(cut, *weight, layer, half);
        }
      }
    }
  }

  std::vector<Slice> take() {
    std::sort(slices_.begin(), slices_.end(), [](const Slice& a, const Slice& b) { return place(a) < place(b); });
    return std::move(slices_);
  }

 private:
  // A whole expert's bias of what its ranks sum joins with the expert; a cut one's joins half 0.
  void add_expert(const RoleCut& cut, const Weight& weight, int layer, int half) {
    if (cut.by != CutBy::nothing) return push_part(cut, weight, layer, half, half);
    if (plan_.layout.ep > 1 || half == 0) push(weight, half, {0, weight.rows}, {0, weight.cols});
  }

  void push_part(const RoleCut& cut, const Weight& weight, int layer, int half, int named) {
    static constexpr HalfLayer kNone{};
    const HalfLayer& of = layer == kNoLayer ? kNone : plan_.layers[static_cast<size_t>(layer)].half[half];
    const Range part = cut_range(of, plan_.vocab[half], config_, cut.by);
    if (part.empty()) return;
    const bool by_rows = cut.dim == CutDim::rows;
    push(weight, named, by_rows ? part : Range{0, weight.rows}, by_rows ? Range{0, weight.cols} : part);
  }

  void push(const Weight& weight, int half, Range rows, Range cols) {
    const bool packed = plan_.pack && !weight.vector && packable(weight.format, weight.cols);
    slices_.push_back({&weight, half, weight.vector ? Form::vector_f32 : Form::packed, rows, cols, packed});
  }

  // Of a catalogue without files: the order of its roles.
  static std::tuple<size_t, uint64_t, int64_t, int64_t, int64_t, int> place(const Slice& s) {
    const model::TensorInfo* codes = s.weight->codes;
    return {codes ? codes->file : 0, codes ? codes->offset : 0, s.weight->plane, s.weight->first_row, s.rows.begin, s.half};
  }

  const Plan& plan_;
  const RankPlan& rank_;
  const model::Catalogue& catalogue_;
  const model::ModelConfig& config_;
  std::vector<Slice> slices_;
};

}  // namespace

std::string region_name(Role role, int layer, int half, int expert) {
  if (layer == kNoLayer) return fmt::format("{}.{}", model::name(role), half);
  if (model::is_expert(role)) return fmt::format("L{}.{}.{}.e{}", layer, model::name(role), half, expert);
  return fmt::format("L{}.{}.{}", layer, model::name(role), half);
}

std::string kv_region_name(int layer, int half) { return fmt::format("L{}.kv.{}", layer, half); }

PackedShape Slice::shape() const {
  int64_t groups = 0;
  if (weight->format.listed_groups) groups = ceil_div(weight->cols, weight->format.group);
  WeightFormat format = weight->format;
  format.packed = packed;
  return {.format = format, .rows = rows.size(), .cols = cols.size(), .row_begin = rows.begin, .col_begin = cols.begin, .groups = groups};
}

std::string Slice::region() const { return region_name(weight->role, weight->layer, half, weight->expert); }

uint64_t Slice::pool_bytes() const {
  return form == Form::vector_f32 ? static_cast<uint64_t>(cols.size()) * sizeof(float) : shape().bytes();
}

std::vector<Slice> slices_of(const Plan& plan, int rank, const model::Catalogue& catalogue) {
  const RankPlan& r = plan.ranks[static_cast<size_t>(rank)];
  SliceList list(plan, rank, catalogue);
  const bool tied = catalogue.find(Role::head) == nullptr && !catalogue.checkpoint().config.encoder.is;
  if (r.first_stage || (r.last_stage && tied)) list.add({Role::embedding, CutBy::vocab, CutDim::rows});
  if (r.first_stage) {
    for (const Role role : kEncoderFirst) list.add({role});
  }
  for (int64_t layer = r.layers.begin; layer < r.layers.end; ++layer) {
    for (const RoleCut& cut : kLayerRoles) list.add(cut, static_cast<int>(layer));
    for (const Role role : {Role::q_norm, Role::k_norm}) list.add(norm_cut(role, catalogue.checkpoint().config), static_cast<int>(layer));
    list.add_experts(static_cast<int>(layer));
  }
  if (r.last_stage) {
    for (const Role role : {Role::final_norm, Role::final_norm_bias}) list.add({role});
    for (const Role role : kEncoderLast) list.add({role});
    list.add({Role::head, CutBy::vocab, CutDim::rows});
  }
  list.add({Role::rope_freqs});
  return list.take();
}

}  // namespace yoke::parallel
