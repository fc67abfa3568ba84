// Normal forms (UAX 15) and lower case, by the same tables as properties.h. Ill-formed bytes pass unchanged. Pure; any thread.
#pragma once

#include <string>
#include <string_view>

namespace yoke::model::text::unicode {

enum class NormalForm { nfc, nfd, nfkc, nfkd };

// Whose characters have mappings and combining classes: all that the tables know, or those that the reference's library has known
// since Unicode 9 (tokenizers 0.23.3, measured): it takes younger ones for letters of their own, and so did the models.
enum class Age { current, reference };

// Time linear but for runs of combining marks (n log n). Text that is normal already is looked at and copied.
std::string normalise(std::string_view text, NormalForm form, Age age = Age::reference);

// Each character's full lower case without its context or a language: U+0130 becomes i and U+0307, every sigma the same sigma. So
// do the reference's normalizers Lowercase and BertNormalizer.
std::string lower(std::string_view text);

}  // namespace yoke::model::text::unicode
