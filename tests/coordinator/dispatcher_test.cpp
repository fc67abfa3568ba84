// The dispatcher with fake agents on real channels: requests in, events out, and every way in which a group can break. One
// io_context runs coordinator and agents, so that each test is one thread and needs no sleep.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <boost/asio/executor_work_guard.hpp>

#include <condition_variable>
#include <functional>
#include <mutex>
#include <thread>

#include "coordinator/dispatcher.h"
#include "fake_agent.h"

namespace yoke::coordinator {
namespace {

namespace proto = transport::proto;
using std::chrono::milliseconds;
using testing::HasSubstr;

class DispatcherTest : public testing::Test {
 protected:
  DispatcherTest() {
    config_.registry.plan.layout = {.tp = 1, .pp = 1};
    config_.registry.model_identity = "fake";
    config_.registry.kv_blocks = 16;
    config_.registry.max_rows = 32;
    config_.registry.max_sequences = 4;
    config_.vocab = kFakeVocab;
    config_.row_width = kFakeVocab;
    config_.context_length = 4096;
  }
  ~DispatcherTest() override {
    agents_.clear();
    context_.restart();
    context_.poll();
  }

  void start() {
    dispatcher_.emplace(context_, config_, metrics_, [this](const Error& error) { gave_up_ = error; });
    listener_.emplace(context_, transport::ListenerConfig{}, [this](std::shared_ptr<transport::Channel> channel, proto::Hello hello) {
      dispatcher_->agent_joined(std::move(channel), std::move(hello));
    });
  }

  // Runs callbacks until `done`, for at most ten seconds.
  void run_until(const std::function<bool()>& done, const char* what = "") {
    const TimePoint end = system_clock().now() + std::chrono::seconds(10);
    while (!done()) {
      ASSERT_LT(system_clock().now(), end) << "did not come: " << what << "; status: " << dispatcher_->status().reason;
      context_.restart();
      context_.run_one_for(milliseconds(20));
    }
  }

  FakeAgent& add_agent(FakeAgent::Wishes wishes = {}) {
    agents_.push_back(std::make_unique<FakeAgent>(context_, listener_->port(), "agent" + std::to_string(agents_.size()), wishes));
    return *agents_.back();
  }
  void serve(int agents = 1) {
    if (!dispatcher_) start();
    while (static_cast<int>(agents_.size()) < agents) add_agent();
    run_until([&] { return dispatcher_->status().ready; }, "ready");
  }

  struct Answer {
    std::vector<TokenId> tokens;
    std::vector<LogitsEvent> logits;
    std::optional<PromptEvent> prompt;
    std::optional<FinishEvent> finish;
  };
  static void drain(Stream& stream, Answer& answer) {
    for (Event& event : stream.take()) {
      EXPECT_FALSE(answer.finish) << "something follows the end";
      if (auto* token = std::get_if<TokenEvent>(&event)) answer.tokens.push_back(token->token);
      if (auto* row = std::get_if<LogitsEvent>(&event)) answer.logits.push_back(std::move(*row));
      if (auto* prompt = std::get_if<PromptEvent>(&event)) answer.prompt = std::move(*prompt);
      if (auto* finish = std::get_if<FinishEvent>(&event)) answer.finish = *finish;
    }
  }
  Answer whole(const std::shared_ptr<Stream>& stream) {
    Answer answer;
    run_until([&] { return drain(*stream, answer), answer.finish.has_value(); }, "the stream's end");
    return answer;
  }

  static GenerateRequest request(std::vector<TokenId> prompt, int64_t max_tokens) {
    return {.id = "r", .prompt = std::move(prompt), .max_tokens = max_tokens};
  }
  static Code refusal(const std::function<void()>& action) {
    try {
      action();
    } catch (const Error& error) {
      return error.code();
    }
    ADD_FAILURE() << "it was not refused";
    return Code::internal;
  }

