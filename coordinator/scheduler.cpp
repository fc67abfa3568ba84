#include "coordinator/scheduler.h"

#include <algorithm>

#include "core/error.h"
#include "core/units.h"

namespace yoke::coordinator {
namespace {

class Planner {
 public:
  Planner(const SchedulerState& state, const SchedulerLimits& limits, const StepCosts& costs)
      : state_(state), limits_(limits), costs_(costs), paused_(state.running.size(), false), free_(state.free_blocks) {}

  StepPlan plan() {
    plan_decodes();
    rows_left_ = limits_.max_rows - plan_.decode_rows;
    budget_ = prefill_budget();
    plan_prefills();
    admit();
    return std::move(plan_);
  }

 private:
  static bool ended(const SequenceView& s) { return s.next >= s.end; }
  static bool decodes(const SequenceView& s) { return s.next >= s.prefill_end; }

  int64_t blocks_for(int64_t tokens) const { return ceil_div(tokens, limits_.block_tokens); }
  int64_t missing_blocks(const SequenceView& s, int64_t rows) const { return std::max<int64_t>(0, blocks_for(s.next + rows) - s.blocks); }

  bool may_decode(size_t i) const {
    const SequenceView& s = state_.running[i];
    return !paused_[i] && !s.stalled && !ended(s) && decodes(s);
  }

  void plan_decodes() {
    int64_t decoding = 0, resting = 0;
    for (size_t i = 0; i < state_.running.size(); ++i) {
      if (!may_decode(i)) continue;
      ++decoding;
      if (state_.running[i].steps_in_flight == 0) ++resting;
    }
    const int64_t most = std::min(limits_.max_rows, streams_per_step(decoding, limits_));
    // With fewer streams than stages there is nobody to take turns with.
    const bool by_turns = limits_.stages > 1 && resting > 0;
    for (size_t i = 0; i < state_.running.size() && plan_.decode_rows < most; ++i) {
      const SequenceView& s = state_.running[i];
      if (!may_decode(i) || (by_turns && s.steps_in_flight > 0)) continue;
      if (make_room(i, missing_blocks(s, 1))) add(s, 1);
    }
  }

  // Frees blocks for running[i] by pausing those that came after it, the youngest first; a stalled one, which gets nowhere
  // anyway, goes before all others. False: the older ones hold the rest. It keeps its own and waits for theirs.
  bool make_room(size_t i, int64_t blocks) {
    while (free_ < blocks) {
      const size_t victim = choose_victim(i);
      if (victim == kNone) return false;
      pause(victim);
    }
    return true;
  }

  size_t choose_victim(size_t i) const {
    const auto can_go = [&](size_t v) { return v != i && !paused_[v] && state_.running[v].blocks > 0; };
    for (size_t v = state_.running.size(); v-- > 0;) {
      if (state_.running[v].stalled && can_go(v)) return v;
    }
    for (size_t v = state_.running.size(); v-- > i;) {
      if (can_go(v)) return v;
    }
    return kNone;
  }

  // Its row of this very step, where it has one already, is taken back.
  void pause(size_t i) {
    const SequenceView& s = state_.running[i];
    paused_[i] = true;
    free_ += s.blocks;
    plan_.pause.push_back(s.id);
    const auto entry = std::ranges::find(plan_.entries, s.id, &PlannedRows::sequence);
    if (entry == plan_.entries.end()) return;
    free_ += entry->new_blocks;
    (entry->decode ? plan_.decode_rows : plan_.prefill_rows) -= entry->rows;
    rows_left_ += entry->rows;
    plan_.entries.erase(entry);
  }

  void add(const SequenceView& s, int64_t rows) {
    const int64_t blocks = missing_blocks(s, rows);
    const bool decode = decodes(s);
    YOKE_ASSERT(blocks <= free_ && (s.next < s.given || s.drawn_in != 0));
    plan_.entries.push_back({.sequence = s.id,
                             .start = s.next,
                             .rows = rows,
                             .from_step = s.next < s.given ? 0 : s.drawn_in,
                             .new_blocks = blocks,
                             .decode = decode});
    free_ -= blocks;
    (decode ? plan_.decode_rows : plan_.prefill_rows) += rows;
  }

  // Rows of prompts in this step. One at least: a prompt is read, however slowly, while others stream.
  int64_t prefill_budget() const {
    const double us = plan_.decode_rows > 0 ? costs_.budget_us : costs_.alone_budget_us;
    const double rows = us / std::max(1e-3, costs_.row_us);
    return std::clamp<int64_t>(rows < 1e9 ? static_cast<int64_t>(rows) : rows_left_, std::min<int64_t>(1, rows_left_), rows_left_);
  }

