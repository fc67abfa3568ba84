// Checkpoints that hold more than one file or more than one model.
#include <gtest/gtest.h>

#include <filesystem>

#include "core/error.h"
#include "model/catalogue.h"
#include "model/gguf_split.h"
#include "tests/model/made_files.h"

namespace yoke::model {
namespace {

namespace fs = std::filesystem;

std::string u16_value(uint16_t number) {
  return typed(kU16, bytes_of(number));
}

// The made llama in three files, cut before its fourth and its eighth tensor.
class SplitGguf : public ::testing::Test {
 protected:
  static constexpr size_t kEdges[] = {0, 4, 8, 12};

  MadeGguf part(uint16_t number) const {
    MadeGguf made = number == 0 ? whole_ : MadeGguf{};
    made.tensors.assign(whole_.tensors.begin() + kEdges[number], whole_.tensors.begin() + kEdges[number + 1]);
    made.set("split.no", u16_value(number)).set("split.count", u16_value(3));
    made.set("split.tensors.count", typed(kI32, bytes_of<int32_t>(12)));
    return made;
  }
  static std::string name(int number) { return "made-0000" + std::to_string(number + 1) + "-of-00003.gguf"; }
  void write(uint16_t number, const MadeGguf& made) { folder_.write(name(number), made.bytes()); }
  void write_all() {
    for (uint16_t i = 0; i < 3; ++i) write(i, part(i));
  }
  void expect_refused(Code code, const std::vector<std::string>& parts) {
    expect_error(code, parts, [&] { open_checkpoint(folder_.path()); });
    write_all();
  }

  MadeFolder folder_;
  MadeGguf whole_ = made_llama_gguf();
};

TEST_F(SplitGguf, OpensFromTheFolderAndFromAnyPart) {
  write_all();
  for (const fs::path& path : {folder_.path(), folder_.path() / name(0), folder_.path() / name(2)}) {
    const Checkpoint checkpoint = open_checkpoint(path);
    EXPECT_EQ(checkpoint.files.size(), 3u);
    EXPECT_EQ(checkpoint.tensors.size(), 12u);
    EXPECT_EQ(checkpoint.tensors.at("output.weight").file, 2u);
    EXPECT_EQ(Catalogue(checkpoint).head().codes->name, "output.weight");
  }
  EXPECT_EQ(open_checkpoint(folder_.path() / name(1)).config.name, "made");
  EXPECT_EQ(open_checkpoint(folder_.path() / name(1)).identity, open_checkpoint(folder_.path() / name(0)).identity);
}

TEST_F(SplitGguf, RefusesPartsThatDoNotBelongTogether) {
  write_all();
  fs::remove(folder_.path() / name(1));
  expect_refused(Code::not_found, {"part 2, made-00002-of-00003.gguf, is not beside it"});
  write(1, part(2));
  expect_refused(Code::bad_file, {"made-00002-of-00003.gguf", "split.no = 2", "1, one less"});
  MadeGguf other = part(1);
  other.set("split.count", u16_value(4));
  write(1, other);
  expect_refused(Code::bad_file, {"made-00002-of-00003.gguf", "split.count = 4", "3, as the file's name says"});
  MadeGguf twice = part(1);
  twice.tensors.push_back(whole_.tensors[0]);
  write(1, twice);
  expect_refused(Code::bad_file, {"made-00002-of-00003.gguf", "'token_embd.weight'", "made-00001-of-00003.gguf"});
  MadeGguf fewer = part(2);
  fewer.tensors.pop_back();
  write(2, fewer);
  expect_refused(Code::bad_file, {"split.tensors.count = 12", "the 11 tensors of 3 files"});
}

TEST(GgufPart, IsToldByItsName) {
  EXPECT_FALSE(gguf_part("model.gguf").has_value());
  EXPECT_FALSE(gguf_part("model-00004-of-00003.gguf").has_value());
  EXPECT_FALSE(gguf_part("model-00000-of-00003.gguf").has_value());
  EXPECT_FALSE(gguf_part("model-1-of-3.gguf").has_value());
  EXPECT_FALSE(gguf_part("-of-00003.gguf").has_value());
  EXPECT_FALSE(gguf_part("model-00001-of-99999.gguf").has_value()) << "more parts than a model may have";
  EXPECT_EQ(gguf_part("a/Q4-of-5-00002-of-00003.gguf")->model, "Q4-of-5");
  EXPECT_EQ(gguf_part("a/Q4-of-5-00002-of-00003.gguf")->number, 1);
}

class SeveralModels : public ::testing::Test {
 protected:
  Checkpoint open(const std::string& config, const std::vector<MadeTensor>& tensors) {
    folder_.write("config.json", config);
    folder_.write("model.safetensors", made_safetensors(tensors));
    return open_checkpoint(folder_.path());
  }
  static std::vector<MadeTensor> prefixed(const std::string& from, const std::string& to) {
    std::vector<MadeTensor> tensors = made_llama_tensors();
    for (MadeTensor& t : tensors) t.name = to + t.name.substr(from.size());
    return tensors;
  }