  boost::asio::io_context context_{1};
  DispatcherConfig config_;
  Metrics metrics_{"fake"};
  std::optional<Dispatcher> dispatcher_;
  std::optional<transport::Listener> listener_;
  std::vector<std::unique_ptr<FakeAgent>> agents_;
  std::optional<Error> gave_up_;
};

TEST_F(DispatcherTest, AnswersWithTheModelsTokens) {
  serve();
  const Answer answer = whole(dispatcher_->generate(request({1, 2, 3}, 20)));
  EXPECT_EQ(answer.tokens, fake_generation({1, 2, 3}, 20));
  EXPECT_EQ(answer.finish->reason, FinishReason::length);
}

TEST_F(DispatcherTest, GathersAnswersOfAllRanksAndTakesTheLastStagesWord) {
  config_.registry.plan.layout = {.tp = 2, .pp = 2};
  serve(4);
  EXPECT_EQ(dispatcher_->status().ranks.size(), 4u);
  const auto a = dispatcher_->generate(request({1, 2, 3}, 30)), b = dispatcher_->generate(request({4}, 30));
  EXPECT_EQ(whole(a).tokens, fake_generation({1, 2, 3}, 30));
  EXPECT_EQ(whole(b).tokens, fake_generation({4}, 30));
  for (const auto& agent : agents_) EXPECT_EQ(agent->speaks_for_all, agent->rank == 2) << "tensor-parallel rank 0 of the last stage";
}

TEST_F(DispatcherTest, KeepsTwoStepsInFlightWithoutWaitingForTheFirst) {
  serve();
  agents_[0]->wishes.holds_answers = true;
  const auto stream = dispatcher_->generate(request({1, 2, 3}, 20));
  run_until([&] { return agents_[0]->held.size() == 2; }, "two steps");
  EXPECT_EQ(agents_[0]->held[0].entries(0).tokens_size(), 3);
  EXPECT_EQ(agents_[0]->held[1].entries(0).from_step(), agents_[0]->held[0].id());
  agents_[0]->wishes.holds_answers = false;
  agents_[0]->answer();
  agents_[0]->answer();
  EXPECT_EQ(whole(stream).tokens, fake_generation({1, 2, 3}, 20));
}

TEST_F(DispatcherTest, PausesAndResumesWhenTheCacheIsSmallAndNobodyNotices) {
  config_.registry.kv_blocks = 6;
  serve();
  std::vector<std::shared_ptr<Stream>> streams;
  for (TokenId i = 0; i < 4; ++i) streams.push_back(dispatcher_->generate(request({i, i}, 60)));
  for (TokenId i = 0; i < 4; ++i) EXPECT_EQ(whole(streams[static_cast<size_t>(i)]).tokens, fake_generation({i, i}, 60));
  EXPECT_THAT(metrics_.text({}), testing::Not(HasSubstr("preemptions_total{model_name=\"fake\"} 0\n")));
}

TEST_F(DispatcherTest, ReturnsTheWantedRowsOfLogits) {
  serve();
  LogitsRequest wanted{.id = "v", .prefill = 40, .chunk = 7};
  for (TokenId i = 0; i < 50; ++i) wanted.tokens.push_back(i % kFakeVocab);
  for (int64_t row = 3; row < 50; ++row) wanted.rows.push_back(row);
  const Answer answer = whole(dispatcher_->logits(wanted));
  ASSERT_EQ(answer.logits.size(), wanted.rows.size());
  for (size_t i = 0; i < answer.logits.size(); ++i) {
    ASSERT_EQ(answer.logits[i].position, wanted.rows[i]);
    ASSERT_EQ(answer.logits[i].row.size(), static_cast<size_t>(kFakeVocab));
    EXPECT_EQ(answer.logits[i].row[5], fake_logit(wanted.tokens.data(), static_cast<size_t>(wanted.rows[i]) + 1, 5));
  }
  EXPECT_EQ(answer.finish->reason, FinishReason::stop);
}

TEST_F(DispatcherTest, GivenTokensAreFedInChunksAndThenOneByOne) {
  serve();
  LogitsRequest wanted{.id = "v", .tokens = std::vector<TokenId>(30, 1), .rows = {29}, .prefill = 20, .chunk = 10};
  const int64_t before = agents_[0]->steps;
  whole(dispatcher_->logits(wanted));
  EXPECT_EQ(agents_[0]->steps - before, 2 + 10);
}

TEST_F(DispatcherTest, AnEncodersSequenceGoesWholeWithItsTokenTypes) {
  config_.encoder = {.is = true, .token_types = 2};
  serve();
  agents_[0]->wishes.holds_answers = true;
  LogitsRequest wanted{.id = "e", .tokens = std::vector<TokenId>(30, 1), .rows = {0, 29}, .prefill = 30};
  for (int32_t i = 0; i < 30; ++i) wanted.token_types.push_back(i % 2);
  const auto stream = dispatcher_->logits(wanted);
  const auto other = dispatcher_->logits({.id = "f", .tokens = std::vector<TokenId>(20, 1), .rows = {0}, .prefill = 20});
  run_until([&] { return agents_[0]->held.size() == 2; }, "two steps");
  const proto::Step step = agents_[0]->held.front();
  ASSERT_EQ(step.entries_size(), 1);
  EXPECT_EQ(step.entries(0).tokens_size(), 30);
  EXPECT_EQ(std::vector<int32_t>(step.entries(0).token_types().begin(), step.entries(0).token_types().end()), wanted.token_types);
  EXPECT_EQ(agents_[0]->held.back().entries(0).tokens_size(), 20) << "50 rows are more than a step has";
  EXPECT_EQ(agents_[0]->held.back().entries(0).token_types_size(), 0);
  agents_[0]->wishes.holds_answers = false;
  while (!agents_[0]->held.empty()) agents_[0]->answer();
  EXPECT_EQ(whole(stream).logits.size(), 2u);
  EXPECT_EQ(whole(other).finish->reason, FinishReason::stop);
  EXPECT_EQ(dispatcher_->status().kv_blocks_used, 0);
}

TEST_F(DispatcherTest, RefusesOfAnEncoderWhatOneStepDoesNotTake) {
  config_.encoder = {.is = true, .token_types = 2};
  serve();
  EXPECT_EQ(refusal([&] { dispatcher_->generate(request({1}, 5)); }), Code::unsupported);
  EXPECT_EQ(refusal([&] { dispatcher_->logits({.tokens = {1, 2}, .token_types = {0}, .rows = {0}}); }), Code::invalid_argument);
  EXPECT_EQ(refusal([&] { dispatcher_->logits({.tokens = {1, 2}, .token_types = {0, 2}, .rows = {0}}); }), Code::invalid_argument);
  try {
    dispatcher_->logits({.tokens = std::vector<TokenId>(33, 1), .rows = {0}});
    FAIL() << "33 tokens are more than the 32 rows of a step";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), Code::context_exceeded);
    EXPECT_THAT(error.what(), HasSubstr("--max-rows 33"));
  }
}