  int64_t chunk(const SequenceView& s) const {
    int64_t rows = std::min(s.prefill_end, s.end) - s.next;
    const bool alone = plan_.rows() == 0;
    if (s.whole) return fits_whole(s, rows) ? rows : 0;
    if (s.max_chunk > 0) rows = std::min(rows, s.max_chunk);
    return std::min(rows, s.own_chunk && alone ? rows_left_ : budget_);
  }

  // Alone in a step it goes whatever it costs: it will never be cheaper.
  bool fits_whole(const SequenceView& s, int64_t rows) const {
    return rows <= (plan_.rows() == 0 ? rows_left_ : budget_) && missing_blocks(s, rows) <= free_;
  }

  void spend(int64_t rows) {
    budget_ = std::max<int64_t>(0, budget_ - rows);
    rows_left_ -= rows;
  }

  void plan_prefills() {
    for (size_t i = 0; i < state_.running.size() && budget_ > 0; ++i) {
      const SequenceView& s = state_.running[i];
      if (paused_[i] || s.stalled || ended(s) || decodes(s)) continue;
      // A chunk as large as what is free allows; one row must be had, if need be from a younger sequence.
      if (s.next + 1 > (s.blocks + free_) * limits_.block_tokens && !make_room(i, missing_blocks(s, 1))) continue;
      const int64_t rows = std::min(chunk(s), (s.blocks + free_) * limits_.block_tokens - s.next);
      if (rows < 1) continue;
      add(s, rows);
      spend(rows);
    }
  }

  // What the running ones will certainly take: the rest of their prompts, and a block for each that decodes, so that a sequence
  // is not admitted only to be paused in the next step.
  int64_t promised_blocks() const {
    int64_t blocks = 0;
    for (size_t i = 0; i < state_.running.size(); ++i) {
      const SequenceView& s = state_.running[i];
      if (paused_[i] || ended(s)) continue;
      const int64_t held = std::max(s.blocks, planned_blocks(s.id));
      blocks += decodes(s) ? 1 : std::max<int64_t>(0, blocks_for(s.prefill_end + 1) - held);
    }
    return blocks;
  }
  int64_t planned_blocks(uint64_t id) const {
    for (const PlannedRows& entry : plan_.entries) {
      if (entry.sequence == id) return blocks_for(entry.start + entry.rows);
    }
    return 0;
  }

  void admit() {
    if (!plan_.pause.empty()) return;  // what was just freed was needed
    running_ = static_cast<int64_t>(state_.running.size());
    promised_ = promised_blocks();
    for (const SequenceView& s : state_.paused) {
      if (s.stalled) continue;  // its place comes again when its reader does
      // The tokens on their way must be known before they can be read again; nobody overtakes meanwhile.
      if (s.steps_in_flight > 0 || !try_admit(s)) return;
    }
    for (const SequenceView& s : state_.waiting) {
      if (!try_admit(s)) return;
    }
  }

  bool try_admit(const SequenceView& s) {
    if (running_ >= std::min(limits_.max_sequences, limits_.max_rows) || budget_ <= 0) return false;
    const int64_t whole = blocks_for(std::min(std::max(s.prefill_end + 1, s.next + 1), s.end));
    if (running_ > 0 && promised_ + whole > free_) return false;
    const int64_t rows = decodes(s) ? 1 : std::min(chunk(s), free_ * limits_.block_tokens);
    if (rows < 1 || missing_blocks(s, rows) > free_) return false;
    const int64_t before = free_;
    add(s, rows);
    spend(rows);
    promised_ += whole - (before - free_);
    ++running_;
    return true;
  }

  static constexpr size_t kNone = static_cast<size_t>(-1);

  const SchedulerState& state_;
  const SchedulerLimits& limits_;
  const StepCosts& costs_;
  std::vector<bool> paused_;   // of state_.running
  int64_t free_ = 0;
  int64_t rows_left_ = 0;
  int64_t budget_ = 0;
  int64_t running_ = 0;
  int64_t promised_ = 0;
  StepPlan plan_;
};

}  // namespace

int64_t streams_per_step(int64_t decoding, const SchedulerLimits& limits) { return ceil_div(decoding, limits.stages); }

StepPlan plan_step(const SchedulerState& state, const SchedulerLimits& limits, const StepCosts& costs) {
  return Planner(state, limits, costs).plan();
}

}  // namespace yoke::coordinator
