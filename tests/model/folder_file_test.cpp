// Links in a model's folder: the cache of Hugging Face is made of them, an attack may be.
#include "model/folder_file.h"

#include <gtest/gtest.h>

#include "model/checkpoint.h"
#include "tests/model/made_files.h"

namespace yoke::model {
namespace {

namespace fs = std::filesystem;

class FolderFile : public ::testing::Test {
 protected:
  FolderFile() {
    for (const char* folder : {"model", "elsewhere", "repository/blobs", "repository/snapshots/0a1b", "other/blobs"})
      fs::create_directories(folder_.path() / folder);
  }
  fs::path at(std::string_view name) const { return folder_.path() / name; }
  void write_model(const std::string& folder) {
    folder_.write(folder + "/config.json", made_llama_config());
    folder_.write(folder + "/model.safetensors", made_safetensors(made_llama_tensors()));
  }
  // `link` under model/ to `target`, which is taken as it is written.
  void expect_link_refused(const std::string& link, const fs::path& target, const std::vector<std::string>& parts) {
    fs::remove(at("model/" + link));
    fs::create_symlink(target, at("model/" + link));
    std::vector<std::string> all = parts;
    all.push_back(link + ", byte 0: found a link to '" + target.string().substr(0, 40));
    expect_error(Code::bad_file, all, [&] { open_checkpoint(at("model")); });
  }

  MadeFolder folder_;
};

TEST_F(FolderFile, RefusesLinksOutOfTheFolderByName) {
  write_model("model");
  write_model("elsewhere");
  ASSERT_EQ(open_checkpoint(at("model")).tensors.size(), 11u);
  for (const char* name : {"config.json", "model.safetensors"}) {
    expect_link_refused(name, fs::path("../elsewhere") / name, {"lies outside", "within the model's folder"});
    expect_link_refused(name, at("elsewhere") / name, {"lies outside"});
    expect_link_refused(name, "/etc/passwd", {"lies outside"});
    expect_link_refused(name, "/dev/zero", {"lies outside"});
    expect_link_refused(name, name, {"leads nowhere"});
    expect_link_refused(name, "../elsewhere/absent", {"leads nowhere"});
    fs::remove(at("model") / name);
    write_model("model");
  }
}

TEST_F(FolderFile, RefusesALinkOverALink) {
  write_model("model");
  fs::create_directory_symlink("../elsewhere", at("model/inside"));
  folder_.write("elsewhere/config.json", made_llama_config());
  expect_link_refused("config.json", "inside/config.json", {"lies outside"});
}

TEST_F(FolderFile, RefusesAShardAnIndexOrAGgufThatLiesOutside) {
  folder_.write("model/config.json", made_llama_config());
  folder_.write("model/model.safetensors.index.json", R"({"weight_map":{"a":"shard-1.safetensors"}})");
  folder_.write("elsewhere/shard-1.safetensors", made_safetensors(made_llama_tensors()));
  expect_link_refused("shard-1.safetensors", "../elsewhere/shard-1.safetensors", {"lies outside"});
  folder_.write("elsewhere/model.safetensors.index.json", R"({"weight_map":{"a":"shard-1.safetensors"}})");
  expect_link_refused("model.safetensors.index.json", "../elsewhere/model.safetensors.index.json", {"lies outside"});
  fs::remove(at("model/model.safetensors.index.json"));
  folder_.write("elsewhere/one.gguf", made_llama_gguf().bytes());
  expect_link_refused("one.gguf", "../elsewhere/one.gguf", {"lies outside"});
}

TEST_F(FolderFile, TakesALinkThatStaysWithinTheFolder) {
  write_model("model");
  fs::rename(at("model/model.safetensors"), at("model/weights"));
  fs::create_symlink("weights", at("model/model.safetensors"));
  EXPECT_EQ(open_checkpoint(at("model")).tensors.size(), 11u);
}

TEST_F(FolderFile, TakesTheLayoutOfHuggingFacesCache) {
  folder_.write("repository/blobs/c0ffee", made_llama_config());
  folder_.write("repository/blobs/facade", made_safetensors(made_llama_tensors()));
  fs::create_symlink("../../blobs/c0ffee", at("repository/snapshots/0a1b/config.json"));
  fs::create_symlink("../../blobs/facade", at("repository/snapshots/0a1b/model.safetensors"));
  EXPECT_EQ(open_checkpoint(at("repository/snapshots/0a1b")).tensors.size(), 11u);
  fs::create_directory_symlink("repository/snapshots/0a1b", at("mine"));
  EXPECT_EQ(open_checkpoint(at("mine")).config.name, "mine") << "which folder is the user's own choice";
}

TEST_F(FolderFile, KeepsALinkOfTheCacheWithinItsRepository) {
  const fs::path link = at("repository/snapshots/0a1b/config.json");
  const auto expect_refused = [&](const fs::path& target) {
    fs::remove(link);
    fs::create_symlink(target, link);
    expect_error(Code::bad_file, {"config.json", "lies outside"},
                 [&] { folder_file(at("repository/snapshots/0a1b"), "config.json"); });
  };
  folder_.write("other/blobs/c0ffee", made_llama_config());
  expect_refused("../../../other/blobs/c0ffee");
  folder_.write("repository/secret", "x");
  expect_refused("../../secret");
  expect_refused("../../blobs/../secret");
  fs::create_directories(at("repository/blobs/deeper"));
  folder_.write("repository/blobs/deeper/c0ffee", "x");
  expect_refused("../../blobs/deeper/c0ffee");
  fs::create_symlink("../../other/blobs/c0ffee", at("repository/blobs/c0ffee"));
  expect_refused("../../blobs/c0ffee");
  fs::remove_all(at("repository/blobs"));
  fs::create_directory_symlink("../other/blobs", at("repository/blobs"));
  expect_refused("../../blobs/c0ffee");
}

TEST_F(FolderFile, FollowsALinkThatTheUserNames) {
  folder_.write("elsewhere/one.gguf", made_llama_gguf().bytes());
  fs::create_symlink("../elsewhere/one.gguf", at("model/mine.gguf"));
  EXPECT_EQ(open_checkpoint(at("model/mine.gguf")).config.name, "mine");
  fs::create_symlink("/dev/zero", at("model/zeros.gguf"));
  expect_error(Code::bad_file, {"zeros.gguf", "a regular file"}, [&] { open_checkpoint(at("model/zeros.gguf")); });
}

}  // namespace
}  // namespace yoke::model
