// What BERT's line does to a text before WordPiece: tokenizer.json's BertNormalizer and BertPreTokenizer (Hugging Face
// tokenizers). Those know the marks, punctuation and format characters of Unicode 8 and no later ones, and vocabularies were
// made with them, so later ones are letters here too. Immutable; any thread.
#pragma once

#include <memory>
#include <optional>

#include "model/text/stages.h"

namespace yoke::model::text {

struct BertNormalizerParts {
  bool clean_text = true;             // control characters go, white space becomes U+0020
  bool handle_chinese_chars = true;   // spaces around ideographs
  std::optional<bool> strip_accents;  // none: as `lowercase`
  bool lowercase = true;
};
std::unique_ptr<Normalizer> make_bert_normalizer(BertNormalizerParts parts);

// Words are what white space separates; punctuation marks are words of their own.
std::unique_ptr<PreTokenizer> make_bert_pretokenizer();

}  // namespace yoke::model::text
