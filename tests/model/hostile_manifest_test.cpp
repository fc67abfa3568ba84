// Manifests that came with a model, from whoever made it.
#include <gtest/gtest.h>
#include <unistd.h>

#include "model/file_reader.h"
#include "model/manifest.h"
#include "tests/model/made_files.h"

namespace yoke::model {
namespace {

namespace fs = std::filesystem;

class HostileManifest : public ::testing::Test {
 protected:
  HostileManifest() {
    fs::create_directories(folder_.path() / "model");
    folder_.write("model/config.json", made_llama_config());
    folder_.write("model/model.safetensors", made_safetensors(made_llama_tensors()));
    checkpoint_ = open_checkpoint(folder_.path() / "model");
  }

  MadeFolder folder_;
  Checkpoint checkpoint_;
};

TEST_F(HostileManifest, IsRefusedAsALinkOutOfTheFolder) {
  const fs::path written = record_anew(checkpoint_, start_manifest(checkpoint_));
  EXPECT_EQ(written, manifest_beside(checkpoint_));
  fs::rename(written, folder_.path() / "elsewhere.json");
  fs::create_symlink("../elsewhere.json", written);
  expect_error(Code::bad_file, {"model.yoke.json", "lies outside"}, [&] { find_manifest(checkpoint_); });
}

TEST_F(HostileManifest, IsRefusedUnreadWhereItIsTooLargeForItsModel) {
  folder_.write("model/model.yoke.json", std::string(100'000, ' '));
  expect_error(Code::bad_file, {"model.yoke.json", "100000 bytes", "at most"}, [&] { find_manifest(checkpoint_); });
}

TEST_F(HostileManifest, IsRefusedWhereItsChecksumsAreNone) {
  const fs::path written = record_anew(checkpoint_, start_manifest(checkpoint_));
  const FileReader file(written);
  const std::string right = read_text(file, 1 << 20);
  for (const char* wrong : {"AAAA", "=", "====", "    ", "AAAAAAAAAA\xff=", "AAAAAAAAAAA"}) {
    std::string text = right;
    const size_t at = text.find("AAAAAAAAAAA=");
    ASSERT_NE(at, std::string::npos);
    folder_.write("model/model.yoke.json", text.replace(at, 12, wrong));
    expect_error(Code::bad_file, {"model.yoke.json"}, [&] { find_manifest(checkpoint_); });
  }
}

TEST_F(HostileManifest, WritingOneFollowsNoLinkThatLiesThere) {
  folder_.write("precious", "kept");
  for (const std::string& name :
       {std::string("model.yoke.json"), "model.yoke.json." + std::to_string(::getpid()) + ".tmp"})
    fs::create_symlink("../precious", folder_.path() / "model" / name);
  const fs::path written = record_anew(checkpoint_, start_manifest(checkpoint_));
  EXPECT_FALSE(fs::is_symlink(written));
  EXPECT_EQ(fs::file_size(folder_.path() / "precious"), 4u);
  EXPECT_TRUE(find_manifest(checkpoint_).has_value());
}

}  // namespace
}  // namespace yoke::model
