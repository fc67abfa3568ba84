// Scheduler, sequences and batcher over long random runs: two steps in flight, blocks that run out, clients that cancel and
// clients that read slowly. The fake engine computes from the cache, so every fault of bookkeeping shows as a wrong token.
#include <gtest/gtest.h>

#include <deque>
#include <map>
#include <random>
#include <set>

#include "coordinator/batcher.h"
#include "fake_engine.h"

namespace yoke::coordinator {
namespace {

namespace proto = transport::proto;

struct Client {
  GenerateRequest request;
  std::shared_ptr<EventBuffer> events = std::make_shared<EventBuffer>();
  std::vector<int32_t> tokens;
  std::optional<FinishEvent> finished;
  bool reads = true;
  bool cancelled = false;

  void read() {
    bool drained = false;
    for (const Event& event : events->take(drained)) {
      if (const auto* token = std::get_if<TokenEvent>(&event)) tokens.push_back(token->token);
      if (const auto* finish = std::get_if<FinishEvent>(&event)) finished = *finish;
    }
  }
};

class Trace {
 public:
  Trace(uint64_t seed, int64_t blocks, SchedulerLimits limits)
      : random_(seed),
        limits_(limits),
        blocks_(blocks),
        batcher_({.limits = limits,
                  .sequence = {.positions = blocks * limits.block_tokens, .logit_rows = 8},
                  .kv_blocks = blocks,
                  .vocab = kFakeVocab,
                  .row_width = kFakeVocab},
                 pace_, metrics_),
        engine_(blocks, limits.max_rows) {}

  int64_t pick(int64_t low, int64_t high) { return std::uniform_int_distribution<int64_t>(low, high)(random_); }
  bool chance(double p) { return std::bernoulli_distribution(p)(random_); }

  Client& add(int64_t prompt, int64_t max_tokens, bool may_stop = true) {
    const uint64_t id = ++newest_;
    Client& client = clients_[id];
    for (int64_t i = 0; i < prompt; ++i) client.request.prompt.push_back(static_cast<TokenId>(pick(0, kFakeVocab - 1)));
    client.request.max_tokens = max_tokens;
    if (may_stop && chance(0.5)) client.request.end_tokens = {static_cast<TokenId>(pick(0, kFakeVocab - 1))};
    batcher_.add(id, client.request, client.events, {});
    return client;
  }

  // One step goes out where there is room for it, the oldest comes back.
  void step() {
    while (in_flight_.size() < 2) {
      const auto planned = batcher_.plan(next_step_);
      EXPECT_LE(batcher_.blocks().used(), blocks_);
      if (!planned) break;
      ++next_step_;
      check(*planned);
      in_flight_.push_back(engine_.run(*planned));  // an engine's answer does not depend on when it is read
    }
    if (in_flight_.empty()) return;
    batcher_.on_done(in_flight_.front(), static_cast<double>(pick(100, 2000)), {});
    in_flight_.pop_front();
    for (auto& [id, client] : clients_) {
      if (client.reads) client.read();
    }
  }

  void cancel(uint64_t id) {
    clients_[id].cancelled = true;
    batcher_.cancel(id, {});
  }

