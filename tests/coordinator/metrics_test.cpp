// The metrics page, and the two that measure: what steps cost and which rank is late.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <sstream>

#include "coordinator/metrics.h"
#include "coordinator/step_pace.h"
#include "coordinator/step_tracker.h"

namespace yoke::coordinator {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using testing::HasSubstr;

// Every line of the text format: "# ..." or "name{labels} number".
std::map<std::string, double> parsed(const std::string& page) {
  std::map<std::string, double> samples;
  std::istringstream lines(page);
  for (std::string line; std::getline(lines, line);) {
    if (line.starts_with("#")) {
      EXPECT_TRUE(line.starts_with("# HELP ") || line.starts_with("# TYPE ")) << line;
      continue;
    }
    const size_t space = line.rfind(' ');
    EXPECT_NE(space, std::string::npos) << line;
    size_t used = 0;
    samples[line.substr(0, space)] = std::stod(line.substr(space + 1), &used);
    EXPECT_EQ(used, line.size() - space - 1) << line;
  }
  return samples;
}

TEST(Metrics, APageHasVllmsNamesAndWhatWasCounted) {
  Metrics metrics("smol");
  metrics.tokens(12, 0);
  metrics.tokens(0, 3);
  metrics.preempted();
  metrics.token_gap(milliseconds(20));
  metrics.request_finished(FinishReason::stop, 12, 3, milliseconds(50), milliseconds(90));
  metrics.http_request(200);
  metrics.http_request(429);
  const auto page = parsed(metrics.text({.ready = true, .epoch = 4, .running = 2, .waiting = 5, .paused = 1, .kv_blocks_total = 10, .kv_blocks_used = 4}));
  const auto value = [&](const std::string& name) { return page.contains(name) ? page.at(name) : -1; };
  EXPECT_EQ(value("vllm:num_requests_running{model_name=\"smol\"}"), 2);
  EXPECT_EQ(value("vllm:num_requests_waiting{model_name=\"smol\"}"), 6);
  EXPECT_NEAR(value("vllm:kv_cache_usage_perc{model_name=\"smol\"}"), 0.4, 1e-9);
  EXPECT_EQ(value("vllm:prompt_tokens_total{model_name=\"smol\"}"), 12);
  EXPECT_EQ(value("vllm:generation_tokens_total{model_name=\"smol\"}"), 3);
  EXPECT_EQ(value("vllm:num_preemptions_total{model_name=\"smol\"}"), 1);
  EXPECT_EQ(value("vllm:time_to_first_token_seconds_count{model_name=\"smol\"}"), 1);
  EXPECT_EQ(value("vllm:time_per_output_token_seconds_count{model_name=\"smol\"}"), 1);
  EXPECT_NEAR(value("vllm:e2e_request_latency_seconds_sum{model_name=\"smol\"}"), 0.09, 1e-9);
  EXPECT_EQ(value("vllm:request_success_total{model_name=\"smol\",finished_reason=\"stop\"}"), 1);
  EXPECT_EQ(value("yoke:ready{model_name=\"smol\"}"), 1);
}

TEST(StepPace, AllowsAPromptsRowsForAboutTheStreamsOwnTime) {
  StepPace pace;
  for (int i = 0; i < 50; ++i) pace.record(2, 0, 10'000);
  for (int i = 0; i < 200; ++i) {
    const StepCosts costs = pace.costs(2);
    const auto rows = static_cast<int64_t>(costs.budget_us / costs.row_us);
    pace.record(2, std::max<int64_t>(1, rows), 10'000 + 400.0 * static_cast<double>(std::max<int64_t>(1, rows)));
  }
  const StepCosts costs = pace.costs(2);
  EXPECT_LE(10'000 + costs.budget_us, 20'000) << "twice the streams' own time";
  EXPECT_NEAR(costs.row_us, 400, 40);
  EXPECT_GE(costs.budget_us / costs.row_us, 10);
}

TEST(StepPace, LearnsTheStreamsOwnTimeFromStepsWithOneRowOfAPrompt) {
  StepPace pace;
  EXPECT_EQ(pace.costs(1).budget_us, 0);
  pace.record(1, 1, 9'000);
  EXPECT_GT(pace.costs(1).budget_us, 0);
}

TEST(StepPace, RecoversFromAStepThatWasHeldUp) {
  StepPace pace;
  for (int i = 0; i < 20; ++i) pace.record(1, 0, 1'000);
  pace.record(1, 4, 1'000'000);
  for (int i = 0; i < 1'000; ++i) {
    const StepCosts costs = pace.costs(1);
    const auto rows = std::max<int64_t>(1, static_cast<int64_t>(costs.budget_us / costs.row_us));
    pace.record(1, rows, 1'000 + 50.0 * static_cast<double>(rows));
  }
  EXPECT_GE(pace.costs(1).budget_us / pace.costs(1).row_us, 5);
}

TEST(StepPace, KeepsTheOperatorsBudget) {
  StepPace pace(5'000);
  pace.record(1, 0, 1'000);
  EXPECT_EQ(pace.costs(1).budget_us, 5'000);
}

transport::proto::StepResult result(uint64_t id) {
  transport::proto::StepResult r;
  r.set_id(id);
  return r;
}

TEST(StepTracker, AStepIsWholeWhenEveryRankHasAnswered) {
  TimePoint now{};
  StepTracker tracker({.world = 2, .result_rank = 0, .patience = seconds(10)}, now);
  tracker.issued(false, {}, now);
  tracker.issued(false, {}, now);
  now += milliseconds(5);
  EXPECT_FALSE(tracker.answered(0, result(1), now));
  EXPECT_FALSE(tracker.answered(0, result(2), now));
  now += milliseconds(5);
  const auto done = tracker.answered(1, result(1), now);
  ASSERT_TRUE(done);
  EXPECT_EQ(done->result.id(), 1u);
  EXPECT_EQ(done->took, milliseconds(10));
  now += milliseconds(7);
  EXPECT_EQ(tracker.answered(1, result(2), now)->took, milliseconds(7)) << "it began when the one before ended";
}

TEST(StepTracker, AnswersOutOfTurnAreNoAnswers) {
  StepTracker tracker({.world = 1, .patience = seconds(10)}, {});
  EXPECT_THROW(tracker.answered(0, result(1), {}), Error) << "of a step that was never issued";
  tracker.issued(true, {}, {});
  EXPECT_THROW(tracker.answered(0, result(2), {}), Error);
  EXPECT_TRUE(tracker.answered(0, result(1), {}));
  EXPECT_THROW(tracker.answered(0, result(1), {}), Error) << "twice";
}

TEST(StepTracker, ALateStepNamesTheRank) {
  TimePoint now{};
  StepTracker tracker({.world = 2, .patience = seconds(10)}, now);
  tracker.issued(false, seconds(2), now);
  tracker.answered(0, result(1), now);
  EXPECT_FALSE(tracker.overdue(now + seconds(15))) << "10 s and three times what it should take";
  const auto late = tracker.overdue(now + seconds(17));
  ASSERT_TRUE(late);
  EXPECT_EQ(late->code(), Code::deadline_exceeded);
  EXPECT_THAT(late->what(), HasSubstr("by rank 1"));
}

TEST(StepTracker, ARankAdvancesIfItFinishedAStepLatelyOrIsAtALongOne) {
  TimePoint now{};
  StepTracker tracker({.world = 1, .patience = seconds(10)}, now);
  EXPECT_FALSE(tracker.advances(0, now)) << "it has shown nothing yet";
  tracker.issued(true, {}, now);
  tracker.answered(0, result(1), now);
  EXPECT_TRUE(tracker.advances(0, now + seconds(2)));
  EXPECT_FALSE(tracker.advances(0, now + seconds(4)));
  tracker.issued(false, {}, now);
  EXPECT_TRUE(tracker.advances(0, now + seconds(4))) << "a step with work may take its time";
  EXPECT_FALSE(tracker.advances(0, now + seconds(11)));
}

}  // namespace
}  // namespace yoke::coordinator
