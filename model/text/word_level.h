// Whole words to ids, of a vocabulary that has every word or one for all others. Immutable; any thread.
#pragma once

#include <memory>

#include "model/text/stages.h"
#include "model/text/token_index.h"

namespace yoke::model::text {

std::unique_ptr<const Subword> make_word_level(TokenIndex words, int32_t unknown);

}  // namespace yoke::model::text
