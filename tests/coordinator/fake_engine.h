// A model that is a function of its tokens, and an engine that runs steps of it as a real one would: it reads its inputs from
// the blocks it is given, so that a wrong table, a wrong position or a block shared by two sequences gives wrong tokens.
#pragma once

#include <gtest/gtest.h>

#include <cstring>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "core/dtype.h"
#include "transport/control/control.pb.h"

namespace yoke::coordinator {

inline constexpr int32_t kFakeVocab = 97;

// The next token after tokens[0 .. n).
inline int32_t fake_next(const int32_t* tokens, size_t n) {
  uint64_t hash = 1469598103934665603u;
  for (size_t i = 0; i < n; ++i) hash = (hash ^ static_cast<uint64_t>(tokens[i] + 1)) * 1099511628211u;
  return static_cast<int32_t>((hash >> 20) % kFakeVocab);
}

inline std::vector<int32_t> fake_generation(std::vector<int32_t> tokens, int64_t count) {
  const size_t prompt = tokens.size();
  for (int64_t i = 0; i < count; ++i) tokens.push_back(fake_next(tokens.data(), tokens.size()));
  return {tokens.begin() + static_cast<std::ptrdiff_t>(prompt), tokens.end()};
}

// The logit of `token` after tokens[0 .. n): any number that depends on all of them.
inline float fake_logit(const int32_t* tokens, size_t n, int32_t token) {
  return static_cast<float>(fake_next(tokens, n)) + static_cast<float>(token) / kFakeVocab;
}

class FakeEngine {
 public:
  FakeEngine(int64_t blocks, int64_t max_rows) : cache_(static_cast<size_t>(blocks * kKvBlockTokens), -1), max_rows_(max_rows) {}

  // LogitRows are appended to `rows`, two rows a frame.
  transport::proto::StepResult run(const transport::proto::Step& step, std::vector<transport::proto::LogitRows>* rows = nullptr) {
    transport::proto::StepResult result;
    result.set_id(step.id());
    int64_t computed = 0;
    for (const auto& entry : step.entries()) {
      if (entry.release()) {
        drawn_.erase(entry.sequence());
        continue;
      }
      computed += run_entry(step.id(), entry, result, rows);
    }
    EXPECT_LE(computed, max_rows_);
    return result;
  }

 private:
  int64_t run_entry(uint64_t step, const transport::proto::StepEntry& entry, transport::proto::StepResult& result,
                    std::vector<transport::proto::LogitRows>* rows) {
    std::vector<int32_t> inputs(entry.tokens().begin(), entry.tokens().end());
    if (entry.from_step() != 0) {
      EXPECT_TRUE(inputs.empty());
      const auto& drawn = drawn_[entry.sequence()];
      const auto found = drawn.find(entry.from_step());
      EXPECT_NE(found, drawn.end()) << "sequence " << entry.sequence() << ": nothing was drawn in step " << entry.from_step();
      if (found != drawn.end()) inputs.push_back(found->second);
    }
    EXPECT_FALSE(inputs.empty());
    for (size_t i = 0; i < inputs.size(); ++i) place(entry, entry.start() + i) = inputs[i];
    std::vector<int32_t> tokens;
    for (size_t p = 0; p < entry.start() + inputs.size(); ++p) tokens.push_back(place(entry, p));
    if (rows) answer_logits(step, entry, tokens, *rows);
    answer(step, entry, tokens, result);
    return static_cast<int64_t>(inputs.size());
  }

  void answer(uint64_t step, const transport::proto::StepEntry& entry, const std::vector<int32_t>& tokens,
              transport::proto::StepResult& result) {
    if (!entry.sample() && entry.prompt_logprobs() < 0) return;
    auto& answer = *result.add_entries();
    answer.set_sequence(entry.sequence());
    if (entry.prompt_logprobs() >= 0) {
      for (size_t row = entry.start(); row < tokens.size(); ++row) {
        const int32_t next = row + 1 < tokens.size() ? tokens[row + 1] : entry.next_token();
        if (next >= 0) answer.add_prompt()->set_logprob(-fake_logit(tokens.data(), row + 1, next));
      }
    }
    if (!entry.sample()) return;
    const int32_t token = fake_next(tokens.data(), tokens.size());
    drawn_[entry.sequence()][step] = token;
    answer.set_sampled(true);
    answer.set_token(static_cast<uint32_t>(token));
    answer.set_logprob(-0.5f);
  }

  void answer_logits(uint64_t step, const transport::proto::StepEntry& entry, const std::vector<int32_t>& tokens,
                     std::vector<transport::proto::LogitRows>& rows) {
    for (int i = 0; i < entry.logit_rows_size(); i += 2) {
      auto& frame = rows.emplace_back();
      frame.set_step(step);
      frame.set_sequence(entry.sequence());
      frame.set_first_row(static_cast<uint32_t>(i));
      for (int row = i; row < std::min(i + 2, entry.logit_rows_size()); ++row) {
        for (int32_t token = 0; token < kFakeVocab; ++token) {
          const float logit = fake_logit(tokens.data(), entry.start() + entry.logit_rows(row) + 1, token);
          frame.mutable_rows()->append(reinterpret_cast<const char*>(&logit), sizeof logit);
        }
      }
    }
  }

  int32_t& place(const transport::proto::StepEntry& entry, size_t position) {
    const auto block = entry.blocks(static_cast<int>(position / kKvBlockTokens));
    return cache_.at(block * kKvBlockTokens + position % kKvBlockTokens);
  }

  std::vector<int32_t> cache_;
  const int64_t max_rows_;
  std::map<uint64_t, std::map<uint64_t, int32_t>> drawn_;  // sequence -> step -> token
};

}  // namespace yoke::coordinator
