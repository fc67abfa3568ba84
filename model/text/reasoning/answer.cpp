#include "model/text/reasoning/answer.h"

#include <algorithm>

namespace yoke::model::text::reasoning {

int64_t characters_in(std::string_view text) {
  return std::count_if(text.begin(), text.end(), [](char c) { return (static_cast<unsigned char>(c) & 0xc0) != 0x80; });
}

Answer::Answer(const Tokenizer& tokenizer, const Format& format, Options options)
    : reader_(make_reader(tokenizer, format, options.marked)),
      matcher_(std::move(options.stop)),
      splitter_(options.marked ? Format() : format) {}

Answer::Step Answer::push(TokenId token) {
  Step step;
  std::vector<Run> runs;
  step.textless = !reader_->read(token, runs);
  step.begin = made_;
  for (const Run& run : runs) {
    if (!step.stopped) apply(run, step);
  }
  return step;
}

Answer::Step Answer::finish() {
  Step step;
  std::vector<Run> runs;
  reader_->finish(runs);
  step.begin = made_;
  for (const Run& run : runs) {
    if (!step.stopped) apply(run, step);
  }
  if (!step.stopped) release(matcher_.finish(), step);
  splitter_.finish(step.stretches);
  return step;
}

void Answer::apply(const Run& run, Step& step) {
  switch (run.sign) {
    case Sign::none: break;
    case Sign::open:
    case Sign::close: tags_.push_back({made_, run}); break;
    case Sign::gap:
    case Sign::says:
    case Sign::thinks:
      release(matcher_.finish(), step);
      return splitter_.push(run, step.stretches);
  }
  step.begin = made_;
  made_ += run.text.size();
  characters_ += characters_in(run.text);
  StopMatcher::Result matched = matcher_.push(run.text);
  release(matched.text, step);
  if (!matched.stopped) return;
  step.stopped = true;
  splitter_.finish(step.stretches);
}

// A tag's text passes as one with its first byte.
void Answer::release(std::string_view text, Step& step) {
  while (!text.empty()) {
    const size_t until = tags_.empty() ? std::string_view::npos : tags_.front().begin;
    if (released_ < until) {
      const std::string_view plain = text.substr(0, until - released_);
      splitter_.push(plain, step.stretches);
      released_ += plain.size();
      text.remove_prefix(plain.size());
      continue;
    }
    const Run& tag = tags_.front().run;
    if (released_ == until) splitter_.push(tag, step.stretches);
    const size_t bytes = std::min(text.size(), until + tag.text.size() - released_);
    released_ += bytes;
    text.remove_prefix(bytes);
    if (released_ == until + tag.text.size()) tags_.pop_front();
  }
}

}  // namespace yoke::model::text::reasoning
