// The steps that rewrite a text before it is cut into words, by the names of tokenizer.json.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "model/text/replacement.h"
#include "model/text/stages.h"
#include "model/text/unicode/transforms.h"

namespace yoke::model::text {

using NormalizerStep = std::unique_ptr<const Normalizer>;

NormalizerStep make_normalizer_sequence(std::vector<NormalizerStep> steps);
NormalizerStep make_normal_form(unicode::NormalForm form);
NormalizerStep make_lowercase();
NormalizerStep make_prepend(std::string prefix);  // not before an empty text
NormalizerStep make_replace(Replacement replacement);
NormalizerStep make_strip(bool left, bool right);  // white space
NormalizerStep make_strip_accents();               // drops marks
NormalizerStep make_nmt();                         // drops controls; other kinds of space become spaces
NormalizerStep make_byte_level_normalizer();       // bytes as characters of GPT-2's alphabet

}  // namespace yoke::model::text
