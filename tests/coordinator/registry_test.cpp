// The registry's dialogues: what agents say and what happens, and what it orders.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "coordinator/registry.h"
#include "transport/control/session.h"

namespace yoke::coordinator {
namespace {

namespace proto = transport::proto;
using std::chrono::seconds;
using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

RegistryConfig config_of(parallel::Layout layout) {
  return {.plan = {.layout = layout},
          .model_identity = "model",
          .model_path = "folder/model.gguf",
          .choose_kv_blocks = [](uint64_t available, int on_node) { return available / static_cast<uint64_t>(on_node); },
          .max_restarts = 2};
}

class RegistryDialogue : public testing::Test {
 protected:
  explicit RegistryDialogue(parallel::Layout layout = {.tp = 2, .pp = 1}) : registry_(config_of(layout)) {}

  Orders join(AgentId agent, int preferred = -1, int held = -1) {
    proto::Hello hello;
    hello.set_agent_id("agent" + std::to_string(agent));
    hello.set_node("here");
    hello.set_memory_available_bytes(200);
    hello.set_preferred_rank(preferred);
    if (held >= 0) {
      hello.mutable_held()->set_model_identity("model");
      hello.mutable_held()->set_ep(1);
      hello.mutable_held()->set_kv("f32");
      hello.mutable_held()->set_math("exact");
      hello.mutable_held()->set_tp(2);
      hello.mutable_held()->set_pp(1);
      hello.mutable_held()->set_rank(held);
      hello.mutable_held()->set_kv_blocks(55);
    }
    return on(AgentJoined{agent, hello});
  }
  Orders say(AgentId agent, proto::Envelope envelope) {
    if (envelope.epoch() == 0) envelope.set_epoch(registry_.epoch());
    return on(AgentSaid{agent, std::move(envelope)});
  }
  Orders loaded(AgentId agent, const std::string& device = "cpu") {
    proto::Envelope envelope;
    envelope.mutable_loaded()->set_kv_blocks(registry_.kv_blocks());
    envelope.mutable_loaded()->set_device(device);
    return say(agent, envelope);
  }
  Orders address(AgentId agent, const std::string& blob, uint32_t round = 0) {
    proto::Envelope envelope;
    envelope.mutable_address()->set_blob(blob);
    envelope.mutable_address()->set_round(round);
    return say(agent, envelope);
  }
  Orders ready(AgentId agent) {
    proto::Envelope envelope;
    envelope.mutable_ready();
    return say(agent, envelope);
  }
  Orders fault(AgentId agent, Code code, bool fatal, uint64_t epoch = 0) {
    proto::Envelope envelope = transport::fault_envelope(Error{code, "words"}, fatal);
    envelope.set_epoch(epoch);
    return say(agent, envelope);
  }
  Orders lose(AgentId agent) { return on(AgentLost{agent, Error{Code::peer_lost, "the connection ended"}}); }
  Orders wait(Duration by) {
    now_ += by;
    return on(TimePassed{});
  }
  Orders on(const RegistryEvent& event) { return registry_.on(event, now_); }

  void serve() {
    join(1);
    join(2);
    loaded(1);
    loaded(2);
    ready(1);
    ASSERT_TRUE(ready(2).epoch_began);
  }

