// config.json in the spellings of transformers 4 and 5, and what is refused of it.
#include "model/hf_config.h"

#include <gtest/gtest.h>

#include <regex>

#include "core/error.h"
#include "tests/model/made_files.h"

namespace yoke::model {
namespace {

class HfConfigFile : public ::testing::Test {
 protected:
  ModelConfig read(const std::string& json) {
    Checkpoint checkpoint;
    read_hf_config(folder_.write("config.json", json), checkpoint);
    return checkpoint.config;
  }
  void expect_refused(const std::string& json, Code code, const std::vector<std::string>& parts) {
    std::vector<std::string> all = parts;
    all.push_back("config.json");
    expect_error(code, all, [&] { read(json); });
  }
  // The made configuration with one member's value replaced.
  static std::string with(const std::string& key, const std::string& value) {
    return std::regex_replace(made_llama_config(), std::regex("\"" + key + R"(":("[^"]*"|\[[^\]]*\]|[^,}]*))"),
                              "\"" + key + "\":" + value);
  }

  MadeFolder folder_;
};

TEST_F(HfConfigFile, DefaultsAreThoseOfTransformers) {
  const ModelConfig config = read(made_llama_config());
  EXPECT_EQ(config.head_dim, 32) << "hidden / heads";
  EXPECT_EQ(config.rope.theta, 10000.0);
  EXPECT_EQ(config.rope.scaling, RopeScaling::none);
  EXPECT_TRUE(config.tied);
  EXPECT_EQ(read(with("num_key_value_heads", "null")).kv_heads, 2) << "as many as heads";
  EXPECT_FALSE(read(with("tie_word_embeddings", "null")).tied);
  EXPECT_EQ(read(with("rms_norm_eps", "null")).norm_epsilon, 1e-6f);
  EXPECT_EQ(read(made_llama_config(R"(,"head_dim":64)")).head_dim, 64);
  EXPECT_EQ(read(made_llama_config(R"(,"head_dim":null)")).head_dim, 32);
}

TEST_F(HfConfigFile, ReadsRopeOfTransformers4) {
  const ModelConfig llama3 = read(made_llama_config(
      R"(,"rope_theta":500000,"torch_dtype":"bfloat16","rope_scaling":{"rope_type":"llama3","factor":32.0,"low_freq_factor":1.0,"high_freq_factor":4.0,"original_max_position_embeddings":8192})"));
  EXPECT_EQ(llama3.rope.theta, 500000.0);
  EXPECT_EQ(llama3.rope.scaling, RopeScaling::llama3);
  EXPECT_EQ(llama3.rope.factor, 32.0);
  EXPECT_EQ(llama3.rope.original_context, 8192);
  const ModelConfig linear = read(made_llama_config(R"(,"rope_scaling":{"type":"linear","factor":2})"));
  EXPECT_EQ(linear.rope.scaling, RopeScaling::linear);
  EXPECT_EQ(linear.rope.factor, 2.0);
  EXPECT_EQ(read(made_llama_config(R"(,"rope_scaling":null)")).rope.scaling, RopeScaling::none);
}

TEST_F(HfConfigFile, ReadsRopeOfTransformers5) {
  const ModelConfig config = read(made_llama_config(
      R"(,"dtype":"bfloat16","rope_parameters":{"rope_theta":20000.0,"rope_type":"linear","factor":4.0})"));
  EXPECT_EQ(config.rope.theta, 20000.0);
  EXPECT_EQ(config.rope.scaling, RopeScaling::linear);
  EXPECT_EQ(config.rope.factor, 4.0);
  expect_refused(
      made_llama_config(R"(,"rope_parameters":{"rope_theta":1.0},"rope_scaling":{"type":"linear","factor":2})"),
      Code::bad_file, {"rope_scaling", "both alike"});
}

TEST_F(HfConfigFile, RefusesWhatItDoesNotKnowByName) {
  expect_refused(with("model_type", R"("mamba")"), Code::unsupported, {"model_type 'mamba'", "llama, mistral, mixtral"});
  expect_refused(with("architectures", R"(["LlamaForSequenceClassification"])"), Code::unsupported,
                 {"'LlamaForSequenceClassification'"});
  expect_refused(made_llama_config(R"(,"hidden_act":"gelu")"), Code::unsupported, {"hidden_act 'gelu'"});
  expect_refused(made_llama_config(R"(,"rope_scaling":{"rope_type":"longrope","factor":2})"), Code::unsupported,
                 {"'longrope'"});
  expect_refused(made_llama_config(R"(,"rope_scaling":{"type":"dynamic","factor":2})"), Code::unsupported,
                 {"'dynamic'"});
  expect_refused(made_llama_config(R"(,"partial_rotary_factor":0.5)"), Code::unsupported,
                 {"partial_rotary_factor 0.5"});
  expect_refused(made_llama_config(R"(,"rope_parameters":{"partial_rotary_factor":0.25})"), Code::unsupported,
                 {"partial_rotary_factor 0.25"});
  expect_refused(made_llama_config(R"(,"quantization_config":{"quant_method":"aqlm"})"), Code::unsupported,
                 {"quantisation 'aqlm'", "modelopt"});
}

TEST_F(HfConfigFile, DemandsEveryNumberInItsRange) {
  for (const char* key : {"hidden_size", "num_hidden_layers", "num_attention_heads", "intermediate_size", "vocab_size",
                          "max_position_embeddings"}) {
    for (const char* value :
         {"null", "0", "-1", "1.5", "1e300", "\"64\"", "[64]", "{}", "true", "99999999999", "18446744073709551616"}) {
      expect_refused(with(key, value), Code::bad_file, {std::string(key) + " = ", "an integer from 1 to"});
    }
  }
  for (const char* value : {"0", "-1e-5", "\"x\"", "1e999"}) {
    expect_error(Code::bad_file, {"config.json"}, [&] { read(with("rms_norm_eps", value)); });
  }
  expect_refused(with("tie_word_embeddings", "1"), Code::bad_file, {"tie_word_embeddings = 1", "true or false"});
  expect_refused(with("num_key_value_heads", "3"), Code::bad_file, {"2 heads and 3 KV heads"});
  expect_refused(made_llama_config(R"(,"head_dim":33)"), Code::bad_file, {"a head of 33 elements"});
  expect_refused(made_llama_config(R"(,"rope_scaling":{"rope_type":"linear"})"), Code::bad_file,
                 {"rope_scaling.factor = nothing"});
  expect_refused(made_llama_config(R"(,"rope_scaling":{"rope_type":"linear","factor":0.5})"), Code::bad_file,
                 {"a RoPE factor of 0.5"});
  expect_refused(made_llama_config(R"(,"rope_scaling":"linear")"), Code::bad_file,
                 {"rope_scaling = 'linear'", "an object"});
  expect_refused(made_llama_config(
                     R"(,"rope_scaling":{"rope_type":"llama3","factor":8,"low_freq_factor":4,"high_freq_factor":1})"),
                 Code::bad_file, {"low_freq_factor 4 and high_freq_factor 1"});
}

TEST_F(HfConfigFile, RefusesWhatIsNoJson) {
  expect_refused("", Code::bad_file, {"byte 0"});
  expect_refused("{\"model_type\":\"llama\",}", Code::bad_file, {"byte 22", "no JSON"});
  expect_refused(R"({"model_type":"llama","model_type":"llama"})", Code::bad_file,
                 {"'model_type' for the second time"});
  expect_refused(std::string((1 << 20) + 1, ' '), Code::too_large, {"1.00 MiB"});
  expect_error(Code::not_found, {"absent.json"}, [&] {
    Checkpoint checkpoint;
    read_hf_config(folder_.path() / "absent.json", checkpoint);
  });
}

}  // namespace
}  // namespace yoke::model
