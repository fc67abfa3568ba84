#include "model/text/stop_matcher.h"

#include <algorithm>

namespace yoke::model::text {

StopMatcher::StopMatcher(std::vector<std::string> stops) {
  for (std::string& text : stops) stops_.push_back(make_stop(std::move(text)));
}

StopMatcher::Stop StopMatcher::make_stop(std::string text) {
  Stop stop{std::move(text), {}};
  stop.borders.assign(stop.text.size(), 0);
  size_t border = 0;
  for (size_t i = 1; i < stop.text.size(); ++i) {
    while (border > 0 && stop.text[i] != stop.text[border]) border = stop.borders[border - 1];
    if (stop.text[i] == stop.text[border]) ++border;
    stop.borders[i] = border;
  }
  return stop;
}

bool StopMatcher::advance(Stop& stop, char next) {
  if (stop.text.empty()) return false;
  while (stop.matched > 0 && stop.text[stop.matched] != next) stop.matched = stop.borders[stop.matched - 1];
  if (stop.text[stop.matched] == next) ++stop.matched;
  return stop.matched == stop.text.size();
}

StopMatcher::Result StopMatcher::push(std::string_view piece) {
  Result result;
  for (const char next : piece) {
    held_.push_back(next);
    const Stop* longest = nullptr;
    for (Stop& stop : stops_) {
      if (advance(stop, next) && (!longest || stop.text.size() > longest->text.size())) longest = &stop;
    }
    if (longest) {
      result.text = held_.substr(0, held_.size() - longest->text.size());
      result.stopped = true;
      result.which = static_cast<size_t>(longest - stops_.data());
      *this = StopMatcher({});
      return result;
    }
  }
  size_t possible = 0;
  for (const Stop& stop : stops_) possible = std::max(possible, stop.matched);
  result.text = held_.substr(0, held_.size() - possible);
  held_.erase(0, held_.size() - possible);
  return result;
}

std::string StopMatcher::finish() {
  std::string rest;
  rest.swap(held_);
  for (Stop& stop : stops_) stop.matched = 0;
  return rest;
}

}  // namespace yoke::model::text
