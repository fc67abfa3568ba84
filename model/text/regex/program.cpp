#define PCRE2_CODE_UNIT_WIDTH 8
#include "model/text/regex/program.h"

#include <fmt/format.h>
#include <pcre2.h>

#include <array>
#include <new>

#include "core/error.h"

namespace yoke::model::text::regex {
namespace {

// PCRE2's interpreter remembers where to go back on the heap. Kibibytes.
constexpr uint32_t kHeapLimitKib = 32 << 10;

using Context = std::unique_ptr<pcre2_match_context, FreePcre2>;

Context make_context() {
  Context context(pcre2_match_context_create(nullptr));
  if (context == nullptr) throw std::bad_alloc();
  pcre2_set_heap_limit(context.get(), kHeapLimitKib);
  return context;
}

Outcome outcome_of(int found, const MatchRoom& room, size_t& end) {
  if (found == PCRE2_ERROR_NOMATCH) return Outcome::not_here;
  if (found < 0) return Outcome::over_limit;
  end = pcre2_get_ovector_pointer(room.match.get())[1];
  return Outcome::matched;
}

struct Count {
  Budget& budget;
  size_t place;
};

int count_step(pcre2_callout_block* block, void* data) {
  Count& count = *static_cast<Count*>(data);
  const size_t here = block->current_position;
  count.budget.steps -= 1 + static_cast<int64_t>(here > count.place ? here - count.place : count.place - here);
  count.place = here;
  return count.budget.steps < 0 ? PCRE2_ERROR_CALLOUT : 0;
}

}  // namespace

void FreePcre2::operator()(pcre2_code* code) const { pcre2_code_free(code); }
void FreePcre2::operator()(pcre2_match_context* context) const { pcre2_match_context_free(context); }
void FreePcre2::operator()(pcre2_match_data* match) const { pcre2_match_data_free(match); }

MatchRoom::MatchRoom() : match(pcre2_match_data_create(1, nullptr)), limits(make_context()) {
  if (match == nullptr) throw std::bad_alloc();
}

Program::Program(const std::string& expression, bool with_jit) {
  int error = 0;
  PCRE2_SIZE offset = 0;
  // A search for a character that must come later would go through the rest of the text at every place.
  constexpr uint32_t kOptions = PCRE2_ANCHORED | PCRE2_NO_START_OPTIMIZE | PCRE2_NEVER_UTF | PCRE2_NEVER_UCP;
  code_.reset(pcre2_compile(reinterpret_cast<PCRE2_SPTR>(expression.data()), expression.size(), kOptions, &error, &offset, nullptr));
  if (code_ == nullptr) {
    std::array<PCRE2_UCHAR, 256> message{};
    pcre2_get_error_message(error, message.data(), message.size());
    throw Error{Code::unsupported, fmt::format("regular expression that this build cannot use: {}",
                                               reinterpret_cast<const char*>(message.data()))};
  }
  // Where PCRE2 has no JIT for this machine or this expression, it interprets.
  is_jitted_ = with_jit && pcre2_jit_compile(code_.get(), PCRE2_JIT_COMPLETE) == 0;
}

Outcome Program::match(const Subject& subject, size_t begin, uint32_t most_entries, MatchRoom& room, size_t& end) const {
  if (room.most_entries != most_entries) {
    pcre2_set_match_limit(room.limits.get(), most_entries);
    room.most_entries = most_entries;
  }
  const auto match = is_jitted_ ? pcre2_jit_match : pcre2_match;
  return outcome_of(match(code_.get(), subject.classes, subject.size, begin, 0, room.match.get(), room.limits.get()), room, end);
}

Outcome Program::match_counted(const Subject& subject, size_t begin, Budget& budget, MatchRoom& room, size_t& end) const {
  const Context context = make_context();
  pcre2_set_match_limit(context.get(), UINT32_MAX);
  pcre2_set_depth_limit(context.get(), UINT32_MAX);
  Count count{budget, begin};
  pcre2_set_callout(context.get(), count_step, &count);
  const int found = pcre2_match(code_.get(), subject.classes, subject.size, begin, PCRE2_NO_JIT, room.match.get(), context.get());
  return outcome_of(found, room, end);
}

}  // namespace yoke::model::text::regex
