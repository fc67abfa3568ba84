// How a folder asks for pooling, and the arithmetic of it.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

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
  PoolingFolder() : folder_(fs::path(testing::TempDir()) / testing::UnitTest::GetInstance()->current_test_info()->name()) {
    fs::create_directories(folder_ / "1_Pooling");
  }
  ~PoolingFolder() override { fs::remove_all(folder_); }

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

TEST_F(PoolingFolder, IsTheMeanWhereItSaysNothing) { EXPECT_EQ(read_pooling(folder_), Pooling::mean); }

TEST_F(PoolingFolder, SaysMeanOrTheFirstRow) {
  EXPECT_EQ(pooling_by(R"({"word_embedding_dimension":384,"pooling_mode_cls_token":false,"pooling_mode_mean_tokens":true})"), Pooling::mean);
  EXPECT_EQ(pooling_by(R"({"pooling_mode_cls_token":true,"pooling_mode_mean_tokens":false})"), Pooling::cls);
}

TEST_F(PoolingFolder, AnotherWayOrAnotherModuleIsRefusedAndNotIgnored) {
  EXPECT_THROW(pooling_by(R"({"pooling_mode_max_tokens":true})"), Error);
  EXPECT_EQ(refusal(), Code::unsupported);
  EXPECT_THROW(pooling_by(R"({"pooling_mode_mean_tokens":true,"pooling_mode_cls_token":true})"), Error);
  EXPECT_EQ(refusal(), Code::unsupported);
  write("modules.json", R"([{"path":"2_Dense","type":"sentence_transformers.models.Dense"}])");
  EXPECT_EQ(refusal(), Code::unsupported);
}

TEST_F(PoolingFolder, HostileFilesAreRefused) {
  for (const std::string& modules : {std::string("{}"), std::string("["), std::string("[1]"), std::string(R"([{"type":7}])"), std::string(10'000, '['),
                                     std::string(R"([{"path":"../other","type":"x.Pooling"}])"), std::string(R"([{"path":"..","type":"x.Pooling"}])")}) {
    write("modules.json", modules);
    EXPECT_EQ(refusal(), Code::bad_file) << modules.substr(0, 60);
  }
  write("modules.json", kModules);
  EXPECT_EQ(refusal(), Code::not_found) << "the pooling module's own file is missing";
}

TEST(Pooling, MeansAndNormsAreThoseOfTheRows) {
  RowMean mean;
  mean.add(std::vector<float>{1, 2});
  mean.add(std::vector<float>{2, 6});
  EXPECT_EQ(mean.mean(), (std::vector<float>{1.5f, 4}));
  EXPECT_EQ(normalised(std::vector<float>{3, 4}), (std::vector<float>{0.6f, 0.8f}));
  EXPECT_EQ(normalised(std::vector<float>{0, 0}), (std::vector<float>{0, 0}));
  EXPECT_EQ(sigmoid(0), 0.5f);
  EXPECT_EQ(sigmoid(-1000), 0.0f);
}

}  // namespace
}  // namespace yoke::coordinator