TEST_F(DispatcherTest, PromptLogprobsComeOnceBeforeTheFirstToken) {
  serve();
  GenerateRequest r = request({}, 5);
  for (TokenId i = 0; i < 70; ++i) r.prompt.push_back(i);
  r.prompt_logprobs = 0;
  const Answer answer = whole(dispatcher_->generate(r));
  ASSERT_TRUE(answer.prompt);
  ASSERT_EQ(answer.prompt->logprobs.size(), 69u);
  for (size_t i = 0; i < 69; ++i) EXPECT_EQ(answer.prompt->logprobs[i].logprob, -fake_logit(r.prompt.data(), i + 1, r.prompt[i + 1]));
  EXPECT_EQ(answer.tokens, fake_generation(r.prompt, 5));
}

TEST_F(DispatcherTest, APromptAloneCanBeScored) {
  serve();
  GenerateRequest r = request({5, 6, 7}, 0);
  r.prompt_logprobs = 0;
  Answer answer = whole(dispatcher_->generate(r));
  EXPECT_EQ(answer.prompt->logprobs.size(), 2u);
  EXPECT_TRUE(answer.tokens.empty());
  r.prompt = {5};
  answer = whole(dispatcher_->generate(r));
  EXPECT_EQ(answer.prompt->logprobs.size(), 0u);
}

TEST_F(DispatcherTest, RefusesWhileAgentsAreMissingAndSaysSo) {
  start();
  try {
    dispatcher_->generate(request({1}, 5));
    FAIL() << "it was not refused";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), Code::unavailable);
    EXPECT_THAT(error.what(), HasSubstr("0 of 1 agents"));
  }
}

