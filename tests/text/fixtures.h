// What the tests of model/text share: golden files, the real model's tokenizer, a tiny vocabulary made here.
#pragma once

#include <gtest/gtest.h>

#include <boost/json.hpp>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>
#include <vector>

#include "model/checkpoint.h"
#include "model/text/byte_alphabet.h"
#include "model/text/tokenizer.h"

namespace yoke::model::text {

inline boost::json::value read_json(const std::filesystem::path& path) {
  std::ifstream file(path);
  std::stringstream text;
  text << file.rdbuf();
  EXPECT_TRUE(file.good()) << path;
  return boost::json::parse(text.str());
}

inline std::filesystem::path golden(const std::string& name) {
  return std::filesystem::path(YOKE_SOURCE_DIR) / "tests/golden/text" / name;
}

// golden/text of the references that lie beside a checkout, or empty: the environment variable YOKE_SHARED says where.
inline std::filesystem::path shared_golden() {
  const char* shared = std::getenv("YOKE_SHARED");
  if (!shared) return {};
  const auto folder = std::filesystem::path(shared) / "reference/golden/text";
  return std::filesystem::exists(folder) ? folder : std::filesystem::path{};
}

inline std::vector<TokenId> ids_of(const boost::json::value& array) {
  return boost::json::value_to<std::vector<TokenId>>(array);
}

inline std::string text_of(const boost::json::value& string) { return std::string(string.as_string()); }

// The real model's file, or empty where this machine has none.
inline std::filesystem::path smollm2_path() {
  if (const char* path = std::getenv("YOKE_TEST_MODEL")) return path;
  const char* cache = std::getenv("XDG_CACHE_HOME");
  const char* home = std::getenv("HOME");
  const std::filesystem::path root = cache ? std::filesystem::path(cache) : std::filesystem::path(home ? home : "") / ".cache";
  return root / "yoke/models/SmolLM2-135M-Instruct.Q4_1.gguf";
}

// Null where the model is not on this machine; the test then skips with kNoModel.
inline const Tokenizer* smollm2() {
  static const std::unique_ptr<Tokenizer> tokenizer = [] {
    const auto path = smollm2_path();
    if (!std::filesystem::exists(path)) return std::unique_ptr<Tokenizer>();
    return make_tokenizer(*open_checkpoint(path).tokenizer);
  }();
  return tokenizer.get();
}
inline constexpr const char* kNoModel =
    "SmolLM2-135M-Instruct.Q4_1.gguf is not here: set YOKE_TEST_MODEL, or run scripts/quickstart once";

// All bytes but 0x04 (as SmolLM2, which cannot write every byte), a few merges, two control tokens and a user-defined one.
inline TokenizerAssets tiny_assets() {
  TokenizerAssets assets;
  assets.model = "gpt2";
  assets.pre = "gpt-2";
  for (int byte = 0; byte < 256; ++byte) {
    if (byte != 4) assets.tokens.push_back(byte_alphabet()[byte]);
  }
  const std::string space = byte_alphabet()[' '];
  for (const auto& [left, right] : std::vector<std::pair<std::string, std::string>>{
           {"a", "b"}, {"b", "c"}, {"ab", "c"}, {"a", "a"}, {"aa", "aa"}, {space, "ab"}}) {
    assets.merges.push_back(left + " " + right);
    assets.tokens.push_back(left + right);
  }
  assets.token_types.assign(assets.tokens.size(), 1);
  for (const auto& [text, type] : std::vector<std::pair<std::string, int32_t>>{
           {"<|end|>", 3}, {"<|end|>!", 3}, {"<think>", 4}}) {
    assets.tokens.push_back(text);
    assets.token_types.push_back(type);
  }
  assets.eos = static_cast<int32_t>(assets.tokens.size()) - 3;
  return assets;
}

}  // namespace yoke::model::text
