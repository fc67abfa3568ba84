// Base64 (RFC 4648) back to bytes, as tokenizer.json holds compiled character maps. Pure; any thread.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace yoke::model::text {

std::optional<std::string> from_base64(std::string_view text);  // nothing for anything else, also for missing padding

}  // namespace yoke::model::text