TEST_F(DispatcherTest, RefusesWhatTheModelOrTheCacheCannotHold) {
  serve();  // 16 blocks: 256 positions
  EXPECT_EQ(refusal([&] { dispatcher_->generate(request(std::vector<TokenId>(300, 1), 5)); }), Code::does_not_fit);
  EXPECT_EQ(refusal([&] { dispatcher_->generate(request(std::vector<TokenId>(4096, 1), 5)); }), Code::context_exceeded);
  EXPECT_EQ(refusal([&] { dispatcher_->generate(request({}, 5)); }), Code::invalid_argument);
  EXPECT_EQ(refusal([&] { dispatcher_->generate(request({kFakeVocab}, 5)); }), Code::invalid_argument);
  EXPECT_EQ(refusal([&] { dispatcher_->generate(request({-1}, 5)); }), Code::invalid_argument);
  EXPECT_EQ(refusal([&] { dispatcher_->logits({.tokens = {1, 2}, .rows = {1, 1}}); }), Code::invalid_argument);
  EXPECT_EQ(refusal([&] { dispatcher_->logits({.tokens = {1, 2}, .rows = {2}}); }), Code::invalid_argument);
  const Answer long_one = whole(dispatcher_->generate(request({1}, 32000)));
  EXPECT_EQ(long_one.tokens.size(), 255u) << "an answer ends where the cache does";
  EXPECT_EQ(long_one.finish->reason, FinishReason::length);
}

TEST_F(DispatcherTest, RefusesWhatTheQueueCannotHoldAndTakesItLater) {
  config_.max_queue = 2;
  serve();
  agents_[0]->wishes.holds_answers = true;
  std::vector<std::shared_ptr<Stream>> streams;
  for (int i = 0; i < 6; ++i) streams.push_back(dispatcher_->generate(request({1}, 5)));
  EXPECT_EQ(refusal([&] { dispatcher_->generate(request({1}, 5)); }), Code::overloaded);
  run_until([&] { return dispatcher_->status().running == 1 && dispatcher_->status().waiting == 5; }, "all are in");
  streams.pop_back();  // a client that goes away makes room
  run_until([&] { return dispatcher_->status().waiting == 4; }, "the cancellation");
  streams.push_back(dispatcher_->generate(request({1}, 5)));
  agents_[0]->wishes.holds_answers = false;
  while (!agents_[0]->held.empty()) agents_[0]->answer();
  for (const auto& stream : streams) EXPECT_EQ(whole(stream).tokens.size(), 5u);
}

TEST_F(DispatcherTest, ACancelledSequenceIsInNoFurtherStep) {
  serve();
  agents_[0]->wishes.holds_answers = true;
  auto stream = dispatcher_->generate(request({1}, 200));
  run_until([&] { return agents_[0]->held.size() == 2; }, "two steps");
  stream->cancel();
  run_until([&] { return dispatcher_->status().running == 0; }, "the cancellation");
  agents_[0]->answer();
  agents_[0]->answer();
  EXPECT_EQ(whole(stream).finish->reason, FinishReason::cancelled);
  EXPECT_EQ(dispatcher_->status().kv_blocks_used, 0);
  run_until([&] { return !agents_[0]->held.empty(); }, "the idle step");
  ASSERT_EQ(agents_[0]->held[0].entries_size(), 1);
  EXPECT_TRUE(agents_[0]->held[0].entries(0).release()) << "the engine forgets it";
}

TEST_F(DispatcherTest, ASlowReaderHoldsOnlyItself) {
  serve();
  const auto slow = dispatcher_->generate(request({1}, 200));
  EXPECT_EQ(whole(dispatcher_->generate(request({2}, 200))).tokens.size(), 200u);
  Answer answer;
  drain(*slow, answer);
  EXPECT_GE(answer.tokens.size(), Stream::kMaxPending);
  EXPECT_LE(answer.tokens.size(), Stream::kMaxPending + 2);
  run_until([&] { return drain(*slow, answer), answer.finish.has_value(); }, "the rest");
  EXPECT_EQ(answer.tokens, fake_generation({1}, 200));
}

TEST_F(DispatcherTest, AFatalFaultEndsStreamsWithAnErrorAndTheNextEpochServes) {
  serve();
  agents_[0]->wishes.holds_answers = true;
  const auto running = dispatcher_->generate(request({1}, 200));
  run_until([&] { return agents_[0]->held.size() == 2; }, "two steps");
  const TimePoint broken = system_clock().now();
  agents_[0]->wishes.holds_answers = false;
  agents_[0]->fault(Error{Code::peer_lost, "engine 7 was killed by signal 9"}, true);
  const Answer answer = whole(running);
  EXPECT_LT(system_clock().now() - broken, std::chrono::seconds(2));
  EXPECT_EQ(answer.finish->reason, FinishReason::error);
  EXPECT_THAT(answer.finish->error->what(), HasSubstr("rank 0: engine 7 was killed"));
  run_until([&] { return dispatcher_->status().ready && dispatcher_->status().epoch == 2; }, "the next epoch");
  EXPECT_EQ(whole(dispatcher_->generate(request({1}, 9))).tokens, fake_generation({1}, 9));
  EXPECT_EQ(agents_[0]->loads, 1) << "nothing is loaded again";
}

