// What a coordinator would plan, in a few words: sequences with their block tables, steps made of their chunks.
#pragma once

#include <algorithm>
#include <cstdint>
#include <random>
#include <span>
#include <vector>

#include "core/dtype.h"
#include "core/units.h"
#include "transport/control/control.pb.h"

namespace yoke::node {

using Tokens = std::vector<int32_t>;

// One sequence: which blocks it has, how far it was read.
struct ScriptSequence {
  uint64_t id = 1;
  std::vector<uint32_t> blocks;
  uint32_t position = 0;
};

// Blocks begin .. begin + count - 1, in order or shuffled.
inline ScriptSequence script_sequence(uint64_t id, uint32_t begin, uint32_t count, uint32_t shuffle_seed = 0) {
  ScriptSequence s{id, {}, 0};
  for (uint32_t i = 0; i < count; ++i) s.blocks.push_back(begin + i);
  if (shuffle_seed != 0) {
    std::mt19937 random(shuffle_seed);
    for (size_t i = s.blocks.size(); i > 1; --i) std::swap(s.blocks[i - 1], s.blocks[random() % i]);
  }
  return s;
}

enum class WantLogits { none, last, all };

// The next rows of a sequence.
inline transport::proto::StepEntry rows_entry(ScriptSequence& s, std::span<const int32_t> tokens, WantLogits want) {
  transport::proto::StepEntry e;
  e.set_sequence(s.id);
  e.set_start(s.position);
  for (const int32_t token : tokens) e.add_tokens(static_cast<uint32_t>(token));
  const uint32_t rows = static_cast<uint32_t>(tokens.size());
  s.position += rows;
  for (size_t i = 0; i < static_cast<size_t>(ceil_div(s.position, kKvBlockTokens)); ++i) e.add_blocks(s.blocks.at(i));
  for (uint32_t i = 0; i < rows; ++i) {
    if (want == WantLogits::all || (want == WantLogits::last && i + 1 == rows)) e.add_logit_rows(i);
  }
  e.set_prompt_logprobs(-1);
  e.set_next_token(-1);
  return e;
}

// The row whose input is the token drawn in `step`.
inline transport::proto::StepEntry drawn_entry(ScriptSequence& s, uint64_t step, WantLogits want = WantLogits::none) {
  const int32_t nothing[1] = {0};
  transport::proto::StepEntry e = rows_entry(s, nothing, want);
  e.clear_tokens();
  e.set_from_step(step);
  return e;
}

inline transport::proto::Sampling greedy_sampling() {
  transport::proto::Sampling s;
  s.set_temperature(0);
  s.set_top_p(1);
  s.set_repetition_penalty(1);
  s.set_logprobs(-1);
  return s;
}

inline transport::proto::StepEntry sampled(transport::proto::StepEntry e, const transport::proto::Sampling& sampling = greedy_sampling()) {
  e.set_sample(true);
  *e.mutable_sampling() = sampling;
  return e;
}

inline transport::proto::Step step_of(uint64_t id, std::vector<transport::proto::StepEntry> entries) {
  transport::proto::Step step;
  step.set_id(id);
  for (auto& e : entries) *step.add_entries() = std::move(e);
  return step;
}

}  // namespace yoke::node