  Registry registry_;
  TimePoint now_{};
};

std::vector<std::pair<AgentId, proto::Envelope::BodyCase>> sent(const Orders& orders) {
  std::vector<std::pair<AgentId, proto::Envelope::BodyCase>> all;
  for (const auto& send : orders.send) all.emplace_back(send.to, send.envelope.body_case());
  return all;
}
const auto kLoad = proto::Envelope::kLoadModel;
const auto kForm = proto::Envelope::kForm;
using Sent = std::pair<AgentId, proto::Envelope::BodyCase>;

TEST_F(RegistryDialogue, AGroupOfTwoGathersLoadsFormsAndServes) {
  EXPECT_THAT(sent(join(1)), IsEmpty());
  EXPECT_THAT(registry_.missing(), HasSubstr("1 of 2 agents"));
  const Orders load = join(2);
  EXPECT_THAT(sent(load), ElementsAre(Sent{1, kLoad}, Sent{2, kLoad}));
  EXPECT_EQ(load.send[1].envelope.load_model().shard().rank(), 1);
  EXPECT_EQ(load.send[1].envelope.load_model().shard().kv_blocks(), 100u) << "200 bytes for two agents on one node";
  EXPECT_THAT(sent(loaded(1)), IsEmpty());
  EXPECT_THAT(registry_.missing(), HasSubstr("rank 1 is loading"));
  const Orders form = loaded(2);
  EXPECT_THAT(sent(form), ElementsAre(Sent{1, kForm}, Sent{2, kForm}));
  EXPECT_EQ(form.send[1].envelope.epoch(), 1u);
  EXPECT_EQ(form.send[1].envelope.form().rank(), 1);
  EXPECT_THAT(sent(address(1, "a")), IsEmpty());
  const Orders peers = address(2, "b");
  ASSERT_EQ(peers.send.size(), 2u);
  EXPECT_THAT(peers.send[0].envelope.peers().blobs(), ElementsAre("a", "b"));
  ready(1);
  EXPECT_TRUE(ready(2).epoch_began);
  EXPECT_EQ(registry_.state(), GroupState::serving);
  EXPECT_EQ(registry_.missing(), "");
}

TEST_F(RegistryDialogue, UnlikeDevicesAreRefusedWithBothNames) {
  join(1);
  join(2);
  loaded(1, "cuda (NVIDIA GB10)");
  const Orders orders = loaded(2, "cpu");
  EXPECT_THAT(sent(orders), IsEmpty());
  ASSERT_TRUE(orders.give_up);
  EXPECT_THAT(orders.give_up->what(), AllOf(HasSubstr("rank 0 computes on cuda (NVIDIA GB10)"), HasSubstr("rank 1 on cpu")));
}

TEST_F(RegistryDialogue, LosingAnAgentEndsTheEpochAndNamesTheRank) {
  serve();
  const Orders orders = lose(2);
  ASSERT_TRUE(orders.epoch_ended);
  EXPECT_THAT(orders.epoch_ended->what(), HasSubstr("rank 1"));
  EXPECT_THAT(registry_.missing(), HasSubstr("rank 1: its agent is gone: the connection ended"));
}

TEST_F(RegistryDialogue, ANewAgentTakesTheFreeRankAndOnlyItLoads) {
  serve();
  lose(1);
  EXPECT_THAT(sent(join(7)), ElementsAre(Sent{7, kLoad}));
  EXPECT_EQ(registry_.rank_of(7), 0);
  EXPECT_THAT(sent(loaded(7)), ElementsAre(Sent{7, kForm}, Sent{2, kForm}));
  EXPECT_EQ(registry_.epoch(), 2u);
}

TEST_F(RegistryDialogue, AFatalFaultFormsTheNextEpochAtOnceWithoutLoading) {
  serve();
  const Orders orders = fault(1, Code::peer_lost, true);
  ASSERT_TRUE(orders.epoch_ended);
  EXPECT_EQ(orders.epoch_ended->code(), Code::peer_lost);
  EXPECT_THAT(sent(orders), ElementsAre(Sent{1, kForm}, Sent{2, kForm}));
}

TEST_F(RegistryDialogue, AFaultOfAnOlderEpochIsNotThisOnes) {
  serve();
  fault(1, Code::peer_lost, true);
  EXPECT_FALSE(fault(2, Code::peer_lost, true, 1).epoch_ended);
  EXPECT_EQ(registry_.epoch(), 2u);
}

TEST_F(RegistryDialogue, AnAgentGetsTheRankItHoldsThenTheOneItAskedFor) {
  join(1, 1, -1);
  join(2, -1, 1);
  EXPECT_EQ(registry_.rank_of(2), 1) << "it holds that shard";
  EXPECT_EQ(registry_.rank_of(1), 0);
  EXPECT_EQ(registry_.kv_blocks(), 55u) << "another size would mean to load again";
}

TEST_F(RegistryDialogue, AskedForRanksAreKept) {
  join(1, 1);
  join(2, 0);
  EXPECT_EQ(registry_.rank_of(1), 1);
  EXPECT_EQ(registry_.rank_of(2), 0);
}

TEST_F(RegistryDialogue, OneAgentTooManyIsToldSo) {
  join(1);
  join(2);
  const Orders orders = join(3);
  ASSERT_EQ(orders.close.size(), 1u);
  EXPECT_EQ(orders.close[0].agent, 3u);
  EXPECT_EQ(orders.close[0].reason.code(), Code::unavailable);
  EXPECT_THAT(orders.close[0].reason.what(), HasSubstr("group is full"));
}

TEST_F(RegistryDialogue, AnAgentThatConnectsAnewReplacesItself) {
  serve();
  proto::Hello hello;
  hello.set_agent_id("agent2");
  const Orders orders = on(AgentJoined{9, hello});
  ASSERT_EQ(orders.close.size(), 1u);
  EXPECT_EQ(orders.close[0].agent, 2u);
  EXPECT_TRUE(orders.epoch_ended);
  EXPECT_EQ(registry_.rank_of(9), 1);
}

TEST_F(RegistryDialogue, WhatDoesNotFitEndsIt) {
  join(1);
  join(2);
  const Orders orders = fault(2, Code::does_not_fit, false);
  ASSERT_TRUE(orders.give_up);
  EXPECT_EQ(orders.give_up->code(), Code::does_not_fit);
}

TEST_F(RegistryDialogue, AMissingFileIsReportedAndTriedAgain) {
  join(1);
  join(2);
  EXPECT_FALSE(fault(2, Code::not_found, false).give_up);
  EXPECT_THAT(registry_.missing(), HasSubstr("rank 1: loading failed: words"));
  EXPECT_THAT(sent(wait(seconds(1))), IsEmpty());
  EXPECT_THAT(sent(wait(seconds(2))), ElementsAre(Sent{2, kLoad}));
}

TEST_F(RegistryDialogue, WhatServedOnceIsTriedAgainEvenIfItDoesNotFitNow) {
  serve();
  lose(2);
  join(3);
  EXPECT_FALSE(fault(3, Code::does_not_fit, false).give_up);
  EXPECT_THAT(sent(wait(seconds(3))), ElementsAre(Sent{3, kLoad}));
}

TEST_F(RegistryDialogue, NoRoomForAnyCacheEndsIt) {
  RegistryConfig config = config_of({.tp = 1, .pp = 1});
  config.choose_kv_blocks = [](uint64_t, int) -> uint64_t { throw Error{Code::does_not_fit, "arithmetic"}; };
  Registry registry(config);
  const Orders orders = registry.on(AgentJoined{1, {}}, now_);
  ASSERT_TRUE(orders.give_up);
  EXPECT_EQ(orders.give_up->code(), Code::does_not_fit);
}

TEST_F(RegistryDialogue, AGroupThatKeepsBreakingRestsBetweenTries) {
  serve();
  for (int i = 0; i < 2; ++i) {
    EXPECT_EQ(sent(fault(1, Code::internal, true)).size(), 2u) << "formed again at once";
    ready(1);
    ready(2);
  }
  EXPECT_THAT(sent(fault(1, Code::internal, true)), IsEmpty());
  EXPECT_EQ(registry_.state(), GroupState::resting);
  EXPECT_THAT(registry_.missing(), HasSubstr("last because rank 0: words"));
  EXPECT_THAT(sent(wait(seconds(9))), IsEmpty());
  EXPECT_EQ(sent(wait(seconds(2))).size(), 2u);
}

TEST_F(RegistryDialogue, AnEngineThatNeverBecomesReadyIsNoticed) {
  join(1);
  join(2);
  loaded(1);
  loaded(2);
  ready(1);
  EXPECT_FALSE(wait(seconds(29)).epoch_ended);
  const Orders orders = wait(seconds(2));
  ASSERT_TRUE(orders.epoch_ended);
  EXPECT_THAT(orders.epoch_ended->what(), HasSubstr("engine of rank 1 is not ready"));
}

TEST_F(RegistryDialogue, ALoadThatStandsStillIsGivenUp) {
  join(1);
  join(2);
  loaded(1);
  proto::Envelope progress;
  progress.mutable_load_progress()->set_bytes_done(10);
  progress.mutable_load_progress()->set_bytes_total(100);
  wait(seconds(200));
  say(2, progress);
  EXPECT_THAT(registry_.missing(), HasSubstr("rank 1 is loading (10 %)"));
  EXPECT_THAT(wait(seconds(200)).close, IsEmpty());
  const Orders orders = wait(seconds(101));
  ASSERT_EQ(orders.close.size(), 1u);
  EXPECT_EQ(orders.close[0].agent, 2u);
}

TEST_F(RegistryDialogue, AnAgentThatSaysGoodbyeIsGone) {
  serve();
  proto::Envelope envelope;
  envelope.mutable_shutdown()->set_reason("SIGTERM");
  const Orders orders = say(2, envelope);
  ASSERT_TRUE(orders.epoch_ended);
  EXPECT_EQ(orders.close.size(), 1u);
  EXPECT_THAT(registry_.missing(), HasSubstr("it ends: SIGTERM"));
}

TEST_F(RegistryDialogue, AddressesOutOfTurnEndTheEpoch) {
  join(1);
  join(2);
  loaded(1);
  loaded(2);
  address(1, "a");
  EXPECT_TRUE(address(1, "again").epoch_ended);
  EXPECT_TRUE(address(2, "b", 5).epoch_ended);
}

TEST_F(RegistryDialogue, ABrokenStepEndsTheEpochOnce) {
  serve();
  EXPECT_TRUE(on(EpochBroken{Error{Code::deadline_exceeded, "step 4"}}).epoch_ended);
  EXPECT_FALSE(on(EpochBroken{Error{Code::deadline_exceeded, "step 4"}}).epoch_ended && registry_.state() == GroupState::serving);
}

TEST_F(RegistryDialogue, StatusTellsWhatEachRankDoes) {
  EXPECT_EQ(registry_.ranks()[1].state, "missing");
  join(1);
  join(2);
  EXPECT_EQ(registry_.ranks()[1].state, "loading");
  loaded(1);
  loaded(2);
  EXPECT_EQ(registry_.ranks()[1].state, "forming");
  ready(1);
  ready(2);
  EXPECT_EQ(registry_.ranks()[1].state, "ready");
  proto::Envelope beat;
  beat.mutable_heartbeat()->set_engine_pid(42);
  beat.mutable_heartbeat()->set_bytes_read(1000);
  say(2, beat);
  EXPECT_EQ(registry_.ranks()[1].engine_pid, 42);
  EXPECT_EQ(registry_.ranks()[1].bytes_read, 1000u);
  fault(1, Code::peer_lost, true);
  EXPECT_EQ(registry_.ranks()[1].engine_pid, 0) << "the next epoch gives it a new engine";
}

}  // namespace
}  // namespace yoke::coordinator