TEST_F(DispatcherTest, ALostAgentEndsStreamsAndAnotherOneTakesItsPlace) {
  config_.registry.plan.layout = {.tp = 2, .pp = 1};
  serve(2);
  agents_[0]->wishes.holds_answers = true;
  const auto running = dispatcher_->generate(request({1}, 200));
  run_until([&] { return !agents_[0]->held.empty(); }, "a step");
  agents_[0]->drop();
  const Answer answer = whole(running);
  EXPECT_EQ(answer.finish->reason, FinishReason::error);
  EXPECT_EQ(answer.finish->error->code(), Code::peer_lost);
  EXPECT_FALSE(dispatcher_->status().ready);
  EXPECT_THAT(dispatcher_->status().reason, HasSubstr("its agent is gone"));
  add_agent();
  serve(3);
  EXPECT_EQ(whole(dispatcher_->generate(request({1}, 9))).tokens, fake_generation({1}, 9));
  EXPECT_EQ(agents_[1]->loads, 1);
}

TEST_F(DispatcherTest, AStepThatNeverEndsEndsTheEpoch) {
  config_.registry.op_deadline = milliseconds(100);
  config_.step_margin = milliseconds(100);
  serve();
  agents_[0]->wishes.holds_answers = true;
  const Answer answer = whole(dispatcher_->generate(request({1}, 200)));
  EXPECT_EQ(answer.finish->reason, FinishReason::error);
  EXPECT_EQ(answer.finish->error->code(), Code::deadline_exceeded);
  EXPECT_THAT(answer.finish->error->what(), HasSubstr("by rank 0"));
}

TEST_F(DispatcherTest, NonsenseFromAnEngineEndsTheEpochAndNotTheCoordinator) {
  config_.registry.max_restarts = 100;
  serve();
  const std::vector<std::function<void(proto::Envelope&, const proto::Step&)>> nonsense{
      [](auto& e, const auto& step) { e.mutable_step_result()->set_id(step.id()); },  // without the sequence's token
      [](auto& e, const auto& step) { e.mutable_step_result()->set_id(step.id() + 1); },
      [](auto& e, const auto& step) {
        e.mutable_step_result()->set_id(step.id());
        auto* entry = e.mutable_step_result()->add_entries();
        entry->set_sequence(step.entries(0).sequence());
        entry->set_sampled(true);
        entry->set_token(kFakeVocab);
      },
      [](auto& e, const auto& step) {
        e.mutable_logit_rows()->set_step(step.id());
        e.mutable_logit_rows()->set_sequence(step.entries(0).sequence());
        e.mutable_logit_rows()->set_rows(std::string(4 * kFakeVocab, 'x'));
      }};
  for (const auto& wrong : nonsense) {
    run_until([&] { return dispatcher_->status().ready; }, "ready again");
    agents_[0]->wishes.holds_answers = true;
    const auto stream = dispatcher_->generate(request({1}, 50));
    run_until([&] { return !agents_[0]->held.empty() && agents_[0]->held[0].entries_size() > 0; }, "a step");
    agents_[0]->wishes.holds_answers = false;
    proto::Envelope envelope;
    wrong(envelope, agents_[0]->held[0]);
    agents_[0]->send(envelope);
    const Answer answer = whole(stream);
    EXPECT_EQ(answer.finish->reason, FinishReason::error);
    EXPECT_EQ(answer.finish->error->code(), Code::internal);
  }
}

TEST_F(DispatcherTest, WhatAnOlderEpochSaysIsNotHeard) {
  serve();
  const uint64_t old = agents_[0]->epoch;
  agents_[0]->fault(Error{Code::internal, "broken"}, true);
  run_until([&] { return dispatcher_->status().ready && dispatcher_->status().epoch == old + 1; }, "the next epoch");
  proto::Envelope late;
  late.mutable_step_result()->set_id(77);
  const uint64_t current = std::exchange(agents_[0]->epoch, old);
  agents_[0]->send(late);
  agents_[0]->epoch = current;
  EXPECT_EQ(whole(dispatcher_->generate(request({1}, 9))).tokens, fake_generation({1}, 9));
  EXPECT_EQ(dispatcher_->status().epoch, agents_[0]->epoch);
}

