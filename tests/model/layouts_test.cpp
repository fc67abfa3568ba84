// Quantised layouts beside each other in one checkpoint, and what is wrong with some of them.
#include "model/layouts.h"

#include <gtest/gtest.h>

#include "core/error.h"
#include "tests/model/made_files.h"

namespace yoke::model {
namespace {

const std::string kAttention = "model.layers.0.self_attn.";

// The made llama, whose k [32, 64] is laid out as a test wants.
class Layouts : public ::testing::Test {
 protected:
  // `config` is the content of quantization_config; "" for none.
  Checkpoint open(const std::string& config, const std::vector<MadeTensor>& k_parts) {
    std::vector<MadeTensor> tensors = made_llama_tensors();
    std::erase_if(tensors, [](const MadeTensor& t) { return t.name == kAttention + "k_proj.weight"; });
    tensors.insert(tensors.end(), k_parts.begin(), k_parts.end());
    folder_.write("config.json", made_llama_config(config.empty() ? "" : ",\"quantization_config\":{" + config + "}"));
    folder_.write("model.safetensors", made_safetensors(tensors));
    return open_checkpoint(folder_.path());
  }
  static MadeTensor part(const std::string& suffix, const std::string& dtype, const std::vector<int64_t>& shape) {
    return zeros(kAttention + "k_proj" + suffix, dtype, shape);
  }
  Weight k_of(const std::string& config, const std::vector<MadeTensor>& parts) {
    const Checkpoint checkpoint = open(config, parts);
    return Catalogue(checkpoint).at(Role::k, 0);
  }
  void expect_refused(const std::string& config, const std::vector<MadeTensor>& parts, Code code,
                      const std::vector<std::string>& message) {
    expect_error(code, message, [&] {
      const Checkpoint checkpoint = open(config, parts);
      Catalogue catalogue(checkpoint);
    });
  }

