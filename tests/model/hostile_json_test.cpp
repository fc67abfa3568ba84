// Every JSON file of a model's folder, made to break its reader: nesting, repeated keys, whatever is no JSON at all.
#include <gtest/gtest.h>

#include "model/checkpoint.h"
#include "tests/model/made_files.h"
#include "tests/model/memory_meter.h"

namespace yoke::model {
namespace {

class HostileJson : public ::testing::Test {
 protected:
  // A whole model in two forms: one file, or an index and a shard.
  void SetUp() override {
    folder_.write("config.json", made_llama_config());
    folder_.write("model.safetensors", made_safetensors(made_llama_tensors()));
  }
  void use_index(std::string_view text) {
    std::filesystem::remove(folder_.path() / "model.safetensors");
    folder_.write("shard-1.safetensors", made_safetensors(made_llama_tensors()));
    folder_.write("model.safetensors.index.json", text);
  }
  void expect_refused(const std::vector<std::string>& parts) {
    reset_peak();
    expect_error(Code::bad_file, parts, [&] { open_checkpoint(folder_.path()); });
    EXPECT_LT(peak_bytes(), uint64_t{64} << 20);
  }

  MadeFolder folder_;
};

std::string nested(std::string_view open, std::string_view close, std::string_view innermost) {
  constexpr int kDepth = 10'000;
  std::string text;
  for (int i = 0; i < kDepth; ++i) text += open;
  text += innermost;
  for (int i = 0; i < kDepth; ++i) text += close;
  return text;
}

TEST_F(HostileJson, TenThousandBracketsAreRefusedInEveryFile) {
  for (const std::string& deep : {nested("[", "]", ""), nested("[", "", ""), nested("{\"a\":", "}", "1"),
                                  nested("[{\"a\":", "}]", "0"), nested("{\"a\":[", "", "")}) {
    SetUp();
    folder_.write("config.json", made_llama_config(",\"more\":" + deep));
    expect_refused({"config.json, byte ", "no JSON"});
    SetUp();
    folder_.write("model.safetensors", safetensors_with_header("{\"a\":" + deep + "}", ""));
    expect_refused({"model.safetensors, byte ", "no JSON"});
    folder_.write("config.json", made_llama_config());
    use_index("{\"weight_map\":" + deep + "}");
    expect_refused({"model.safetensors.index.json, byte ", "no JSON"});
    use_index(deep);
    expect_refused({"model.safetensors.index.json, byte ", "no JSON"});
  }
}

TEST_F(HostileJson, AKeyGivenTwiceIsRefusedInEveryFile) {
  folder_.write("config.json", made_llama_config(R"(,"vocab_size":8)"));
  expect_refused({"config.json, byte ", "the key 'vocab_size' for the second time"});
  SetUp();
  use_index(R"({"weight_map":{"a":"shard-1.safetensors","a":"shard-2.safetensors"}})");
  expect_refused({"model.safetensors.index.json, byte ", "the key 'a' for the second time"});
  use_index(R"({"weight_map":{"a":"shard-1.safetensors"},"weight_\u006dap":{}})");
  expect_refused({"the key 'weight_map' for the second time"});
}

TEST_F(HostileJson, TextThatIsNoJsonIsRefusedByItsByte) {
  for (const char* text : {"", " ", "\xef\xbb\xbf{}", "NaN", "{\"weight_map\":{\"a\":\"\xff\"}}",
                           "{\"weight_map\":{\"a\":\"\\ud800\"}}", "{'weight_map':{}}", "[1,]", "{\"a\":1e}"}) {
    use_index(text);
    expect_refused({"model.safetensors.index.json, byte ", "no JSON"});
  }
  for (const std::string& behind : {std::string("x"), std::string("\0{}", 3), std::string("{}")}) {
    use_index("{\"weight_map\":{}}" + behind);
    expect_refused({"model.safetensors.index.json, byte 17: found more text behind the object"});
  }
}

// A weight_map's values are names of files and nothing else.
TEST_F(HostileJson, AnIndexNamesNoDeviceAndNoOtherFolder) {
  for (const char* name :
       {"/dev/zero", "/dev/stdin", "/proc/self/mem", "//shard-1.safetensors", "./shard-1.safetensors",
        "../shard-1.safetensors", "..\\\\shard-1.safetensors", "a/../shard-1.safetensors", "shard-1.safetensors/",
        "file:///shard-1.safetensors", "\\u0000shard-1.safetensors", "shard-1.safetensors\\u0000.safetensors", "~"}) {
    use_index(std::string(R"({"weight_map":{"a":")") + name + "\"}}");
    expect_refused({"weight_map.'a'", "plain name"});
  }
}

}  // namespace
}  // namespace yoke::model
