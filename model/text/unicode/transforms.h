// Normal forms (UAX 15) and full lower case, by the same tables as properties.h. Ill-formed bytes pass unchanged. Pure; any thread.
#pragma once

#include <string>
#include <string_view>

namespace yoke::model::text::unicode {

enum class NormalForm { nfc, nfd, nfkc, nfkd };

std::string normalise(std::string_view text, NormalForm form);  // time linear but for runs of combining marks (n log n)
std::string lower(std::string_view text);                       // full mapping, without context or language but for final sigma where the reference has it

}  // namespace yoke::model::text::unicode
