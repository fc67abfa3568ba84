#include "model/text/framing.h"

namespace yoke::model::text {

Framed framed(const std::vector<FramePart>& parts, const std::vector<TokenId>& first, const std::vector<TokenId>& second) {
  Framed out;
  for (const FramePart& part : parts) {
    switch (part.kind) {
      case FramePart::Kind::first_text: out.ids.insert(out.ids.end(), first.begin(), first.end()); break;
      case FramePart::Kind::second_text: out.ids.insert(out.ids.end(), second.begin(), second.end()); break;
      case FramePart::Kind::token: out.ids.push_back(part.id); break;
    }
    out.types.resize(out.ids.size(), part.type);
  }
  return out;
}

}  // namespace yoke::model::text
