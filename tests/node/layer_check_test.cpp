// What an engine checks of its layers before it serves a load.
#include "node/layer_check.h"

#include <gtest/gtest.h>

#include <array>
#include <fstream>
#include <thread>

#include "core/error.h"
#include "forward_group.h"
#include "transport/registry.h"

namespace yoke::node {
namespace {

constexpr Duration kDeadline = std::chrono::seconds(20);

TEST(LayerCheck, OneRankAndTwoMakeTheSameHash) {
  ForwardGroup alone(golden_model("llama"), {.layout = {1, 1, 1}});
  const std::string expected = check_layers(alone.runner(0), alone.config().hidden, nullptr, kDeadline);
  EXPECT_EQ(expected.size(), 16u);

  ForwardGroup pair(golden_model("llama"), {.layout = {2, 1, 1}});
  const auto ranks = transport::make_loopback_group(2);  // beside the group's own, which its layers use
  std::array<std::string, 2> hashes;
  {
    std::jthread other([&] { hashes[1] = check_layers(pair.runner(1), pair.config().hidden, ranks[1].get(), kDeadline); });
    hashes[0] = check_layers(pair.runner(0), pair.config().hidden, ranks[0].get(), kDeadline);
  }
  EXPECT_EQ(hashes[0], expected);
  EXPECT_EQ(hashes[1], expected);
}

TEST(LayerCheck, RanksOfUnlikeBitsAreNamed) {
  ForwardGroup a(golden_model("llama"), {.layout = {1, 1, 1}}), b(golden_model("llama_untied"), {.layout = {1, 1, 1}});
  const auto ranks = transport::make_loopback_group(2);
  std::jthread other([&] { EXPECT_THROW(check_layers(b.runner(0), b.config().hidden, ranks[1].get(), kDeadline), Error); });
  try {
    check_layers(a.runner(0), a.config().hidden, ranks[0].get(), kDeadline);
    FAIL() << "two models passed for one";
  } catch (const Error& error) {
    EXPECT_NE(std::string(error.what()).find("ranks 0 and 1"), std::string::npos) << error.what();
  }
}

class LoadRecordTest : public testing::Test {
 protected:
  void SetUp() override {
    folder_ = std::filesystem::path(testing::TempDir()) / "yoke_load_record";
    std::filesystem::remove_all(folder_);
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }
  std::filesystem::path folder_;
};

TEST_F(LoadRecordTest, AnotherHashOfTheSameShardIsRefusedWithBoth) {
  const LoadRecord record(folder_);
  record.hold("llama rank 0", "00000000000000aa");
  record.hold("llama rank 0", "00000000000000aa");
  record.hold("llama rank 1", "00000000000000bb");
  try {
    record.hold("llama rank 0", "00000000000000cc");
    FAIL() << "a changed hash passed";
  } catch (const Error& error) {
    const std::string text = error.what();
    EXPECT_NE(text.find("00000000000000aa"), std::string::npos) << text;
    EXPECT_NE(text.find("00000000000000cc"), std::string::npos) << text;
  }
}

TEST_F(LoadRecordTest, AFileThatIsNoRecordIsReplaced) {
  const LoadRecord record(folder_);
  record.hold("shard", "00000000000000aa");
  for (const auto& entry : std::filesystem::directory_iterator(folder_)) std::ofstream(entry.path()) << "x";
  EXPECT_NO_THROW(record.hold("shard", "00000000000000bb"));
  EXPECT_THROW(record.hold("shard", "00000000000000cc"), Error);
}

TEST_F(LoadRecordTest, AFolderThatCannotBeWrittenIsNoError) {
  std::ofstream(folder_) << "a file";
  EXPECT_NO_THROW(LoadRecord(folder_).hold("shard", "00000000000000aa"));
}

}  // namespace
}  // namespace yoke::node
