#include "model/text/regex/pattern.h"

#include <algorithm>
#include <array>

#include "core/clock.h"
#include "model/text/regex/emitter.h"
#include "model/text/regex/parser.h"
#include "model/text/regex/program.h"

namespace yoke::model::text {
namespace {

// What one attempt may cost in a quick program: as many entries into loops as give this many steps if each runs to the text's end,
// and at least so many as no ordinary word needs. Beyond that the attempt is repeated with steps counted.
constexpr size_t kQuickSteps = 200'000'000;
constexpr uint32_t kFewestEntries = 1000, kMostEntries = 1'000'000;
// What one scan may cost.
constexpr int64_t kSteps = 20'000'000, kStepsPerCharacter = 50;
constexpr Duration kTime = std::chrono::seconds(2), kTimePerByte = std::chrono::microseconds(2);
constexpr uint32_t kAttemptsPerLook = 32;  // at the clock

constexpr size_t kKeptBytes = 1 << 20;  // of the room that a thread keeps between scans

// A thread's room for the text in hand.
struct Room {
  std::vector<uint8_t> classes, lengths;
  regex::MatchRoom match;

  void make_space(size_t bytes) {
    if (classes.size() >= bytes) return;
    classes.resize(bytes);
    lengths.resize(bytes);
  }
  void drop_excess() {
    if (classes.size() <= kKeptBytes) return;
    classes = {};
    lengths = {};
  }
};

}  // namespace

struct Pattern::Compiled {
  explicit Compiled(std::string_view source) : Compiled(regex::parse(source)) {}
  explicit Compiled(const regex::Expression& expression)
      : alphabet(expression.sets),
        at_first(regex::emit(expression, alphabet, regex::Form::at_first), true),
        at_further(regex::emit(expression, alphabet, regex::Form::at_further), true),
        counted(regex::emit(expression, alphabet, regex::Form::counted), false) {
    const regex::ClassSet first = regex::first_classes(expression, alphabet);
    for (size_t i = 0; i < first.size(); ++i) begins[i] = first[i];
    may_be_empty = first.all();
  }

  regex::Alphabet alphabet;
  regex::Program at_first, at_further, counted;
  std::array<bool, 256> begins{};  // the classes by which a match can begin
  bool may_be_empty = false;       // then it can begin at the text's end too
};

// One walk through a text.
class Pattern::Scan {
 public:
  Scan(const Compiled& compiled, std::string_view text, Room& room)
      : compiled_(compiled), text_(text), room_(room), budget_{kSteps} {
    room.make_space(text.size());
    subject_ = {room.classes.data(), compiled.alphabet.map(text, room.classes.data(), room.lengths.data())};
    budget_.steps += kStepsPerCharacter * static_cast<int64_t>(subject_.size);
    entries_ = static_cast<uint32_t>(std::clamp<size_t>(kQuickSteps / (subject_.size + 1), kFewestEntries, kMostEntries));
  }

  void run(std::vector<Match>& matches) {
    size_t from = 0, end = 0, last_end = SIZE_MAX;
    while (from <= subject_.size) {
      size_t begin = from;
      if (!find(begin, end)) break;
      if (begin == end && begin == last_end) {
        ++from;
        continue;
      }
      const size_t first_byte = byte_of(begin);
      matches.push_back({.begin = first_byte, .end = byte_of(end)});
      from = last_end = end;
    }
  }

 private:
  // The first match that begins at `begin` or behind it; false for none, and where a limit is passed.
  bool find(size_t& begin, size_t& end) {
    const size_t from = begin;
    for (;; ++begin) {
      while (begin < subject_.size && !compiled_.begins[subject_.classes[begin]]) ++begin;
      if (begin > subject_.size || (begin == subject_.size && !compiled_.may_be_empty)) return false;
      const regex::Outcome outcome = attempt(begin == from ? compiled_.at_first : compiled_.at_further, begin, end);
      if (outcome == regex::Outcome::matched) return true;
      if (outcome == regex::Outcome::over_limit) return false;
    }
  }

  regex::Outcome attempt(const regex::Program& program, size_t begin, size_t& end) {
    if (++attempts_ % kAttemptsPerLook == 0 && is_late()) return regex::Outcome::over_limit;
    const regex::Outcome outcome = program.match(subject_, begin, entries_, room_.match, end);
    if (outcome != regex::Outcome::over_limit) return outcome;
    return compiled_.counted.match_counted(subject_, begin, budget_, room_.match, end);
  }

  // The thread's own time decides, so that a machine that stood still does not; the other clock is cheaper to read.
  bool is_late() {
    const Duration allowed = kTime + kTimePerByte * text_.size();
    if (began_ == TimePoint()) began_ = system_clock().now(), thread_began_ = thread_time();
    return system_clock().now() - began_ >= allowed && thread_time() - thread_began_ >= allowed;
  }

  // Asked for places in ascending order.
  size_t byte_of(size_t place) {
    if (subject_.size == text_.size()) return place;
    for (; place_ < place; ++place_) byte_ += room_.lengths[place_];
    return byte_;
  }

  const Compiled& compiled_;
  const std::string_view text_;
  Room& room_;
  regex::Subject subject_;
  regex::Budget budget_;
  uint32_t entries_ = 0, attempts_ = 0;
  TimePoint began_;
  Duration thread_began_{};
  size_t place_ = 0, byte_ = 0;
};

Pattern::Pattern(std::string_view source) : compiled_(std::make_unique<const Compiled>(source)) {}
Pattern::~Pattern() = default;
Pattern::Pattern(Pattern&&) noexcept = default;
Pattern& Pattern::operator=(Pattern&&) noexcept = default;

std::vector<Pattern::Match> Pattern::find_all(std::string_view text) const {
  std::vector<Match> matches;
  find_all(text, matches);
  return matches;
}

void Pattern::find_all(std::string_view text, std::vector<Match>& matches) const {
  thread_local Room room;
  Scan(*compiled_, text, room).run(matches);
  room.drop_excess();
}

}  // namespace yoke::model::text
