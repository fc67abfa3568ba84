#include "core/error.h"
#include "model/text/base64.h"
#include "model/text/bert_text.h"
#include "model/text/charsmap.h"
#include "model/text/tokenizer_json/components.h"

namespace yoke::model::text {
namespace {

constexpr size_t kMostSteps = 256;

NormalizerStep sequence(const Entry& entry) {
  const Entry list = entry.at("normalizers");
  if (list.size() > kMostSteps) list.refuse("at most 256 steps");
  std::vector<NormalizerStep> steps;
  for (size_t i = 0; i < list.size(); ++i) steps.push_back(read_normalizer(list.item(i)));
  return make_normalizer_sequence(std::move(steps));
}

NormalizerStep bert(const Entry& entry) {
  BertNormalizerParts parts{.clean_text = entry.boolean_or("clean_text", true),
                            .handle_chinese_chars = entry.boolean_or("handle_chinese_chars", true),
                            .strip_accents = std::nullopt,
                            .lowercase = entry.boolean_or("lowercase", true)};
  if (const auto strip = entry.find("strip_accents")) parts.strip_accents = strip->boolean();
  return make_bert_normalizer(parts);
}

NormalizerStep precompiled(const Entry& entry) {
  const auto text = entry.find("precompiled_charsmap");
  if (!text || text->string().empty()) return make_normalizer_sequence({});
  const auto blob = from_base64(text->string());
  if (!blob) text->inconsistent("no base64");
  try {
    return make_charsmap(*blob);
  } catch (const Error& error) {
    throw Error{error.code(), text->place() + ": " + error.what()};
  }
}

template <unicode::NormalForm kForm>
NormalizerStep normal_form(const Entry&) { return make_normal_form(kForm); }

constexpr Kind<NormalizerStep> kKinds[] = {
    {"Sequence", sequence},
    {"NFC", normal_form<unicode::NormalForm::nfc>},
    {"NFD", normal_form<unicode::NormalForm::nfd>},
    {"NFKC", normal_form<unicode::NormalForm::nfkc>},
    {"NFKD", normal_form<unicode::NormalForm::nfkd>},
    {"Lowercase", [](const Entry&) { return make_lowercase(); }},
    {"Prepend", [](const Entry& e) { return make_prepend(std::string(e.at("prepend").string())); }},
    {"Replace", [](const Entry& e) {
       return make_replace({read_finder(e.at("pattern")), std::string(e.at("content").string())});
     }},
    {"Strip", [](const Entry& e) { return make_strip(e.at("strip_left").boolean(), e.at("strip_right").boolean()); }},
    {"StripAccents", [](const Entry&) { return make_strip_accents(); }},
    {"Nmt", [](const Entry&) { return make_nmt(); }},
    {"ByteLevel", [](const Entry&) { return make_byte_level_normalizer(); }},
    {"BertNormalizer", bert},
    {"Precompiled", precompiled},
};

}  // namespace

NormalizerStep read_normalizer(const Entry& entry) { return make_by_type<NormalizerStep>(entry, kKinds); }

Finder read_finder(const Entry& entry) {
  if (const auto text = entry.find("String")) return Finder::of_string(std::string(text->string()));
  const Entry expression = entry.at("Regex");
  try {
    return Finder::of_expression(expression.string());
  } catch (const Error& error) {
    throw Error{error.code(), expression.place() + ": " + error.what()};
  }
}

}  // namespace yoke::model::text
