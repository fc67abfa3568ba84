#include "model/names.h"

#include <fmt/format.h>

#include <array>
#include <vector>

namespace yoke::model {
namespace {

constexpr auto kDecoder = Family::decoder;
constexpr auto kEncoder = Family::encoder;
constexpr auto kGguf = Family::gguf;

// Hugging Face: the modelling files of huggingface/transformers and what the hub's older files have. GGUF: llama-arch.cpp of
// ggml-org/llama.cpp.
constexpr NameRow kNames[] = {
    {Role::embedding, kDecoder, "embed_tokens"},
    {Role::attn_norm, kDecoder, "input_layernorm.weight"},
    {Role::q, kDecoder, "self_attn.q_proj"},
    {Role::k, kDecoder, "self_attn.k_proj"},
    {Role::v, kDecoder, "self_attn.v_proj"},
    {Role::q, kDecoder, "self_attn.qkv_proj", Fusion::concatenated},
    {Role::k, kDecoder, "self_attn.qkv_proj", Fusion::concatenated},
    {Role::v, kDecoder, "self_attn.qkv_proj", Fusion::concatenated},
    {Role::o, kDecoder, "self_attn.o_proj"},
    {Role::q_bias, kDecoder, "self_attn.q_proj.bias"},
    {Role::k_bias, kDecoder, "self_attn.k_proj.bias"},
    {Role::v_bias, kDecoder, "self_attn.v_proj.bias"},
    {Role::q_bias, kDecoder, "self_attn.qkv_proj.bias", Fusion::concatenated},
    {Role::k_bias, kDecoder, "self_attn.qkv_proj.bias", Fusion::concatenated},
    {Role::v_bias, kDecoder, "self_attn.qkv_proj.bias", Fusion::concatenated},
    {Role::o_bias, kDecoder, "self_attn.o_proj.bias"},
    {Role::q_norm, kDecoder, "self_attn.q_norm.weight"},
    {Role::k_norm, kDecoder, "self_attn.k_norm.weight"},
    {Role::sinks, kDecoder, "self_attn.sinks"},
    {Role::q_a, kDecoder, "self_attn.q_a_proj"},
    {Role::q_a_norm, kDecoder, "self_attn.q_a_layernorm.weight"},
    {Role::q_b, kDecoder, "self_attn.q_b_proj"},
    {Role::q_b, kDecoder, "self_attn.q_proj"},
    {Role::kv_a, kDecoder, "self_attn.kv_a_proj_with_mqa"},
    {Role::kv_a_norm, kDecoder, "self_attn.kv_a_layernorm.weight"},
    {Role::kv_b, kDecoder, "self_attn.kv_b_proj"},
    {Role::mlp_norm, kDecoder, "post_attention_layernorm.weight"},
    {Role::gate, kDecoder, "mlp.gate_proj"},
    {Role::up, kDecoder, "mlp.up_proj"},
    {Role::gate, kDecoder, "mlp.gate_up_proj", Fusion::concatenated},
    {Role::up, kDecoder, "mlp.gate_up_proj", Fusion::concatenated},
    {Role::down, kDecoder, "mlp.down_proj"},
    {Role::gate_bias, kDecoder, "mlp.gate_proj.bias"},
    {Role::up_bias, kDecoder, "mlp.up_proj.bias"},
    {Role::down_bias, kDecoder, "mlp.down_proj.bias"},
    {Role::router, kDecoder, "mlp.gate"},
    {Role::router, kDecoder, "block_sparse_moe.gate"},
    {Role::router, kDecoder, "mlp.router"},
    {Role::router_bias, kDecoder, "mlp.router.bias"},
    {Role::router_correction, kDecoder, "mlp.gate.e_score_correction_bias"},
    {Role::router_correction, kDecoder, "block_sparse_moe.e_score_correction_bias"},
    {Role::router_correction, kDecoder, "mlp.e_score_correction_bias"},
    {Role::expert_gate, kDecoder, "mlp.experts.{}.gate_proj"},
    {Role::expert_up, kDecoder, "mlp.experts.{}.up_proj"},
    {Role::expert_down, kDecoder, "mlp.experts.{}.down_proj"},
    {Role::expert_gate, kDecoder, "block_sparse_moe.experts.{}.w1"},
    {Role::expert_up, kDecoder, "block_sparse_moe.experts.{}.w3"},
    {Role::expert_down, kDecoder, "block_sparse_moe.experts.{}.w2"},
    {Role::expert_gate, kDecoder, "mlp.experts.gate_up_proj", Fusion::interleaved},
    {Role::expert_up, kDecoder, "mlp.experts.gate_up_proj", Fusion::interleaved},
    {Role::expert_down, kDecoder, "mlp.experts.down_proj", Fusion::transposed},
    {Role::expert_gate, kDecoder, "mlp.experts.gate_up_proj", Fusion::planes_joined},
    {Role::expert_up, kDecoder, "mlp.experts.gate_up_proj", Fusion::planes_joined},
    {Role::expert_down, kDecoder, "mlp.experts.down_proj", Fusion::planes},
    {Role::expert_gate_bias, kDecoder, "mlp.experts.gate_up_proj_bias", Fusion::interleaved},
    {Role::expert_up_bias, kDecoder, "mlp.experts.gate_up_proj_bias", Fusion::interleaved},
    {Role::expert_down_bias, kDecoder, "mlp.experts.down_proj_bias", Fusion::planes},
    {Role::shared_gate, kDecoder, "mlp.shared_experts.gate_proj"},
    {Role::shared_up, kDecoder, "mlp.shared_experts.up_proj"},
    {Role::shared_down, kDecoder, "mlp.shared_experts.down_proj"},
    {Role::final_norm, kDecoder, "norm.weight"},
    {Role::head, kDecoder, "lm_head", Fusion::whole, true},

    {Role::embedding, kEncoder, "embeddings.word_embeddings"},
    {Role::position_embedding, kEncoder, "embeddings.position_embeddings"},
    {Role::token_type_embedding, kEncoder, "embeddings.token_type_embeddings"},
    {Role::embedding_norm, kEncoder, "embeddings.LayerNorm.weight"},
    {Role::embedding_norm_bias, kEncoder, "embeddings.LayerNorm.bias"},
    {Role::q, kEncoder, "attention.self.query"},
    {Role::k, kEncoder, "attention.self.key"},
    {Role::v, kEncoder, "attention.self.value"},
    {Role::o, kEncoder, "attention.output.dense"},
    {Role::q_bias, kEncoder, "attention.self.query.bias"},
    {Role::k_bias, kEncoder, "attention.self.key.bias"},
    {Role::v_bias, kEncoder, "attention.self.value.bias"},
    {Role::o_bias, kEncoder, "attention.output.dense.bias"},
    {Role::attn_norm, kEncoder, "attention.output.LayerNorm.weight"},
    {Role::attn_norm_bias, kEncoder, "attention.output.LayerNorm.bias"},
    {Role::up, kEncoder, "intermediate.dense"},
    {Role::down, kEncoder, "output.dense"},
    {Role::up_bias, kEncoder, "intermediate.dense.bias"},
    {Role::down_bias, kEncoder, "output.dense.bias"},
    {Role::mlp_norm, kEncoder, "output.LayerNorm.weight"},
    {Role::mlp_norm_bias, kEncoder, "output.LayerNorm.bias"},
    // The first BERTs came from TensorFlow, which calls a norm's vectors so.
    {Role::embedding_norm, kEncoder, "embeddings.LayerNorm.gamma"},
    {Role::embedding_norm_bias, kEncoder, "embeddings.LayerNorm.beta"},
    {Role::attn_norm, kEncoder, "attention.output.LayerNorm.gamma"},
    {Role::attn_norm_bias, kEncoder, "attention.output.LayerNorm.beta"},
    {Role::mlp_norm, kEncoder, "output.LayerNorm.gamma"},
    {Role::mlp_norm_bias, kEncoder, "output.LayerNorm.beta"},
    // RoBERTa's classifier has its own dense layer, BERT's stands on the pooler; both are tanh(dense(row)).
    {Role::pooler, kEncoder, "classifier.dense", Fusion::whole, true},
    {Role::pooler_bias, kEncoder, "classifier.dense.bias", Fusion::whole, true},
    {Role::pooler, kEncoder, "pooler.dense"},
    {Role::pooler_bias, kEncoder, "pooler.dense.bias"},
    {Role::classifier, kEncoder, "classifier.out_proj", Fusion::whole, true},
    {Role::classifier_bias, kEncoder, "classifier.out_proj.bias", Fusion::whole, true},
    {Role::classifier, kEncoder, "classifier", Fusion::whole, true},
    {Role::classifier_bias, kEncoder, "classifier.bias", Fusion::whole, true},

    {Role::embedding, kGguf, "token_embd"},
    {Role::attn_norm, kGguf, "attn_norm.weight"},
    {Role::q, kGguf, "attn_q"},
    {Role::k, kGguf, "attn_k"},
    {Role::v, kGguf, "attn_v"},
    {Role::q, kGguf, "attn_qkv", Fusion::concatenated},
    {Role::k, kGguf, "attn_qkv", Fusion::concatenated},
    {Role::v, kGguf, "attn_qkv", Fusion::concatenated},
    {Role::o, kGguf, "attn_output"},
    {Role::q_bias, kGguf, "attn_q.bias"},
    {Role::k_bias, kGguf, "attn_k.bias"},
    {Role::v_bias, kGguf, "attn_v.bias"},
    {Role::q_bias, kGguf, "attn_qkv.bias", Fusion::concatenated},
    {Role::k_bias, kGguf, "attn_qkv.bias", Fusion::concatenated},
    {Role::v_bias, kGguf, "attn_qkv.bias", Fusion::concatenated},
    {Role::o_bias, kGguf, "attn_output.bias"},
    {Role::q_norm, kGguf, "attn_q_norm.weight"},
    {Role::k_norm, kGguf, "attn_k_norm.weight"},
    {Role::sinks, kGguf, "attn_sinks.weight"},
    {Role::mlp_norm, kGguf, "ffn_norm.weight"},
    {Role::mlp_norm, kGguf, "post_attention_norm.weight"},
    {Role::gate, kGguf, "ffn_gate"},
    {Role::up, kGguf, "ffn_up"},
    {Role::down, kGguf, "ffn_down"},
    {Role::gate_bias, kGguf, "ffn_gate.bias"},
    {Role::up_bias, kGguf, "ffn_up.bias"},
    {Role::down_bias, kGguf, "ffn_down.bias"},
    {Role::router, kGguf, "ffn_gate_inp"},
    {Role::router_bias, kGguf, "ffn_gate_inp.bias"},
    {Role::router_correction, kGguf, "exp_probs_b.bias"},
    {Role::expert_gate, kGguf, "ffn_gate_exps", Fusion::planes},
    {Role::expert_up, kGguf, "ffn_up_exps", Fusion::planes},
    {Role::expert_down, kGguf, "ffn_down_exps", Fusion::planes},
    {Role::expert_gate, kGguf, "ffn_gate.{}"},  // files of 2023
    {Role::expert_up, kGguf, "ffn_up.{}"},
    {Role::expert_down, kGguf, "ffn_down.{}"},
    {Role::expert_gate_bias, kGguf, "ffn_gate_exps.bias", Fusion::planes},
    {Role::expert_up_bias, kGguf, "ffn_up_exps.bias", Fusion::planes},
    {Role::expert_down_bias, kGguf, "ffn_down_exps.bias", Fusion::planes},
    {Role::shared_gate, kGguf, "ffn_gate_shexp"},
    {Role::shared_up, kGguf, "ffn_up_shexp"},
    {Role::shared_down, kGguf, "ffn_down_shexp"},
    {Role::final_norm, kGguf, "output_norm.weight"},
    {Role::head, kGguf, "output"},
    {Role::rope_freqs, kGguf, "rope_freqs.weight"},
};

struct Beginning {
  Family family;
  std::string_view root;
  std::string_view model;
  std::string_view layers;  // behind the model's prefix
  bool tower;               // of a multimodal model's text tower
};

constexpr Beginning kBeginnings[] = {
    {kDecoder, "", "model.", "layers.", false},
    {kGguf, "", "", "blk.", false},
    {kDecoder, "", "", "layers.", false},  // the bare model, without a head of its own
    {kDecoder, "language_model.", "language_model.model.", "layers.", true},
    {kDecoder, "", "model.language_model.", "layers.", true},
    {kDecoder, "", "model.text_model.", "layers.", true},
    {kDecoder, "", "language_model.", "layers.", true},
    {kEncoder, "", "", "encoder.layer.", false},
    {kEncoder, "", "bert.", "encoder.layer.", false},
    {kEncoder, "", "roberta.", "encoder.layer.", false},
};

using RowList = std::vector<const NameRow*>;
constexpr size_t kRoleCount = static_cast<size_t>(Role::rope_freqs) + 1;

// By family and role, so that the tens of thousands of look-ups for a large mixture do not walk the table.
std::array<std::array<RowList, kRoleCount>, 3> make_index() {
  std::array<std::array<RowList, kRoleCount>, 3> index;
  for (const NameRow& row : kNames) index[static_cast<size_t>(row.family)][static_cast<size_t>(row.role)].push_back(&row);
  return index;
}

}  // namespace

std::span<const NameRow* const> names_of(Role role, Family family) {
  static const auto index = make_index();
  return index[static_cast<size_t>(family)][static_cast<size_t>(role)];
}

std::optional<Spelling> spelling_of(const std::map<std::string, TensorInfo>& tensors, bool text_tower) {
  for (const Beginning& row : kBeginnings) {
    if (row.tower && !text_tower) continue;
    const std::string_view embedding = names_of(Role::embedding, row.family)[0]->module;
    const std::string module = std::string(row.model) + std::string(embedding) + ".";
    const auto found = tensors.lower_bound(module);
    if (found == tensors.end() || !found->first.starts_with(module)) continue;
    return Spelling{row.family, std::string(row.root), std::string(row.model),
                    std::string(row.model) + std::string(row.layers)};
  }
  return std::nullopt;
}

std::string full_name(const NameRow& row, const Spelling& spelling, int layer, int expert) {
  const std::string& prefix = row.at_root ? spelling.root : spelling.model;
  std::string name = layer == kNoLayer ? prefix : fmt::format("{}{}.", spelling.layers, layer);
  const size_t hole = row.module.find("{}");
  if (hole == std::string_view::npos) return name.append(row.module);
  return name.append(row.module.substr(0, hole)).append(std::to_string(expert)).append(row.module.substr(hole + 2));
}

}  // namespace yoke::model
