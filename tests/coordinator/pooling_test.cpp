// How a folder asks for pooling, and the arithmetic of it.
#include <fmt/format.h>
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>
#include <unistd.h>

#include <cmath>
#include <filesystem>
#include <fstream>

#include "coordinator/pooling.h"
#include "core/error.h"

namespace yoke::coordinator {
namespace {

namespace fs = std::filesystem;

constexpr const char* kModules = R"([{"idx":0,"name":"0","path":"","type":"sentence_transformers.models.Transformer"},
  {"idx":1,"name":"1","path":"1_Pooling","type":"sentence_transformers.models.Pooling"},
  {"idx":2,"name":"2","path":"2_Normalize","type":"sentence_transformers.models.Normalize"}])";

class PoolingFolder : public testing::Test {
 protected:
  PoolingFolder()
      : folder_(fs::path(testing::TempDir()) /
                fmt::format("{}-{}", testing::UnitTest::GetInstance()->current_test_info()->name(), getpid())) {
    fs::create_directories(folder_ / "1_Pooling");
  }
  ~PoolingFolder() override { fs::remove_all(folder_); }

  static std::string test_name() { return testing::UnitTest::GetInstance()->current_test_info()->name(); }
  void write(const std::string& name, const std::string& text) { std::ofstream(folder_ / name) << text; }
  Pooling pooling_by(const std::string& config) {
    write("modules.json", kModules);
    write("1_Pooling/config.json", config);
    return read_pooling(folder_);
  }
  Code refusal() {
    try {
      read_pooling(folder_);
    } catch (const Error& error) {
      return error.code();
    }
    ADD_FAILURE() << "it was not refused";
    return Code::internal;
  }

  const fs::path folder_;
};

TEST_F(PoolingFolder, IsTheMeanOfLengthOneWhereItSaysNothing) {
  const Pooling pooling = read_pooling(folder_);
  EXPECT_EQ(pooling.mode, PoolingMode::mean);
  EXPECT_TRUE(pooling.normalise);
  EXPECT_EQ(pooling.max_tokens, 0);
}

TEST_F(PoolingFolder, SaysItsModeByFlagsOrByName) {
  EXPECT_EQ(pooling_by(R"({"word_embedding_dimension":384,"pooling_mode_cls_token":false,"pooling_mode_mean_tokens":true})").mode,
            PoolingMode::mean);
  EXPECT_EQ(pooling_by(R"({"pooling_mode_cls_token":true,"pooling_mode_mean_tokens":false})").mode, PoolingMode::first);
  EXPECT_EQ(pooling_by(R"({"pooling_mode_lasttoken":true})").mode, PoolingMode::last);
  EXPECT_EQ(pooling_by(R"({"pooling_mode_max_tokens":true})").mode, PoolingMode::max);
  EXPECT_EQ(pooling_by(R"({"pooling_mode_mean_sqrt_len_tokens":true})").mode, PoolingMode::mean_sqrt_length);
  EXPECT_EQ(pooling_by(R"({"pooling_mode_weightedmean_tokens":true})").mode, PoolingMode::weighted_mean);
  EXPECT_EQ(pooling_by(R"({"embedding_dimension":384,"pooling_mode":"cls"})").mode, PoolingMode::first);
  EXPECT_EQ(pooling_by(R"({"pooling_mode":["lasttoken"]})").mode, PoolingMode::last);
  EXPECT_EQ(pooling_by("{}").mode, PoolingMode::mean);
}

TEST_F(PoolingFolder, NormalisesOnlyWhereAModuleDoes) {
  EXPECT_TRUE(pooling_by("{}").normalise);
  write("modules.json", R"([{"path":"","type":"sentence_transformers.models.Transformer"},{"path":"1_Pooling","type":"x.Pooling"}])");
  EXPECT_FALSE(read_pooling(folder_).normalise);
}

TEST_F(PoolingFolder, SaysItsLengthAndItsPrompts) {
  write("tokenizer_config.json", R"({"model_max_length":1000000000000000019884624838656})");
  EXPECT_EQ(pooling_by("{}").max_tokens, 0);
  write("tokenizer_config.json", R"({"model_max_length":384})");
  EXPECT_EQ(pooling_by("{}").max_tokens, 384);
  write("sentence_bert_config.json", R"({"max_seq_length":256,"do_lower_case":true})");
  write("config_sentence_transformers.json", R"({"prompts":{"query":"q: ","document":null},"default_prompt_name":"query"})");
  const Pooling pooling = pooling_by(R"({"include_prompt":false})");
  EXPECT_EQ(pooling.max_tokens, 256);
  EXPECT_TRUE(pooling.lower_case);
  EXPECT_FALSE(pooling.pools_prompts);
  EXPECT_EQ(pooling.default_prompt, "q: ");
  EXPECT_EQ(pooling.prompts.size(), 1u);
}

