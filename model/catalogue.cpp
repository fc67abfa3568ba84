#include "model/catalogue.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <functional>

#include "core/error.h"
#include "model/bad_file.h"
#include "model/layouts.h"
#include "model/names.h"
#include "model/roles.h"

namespace yoke::model {
namespace {

using Weights = std::map<std::tuple<Role, int, int>, Weight>;

// Left by old converters: RoPE's frequencies and positions, which follow from the configuration.
bool is_harmless(std::string_view name) {
  return name.ends_with(".rotary_emb.inv_freq") || name.ends_with(".attn_rot_embd.weight") ||
         name.ends_with("embeddings.position_ids");
}

// Where a matrix's rows begin in the one that it was joined into.
int64_t rows_before(Role role, const ModelConfig& config) {
  switch (role) {
    case Role::k:
    case Role::k_bias:
      return config.heads * config.head_dim;
    case Role::v:
    case Role::v_bias:
      return (config.heads + config.kv_heads) * config.head_dim;
    case Role::up:
    case Role::up_bias:
      return config.intermediate;
    case Role::expert_up:
    case Role::expert_up_bias:
      return config.moe.intermediate;
    default:
      return 0;
  }
}

bool is_second(Role role) {
  return role == Role::expert_up || role == Role::expert_up_bias;
}

class Finder {
 public:
  explicit Finder(const Checkpoint& checkpoint)
      : checkpoint_(checkpoint), config_(checkpoint.config), tensors_(checkpoint) {
    const std::optional<Spelling> spelling = spelling_of(checkpoint.tensors, config_.text_tower);
    if (!spelling) refuse_without_embedding();
    spelling_ = *spelling;
  }

  Weights find_all() {
    for (const RoleRow& row : role_rows()) {
      if (row.scope == Scope::model) find_one(row, kNoLayer, 0, row.present(config_, {}));
    }
    for (int layer = 0; layer < config_.layers; ++layer) {
      for (const RoleRow& row : role_rows()) {
        if (row.scope == Scope::model || !row.present(config_, kind_of(config_, layer))) continue;
        const int64_t experts = row.scope == Scope::expert ? config_.moe.experts : 1;
        for (int expert = 0; expert < experts; ++expert) find_one(row, layer, expert, true);
      }
    }
    return std::move(weights_);
  }

  // The tensors of parts that are not served. Error{unsupported} for one that has no place.
  std::vector<std::string> rest() const {
    std::vector<std::string> skipped;
    for (const auto& [name, tensor] : checkpoint_.tensors) {
      if (tensors_.taken(tensor) || is_harmless(name) || is_tied_copy(name)) continue;
      if (is_unserved(name))
        skipped.push_back(name);
      else if (!is_unread_companion(tensors_, name))
        refuse_stranger(tensor);
    }
    return skipped;
  }

 private:
  void find_one(const RoleRow& row, int layer, int expert, bool required) {
    Weight weight;
    weight.role = row.role;
    weight.layer = layer;
    weight.expert = expert;
    weight.vector = row.vector;
    const RoleShape shape = row.shape(config_);
    weight.rows = shape.rows;
    weight.cols = shape.cols;
    for (const NameRow* name : names_of(row.role, spelling_.family)) {
      if ((required || row.role == Role::rope_freqs) && fill(*name, weight)) {
        weights_.emplace(std::tuple(row.role, layer, expert), std::move(weight));
        return;
      }
    }
    if (required) refuse_missing(row, layer, expert);
  }

  bool fill(const NameRow& name, Weight& weight) {
    // The same name means two things: gpt-oss interleaves what later models join.
    const bool interleaves = config_.mlp == MlpKind::swiglu_clamped;
    const bool needs = name.fusion == Fusion::interleaved || name.fusion == Fusion::transposed;
    const bool bars =
        name.fusion == Fusion::planes_joined || (name.fusion == Fusion::planes && name.family == Family::decoder);
    if (!weight.vector && ((needs && !interleaves) || (bars && interleaves))) return false;
    const std::string module = full_name(name, spelling_, weight.layer, weight.expert);
    return weight.vector ? fill_vector(name, module, weight) : fill_matrix(name, module, weight);
  }

