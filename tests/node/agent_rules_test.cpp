// Dialogues of an agent with its coordinator and its engine, without processes, sockets or files.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "node/agent_rules.h"
#include "transport/control/session.h"

namespace yoke::node {
namespace {

namespace proto = transport::proto;
using testing::HasSubstr;

proto::Envelope load_model(const std::string& identity, uint64_t instance = 1, int rank = 0) {
  proto::Envelope envelope;
  envelope.set_instance(instance);
  proto::ShardKey& shard = *envelope.mutable_load_model()->mutable_shard();
  shard.set_model_identity(identity);
  shard.set_tp(2);
  shard.set_pp(1);
  shard.set_rank(rank);
  shard.set_math("exact");
  shard.set_kv_blocks(64);
  return envelope;
}
proto::Envelope form(uint64_t epoch, int rank = 0) {
  proto::Envelope envelope;
  envelope.set_epoch(epoch);
  envelope.mutable_form()->set_rank(rank);
  envelope.mutable_form()->set_tp(2);
  envelope.mutable_form()->set_pp(1);
  return envelope;
}
proto::Envelope step(uint64_t epoch, uint64_t id) {
  proto::Envelope envelope;
  envelope.set_epoch(epoch);
  envelope.mutable_step()->set_id(id);
  return envelope;
}
proto::Envelope result(uint64_t id) {
  proto::Envelope envelope;
  envelope.mutable_step_result()->set_id(id);
  return envelope;
}

// The actions' names in order, what was said to the coordinator in words.
std::string names(const AgentActions& actions) {
  struct Name {
    std::string operator()(const TellCoordinator& a) {
      return "tell coordinator " + proto::Envelope::descriptor()->FindFieldByNumber(a.envelope.body_case())->name();
    }
    std::string operator()(const TellEngine& a) {
      return "tell engine " + proto::Envelope::descriptor()->FindFieldByNumber(a.envelope.body_case())->name();
    }
    std::string operator()(const StartEngine&) { return "start engine"; }
    std::string operator()(const KillEngine&) { return "kill engine"; }
    std::string operator()(const StartLoad& a) { return "load " + a.load.shard().model_identity(); }
    std::string operator()(const CancelLoad&) { return "cancel load"; }
    std::string operator()(const Leave& a) { return "leave " + std::to_string(a.exit_code); }
  };
  std::string all;
  for (const AgentAction& action : actions) all += (all.empty() ? "" : ", ") + std::visit(Name{}, action);
  return all;
}

template <typename T>
const T& get(const AgentActions& actions) {
  for (const AgentAction& action : actions) {
    if (const T* found = std::get_if<T>(&action)) return *found;
  }
  throw std::runtime_error("no such action in: " + names(actions));
}

struct AgentDialogue : testing::Test {
  std::string say(proto::Envelope envelope) { return names(last = rules.on(CoordinatorSaid{std::move(envelope)})); }
  std::string happens(const AgentEvent& event) { return names(last = rules.on(event)); }
  void load(const std::string& identity) {
    happens(CoordinatorJoined{});
    ASSERT_EQ(say(load_model(identity)), "load " + identity);
    happens(LoadAdvanced{{.bytes_done = 1000, .bytes_total = 1000}});
    ASSERT_EQ(happens(LoadDone{64, 4096}), "tell coordinator loaded");
  }

