// Divides an answer's text into what is said and what is thought. What it gives depends on the text alone, never on how that
// was cut into pieces. One thread.
//
// White space beside a tag belongs to nobody: what stands before the opening one, what follows it, up to kMaxSpace bytes before
// the closing one and all that follows that. Every other byte of the text stands in the stretches, in its order.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "model/text/reasoning/format.h"
#include "model/text/reasoning/reader.h"

namespace yoke::model::text::reasoning {

struct Stretch {
  Part part = Part::content;
  std::string text;
  bool inserted = false;  // a line feed of ours, between two messages of one part
};

class Splitter {
 public:
  static constexpr size_t kMaxSpace = 64;

  explicit Splitter(const Format& format);

  void push(std::string_view text, std::vector<Stretch>& out);
  void push(const Run& sign, std::vector<Stretch>& out);
  void finish(std::vector<Stretch>& out);  // thinking that was never closed stays thinking
  Part part() const { return part_; }      // of what comes next

 private:
  enum class State { begin, opened, thinking, closed, saying };

  bool advance(std::vector<Stretch>& out);
  bool begin(std::vector<Stretch>& out);
  bool skip_space(std::vector<Stretch>& out);
  bool think(std::vector<Stretch>& out);
  void think_until(size_t end, std::vector<Stretch>& out);
  void enter(State state);
  void give(size_t bytes, Part part, std::vector<Stretch>& out);
  void sign(const Run& tag, std::vector<Stretch>& out);
  void message(Part part, std::vector<Stretch>& out);

  std::string open_, close_;  // empty: not to be searched in the text
  State state_ = State::saying;
  Part part_ = Part::content;
  bool spoken_[2] = {};       // whether content, reasoning has any text yet
  std::string held_;          // at most white space and the beginning of a tag
};

}  // namespace yoke::model::text::reasoning