TEST_F(PoolingFolder, AnotherWayOrAnotherModuleIsRefusedAndNotIgnored) {
  for (const char* config : {R"({"pooling_mode_attention":true})", R"({"pooling_mode":"attention"})", R"({"pooling_mode":["mean","cls"]})",
                             R"({"pooling_mode_mean_tokens":true,"pooling_mode_cls_token":true})"}) {
    EXPECT_THROW(pooling_by(config), Error) << config;
    EXPECT_EQ(refusal(), Code::unsupported) << config;
  }
  write("modules.json", R"([{"path":"2_Dense","type":"sentence_transformers.models.Dense"}])");
  EXPECT_EQ(refusal(), Code::unsupported);
}

TEST_F(PoolingFolder, HostileFilesAreRefused) {
  for (const std::string& modules :
       {std::string("{}"), std::string("["), std::string("[1]"), std::string(R"([{"type":7}])"), std::string(10'000, '['),
        std::string(R"([{"path":"../other","type":"x.Pooling"}])"), std::string(R"([{"path":"..","type":"x.Pooling"}])")}) {
    write("modules.json", modules);
    EXPECT_EQ(refusal(), Code::bad_file) << modules.substr(0, 60);
  }
  write("modules.json", kModules);
  fs::remove(folder_ / "1_Pooling" / "config.json");
  EXPECT_EQ(refusal(), Code::not_found) << "the pooling module's own file is missing";
}

TEST_F(PoolingFolder, LengthsAndPromptsThatAreNoneAreRefused) {
  EXPECT_NO_THROW(pooling_by("{}"));
  const std::pair<const char*, const char*> kBad[] = {
      {"sentence_bert_config.json", R"({"max_seq_length":-1})"},
      {"sentence_bert_config.json", R"({"max_seq_length":"long"})"},
      {"sentence_bert_config.json", R"({"do_lower_case":1})"},
      {"config_sentence_transformers.json", R"({"prompts":[]})"},
      {"config_sentence_transformers.json", R"({"prompts":{"a":1}})"},
      {"config_sentence_transformers.json", R"({"default_prompt_name":"a"})"},
      {"tokenizer_config.json", R"({"model_max_length":null,"x":)"},
  };
  for (const auto& [name, text] : kBad) {
    write(name, text);
    EXPECT_EQ(refusal(), Code::bad_file) << text;
    fs::remove(folder_ / name);
  }
}

std::vector<float> pooled(PoolingMode mode, const std::vector<std::vector<float>>& rows) {
  Pool pool(mode);
  for (const int64_t position : pool.wanted(static_cast<int64_t>(rows.size()))) pool.add(rows[static_cast<size_t>(position)]);
  return pool.vector();
}

TEST(Pooling, EachModeIsItsFormula) {
  const std::vector<std::vector<float>> rows = {{1, 2}, {2, 6}, {-3, 4}, {-4, 0}};
  EXPECT_EQ(pooled(PoolingMode::mean, rows), (std::vector<float>{-1, 3}));
  EXPECT_EQ(pooled(PoolingMode::mean_sqrt_length, rows), (std::vector<float>{-2, 6}));
  EXPECT_EQ(pooled(PoolingMode::weighted_mean, rows), (std::vector<float>{-2, 2.6f}));
  EXPECT_EQ(pooled(PoolingMode::max, rows), (std::vector<float>{2, 6}));
  EXPECT_EQ(pooled(PoolingMode::first, rows), (std::vector<float>{1, 2}));
  EXPECT_EQ(pooled(PoolingMode::last, rows), (std::vector<float>{-4, 0}));
  for (const PoolingMode mode : {PoolingMode::mean, PoolingMode::max}) {
    EXPECT_TRUE(std::isnan(pooled(mode, {{NAN}, {1}}).at(0))) << "a NaN never hides";
    EXPECT_TRUE(std::isnan(pooled(mode, {{1}, {NAN}, {2}}).at(0))) << "a NaN never hides";
  }
}

TEST(Pooling, NormsAreThoseOfTheVector) {
  EXPECT_EQ(normalised(std::vector<float>{3, 4}), (std::vector<float>{0.6f, 0.8f}));
  EXPECT_EQ(normalised(std::vector<float>{0, 0}), (std::vector<float>{0, 0}));
  EXPECT_EQ(sigmoid(0), 0.5f);
  EXPECT_EQ(sigmoid(-1000), 0.0f);
}

}  // namespace
}  // namespace yoke::coordinator
