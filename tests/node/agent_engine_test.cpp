// Agent and engine as real processes, with a coordinator that this test scripts.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <signal.h>

#include <algorithm>
#include <filesystem>
#include <set>
#include <thread>

#include "tests/node/agent_coordinator.h"
#include "tests/node/agent_process.h"

namespace yoke::node {
namespace {

namespace proto = transport::proto;
using std::chrono::milliseconds;
using std::chrono::seconds;
using testing::HasSubstr;

const std::string kModel = YOKE_SOURCE_DIR "/tests/golden/models/llama";
const std::vector<uint32_t> kPrompt = {1, 5, 9, 2, 77, 31, 8, 8, 4, 100, 3, 17, 23, 42, 6, 11, 50, 64, 2, 9};

// What the issue demands; a sanitizer's build is several times slower.
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr Duration kOneSecond = seconds(5);
#else
constexpr Duration kOneSecond = seconds(1);
#endif

AgentProcess start_agent(const ScriptedCoordinator& coordinator, int rank, const std::string& log_level = "warn") {
  return AgentProcess({"--coordinator", coordinator.address(), "--rank", std::to_string(rank), "--log-level", log_level});
}

pid_t engine_of(ScriptedCoordinator& coordinator, int rank) {
  JoinedAgent& agent = coordinator.agent(rank);
  agent.heartbeat.Clear();
  coordinator.run_until([&] { return agent.heartbeat.engine_pid() != 0; });
  return static_cast<pid_t>(agent.heartbeat.engine_pid());
}

std::set<std::string> shared_memory_files() {
  std::set<std::string> names;
  for (const auto& entry : std::filesystem::directory_iterator("/dev/shm")) names.insert(entry.path().filename());
  return names;
}

TEST(AgentAndEngine, RunAStepAndAnEngineKilledWhileIdleIsReplacedWithoutReadingAgain) {
  ScriptedCoordinator coordinator;
  const AgentProcess agent = start_agent(coordinator, 0);
  const uint64_t read = coordinator.load(kModel, 1)[0].bytes_read();
  EXPECT_GT(read, 0u);
  coordinator.form(1);
  const auto first = coordinator.step(prefill_step(1, kPrompt));
  ASSERT_EQ(first.result.entries_size(), 1);
  EXPECT_TRUE(first.result.entries(0).sampled());
  EXPECT_FALSE(first.logits.empty());

  Duration fastest = seconds(100);
  for (uint64_t epoch = 2; epoch <= 4; ++epoch) {
    const pid_t engine = engine_of(coordinator, 0);
    const TimePoint killed = system_clock().now();
    kill(engine, SIGKILL);
    const proto::Envelope fault = coordinator.wait_for(0, proto::Envelope::kFault);
    EXPECT_EQ(fault.fault().code(), "peer_lost");
    EXPECT_THAT(fault.fault().message(), HasSubstr(std::to_string(engine)));
    EXPECT_TRUE(fault.fault().fatal_to_epoch());
    coordinator.form(epoch);
    const auto again = coordinator.step(prefill_step(1, kPrompt));
    fastest = std::min(fastest, system_clock().now() - killed);
    EXPECT_EQ(again.logits, first.logits) << "the same bits";
    EXPECT_NE(engine_of(coordinator, 0), engine);
    EXPECT_EQ(coordinator.agent(0).heartbeat.bytes_read(), read);
  }
  RecordProperty("replaced_in_ms", static_cast<int>(yoke::seconds(fastest) * 1000));
  EXPECT_LE(fastest, kOneSecond) << "killed to the next step's answer took " << yoke::seconds(fastest) << " s";
}

TEST(AgentAndEngine, TwoRanksGiveTheBitsOfOne) {
  ScriptedCoordinator alone, pair;
  const AgentProcess single = start_agent(alone, 0);
  const AgentProcess left = start_agent(pair, 0), right = start_agent(pair, 1);
  alone.load(kModel, 1);
  alone.form(1);
  const auto expected = alone.step(prefill_step(1, kPrompt));
  for (const auto& [tp, pp] : {std::pair{2, 1}, std::pair{1, 2}}) {
    pair.load(kModel, tp, pp);
    pair.form(pair.epoch + 1);
    const auto got = pair.step(prefill_step(1, kPrompt));
    ASSERT_EQ(got.result.entries_size(), 1);
    EXPECT_EQ(got.result.entries(0).token(), expected.result.entries(0).token());
    EXPECT_TRUE(got.logits == expected.logits) << "tp " << tp << " pp " << pp;
  }
}

TEST(AgentAndEngine, AnEngineEndsWithinASecondOfItsAgentsDeath) {
  ScriptedCoordinator coordinator;
  const AgentProcess agent = start_agent(coordinator, 0);
  coordinator.load(kModel, 1);
  coordinator.form(1);
  const pid_t engine = engine_of(coordinator, 0);
  agent.signal(SIGKILL);
  EXPECT_TRUE(ends_within(engine, kOneSecond));
}

TEST(AgentAndEngine, AnEngineThatWaitsForAPeerEndsWithItsAgentToo) {
  ScriptedCoordinator coordinator;
  const AgentProcess left = start_agent(coordinator, 0), right = start_agent(coordinator, 1);
  coordinator.load(kModel, 2);
  coordinator.form(1);
  const pid_t engine = engine_of(coordinator, 0);
  coordinator.send_step(0, prefill_step(1, kPrompt));  // and not to rank 1: rank 0 waits for it in a collective
  coordinator.run_for(milliseconds(300));
  left.signal(SIGKILL);
  EXPECT_TRUE(ends_within(engine, kOneSecond));
}

TEST(AgentAndEngine, ALostCoordinatorEndsTheEngineAndTheNextOneFindsThePoolFull) {
  auto first = std::make_unique<ScriptedCoordinator>();
  const uint16_t port = first->port();
  const AgentProcess agent = start_agent(*first, 0);
  const uint64_t read = first->load(kModel, 1)[0].bytes_read();
  first->form(7);
  const pid_t engine = engine_of(*first, 0);
  first.reset();
  EXPECT_TRUE(ends_within(engine, kOneSecond));

  ScriptedCoordinator second(port);
  EXPECT_TRUE(second.agent(0).hello.has_held());
  const proto::Loaded loaded = second.load(kModel, 1)[0];
  EXPECT_EQ(loaded.bytes_read(), read);
  second.form(1);
  EXPECT_EQ(second.step(prefill_step(1, kPrompt)).result.entries_size(), 1);
}

TEST(AgentAndEngine, AnotherModelReplacesThePool) {
  ScriptedCoordinator coordinator;
  const AgentProcess agent = start_agent(coordinator, 0);
  const uint64_t read = coordinator.load(kModel, 1)[0].bytes_read();
  const std::string other = YOKE_SOURCE_DIR "/tests/golden/models/llama_untied";
  EXPECT_GT(coordinator.load(other, 1)[0].bytes_read(), read);
  coordinator.form(1);
  EXPECT_EQ(coordinator.step(prefill_step(1, kPrompt)).result.entries_size(), 1);
}

TEST(AgentAndEngine, WhatDoesNotFitIsRefusedWithTheArithmetic) {
  ScriptedCoordinator coordinator;
  const AgentProcess agent = start_agent(coordinator, 0);
  try {
    coordinator.load(kModel, 1, 1, uint64_t{1} << 40);
    ADD_FAILURE() << "2^40 blocks were taken";
  } catch (const std::runtime_error& error) {
    EXPECT_THAT(error.what(), HasSubstr("iB"));
  }
  EXPECT_GT(coordinator.load(kModel, 1)[0].kv_blocks(), 0u) << "and the agent goes on";
}

TEST(AgentAndEngine, ACheckpointThatTheCoordinatorDidNotOpenIsRefused) {
  ScriptedCoordinator coordinator;
  const AgentProcess agent = start_agent(coordinator, 0);
  proto::Envelope envelope;
  proto::LoadModel& load = *envelope.mutable_load_model();
  load.set_model_path(kModel);
  load.mutable_shard()->set_model_identity("another");
  load.mutable_shard()->set_tp(1);
  load.mutable_shard()->set_pp(1);
  load.mutable_shard()->set_math("exact");
  coordinator.agent(0).channel->send(envelope);
  EXPECT_EQ(coordinator.wait_for(0, proto::Envelope::kFault).fault().code(), "bad_file");
}

TEST(AgentAndEngine, AStepThatMakesNoSenseIsAFaultAndNotACrash) {
  ScriptedCoordinator coordinator;
  const AgentProcess agent = start_agent(coordinator, 0);
  coordinator.load(kModel, 1);
  coordinator.form(1);
  proto::Step wrong = prefill_step(1, kPrompt);
  wrong.mutable_entries(0)->set_blocks(0, 1'000'000);
  coordinator.send_step(0, wrong);
  EXPECT_EQ(coordinator.wait_for(0, proto::Envelope::kFault).fault().code(), "invalid_argument");
  coordinator.form(2);
  EXPECT_EQ(coordinator.step(prefill_step(1, kPrompt)).result.entries_size(), 1);
}

TEST(AgentProcess, WaitsForACoordinatorThatIsNotUpYet) {
  uint16_t port = 0;
  {
    ScriptedCoordinator to_find_a_free_port;
    port = to_find_a_free_port.port();
  }
  const AgentProcess agent({"--coordinator", "127.0.0.1:" + std::to_string(port), "--rank", "0", "--log-level", "warn"});
  std::this_thread::sleep_for(milliseconds(200));  // some attempts fail
  ScriptedCoordinator coordinator(port);
  EXPECT_EQ(coordinator.agent(0).hello.pid(), agent.pid());
}

TEST(AgentProcess, GivesUpAfterTheRejoinTimeoutWithExitCode5) {
  uint16_t port = 0;
  {
    ScriptedCoordinator to_find_a_free_port;
    port = to_find_a_free_port.port();
  }
  AgentProcess agent({"--coordinator", "127.0.0.1:" + std::to_string(port), "--rejoin-timeout", "0.3", "--log-level", "off"});
  EXPECT_EQ(agent.exit_code(seconds(20)), 5);
}

TEST(AgentProcess, EndsCleanlyOnSigterm) {
  const std::set<std::string> before = shared_memory_files();
  ScriptedCoordinator coordinator;
  AgentProcess left = start_agent(coordinator, 0), right = start_agent(coordinator, 1);
  coordinator.load(kModel, 2);
  coordinator.form(1);
  const pid_t engines[] = {engine_of(coordinator, 0), engine_of(coordinator, 1)};
  left.signal(SIGTERM);
  right.signal(SIGINT);
  EXPECT_EQ(left.exit_code(seconds(20)), 0);
  EXPECT_EQ(right.exit_code(seconds(20)), 0);
  for (const pid_t engine : engines) EXPECT_TRUE(ends_within(engine, kOneSecond));
  coordinator.run_until([&] { return !coordinator.has(0) && !coordinator.has(1); });
  // Other tests may have theirs for a moment; what ours left would stay.
  coordinator.run_until([&] { return std::ranges::includes(before, shared_memory_files()); }, seconds(10));
}

TEST(AgentProcess, LeavesWhenTheCoordinatorSaysSo) {
  ScriptedCoordinator coordinator;
  AgentProcess agent = start_agent(coordinator, 0);
  proto::Envelope shutdown;
  shutdown.mutable_shutdown()->set_reason("test");
  coordinator.agent(0).channel->send(shutdown);
  coordinator.run_until([&] { return !coordinator.has(0); });
  EXPECT_EQ(agent.exit_code(seconds(20)), 0);
}

TEST(AgentProcess, ARefusalThatWaitingDoesNotMendEndsIt) {
  ScriptedCoordinator coordinator;
  AgentProcess agent = start_agent(coordinator, 9, "off");
  coordinator.agent(9).channel->close(Error{Code::invalid_argument, "this cluster has no rank 9"});
  coordinator.run_for(milliseconds(200));
  EXPECT_EQ(agent.exit_code(seconds(20)), 2);
}

TEST(AgentProcess, EndsWithItsParentWhenAskedTo) {
  ScriptedCoordinator coordinator;
  adopt_orphans();
  const std::string command = yoke_node_program() + " --exit-with-parent --rank 0 --log-level off --coordinator " + coordinator.address();
  pid_t shell = fork();
  if (shell == 0) {
    execl("/bin/sh", "sh", "-c", (command + " & wait").c_str(), nullptr);
    _exit(127);
  }
  const pid_t agent = static_cast<pid_t>(coordinator.agent(0).hello.pid());
  EXPECT_FALSE(ends_within(agent, milliseconds(50)));
  kill(shell, SIGKILL);
  EXPECT_TRUE(ends_within(shell, seconds(20)));
  EXPECT_TRUE(ends_within(agent, kOneSecond));
}

TEST(AgentProcess, RefusesWrongFlagsWithExitCode2) {
  for (const std::vector<std::string>& wrong : std::vector<std::vector<std::string>>{
           {"--coordinator", "192.168.1.1:8001"}, {"--coordinator", "nonsense"}, {"--rank", "x"}, {"--device", "tpu"}, {"--no-such-flag"}}) {
    AgentProcess agent(wrong);
    EXPECT_EQ(agent.exit_code(seconds(20)), 2) << wrong[0];
  }
}

}  // namespace
}  // namespace yoke::node
