#include "model/text/replacement.h"

namespace yoke::model::text {

Finder Finder::of_string(std::string sought) {
  Finder finder;
  if (sought.empty()) return of_expression("");  // it finds the empty places, as an empty expression does
  finder.sought_ = std::move(sought);
  return finder;
}

Finder Finder::of_expression(std::string_view source) {
  Finder finder;
  finder.pattern_.emplace_back(source);
  return finder;
}

std::vector<Pattern::Match> Finder::find_all(std::string_view text) const {
  if (!pattern_.empty()) return pattern_.front().find_all(text);
  std::vector<Pattern::Match> matches;
  for (size_t at = text.find(sought_); at != std::string_view::npos; at = text.find(sought_, at + sought_.size())) {
    matches.push_back({at, at + sought_.size()});
  }
  return matches;
}

std::string Replacement::apply(std::string_view text) const {
  std::string out;
  size_t done = 0;
  for (const auto& match : sought_.find_all(text)) {
    out.append(text, done, match.begin - done);
    out += content_;
    done = match.end;
  }
  out.append(text.substr(done));
  return out;
}

}  // namespace yoke::model::text
