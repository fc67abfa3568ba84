#include "model/text/jinja/text.h"

#include <algorithm>

namespace yoke::model::text::jinja {

bool Text::from_caller() const {
  return std::any_of(runs_.begin(), runs_.end(), [](const Run& run) { return run.from_caller; });
}

void Text::append(std::string_view bytes, bool from_caller) {
  if (bytes.empty()) return;
  bytes_ += bytes;
  if (!runs_.empty() && runs_.back().from_caller == from_caller) {
    runs_.back().end = bytes_.size();
  } else {
    runs_.push_back({bytes_.size(), from_caller});
  }
}

void Text::append(const Text& other, size_t begin, size_t end) {
  auto run = std::upper_bound(other.runs_.begin(), other.runs_.end(), begin,
                              [](size_t at, const Run& run) { return at < run.end; });
  while (begin < end) {
    const size_t stop = std::min(end, run->end);
    append(other.bytes().substr(begin, stop - begin), run->from_caller);
    begin = stop;
    ++run;
  }
}

Text Text::slice(size_t begin, size_t end) const {
  Text part;
  part.append(*this, begin, end);
  return part;
}

}  // namespace yoke::model::text::jinja