  bool fill_matrix(const NameRow& name, const std::string& module, Weight& weight) {
    Container box = {.module = module, .rows = joined(name, weight, weight.rows), .cols = weight.cols};
    if (name.fusion != Fusion::whole && name.fusion != Fusion::concatenated) box.planes = config_.moe.experts;
    // gpt-oss lies transposed as plain floats only; its MXFP4 blocks are [experts, out, in].
    const bool transposed = name.fusion == Fusion::interleaved || name.fusion == Fusion::transposed;
    box.transposed = transposed && tensors_.find(module) != nullptr;
    if (!fill_from_layout(tensors_, box, weight)) return false;
    place(name, weight);
    check_edges(weight);
    return true;
  }

  bool fill_vector(const NameRow& name, const std::string& module, Weight& weight) {
    const TensorInfo* tensor = tensors_.find(module);
    if (tensor == nullptr) return false;
    const int64_t whole = joined(name, weight, weight.cols);
    std::vector<int64_t> expected = {whole};
    if (is_expert(weight.role)) expected.insert(expected.begin(), config_.moe.experts);
    const bool norm = weight.role == Role::q_norm || weight.role == Role::k_norm;
    if (norm && config_.qk_norm == QkNorm::per_head_layer) expected = {whole / config_.head_dim, config_.head_dim};
    if (tensor->shape != expected) tensors_.refuse_shape(*tensor, listed(expected), yoke::model::name(weight.role));
    if (!is_float(tensor->dtype)) tensors_.refuse_type(*tensor, "F32, F16 or BF16 for a vector");
    weight.codes = tensors_.take(module);
    weight.format = plain_format(tensor->dtype);
    place(name, weight);
    return true;
  }

  // Rows of the tensors that hold `own` rows of this one.
  int64_t joined(const NameRow& name, const Weight& weight, int64_t own) const {
    if (name.fusion == Fusion::interleaved || name.fusion == Fusion::planes_joined) return 2 * own;
    if (name.fusion != Fusion::concatenated) return own;
    const bool attention = weight.role != Role::gate && weight.role != Role::up;
    return attention ? (config_.heads + 2 * config_.kv_heads) * config_.head_dim : 2 * own;
  }

  void place(const NameRow& name, Weight& weight) const {
    if (name.fusion != Fusion::whole && name.fusion != Fusion::concatenated) weight.plane = weight.expert;
    if (name.fusion == Fusion::concatenated || name.fusion == Fusion::planes_joined)
      weight.first_row = rows_before(weight.role, config_);
    if (name.fusion == Fusion::interleaved) {
      weight.first_row = is_second(weight.role) ? 1 : 0;
      weight.row_step = 2;
    }
  }

  // Scales of squares are counted from the joined matrix's corner, ours from the matrix's own.
  void check_edges(const Weight& weight) const {
    if (weight.format.scales != Scales::per_block || weight.first_row % weight.format.group == 0) return;
    throw Error{
        Code::unsupported,
        fmt::format(
            "{}: tensor {} joins matrices at row {}, inside a block of {} x {}; this build reads such a join at "
            "the edge of a block only",
            checkpoint_.files.at(weight.codes->file).string(), printable(weight.codes->name), weight.first_row,
            weight.format.group, weight.format.group)};
  }

  // A tied head is the embedding: transformers lets a copy in the file be.
  bool is_tied_copy(std::string_view name) const {
    if (!config_.tied) return false;
    const NameRow& row = *names_of(Role::head, spelling_.family)[0];
    return name.starts_with(full_name(row, spelling_, kNoLayer, 0) + ".");
  }

