// Each row is a fact of published tokenizers (tokenizer.json: pre_tokenizer), under the names that GGUF files use.
#include <fmt/format.h>

#include "core/error.h"
#include "model/text/pretokenizer.h"

namespace yoke::model::text {
namespace {

constexpr std::string_view kGpt2 =
    R"('s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+)";
constexpr std::string_view kEachDigit = R"(\p{N})";
constexpr std::string_view kLlama3 =
    R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)";
constexpr std::string_view kQwen2 =
    R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)";
constexpr std::string_view kTekken =
    R"([^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+|)"
    R"([^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*|)"
    R"(\p{N}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+)";
constexpr std::string_view kGpt4o =
    R"([^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+(?i:'s|'t|'re|'ve|'m|'ll|'d)?|)"
    R"([^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*(?i:'s|'t|'re|'ve|'m|'ll|'d)?|)"
    R"(\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+)";

const std::vector<PretokenizerRow>& rows() {
  static const std::vector<PretokenizerRow> made = {
      {"smollm", false, {kEachDigit, kGpt2}},
      {"starcoder", false, {kEachDigit, kGpt2}},
      {"gpt-2", false, {kGpt2}},
      {"llama-bpe", true, {kLlama3}},
      {"llama3", true, {kLlama3}},
      {"llama-v3", true, {kLlama3}},
      {"qwen2", false, {kQwen2}},  // the reference also normalises to NFC, which we do not
      {"tekken", true, {kTekken}},
      {"gpt-4o", true, {kGpt4o}},
      // What converters wrote before the key existed.
      {"default", false, {R"([\p{P}\$\+<=>\^~\|]+)", kGpt2, R"(\p{N}+)", R"([0-9][0-9][0-9])"}},
  };
  return made;
}

}  // namespace

const PretokenizerRow& find_pretokenizer(std::string_view name) {
  std::string known;
  for (const PretokenizerRow& row : rows()) {
    if (row.name == name) return row;
    known += fmt::format("{}{}", known.empty() ? "" : ", ", row.name);
  }
  throw Error{Code::unsupported,
              fmt::format("pre-tokenizer '{}' (tokenizer.ggml.pre) is not known to this build; it knows {}", name, known)};
}

}  // namespace yoke::model::text
