#include "model/text/reasoning/splitter.h"

#include <algorithm>

#include "model/text/reasoning/whitespace.h"

namespace yoke::model::text::reasoning {
namespace {

// How many bytes at the end of a text are a beginning of the tag.
size_t begun(std::string_view text, std::string_view tag) {
  for (size_t bytes = std::min(text.size(), tag.empty() ? 0 : tag.size() - 1); bytes > 0; --bytes) {
    if (text.substr(text.size() - bytes) == tag.substr(0, bytes)) return bytes;
  }
  return 0;
}

}  // namespace

Splitter::Splitter(const Format& format) {
  const auto* tags = std::get_if<Tags>(&format);
  if (tags == nullptr) return;
  if (!tags->open_id) open_ = tags->open;
  if (!tags->close_id) close_ = tags->close;
  enter(tags->inside ? State::opened : State::begin);
}

void Splitter::push(std::string_view text, std::vector<Stretch>& out) {
  held_ += text;
  while (!held_.empty() && advance(out)) {
  }
}

void Splitter::push(const Run& run, std::vector<Stretch>& out) {
  switch (run.sign) {
    case Sign::none: return push(run.text, out);
    case Sign::open:
    case Sign::close: return sign(run, out);
    case Sign::gap: return;
    case Sign::says: return message(Part::content, out);
    case Sign::thinks: return message(Part::reasoning, out);
  }
}

// False where more text is needed.
bool Splitter::advance(std::vector<Stretch>& out) {
  switch (state_) {
    case State::begin: return begin(out);
    case State::opened: return begin(out);
    case State::thinking: return think(out);
    case State::closed: return skip_space(out);
    case State::saying: give(held_.size(), part_, out); return false;
  }
  return false;
}

// Before anything was said or thought an opening tag may come; a model may repeat the one that the prompt ends with.
bool Splitter::begin(std::vector<Stretch>& out) {
  const State next = state_ == State::begin ? State::saying : State::thinking;
  const size_t space = leading_space(held_);
  const std::string_view rest = std::string_view(held_).substr(space);
  if (state_ == State::opened && space > 0) {
    give(space, Part::hidden, out);
    return true;
  }
  if (!open_.empty() && rest.starts_with(open_) && space <= kMaxSpace) {
    give(space + open_.size(), Part::hidden, out);
    enter(State::opened);
    return true;
  }
  const bool undecided = rest.empty() || (!open_.empty() && open_.starts_with(rest));
  if (undecided && space <= kMaxSpace) return false;
  enter(next);
  return true;
}

bool Splitter::skip_space(std::vector<Stretch>& out) {
  give(leading_space(held_), Part::hidden, out);
  if (!held_.empty()) enter(State::saying);
  return !held_.empty();
}

bool Splitter::think(std::vector<Stretch>& out) {
  const size_t at = close_.empty() ? std::string::npos : held_.find(close_);
  if (at != std::string::npos) {
    think_until(at, out);
    give(held_.find(close_) + close_.size(), Part::hidden, out);
    enter(State::closed);
    return true;
  }
  think_until(held_.size() - begun(held_, close_), out);
  return false;
}

// All of the text before `end` is thought, but for the white space that it ends with, which may stand before a tag.
void Splitter::think_until(size_t end, std::vector<Stretch>& out) {
  const std::string_view before = std::string_view(held_).substr(0, end);
  const size_t space = before.size() - without_trailing_space(before).size();
  give(end - std::min(space, kMaxSpace), Part::reasoning, out);
}

// A tag that is a token of its own. One at a place where it divides nothing is text, if the model's text shows it.
void Splitter::sign(const Run& tag, std::vector<Stretch>& out) {
  const bool opens = tag.sign == Sign::open && (state_ == State::begin || state_ == State::opened);
  const bool closes = tag.sign == Sign::close && (state_ == State::opened || state_ == State::thinking);
  if (opens || closes) {
    give(held_.size(), Part::hidden, out);
    enter(opens ? State::opened : State::closed);
  } else {
    finish(out);
    if (state_ != State::thinking) enter(State::saying);
  }
  held_ = tag.text;
  give(held_.size(), opens || closes || tag.special ? Part::hidden : part_, out);
}

void Splitter::message(Part part, std::vector<Stretch>& out) {
  part_ = part;
  if (spoken_[part == Part::reasoning]) out.push_back({part, "\n", /*inserted=*/true});
}

void Splitter::finish(std::vector<Stretch>& out) { give(held_.size(), part_, out); }

void Splitter::enter(State state) {
  state_ = state;
  part_ = state == State::opened || state == State::thinking ? Part::reasoning : Part::content;
}

void Splitter::give(size_t bytes, Part part, std::vector<Stretch>& out) {
  if (bytes == 0) return;
  out.push_back({part, held_.substr(0, bytes)});
  held_.erase(0, bytes);
  if (part != Part::hidden) spoken_[part == Part::reasoning] = true;
}

}  // namespace yoke::model::text::reasoning