  void run_to_the_end() {
    for (auto& [id, client] : clients_) client.reads = true;
    for (int64_t steps = 0; batcher_.sequences() > 0; ++steps) {
      ASSERT_LT(steps, 100'000) << batcher_.sequences() << " sequences never ended";
      for (auto& [id, client] : clients_) client.read();
      step();
    }
    while (!in_flight_.empty()) step();
    for (auto& [id, client] : clients_) client.read();
  }

  void check_clients() {
    for (const auto& [id, client] : clients_) {
      ASSERT_TRUE(client.finished) << "request " << id;
      auto expected = fake_generation(
          client.request.prompt,
          std::min(client.request.max_tokens, blocks_ * 16 - static_cast<int64_t>(client.request.prompt.size())));
      auto reason = FinishReason::length;
      const auto& ends = client.request.end_tokens;
      const auto stop = std::find_first_of(expected.begin(), expected.end(), ends.begin(), ends.end());
      if (stop != expected.end()) {
        expected.erase(stop + 1, expected.end());
        reason = FinishReason::stop;
      }
      if (client.cancelled && client.finished->reason == FinishReason::cancelled) {
        ASSERT_LE(client.tokens.size(), expected.size());
        expected.resize(client.tokens.size());
        reason = FinishReason::cancelled;
      }
      EXPECT_EQ(client.tokens, expected) << "request " << id;
      EXPECT_EQ(client.finished->reason, reason) << "request " << id;
    }
    EXPECT_EQ(batcher_.blocks().used(), 0);
  }

  Batcher& batcher() { return batcher_; }
  std::map<uint64_t, Client>& clients() { return clients_; }
  uint64_t newest() const { return newest_; }
  std::string metrics() const { return metrics_.text({}); }
  const std::map<uint64_t, int64_t>& rows_planned() const { return rows_planned_; }

 private:
  void check(const proto::Step& step) {
    int64_t rows = 0, running = 0;
    std::map<uint64_t, uint64_t> owner;
    for (const auto& entry : step.entries()) {
      if (entry.release()) continue;
      ++running;
      const int64_t count = entry.from_step() != 0 ? 1 : entry.tokens_size();
      rows += count;
      rows_planned_[entry.sequence()] += count;
      EXPECT_FALSE(clients_[entry.sequence()].cancelled) << "a cancelled sequence is in the next step";
      for (const auto block : entry.blocks()) {
        EXPECT_TRUE(owner.emplace(block, entry.sequence()).second) << "block " << block << " is in two tables";
      }
    }
    EXPECT_LE(rows, limits_.max_rows);
    EXPECT_LE(running, limits_.max_sequences);
    for (const auto& entry : step.entries()) {
      if (entry.release() || !started_.insert(entry.sequence()).second) continue;
      for (uint64_t older = 1; older < entry.sequence(); ++older) {
        EXPECT_TRUE(started_.contains(older) || clients_[older].cancelled) << entry.sequence() << " overtook " << older;
      }
    }
  }

  std::mt19937_64 random_;
  const SchedulerLimits limits_;
  const int64_t blocks_;
  StepPace pace_;
  Metrics metrics_{"fake"};
  Batcher batcher_;
  FakeEngine engine_;
  std::map<uint64_t, Client> clients_;
  std::deque<proto::StepResult> in_flight_;
  uint64_t next_step_ = 1;
  uint64_t newest_ = 0;
  std::map<uint64_t, int64_t> rows_planned_;
  std::set<uint64_t> started_;
};

class SchedulerTraces : public testing::TestWithParam<int> {};

TEST_P(SchedulerTraces, EveryRequestGetsItsTokensOnceWhateverHappensAroundIt) {
  const auto seed = static_cast<uint64_t>(GetParam());
  // From hardly more than one sequence to room for all.
  Trace trace(seed, 12 + static_cast<int64_t>(seed % 5) * 7,
              {.max_rows = 24, .max_sequences = 5, .stages = 1 + static_cast<int64_t>(seed % 2)});
  for (int round = 0; round < 150; ++round) {
    if (trace.chance(0.4)) trace.add(trace.pick(1, 120), trace.pick(1, 60));
    if (trace.newest() > 0 && trace.chance(0.05))
      trace.cancel(static_cast<uint64_t>(trace.pick(1, static_cast<int64_t>(trace.newest()))));
    if (trace.newest() > 0 && trace.chance(0.1))
      trace.clients()[static_cast<uint64_t>(trace.pick(1, static_cast<int64_t>(trace.newest())))].reads =
          trace.chance(0.5);
    trace.step();
  }
  trace.run_to_the_end();
  trace.check_clients();
}
INSTANTIATE_TEST_SUITE_P(Seeds, SchedulerTraces, testing::Range(1, 25));

TEST(SchedulerTrace, ASequenceThatIsPausedAndReadAgainGoesOnWithTheSameTokens) {
  Trace trace(11, 12, {.max_rows = 24, .max_sequences = 5});
  for (int i = 0; i < 4; ++i) trace.add(30, 60, false);
  trace.run_to_the_end();
  trace.check_clients();
  const std::string metrics = trace.metrics();
  EXPECT_NE(metrics.find("vllm:num_preemptions_total{model_name=\"fake\"} "), std::string::npos);
  EXPECT_EQ(metrics.find("vllm:num_preemptions_total{model_name=\"fake\"} 0\n"), std::string::npos) << "nobody was paused";
}

TEST(SchedulerTrace, AnswersWithoutALimitAreEndedByTheCacheAndNotRefused) {
  Trace trace(3, 8, {.max_rows = 24, .max_sequences = 5});
  trace.add(20, 32000, false);
  trace.run_to_the_end();
  trace.check_clients();
}

TEST(SchedulerTrace, WhatIsKnownInAdvanceWastesNoRow) {
  Trace trace(5, 64, {.max_rows = 24, .max_sequences = 5});
  Client client;
  client.request = {.prompt = {1, 2, 3}, .max_tokens = 10};
  trace.batcher().add(1, client.request, client.events, {});
  trace.run_to_the_end();
  client.read();
  EXPECT_EQ(client.tokens, fake_generation({1, 2, 3}, 10));
  EXPECT_EQ(trace.rows_planned().at(1), 3 + 9);
}

TEST(SchedulerTrace, AnEndNobodyForesawWastesOneRow) {
  Trace trace(5, 64, {.max_rows = 24, .max_sequences = 5});
  const auto tokens = fake_generation({1, 2, 3}, 6);
  Client client;
  client.request = {.prompt = {1, 2, 3}, .max_tokens = 50, .end_tokens = {tokens[5]}};
  ASSERT_EQ(std::count(tokens.begin(), tokens.end(), tokens[5]), 1)
      << "the fake model drew the same token twice; choose another prompt";
  trace.batcher().add(1, client.request, client.events, {});
  trace.run_to_the_end();
  client.read();
  EXPECT_EQ(client.tokens, tokens);
  EXPECT_EQ(client.finished->reason, FinishReason::stop);
  EXPECT_EQ(trace.rows_planned().at(1), 3 + 5 + 1);
}

TEST(SchedulerTrace, ASlowReaderStopsItsSequenceAtTheLimit) {
  Trace trace(7, 64, {.max_rows = 24, .max_sequences = 5});
  Client& slow = trace.add(4, 500, false);
  slow.reads = false;
  for (int i = 0; i < 400; ++i) trace.step();
  bool drained = false;
  const size_t waiting = slow.events->take(drained).size();
  EXPECT_TRUE(drained);
  EXPECT_GE(waiting, Stream::kMaxPending);
  EXPECT_LE(waiting, Stream::kMaxPending + 2) << "what was in flight may still arrive";
}

}  // namespace
}  // namespace yoke::coordinator
