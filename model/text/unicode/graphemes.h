// Extended grapheme clusters (UAX 29, with Indic conjuncts and emoji sequences) of Unicode 17.0: what a reader takes for one character.
// Pure; any thread.
#pragma once

#include <cstddef>
#include <string_view>

namespace yoke::model::text::unicode {

// The bytes of the cluster that begins at `at` (at < text.size()), itself the beginning of the text or of a cluster. At least
// one; ill-formed bytes are clusters of their own.
size_t grapheme_bytes(std::string_view text, size_t at);

}  // namespace yoke::model::text::unicode
