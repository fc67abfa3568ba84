// A stretch of a rendered chat, between the template and the tokenizer.
#pragma once

#include <string>

namespace yoke::model::text {

// What came from the caller's strings must not become a special token.
struct Piece {
  std::string text;
  bool from_caller = false;
};

}  // namespace yoke::model::text
