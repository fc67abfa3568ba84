// What open_checkpoint makes of paths, shards and names.
#include "model/checkpoint.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <filesystem>

#include "core/error.h"
#include "model/catalogue.h"
#include "tests/model/made_files.h"

namespace yoke::model {
namespace {

namespace fs = std::filesystem;

class OpenCheckpoint : public ::testing::Test {
 protected:
  void expect_refused(const fs::path& path, Code code, const std::vector<std::string>& parts) {
    expect_error(code, parts, [&] { open_checkpoint(path); });
  }
  // Two shards and an index whose weight_map gives `embedding_in` for the embedding.
  void write_shards(const std::string& embedding_in = "model-00001-of-00002.safetensors") {
    std::vector<MadeTensor> tensors = made_llama_tensors();
    const std::vector<MadeTensor> first(tensors.begin(), tensors.begin() + 4),
        second(tensors.begin() + 4, tensors.end());
    folder_.write("config.json", made_llama_config());
    folder_.write("model-00001-of-00002.safetensors", made_safetensors(first));
    folder_.write("model-00002-of-00002.safetensors", made_safetensors(second));
    std::string map;
    for (size_t i = 0; i < tensors.size(); ++i) {
      const std::string shard = i == 0  ? embedding_in
                                : i < 4 ? "model-00001-of-00002.safetensors"
                                        : "model-00002-of-00002.safetensors";
      map += (i ? ",\"" : "\"") + tensors[i].name + "\":\"" + shard + "\"";
    }
    folder_.write("model.safetensors.index.json", R"({"metadata":{"total_size":1},"weight_map":{)" + map + "}}");
  }

  MadeFolder folder_;
};

TEST_F(OpenCheckpoint, ReadsTheShardsThatAnIndexNames) {
  write_shards();
  const Checkpoint checkpoint = open_checkpoint(folder_.path());
  EXPECT_EQ(checkpoint.files.size(), 2u);
  EXPECT_EQ(checkpoint.tensors.size(), 11u);
  EXPECT_EQ(checkpoint.files[checkpoint.tensors.at("model.norm.weight").file].filename(),
            "model-00002-of-00002.safetensors");
  EXPECT_EQ(Catalogue(checkpoint).head().codes->name, "model.embed_tokens.weight");
}

TEST_F(OpenCheckpoint, RefusesAnIndexThatLeadsElsewhere) {
  for (const char* name : {"../model-00001-of-00002.safetensors", "/etc/passwd", "..", "a/b.safetensors",
                           ".safetensors", "x\\\\y.safetensors", "model.bin", "", "a\\u0000.safetensors"}) {
    write_shards(name);
    expect_refused(folder_.path(), Code::bad_file, {"weight_map.'model.embed_tokens.weight'", "plain name"});
  }
}

TEST_F(OpenCheckpoint, RefusesAnIndexThatDisagreesWithItsShards) {
  write_shards("model-00002-of-00002.safetensors");
  expect_refused(
      folder_.path(), Code::bad_file,
      {"'model.embed_tokens.weight' placed in model-00002", "model-00001-of-00002.safetensors, which has it"});
  write_shards("absent.safetensors");
  expect_refused(folder_.path(), Code::not_found, {"absent.safetensors"});
  write_shards();
  folder_.write("model-00002-of-00002.safetensors", made_safetensors(made_llama_tensors()));
  expect_refused(folder_.path(), Code::bad_file, {"model-00002-of-00002.safetensors", "which has it too"});
  folder_.write("model-00002-of-00002.safetensors", made_safetensors({zeros("other", "F32", {1})}));
  expect_refused(folder_.path(), Code::bad_file, {"a file that has it"});
  folder_.write("model.safetensors.index.json", R"({"weight_map":{}})");
  expect_refused(folder_.path(), Code::bad_file, {"0 files"});
  folder_.write("model.safetensors.index.json", R"({"weight_map":[]})");
  expect_refused(folder_.path(), Code::bad_file, {"weight_map = an array"});
  folder_.write("model.safetensors.index.json", R"({"weight_map":{"a":1}})");
  expect_refused(folder_.path(), Code::bad_file, {"no string"});
}

TEST_F(OpenCheckpoint, TakesTheOneGgufOfAFolder) {
  expect_refused(folder_.path(), Code::not_found, {"no model", "config.json"});
  folder_.write("one.gguf", made_llama_gguf().bytes());
  EXPECT_EQ(open_checkpoint(folder_.path()).config.name, folder_.path().filename().string());
  EXPECT_EQ(open_checkpoint(folder_.path() / "").config.name, folder_.path().filename().string());
  EXPECT_EQ(open_checkpoint(folder_.path() / "one.gguf").config.name, "one");
  folder_.write("two.gguf", made_llama_gguf().bytes());
  expect_refused(folder_.path(), Code::invalid_argument, {"2 .gguf files", "one.gguf, two.gguf"});
}

TEST_F(OpenCheckpoint, RefusesWhatIsNoModelWithoutWaiting) {
  expect_refused(folder_.path() / "absent.gguf", Code::not_found, {"absent.gguf"});
  expect_refused(folder_.write("model.bin", "x"), Code::unsupported, {"model.bin", ".gguf"});
  const fs::path pipe = folder_.path() / "pipe.gguf";
  ASSERT_EQ(::mkfifo(pipe.c_str(), 0600), 0);
  expect_refused(pipe, Code::bad_file, {"pipe.gguf", "a regular file"});
  const fs::path lonely = folder_.write("lonely.safetensors", made_safetensors(made_llama_tensors()));
  expect_refused(lonely, Code::not_found, {"config.json"});
}

TEST_F(OpenCheckpoint, DemandsBiasesExactlyWhereTheConfigurationSaysSo) {
  std::vector<MadeTensor> tensors = made_llama_tensors();
  folder_.write("model.safetensors", made_safetensors(tensors));
  folder_.write("config.json", made_llama_config(R"(,"attention_bias":true)"));
  const auto expect_no_catalogue = [&](Code code, const std::vector<std::string>& parts) {
    const Checkpoint checkpoint = open_checkpoint(folder_.path());
    expect_error(code, parts, [&] { Catalogue catalogue(checkpoint); });
  };
  expect_no_catalogue(Code::bad_file, {"without 'model.layers.0.self_attn.q_proj.bias'"});
  tensors.push_back(zeros("model.layers.0.mlp.down_proj.bias", "BF16", {64}));
  folder_.write("model.safetensors", made_safetensors(tensors));
  folder_.write("config.json", made_llama_config());
  expect_no_catalogue(Code::unsupported, {"'model.layers.0.mlp.down_proj.bias' has no place"});
}

TEST_F(OpenCheckpoint, IdentityFollowsNameSizeTimePlacesAndConfiguration) {
  folder_.write("config.json", made_llama_config());
  const fs::path file = folder_.write("model.safetensors", made_safetensors(made_llama_tensors()));
  const std::string identity = open_checkpoint(folder_.path()).identity;
  EXPECT_EQ(open_checkpoint(folder_.path()).identity, identity);
  EXPECT_EQ(open_checkpoint(file).identity, identity);
  fs::last_write_time(file, fs::last_write_time(file) + std::chrono::seconds(1));
  const std::string later = open_checkpoint(folder_.path()).identity;
  EXPECT_NE(later, identity);
  folder_.write("config.json", made_llama_config(R"(,"rope_theta":20000)"));
  EXPECT_NE(open_checkpoint(folder_.path()).identity, later);
}

}  // namespace
}  // namespace yoke::model