  bool is_unserved(std::string_view name) const {
    if (name.starts_with(spelling_.layers)) {
      const std::string_view rest = name.substr(spelling_.layers.size());
      int64_t layer = -1;
      std::from_chars(rest.data(), rest.data() + rest.size(), layer);
      return layer >= config_.layers && layer < config_.layers + config_.unserved_layers;
    }
    // The heads with which encoders were trained.
    if (config_.encoder.is)
      return name.starts_with("cls.") || name.starts_with("lm_head.") || name.find("pooler.") != name.npos;
    if (config_.unserved_layers > 0 && (name.starts_with("mtp.") || name.starts_with("model.mtp"))) return true;
    // Whatever a multimodal model has besides its text tower.
    const bool of_text = name.starts_with(spelling_.model) && spelling_.model != "model.";
    return config_.text_tower && !of_text && !name.starts_with(spelling_.root + "lm_head.") && is_other_tower(name);
  }

  bool is_other_tower(std::string_view name) const {
    return spelling_.model != "model." || name.starts_with("visual.") || name.starts_with("model.visual.") ||
           name.find("vision") != name.npos || name.find("projector") != name.npos || name.find("audio") != name.npos ||
           name.find("image_newline") != name.npos;
  }

  [[noreturn]] void refuse_without_embedding() const {
    refuse({.file = checkpoint_.path,
            .found = fmt::format("{} tensors and no embedding among them", checkpoint_.tensors.size()),
            .expected = config_.encoder.is ? "'embeddings.word_embeddings.weight'"
                                           : "'model.embed_tokens.weight' or 'token_embd.weight'",
            .remedy = fmt::format("this is not a whole {} model", config_.architecture)});
  }

  [[noreturn]] void refuse_missing(const RoleRow& row, int layer, int expert) const {
    std::string names;
    for (const NameRow* name : names_of(row.role, spelling_.family)) {
      if (name->fusion != Fusion::whole && !names.empty()) continue;
      const std::string tensor = full_name(*name, spelling_, layer, expert) + (row.vector ? "" : ".weight");
      names += fmt::format("{}{}", names.empty() ? "" : " or ", printable(tensor));
    }
    refuse({.file = checkpoint_.path,
            .found = fmt::format("{} tensors without {}", checkpoint_.tensors.size(), names),
            .expected = fmt::format("it in a {} model of {} layers", config_.architecture, config_.layers),
            .remedy = "the model is incomplete: download or convert it again"});
  }

  [[noreturn]] void refuse_stranger(const TensorInfo& tensor) const {
    throw Error{
        Code::unsupported,
        fmt::format("{}, byte {}: tensor {} has no place in a {} model of {} layers; this build would ignore it, and "
                    "its answers would be wrong",
                    checkpoint_.files.at(tensor.file).string(), tensor.offset, printable(tensor.name),
                    config_.architecture, config_.layers)};
  }

  const Checkpoint& checkpoint_;
  const ModelConfig& config_;
  TensorIndex tensors_;
  Spelling spelling_;
  Weights weights_;
};

}  // namespace

Catalogue::Catalogue(const Checkpoint& checkpoint) : checkpoint_(&checkpoint) {
  if (checkpoint.made) {
    *this = Catalogue(checkpoint.config, *checkpoint.made);
    checkpoint_ = &checkpoint;
    return;
  }
  Finder finder(checkpoint);
  weights_ = finder.find_all();
  skipped_ = finder.rest();
}

const Weight* Catalogue::find(Role role, int layer, int expert) const {
  const auto found = weights_.find({role, layer, expert});
  return found == weights_.end() ? nullptr : &found->second;
}

const Weight& Catalogue::at(Role role, int layer, int expert) const {
  const Weight* weight = find(role, layer, expert);
  YOKE_ASSERT(weight != nullptr);
  return *weight;
}

const Weight& Catalogue::head() const {
  return checkpoint_->config.tied ? at(Role::embedding) : at(Role::head);
}

int64_t Catalogue::parameters() const {
  int64_t sum = 0;
  for (const auto& [key, weight] : weights_) {
    if (weight.role != Role::rope_freqs && weight.role != Role::router_correction) sum += weight.rows * weight.cols;
  }
  return sum;
}

}  // namespace yoke::model