  AgentRules rules;
  AgentActions last;
};

TEST_F(AgentDialogue, LoadsFormsAndRunsSteps) {
  load("A");
  EXPECT_EQ(get<TellCoordinator>(last).envelope.loaded().bytes_read(), 1000u);
  EXPECT_EQ(say(form(1)), "start engine, tell engine form");
  EXPECT_EQ(happens(EngineSaid{[] { proto::Envelope e; e.mutable_ready(); return e; }()}), "tell coordinator ready");
  EXPECT_EQ(get<TellCoordinator>(last).envelope.epoch(), 1u);
  EXPECT_EQ(say(step(1, 1)), "tell engine step");
  EXPECT_EQ(say(step(1, 2)), "tell engine step") << "the queue to an engine is more than one deep";
  EXPECT_EQ(happens(EngineSaid{result(1)}), "tell coordinator step_result");
  EXPECT_EQ(rules.last_step(), 1u);
}

TEST_F(AgentDialogue, AnswersLoadedAtOnceWhenThePoolHoldsTheShard) {
  load("A");
  happens(CoordinatorLost{});
  happens(CoordinatorJoined{});
  EXPECT_EQ(say(load_model("A", 9)), "tell coordinator loaded");
  EXPECT_EQ(get<TellCoordinator>(last).envelope.instance(), 9u);
  EXPECT_EQ(get<TellCoordinator>(last).envelope.loaded().bytes_read(), 1000u) << "nothing was read again";
}

TEST_F(AgentDialogue, ReplacesAnotherModelsPool) {
  load("A");
  say(form(1));
  EXPECT_EQ(say(load_model("B")), "kill engine, load B");
  EXPECT_FALSE(rules.held().has_value());
  happens(LoadAdvanced{{.bytes_done = 500, .bytes_total = 500}});
  happens(LoadDone{64, 4096});
  EXPECT_EQ(rules.bytes_read(), 1500u);
}

TEST(SameShard, IsOneOfTheSameModelCutRankCacheAndForms) {
  const proto::ShardKey one = load_model("m").load_model().shard();
  EXPECT_TRUE(same_shard(one, one));
  proto::ShardKey other = one;
  other.set_pack(true);
  EXPECT_FALSE(same_shard(one, other));
  other = one;
  other.set_kv("fp8");
  EXPECT_FALSE(same_shard(one, other));
}

TEST_F(AgentDialogue, AnotherRankIsAnotherShard) {
  load("A");
  EXPECT_EQ(say(load_model("A", 2, 1)), "load A");
}

TEST_F(AgentDialogue, GoesOnLoadingWithoutItsCoordinator) {
  happens(CoordinatorJoined{});
  say(load_model("A"));
  EXPECT_EQ(happens(CoordinatorLost{}), "");
  EXPECT_EQ(happens(LoadAdvanced{{.bytes_done = 10, .bytes_total = 20}}), "");
  happens(CoordinatorJoined{});
  EXPECT_EQ(say(load_model("A", 2)), "") << "it is on its way";
  EXPECT_EQ(happens(LoadDone{64, 4096}), "tell coordinator loaded");
  EXPECT_EQ(get<TellCoordinator>(last).envelope.instance(), 2u);
}

TEST_F(AgentDialogue, StopsALoadThatNobodyWantsAnyMore) {
  happens(CoordinatorJoined{});
  say(load_model("A"));
  EXPECT_EQ(say(load_model("B", 2)), "cancel load");
  EXPECT_EQ(say(load_model("A", 3)), "") << "it is being cancelled: it must come anew";
  EXPECT_EQ(happens(LoadFailed{Error{Code::aborted, "cancelled"}}), "load A");
  EXPECT_EQ(happens(LoadDone{64, 4096}), "tell coordinator loaded");
}

TEST_F(AgentDialogue, ALoadThatEndedBeforeItsCancelIsDropped) {
  happens(CoordinatorJoined{});
  say(load_model("A"));
  say(load_model("B"));
  EXPECT_EQ(happens(LoadDone{64, 4096}), "load B");
}

TEST_F(AgentDialogue, TellsWhyItCannotLoad) {
  happens(CoordinatorJoined{});
  say(load_model("A"));
  EXPECT_EQ(happens(LoadFailed{Error{Code::does_not_fit, "weights 3 GiB\navailable 2 GiB"}}), "tell coordinator fault");
  const proto::Fault& fault = get<TellCoordinator>(last).envelope.fault();
  EXPECT_EQ(fault.code(), "does_not_fit");
  EXPECT_THAT(fault.message(), HasSubstr("3 GiB"));
  EXPECT_EQ(say(load_model("A")), "load A") << "and may try again";
}

TEST_F(AgentDialogue, AFormKillsTheEngineOfTheEpochBefore) {
  load("A");
  say(form(1));
  EXPECT_EQ(say(form(2)), "kill engine, start engine, tell engine form");
  EXPECT_EQ(say(form(2)), "") << "an epoch is formed once";
  EXPECT_EQ(say(form(1)), "");
  EXPECT_EQ(say(step(1, 7)), "") << "work of an older epoch is refused";
}

TEST_F(AgentDialogue, AnEngineThatDiesIsAFaultOfItsEpoch) {
  load("A");
  say(form(3));
  EXPECT_EQ(happens(EngineEnded{"engine 4711 was killed by signal 9"}), "tell coordinator fault");
  const proto::Envelope& envelope = get<TellCoordinator>(last).envelope;
  EXPECT_EQ(envelope.fault().code(), "peer_lost");
  EXPECT_THAT(envelope.fault().message(), HasSubstr("4711"));
  EXPECT_TRUE(envelope.fault().fatal_to_epoch());
  EXPECT_EQ(envelope.epoch(), 3u);
  EXPECT_EQ(say(step(3, 1)), "");
  EXPECT_EQ(say(form(4)), "start engine, tell engine form");
}

TEST_F(AgentDialogue, EndsAnEngineThatReportedItsOwnFault) {
  load("A");
  say(form(1));
  EXPECT_EQ(happens(EngineSaid{transport::fault_envelope(Error{Code::deadline_exceeded, "rank 1 did not come"}, true)}),
            "tell coordinator fault, kill engine");
}

TEST_F(AgentDialogue, WithoutItsCoordinatorItKeepsThePoolAndNoEngine) {
  load("A");
  say(form(1));
  EXPECT_EQ(happens(CoordinatorLost{}), "kill engine");
  EXPECT_TRUE(rules.held().has_value());
  happens(CoordinatorJoined{});
  EXPECT_EQ(say(form(1)), "start engine, tell engine form") << "another coordinator counts its epochs from 1";
}

TEST_F(AgentDialogue, RefusesAFormThatDoesNotSuitItsPool) {
  happens(CoordinatorJoined{});
  EXPECT_EQ(say(form(1)), "tell coordinator fault");
  EXPECT_EQ(get<TellCoordinator>(last).envelope.fault().code(), "unavailable");
  load("A");
  EXPECT_EQ(say(form(5, 1)), "tell coordinator fault");
  EXPECT_EQ(get<TellCoordinator>(last).envelope.fault().code(), "invalid_argument");
}

TEST_F(AgentDialogue, LeavesWhenItsCoordinatorSaysSo) {
  load("A");
  say(form(1));
  proto::Envelope shutdown;
  shutdown.mutable_shutdown()->set_reason("yoke down");
  EXPECT_EQ(say(shutdown), "kill engine, leave 0");
}

TEST_F(AgentDialogue, TellsNothingOfAnEngineThatItKilled) {
  load("A");
  say(form(1));
  say(load_model("B"));
  EXPECT_EQ(happens(EngineEnded{"late"}), "");
  EXPECT_EQ(happens(EngineSaid{result(3)}), "");
}

}  // namespace
}  // namespace yoke::node