  MadeFolder folder_;
};

const std::string kModelopt = R"("quant_method":"modelopt","quant_algo":"NVFP4")";
const std::string kGptq = R"("quant_method":"gptq","bits":4,"group_size":32)";
const std::string kCompressed =
    R"("quant_method":"compressed-tensors","format":"pack-quantized","config_groups":{"group_0":{"weights":{"type":"int","num_bits":4,)";

TEST_F(Layouts, OfSeveralKindsLieInOneCheckpoint) {
  std::vector<MadeTensor> tensors = made_llama_tensors();
  std::erase_if(tensors, [](const MadeTensor& t) {
    return t.name.find("k_proj") != t.name.npos || t.name.find("v_proj") != t.name.npos ||
           t.name.find("o_proj") != t.name.npos;
  });
  tensors.push_back(zeros(kAttention + "k_proj.weight", "F8_E4M3", {32, 64}));
  tensors.push_back(zeros(kAttention + "k_proj.weight_scale", "F32", {}));
  tensors.push_back(zeros(kAttention + "k_proj.input_scale", "F32", {}));
  tensors.push_back(zeros(kAttention + "k_proj.k_scale", "F32", {}));
  tensors.push_back(zeros(kAttention + "v_proj.weight", "U8", {32, 32}));
  tensors.push_back(zeros(kAttention + "v_proj.weight_scale", "F8_E4M3", {32, 4}));
  tensors.push_back(zeros(kAttention + "v_proj.weight_scale_2", "F32", {}));
  tensors.push_back(zeros(kAttention + "o_proj.weight_packed", "U8", {64, 32}));
  tensors.push_back(zeros(kAttention + "o_proj.weight_scale", "U8", {64, 2}));
  folder_.write("config.json", made_llama_config());
  folder_.write("hf_quant_config.json",
                R"({"producer":{"name":"modelopt"},"quantization":{"quant_algo":"MIXED_PRECISION"}})");
  folder_.write("model.safetensors", made_safetensors(tensors));
  const Checkpoint checkpoint = open_checkpoint(folder_.path());
  const Catalogue catalogue(checkpoint);
  EXPECT_EQ(catalogue.at(Role::q, 0).format, plain_format(Dtype::bf16));
  EXPECT_EQ(catalogue.at(Role::k, 0).format, (WeightFormat{.codes = Dtype::f8_e4m3, .global = true}));
  EXPECT_EQ(catalogue.at(Role::k, 0).global->name, kAttention + "k_proj.weight_scale");
  EXPECT_EQ(name(catalogue.at(Role::v, 0).format), "NVFP4");
  EXPECT_EQ(name(catalogue.at(Role::o, 0).format), "MXFP4");
}

TEST_F(Layouts, Int4KnowsItsGroups) {
  const std::vector<MadeTensor> whole = {part(".weight_packed", "I32", {32, 8}), part(".weight_scale", "BF16", {32, 1}),
                                         part(".weight_shape", "I64", {2})};
  EXPECT_EQ(k_of(kCompressed + R"("strategy":"channel"}}})", whole).format.group, 64);
  const std::vector<MadeTensor> listed = {part(".weight_packed", "I32", {32, 8}),
                                          part(".weight_scale", "BF16", {32, 2}), part(".weight_g_idx", "I32", {64})};
  const Weight k = k_of(kCompressed + R"("strategy":"group","group_size":32,"actorder":"group"}}})", listed);
  EXPECT_TRUE(k.format.listed_groups);
  EXPECT_NE(k.groups, nullptr);
  const std::vector<MadeTensor> gptq = {part(".qweight", "I32", {8, 32}), part(".scales", "F16", {2, 32}),
                                        part(".qzeros", "I32", {2, 4}), part(".g_idx", "I32", {64})};
  EXPECT_EQ(k_of(kGptq, gptq).format.zero_bias, 1);
  EXPECT_FALSE(k_of(kGptq, gptq).format.listed_groups) << "without desc_act the list says k / g";
  EXPECT_EQ(k_of(kGptq + R"(,"checkpoint_format":"gptq_v2")", gptq).format.zero_bias, 0);
  EXPECT_TRUE(k_of(kGptq + R"(,"desc_act":true)", gptq).format.listed_groups);
  expect_refused(R"("quant_method":"gptq","bits":4,"group_size":128)", gptq, Code::bad_file,
                 {"k_proj.scales' of shape [2, 32]", "groups of 128 of 64 inputs"});
}

TEST_F(Layouts, GptqMayHaveABiasForEveryMatrix) {
  std::vector<MadeTensor> tensors = made_llama_tensors();
  for (const char* module : {"q_proj", "k_proj", "v_proj"}) {
    const int64_t rows = std::string(module) == "q_proj" ? 64 : 32;
    tensors.push_back(zeros(kAttention + module + ".bias", "F16", {rows}));
  }
  folder_.write("config.json", made_llama_config(",\"quantization_config\":{" + kGptq + "}"));
  folder_.write("model.safetensors", made_safetensors(tensors));
  const Checkpoint checkpoint = open_checkpoint(folder_.path());
  EXPECT_NE(Catalogue(checkpoint).find(Role::k_bias, 0), nullptr);
}

TEST_F(Layouts, NameThePartThatIsMissing) {
  expect_refused(kModelopt, {part(".weight", "U8", {32, 32})}, Code::unsupported,
                 {"k_proj.weight' of type U8 [32, 32] for k", "its scales are missing"});
  expect_refused(kModelopt, {part(".weight", "U8", {32, 32}), part(".weight_scale", "F8_E4M3", {32, 4})},
                 Code::bad_file, {"k_proj.weight' without", "k_proj.weight_scale_2'"});
  expect_refused(kGptq, {part(".qweight", "I32", {8, 32}), part(".scales", "F16", {2, 32})}, Code::bad_file,
                 {"k_proj.qweight' without", "k_proj.qzeros'"});
  expect_refused(kGptq + R"(,"desc_act":true)",
                 {part(".qweight", "I32", {8, 32}), part(".scales", "F16", {2, 32}), part(".qzeros", "I32", {2, 4})},
                 Code::bad_file, {"k_proj.qweight' without", "k_proj.g_idx'"});
  expect_refused("",
                 {part(".qweight", "I32", {8, 32}), part(".scales", "F16", {2, 32}), part(".qzeros", "I32", {2, 4})},
                 Code::unsupported, {"k_proj.qweight'", "no layout"});
}

TEST_F(Layouts, NameTheShapeThatIsWrong) {
  const MadeTensor global = part(".weight_scale_2", "F32", {});
  expect_refused(kModelopt, {part(".weight", "U8", {32, 32}), part(".weight_scale", "F8_E4M3", {32, 2}), global},
                 Code::bad_file, {"k_proj.weight_scale' of shape [32, 2]", "[32, 4] for k"});
  expect_refused(kModelopt, {part(".weight", "U8", {32, 64}), part(".weight_scale", "F8_E4M3", {32, 4}), global},
                 Code::bad_file, {"k_proj.weight' of shape [32, 64]", "[32, 32] for k"});
  expect_refused(kModelopt,
                 {part(".weight", "U8", {32, 32}), part(".weight_scale", "F8_E4M3", {32, 4}),
                  part(".weight_scale_2", "F32", {32})},
                 Code::bad_file, {"k_proj.weight_scale_2' of shape [32]", "[] or [1]"});
  expect_refused(R"("quant_method":"fp8","weight_block_size":[128,128])",
                 {part(".weight", "F8_E4M3", {32, 64}), part(".weight_scale_inv", "F32", {2, 1})}, Code::bad_file,
                 {"k_proj.weight_scale_inv' of shape [2, 1]", "[1, 1] for blocks of 128 x 128"});
  expect_refused(kGptq,
                 {part(".qweight", "I32", {32, 8}), part(".scales", "F16", {2, 32}), part(".qzeros", "I32", {2, 4})},
                 Code::bad_file, {"k_proj.qweight' of shape [32, 8]", "[8, 32] for k"});
}

TEST_F(Layouts, RefuseScalesThatWouldBeIgnored) {
  expect_refused(kModelopt, {part(".weight", "BF16", {32, 64}), part(".pre_quant_scale", "BF16", {64})},
                 Code::unsupported, {"k_proj.pre_quant_scale' has no place"});
  expect_refused("", {part(".weight", "BF16", {32, 64}), part(".weight_scale", "F32", {32, 1})}, Code::unsupported,
                 {"k_proj.weight_scale' has no place"});
}

TEST_F(Layouts, OfMethodsThatAreNotReadAreRefusedByName) {
  const std::vector<MadeTensor> plain = {part(".weight", "BF16", {32, 64})};
  const struct {
    std::string config;
    std::vector<std::string> message;
  } cases[] = {
      {R"("quant_method":"bitsandbytes","load_in_4bit":true)",
       {"'bitsandbytes'", "modelopt, modelopt_fp4, compressed-tensors"}},
      {R"("quant_method":"gptq","bits":8)", {"bits 8", "4 is"}},
      {kGptq + R"(,"checkpoint_format":"marlin")", {"checkpoint_format 'marlin'", "gptq, gptq_v2"}},
      {kGptq + R"(,"dynamic":{"+:.*down.*":{"bits":8}})", {"'+:.*down.*'", "dynamic"}},
      {R"("quant_method":"awq","bits":4,"version":"gemv")", {"version 'gemv'", "gemm"}},
      {R"("quant_method":"modelopt","quant_algo":"W4A8_AWQ")", {"quant_algo 'W4A8_AWQ'", "NVFP4, FP8"}},
      {R"("quant_method":"compressed-tensors","format":"int-quantized")", {"format 'int-quantized'"}},
      {R"("quant_method":"compressed-tensors","format":"pack-quantized","config_groups":{"group_0":{"weights":{"type":"int","num_bits":8}}})",
       {"integer weights of 8 bits"}},
      {R"("quant_method":"compressed-tensors","transform_config":{"config_groups":{"u":{}}})", {"transform_config"}},
      {R"("quant_method":"compressed-tensors","sparsity_config":{"format":"sparse-24-bitmask"})",
       {"'sparse-24-bitmask'"}},
  };
  for (const auto& one : cases) expect_refused(one.config, plain, Code::unsupported, one.message);
  expect_refused(R"("quant_method":"fp8","weight_block_size":[64,128])", plain, Code::bad_file, {"weight_block_size"});
  expect_refused(R"("quant_method":"gptq","bits":"4")", plain, Code::bad_file, {"quantization_config.bits"});
}

TEST_F(Layouts, JoinedRowsAreFoundWhereTheyBegin) {
  std::vector<MadeTensor> tensors = made_llama_tensors();
  std::erase_if(tensors, [](const MadeTensor& t) {
    return t.name.find("q_proj") != t.name.npos || t.name.find("k_proj") != t.name.npos ||
           t.name.find("v_proj") != t.name.npos || t.name.find("gate_proj") != t.name.npos ||
           t.name.find("up_proj") != t.name.npos;
  });
  tensors.push_back(zeros(kAttention + "qkv_proj.weight", "BF16", {128, 64}));
  tensors.push_back(zeros("model.layers.0.mlp.gate_up_proj.weight", "F8_E4M3", {192, 64}));
  tensors.push_back(zeros("model.layers.0.mlp.gate_up_proj.weight_scale", "F32", {192, 1}));
  folder_.write("config.json", made_llama_config());
  folder_.write("model.safetensors", made_safetensors(tensors));
  const Checkpoint checkpoint = open_checkpoint(folder_.path());
  const Catalogue catalogue(checkpoint);
  EXPECT_EQ(catalogue.at(Role::q, 0).first_row, 0);
  EXPECT_EQ(catalogue.at(Role::k, 0).first_row, 64);
  EXPECT_EQ(catalogue.at(Role::v, 0).first_row, 96);
  EXPECT_EQ(catalogue.at(Role::v, 0).rows, 32);
  EXPECT_EQ(catalogue.at(Role::up, 0).first_row, 96);
  EXPECT_EQ(catalogue.at(Role::up, 0).codes, catalogue.at(Role::gate, 0).codes);
  tensors.back() = zeros("model.layers.0.mlp.gate_up_proj.weight_scale_inv", "F32", {2, 1});
  folder_.write("model.safetensors", made_safetensors(tensors));
  const Checkpoint squares = open_checkpoint(folder_.path());
  expect_error(Code::unsupported, {"gate_up_proj.weight' joins matrices at row 96", "128 x 128"},
               [&] { Catalogue c(squares); });
}

TEST_F(Layouts, OfGgufMayHaveAFactor) {
  MadeGguf made = made_llama_gguf();
  made.tensor("blk.0.attn_q.weight").type = kGgmlNvfp4;
  made.tensors.push_back({"blk.0.attn_q.scale", {1}});
  const Checkpoint checkpoint = open_checkpoint(folder_.write("made.gguf", made.bytes()));
  const Weight q = Catalogue(checkpoint).at(Role::q, 0);
  EXPECT_EQ(q.format, (WeightFormat{.codes = Dtype::nvfp4, .global = true}));
  EXPECT_FALSE(q.global_divides);
  made.tensors.back().dimensions = {2};
  const Checkpoint wrong = open_checkpoint(folder_.write("made.gguf", made.bytes()));
  expect_error(Code::bad_file, {"'blk.0.attn_q.scale' of shape [2]"}, [&] { Catalogue catalogue(wrong); });
}

}  // namespace
}  // namespace yoke::model
