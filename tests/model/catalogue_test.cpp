#include "model/catalogue.h"

#include <gtest/gtest.h>

#include "core/error.h"
#include "tests/model/made_files.h"

namespace yoke::model {
namespace {

class CatalogueOfTensors : public ::testing::Test {
 protected:
  Checkpoint open(std::string_view more = "") {
    folder_.write("config.json", made_llama_config(more));
    folder_.write("model.safetensors", made_safetensors(tensors_));
    return open_checkpoint(folder_.path());
  }
  void expect_refused(Code code, const std::vector<std::string>& parts, std::string_view more = "") {
    const Checkpoint checkpoint = open(more);
    expect_error(code, parts, [&] { Catalogue catalogue(checkpoint); });
    tensors_ = made_llama_tensors();
  }
  MadeTensor& tensor(std::string_view name) {
    for (MadeTensor& tensor : tensors_) {
      if (tensor.name == name) return tensor;
    }
    throw std::runtime_error("no such tensor in the made file");
  }

  MadeFolder folder_;
  std::vector<MadeTensor> tensors_ = made_llama_tensors();
};

TEST_F(CatalogueOfTensors, FindsEveryRoleOfAWholeModel) {
  const Checkpoint checkpoint = open();
  const Catalogue catalogue(checkpoint);
  for (const Role role :
       {Role::attn_norm, Role::q, Role::k, Role::v, Role::o, Role::mlp_norm, Role::gate, Role::up, Role::down}) {
    EXPECT_NE(catalogue.find(role, 0), nullptr) << name(role);
    EXPECT_EQ(catalogue.find(role, 1), nullptr) << name(role);
    EXPECT_EQ(catalogue.find(role), nullptr) << name(role);
  }
  EXPECT_NE(catalogue.find(Role::embedding), nullptr);
  EXPECT_NE(catalogue.find(Role::final_norm), nullptr);
}

TEST_F(CatalogueOfTensors, NamesTheTensorThatIsMissing) {
  for (const std::string missing :
       {"model.norm.weight", "model.layers.0.self_attn.k_proj.weight", "model.layers.0.mlp.down_proj.weight"}) {
    std::erase_if(tensors_, [&](const MadeTensor& t) { return t.name == missing; });
    expect_refused(Code::bad_file, {"10 tensors without '" + missing + "'"});
  }
  std::string untied = made_llama_config();
  untied.replace(untied.find("true"), 4, "false");
  folder_.write("config.json", untied);
  const Checkpoint checkpoint = open_checkpoint(folder_.write("model.safetensors", made_safetensors(tensors_)));
  expect_error(Code::bad_file, {"without 'lm_head.weight'"}, [&] { Catalogue catalogue(checkpoint); });
}

TEST_F(CatalogueOfTensors, NamesTheShapeThatIsWrong) {
  tensor("model.layers.0.self_attn.k_proj.weight") = zeros("model.layers.0.self_attn.k_proj.weight", "BF16", {64, 32});
  expect_refused(Code::bad_file, {"'model.layers.0.self_attn.k_proj.weight' of shape [64, 32]", "[32, 64] for k"});
  tensor("model.norm.weight") = zeros("model.norm.weight", "BF16", {1, 64});
  expect_refused(Code::bad_file, {"[1, 64]", "[64] for final_norm"});
}

TEST_F(CatalogueOfTensors, NamesTheTypeThatIsNoWeight) {
  tensor("model.norm.weight") = zeros("model.norm.weight", "I32", {64});
  expect_refused(Code::bad_file, {"'model.norm.weight' of type I32", "F32, F16 or BF16"});
  tensor("model.embed_tokens.weight") = zeros("model.embed_tokens.weight", "U8", {8, 64});
  expect_refused(Code::unsupported, {"'model.embed_tokens.weight' of type U8", "no layout that this build reads"});
}

TEST_F(CatalogueOfTensors, IgnoresWhatIsHarmlessAndACopyOfATiedHead) {
  tensors_.push_back(zeros("model.layers.0.self_attn.rotary_emb.inv_freq", "F32", {16}));
  tensors_.push_back(zeros("lm_head.weight", "BF16", {8, 64}));
  const Checkpoint checkpoint = open();
  const Catalogue catalogue(checkpoint);
  EXPECT_EQ(catalogue.head().codes->name, "model.embed_tokens.weight");
  EXPECT_EQ(catalogue.find(Role::head), nullptr);
}

TEST_F(CatalogueOfTensors, RefusesTensorsThatWouldChangeTheAnswer) {
  for (const char* stranger :
       {"model.layers.0.self_attn.q_norm.weight", "model.layers.1.input_layernorm.weight",
        "model.layers.00.input_layernorm.weight", "model.layers.-1.input_layernorm.weight", "model.layers.0",
        "model.layers.", "model.layers.0.", "input_layernorm.weight", "model.layers.99999999999.input_layernorm.weight",
        "vision_tower.weight", "token_embd.weight"}) {
    tensors_.push_back(zeros(stranger, "BF16", {64}));
    expect_refused(Code::unsupported, {std::string("'") + stranger + "' has no place"});
  }
}

TEST_F(CatalogueOfTensors, RefusesAModelWithoutEmbedding) {
  tensors_.erase(tensors_.begin());
  expect_refused(Code::bad_file, {"no embedding", "'model.embed_tokens.weight' or 'token_embd.weight'"});
}

TEST_F(CatalogueOfTensors, WantsEveryBiasOfEveryLayerOrNone) {
  std::vector<MadeTensor> second;
  for (MadeTensor t : tensors_) {
    const size_t at = t.name.find("layers.0.");
    if (at == std::string::npos) continue;
    t.name.replace(at, 9, "layers.1.");
    second.push_back(t);
  }
  tensors_.insert(tensors_.end(), second.begin(), second.end());
  tensors_.push_back(zeros("model.layers.0.self_attn.q_proj.bias", "BF16", {64}));
  folder_.write("model.safetensors", made_safetensors(tensors_));
  std::string config = made_llama_config(R"(,"attention_bias":true)");
  config.replace(config.find("\"num_hidden_layers\":1"), 21, "\"num_hidden_layers\":2");
  folder_.write("config.json", config);
  const Checkpoint checkpoint = open_checkpoint(folder_.path());
  expect_error(Code::bad_file, {"without 'model.layers.0.self_attn.k_proj.bias'"},
               [&] { Catalogue catalogue(checkpoint); });
}

}  // namespace
}  // namespace yoke::model
