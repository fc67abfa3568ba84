// Normal forms (UAX 15) and lower case, by the same tables as properties.h. Ill-formed bytes pass unchanged. Pure; any thread.
#pragma once

#include <string>
#include <string_view>

namespace yoke::model::text::unicode {

enum class NormalForm { nfc, nfd, nfkc, nfkd };

// Time linear but for runs of combining marks (n log n). Text that is normal already is looked at and copied.
std::string normalise(std::string_view text, NormalForm form);

// Each character's full lower case without its context or a language: U+0130 becomes i and U+0307, every sigma the same sigma. So
// do the reference's normalizers Lowercase and BertNormalizer.
std::string lower(std::string_view text);

}  // namespace yoke::model::text::unicode