  MadeFolder folder_;
};

TEST_F(SeveralModels, ServeTheTextTowerAndNameTheOthers) {
  const std::string config =
      R"({"model_type":"llava","architectures":["LlavaForConditionalGeneration"],"vision_config":{},)"
      R"("text_config":)" +
      made_llama_config() + "}";
  for (const std::string prefix : {"language_model.model.", "model.language_model."}) {
    std::vector<MadeTensor> tensors = prefixed("model.", prefix);
    tensors.push_back(zeros("vision_tower.layers.0.weight", "BF16", {4}));
    tensors.push_back(zeros("multi_modal_projector.linear_1.bias", "BF16", {4}));
    const Checkpoint checkpoint = open(config, tensors);
    const Catalogue catalogue(checkpoint);
    EXPECT_EQ(catalogue.head().codes->name, prefix + "embed_tokens.weight");
    EXPECT_EQ(catalogue.skipped(),
              (std::vector<std::string>{"multi_modal_projector.linear_1.bias", "vision_tower.layers.0.weight"}));
    // What lies in the text tower itself is never skipped.
    tensors.push_back(zeros(prefix + "layers.0.cross_attn.weight", "BF16", {4}));
    const Checkpoint stranger = open(config, tensors);
    expect_error(Code::unsupported, {"cross_attn.weight' has no place"}, [&] { Catalogue c(stranger); });
  }
}

TEST_F(SeveralModels, RefuseATextTowerThatIsNotOffered) {
  expect_error(Code::unsupported, {"model_type 'mllama_text_model'"}, [&] {
    open(R"({"model_type":"mllama","text_config":{"model_type":"mllama_text_model"}})", made_llama_tensors());
  });
}

TEST_F(SeveralModels, LeaveLayersOfMultiTokenPredictionAlone) {
  std::string config = made_llama_config(R"(,"first_k_dense_replace":1,"num_nextn_predict_layers":1)");
  config.replace(config.find("\"LlamaForCausalLM\""), 18, "\"Glm4MoeForCausalLM\"");
  config.replace(config.find("\"model_type\":\"llama\""), 20, "\"model_type\":\"glm4_moe\"");
  std::vector<MadeTensor> tensors = made_llama_tensors();
  tensors.push_back(zeros("model.layers.1.eh_proj.weight", "BF16", {64, 128}));
  const Checkpoint checkpoint = open(config, tensors);
  EXPECT_EQ(Catalogue(checkpoint).skipped(), (std::vector<std::string>{"model.layers.1.eh_proj.weight"}));
  tensors.push_back(zeros("model.layers.2.eh_proj.weight", "BF16", {64, 128}));
  const Checkpoint more = open(config, tensors);
  expect_error(Code::unsupported, {"'model.layers.2.eh_proj.weight' has no place"}, [&] { Catalogue c(more); });
}

}  // namespace
}  // namespace yoke::model