TEST_F(DispatcherTest, AModelThatDoesNotFitIsGivenUp) {
  start();
  add_agent({.load_fault = Error{Code::does_not_fit, "3 GiB short"}});
  run_until([&] { return gave_up_.has_value(); }, "giving up");
  EXPECT_EQ(exit_code(gave_up_->code()), 4);
  EXPECT_THAT(gave_up_->what(), HasSubstr("3 GiB short"));
}

TEST_F(DispatcherTest, AMissingFileIsReportedAndNotGivenUp) {
  start();
  add_agent({.load_fault = Error{Code::not_found, "no such file"}});
  run_until([&] { return dispatcher_->status().reason.find("no such file") != std::string::npos; }, "the reason");
  EXPECT_FALSE(gave_up_);
  EXPECT_FALSE(dispatcher_->status().ready);
}

TEST_F(DispatcherTest, AnAgentTooManyIsSentAway) {
  serve();
  FakeAgent& extra = add_agent();
  run_until([&] { return extra.closed.has_value(); }, "the refusal");
  EXPECT_EQ(extra.closed->code(), Code::unavailable);
  EXPECT_THAT(extra.closed->what(), HasSubstr("group is full"));
  EXPECT_TRUE(dispatcher_->status().ready);
}

TEST_F(DispatcherTest, IdleEnginesRunAnEmptyStepEachSecond) {
  serve();
  const int64_t before = agents_[0]->empty_steps;
  run_until([&] { return agents_[0]->empty_steps >= before + 2; }, "two idle steps");
  EXPECT_TRUE(dispatcher_->status().ready);
  EXPECT_LT(dispatcher_->status().ranks[0].step_age_s, 2);
}

TEST_F(DispatcherTest, StreamsEndWithTheDispatcherAndMayOutliveIt) {
  serve();
  agents_[0]->wishes.holds_answers = true;
  const auto stream = dispatcher_->generate(request({1}, 200));
  run_until([&] { return dispatcher_->status().running == 1; }, "it runs");
  dispatcher_.reset();
  Answer answer;
  drain(*stream, answer);
  ASSERT_TRUE(answer.finish);
  EXPECT_EQ(answer.finish->error->code(), Code::unavailable);
  stream->cancel();
}

// What a client's thread waits on. Shared with the callback, which may be under way while the client leaves.
class Bell {
 public:
  void ring() {
    std::lock_guard lock(mutex_);
    rung_ = true;
    came_.notify_one();
  }
  bool wait() {
    std::unique_lock lock(mutex_);
    const bool rung = came_.wait_for(lock, std::chrono::seconds(10), [&] { return rung_; });
    rung_ = false;
    return rung;
  }

 private:
  std::mutex mutex_;
  std::condition_variable came_;
  bool rung_ = false;
};

// The only test with threads: clients read from theirs while the dispatcher has its own. Every fifth leaves in the middle.
TEST_F(DispatcherTest, ServesClientsOfOtherThreads) {
  serve();
  auto work = boost::asio::make_work_guard(context_);
  context_.restart();
  std::thread dispatcher([&] { context_.run(); });
  const auto be_a_client = [&](TokenId c) {
    for (int round = 0; round < 20; ++round) {
      const auto stream = dispatcher_->generate(request({c, round}, 30));
      const auto bell = std::make_shared<Bell>();
      stream->on_event([bell] { bell->ring(); });
      Answer answer;
      while (!answer.finish && (round % 5 != 4 || answer.tokens.empty())) {
        ASSERT_TRUE(bell->wait()) << "no event";
        drain(*stream, answer);
      }
      if (answer.finish) {
        EXPECT_EQ(answer.tokens, fake_generation({c, round}, 30));
      }
    }
  };
  std::vector<std::thread> clients;
  for (TokenId c = 0; c < 6; ++c) clients.emplace_back(be_a_client, c);
  for (std::thread& client : clients) client.join();
  context_.stop();
  dispatcher.join();
}

}  // namespace
}  // namespace yoke::coordinator
