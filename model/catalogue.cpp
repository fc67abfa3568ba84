#include "model/catalogue.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <optional>

#include "core/error.h"
#include "model/bad_file.h"

namespace yoke::model {
namespace {

// The sizes that shapes are made of.
enum class Size { none, vocab, hidden, intermediate, q_width, kv_width, half_head };

// One row a role. A name with a layer is what follows the layer's prefix; see kSpellings.
struct RoleRow {
  Role role;
  std::string_view name;          // in messages
  std::string_view hugging_face;  // empty: this spelling has no such tensor
  std::string_view gguf;
  bool in_layer;
  bool required;
  Size rows, cols;  // cols none: a vector of `rows`
};

constexpr RoleRow kRoles[] = {
    {Role::embedding, "embedding", "model.embed_tokens.weight", "token_embd.weight", false, true, Size::vocab,
     Size::hidden},
    {Role::attn_norm, "attn_norm", "input_layernorm.weight", "attn_norm.weight", true, true, Size::hidden, Size::none},
    {Role::q, "q", "self_attn.q_proj.weight", "attn_q.weight", true, true, Size::q_width, Size::hidden},
    {Role::k, "k", "self_attn.k_proj.weight", "attn_k.weight", true, true, Size::kv_width, Size::hidden},
    {Role::v, "v", "self_attn.v_proj.weight", "attn_v.weight", true, true, Size::kv_width, Size::hidden},
    {Role::o, "o", "self_attn.o_proj.weight", "attn_output.weight", true, true, Size::hidden, Size::q_width},
    {Role::q_bias, "q_bias", "self_attn.q_proj.bias", "attn_q.bias", true, false, Size::q_width, Size::none},
    {Role::k_bias, "k_bias", "self_attn.k_proj.bias", "attn_k.bias", true, false, Size::kv_width, Size::none},
    {Role::v_bias, "v_bias", "self_attn.v_proj.bias", "attn_v.bias", true, false, Size::kv_width, Size::none},
    {Role::o_bias, "o_bias", "self_attn.o_proj.bias", "attn_output.bias", true, false, Size::hidden, Size::none},
    {Role::mlp_norm, "mlp_norm", "post_attention_layernorm.weight", "ffn_norm.weight", true, true, Size::hidden,
     Size::none},
    {Role::gate, "gate", "mlp.gate_proj.weight", "ffn_gate.weight", true, true, Size::intermediate, Size::hidden},
    {Role::up, "up", "mlp.up_proj.weight", "ffn_up.weight", true, true, Size::intermediate, Size::hidden},
    {Role::down, "down", "mlp.down_proj.weight", "ffn_down.weight", true, true, Size::hidden, Size::intermediate},
    {Role::gate_bias, "gate_bias", "mlp.gate_proj.bias", "ffn_gate.bias", true, false, Size::intermediate, Size::none},
    {Role::up_bias, "up_bias", "mlp.up_proj.bias", "ffn_up.bias", true, false, Size::intermediate, Size::none},
    {Role::down_bias, "down_bias", "mlp.down_proj.bias", "ffn_down.bias", true, false, Size::hidden, Size::none},
    {Role::final_norm, "final_norm", "model.norm.weight", "output_norm.weight", false, true, Size::hidden, Size::none},
    {Role::head, "head", "lm_head.weight", "output.weight", false, true, Size::vocab, Size::hidden},
    {Role::rope_freqs, "rope_freqs", "", "rope_freqs.weight", false, false, Size::half_head, Size::none},
};

// How a format spells its names, told by the tensor that every model has.
struct Spelling {
  std::string_view embedding;
  std::string_view layer_prefix;  // then the layer's number, a dot, and the row's name
  std::string_view RoleRow::*name;
};

constexpr Spelling kSpellings[] = {
    {"model.embed_tokens.weight", "model.layers.", &RoleRow::hugging_face},
    {"token_embd.weight", "blk.", &RoleRow::gguf},
};

// Left by old converters: RoPE's frequencies, which follow from the configuration.
bool is_harmless(std::string_view name) {
  return name.ends_with(".rotary_emb.inv_freq") || name.ends_with(".attn_rot_embd.weight");
}

int64_t size_of(Size size, const ModelConfig& config) {
  switch (size) {
    case Size::none:
      return 0;
    case Size::vocab:
      return config.vocab;
    case Size::hidden:
      return config.hidden;
    case Size::intermediate:
      return config.intermediate;
    case Size::q_width:
      return config.heads * config.head_dim;
    case Size::kv_width:
      return config.kv_heads * config.head_dim;
    case Size::half_head:
      return config.head_dim / 2;
  }
  return 0;
}

std::vector<int64_t> shape_of(const RoleRow& row, const ModelConfig& config) {
  std::vector<int64_t> shape = {size_of(row.rows, config)};
  if (row.cols != Size::none) shape.push_back(size_of(row.cols, config));
  return shape;
}

const Spelling& spelling_of(const Checkpoint& checkpoint) {
  for (const Spelling& spelling : kSpellings) {
    if (checkpoint.tensors.contains(std::string(spelling.embedding))) return spelling;
  }
  refuse({.file = checkpoint.path,
          .found = fmt::format("{} tensors and no embedding among them", checkpoint.tensors.size()),
          .expected = fmt::format("{} or {}", printable(kSpellings[0].embedding), printable(kSpellings[1].embedding)),
          .remedy = "this is not a whole llama model"});
}

struct Place {
  const RoleRow* row;
  int layer;
};

// Which role and layer a tensor's name means; nothing for a name that means none.
std::optional<Place> place_of(std::string_view name, const Spelling& spelling) {
  int layer = kNoLayer;
  if (name.starts_with(spelling.layer_prefix)) {
    const std::string_view rest = name.substr(spelling.layer_prefix.size());
    const auto [end, error] = std::from_chars(rest.data(), rest.data() + rest.size(), layer);
    const bool plain = error == std::errc() && layer >= 0 && (rest[0] != '0' || rest.starts_with("0."));
    if (!plain || end == rest.data() + rest.size() || *end != '.') return std::nullopt;
    name = std::string_view(end + 1, rest.data() + rest.size() - end - 1);
  }
  for (const RoleRow& row : kRoles) {
    if (row.in_layer == (layer != kNoLayer) && row.*spelling.name == name && !name.empty()) return Place{&row, layer};
  }
  return std::nullopt;
}

void check_tensor(const TensorInfo& tensor, const RoleRow& row, const Checkpoint& checkpoint) {
  const std::vector<int64_t> expected = shape_of(row, checkpoint.config);
  const bool vector_read = tensor.dtype == Dtype::f32 || tensor.dtype == Dtype::f16 || tensor.dtype == Dtype::bf16;
  if (tensor.shape != expected) {
    refuse({.file = checkpoint.files.at(tensor.file),
            .offset = tensor.offset,
            .found = fmt::format("tensor {} of shape {}", printable(tensor.name), listed(tensor.shape)),
            .expected = fmt::format("shape {} for {}, as the configuration says", listed(expected), row.name),
            .remedy = "configuration and tensors are of different models"});
  }
  const bool matrix = row.cols != Size::none;
  if (matrix ? !info(tensor.dtype).weight : !vector_read) {
    refuse({.file = checkpoint.files.at(tensor.file),
            .offset = tensor.offset,
            .found = fmt::format("tensor {} of type {}", printable(tensor.name), yoke::name(tensor.dtype)),
            .expected = matrix ? "floats or quantised blocks for a weight" : "F32, F16 or BF16 for a vector",
            .remedy = "convert the model again"});
  }
}

[[noreturn]] void refuse_missing(const std::string& tensor, const Checkpoint& checkpoint) {
  refuse({.file = checkpoint.path,
          .found = fmt::format("{} tensors without {}", checkpoint.tensors.size(), printable(tensor)),
          .expected = fmt::format("it in a llama model of {} layers", checkpoint.config.layers),
          .remedy = "the model is incomplete: download or convert it again"});
}

[[noreturn]] void refuse_stranger(const TensorInfo& tensor, const Checkpoint& checkpoint) {
  throw Error{
      Code::unsupported,
      fmt::format(
          "{}, byte {}: tensor {} has no place in a llama model of {} layers; this build would ignore it, and its "
          "answers would be wrong",
          checkpoint.files.at(tensor.file).string(), tensor.offset, printable(tensor.name), checkpoint.config.layers)};
}

// A required role has its tensor (in every layer); an optional one in every layer or in none.
void check_presence(const RoleRow& row, const Spelling& spelling, const Catalogue& catalogue) {
  const Checkpoint& checkpoint = catalogue.checkpoint();
  if (!row.in_layer) {
    const bool needed = row.required && !(row.role == Role::head && checkpoint.config.tied);
    if (needed && catalogue.find(row.role) == nullptr) refuse_missing(std::string(row.*spelling.name), checkpoint);
    return;
  }
  int64_t present = 0;
  int missing = kNoLayer;
  for (int layer = 0; layer < checkpoint.config.layers; ++layer) {
    if (catalogue.find(row.role, layer) != nullptr)
      ++present;
    else if (missing == kNoLayer)
      missing = layer;
  }
  if (missing == kNoLayer || (present == 0 && !row.required)) return;
  refuse_missing(fmt::format("{}{}.{}", spelling.layer_prefix, missing, row.*spelling.name), checkpoint);
}

}  // namespace

std::string_view name(Role role) {
  const auto row = std::find_if(std::begin(kRoles), std::end(kRoles), [&](const RoleRow& r) { return r.role == role; });
  YOKE_ASSERT(row != std::end(kRoles));
  return row->name;
}

Catalogue::Catalogue(const Checkpoint& checkpoint) : checkpoint_(&checkpoint) {
  const Spelling& spelling = spelling_of(checkpoint);
  for (const auto& [tensor_name, tensor] : checkpoint.tensors) {
    const std::optional<Place> place = place_of(tensor_name, spelling);
    if (!place && is_harmless(tensor_name)) continue;
    if (!place || place->layer >= checkpoint.config.layers) refuse_stranger(tensor, checkpoint);
    if (place->row->role == Role::head && checkpoint.config.tied) continue;  // a copy of the embedding
    check_tensor(tensor, *place->row, checkpoint);
    tensors_.emplace(std::pair(place->row->role, place->layer), &tensor);
  }
  for (const RoleRow& row : kRoles) check_presence(row, spelling, *this);
}

const TensorInfo* Catalogue::find(Role role, int layer) const {
  const auto found = tensors_.find({role, layer});
  return found == tensors_.end() ? nullptr : found->second;
}

const TensorInfo& Catalogue::at(Role role, int layer) const {
  const TensorInfo* tensor = find(role, layer);
  YOKE_ASSERT(tensor != nullptr);
  return *tensor;
}

const TensorInfo& Catalogue::head() const {
  return checkpoint_->config.tied ? at(Role::embedding) : at(Role::head);
}

}  // namespace yoke::model
