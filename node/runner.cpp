#include "node/runner.h"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <deque>
#include <map>
#include <optional>

#include "core/error.h"
#include "node/device_places.h"
#include "node/forward/rope.h"
#include "node/forward/transformer.h"
#include "node/kv_cache.h"
#include "node/last_stage.h"
#include "node/step_batch.h"
#include "node/token_memory.h"
#include "transport/select.h"

namespace yoke::node {
namespace {

using transport::proto::Step;
using transport::proto::StepResult;

StepLimits limits_of(const RunnerConfig& config, const KvCache& cache) {
  const model::Encoder& encoder = config.config->encoder;
  const int64_t positions = encoder.is ? encoder.positions - encoder.position_offset : config.config->context_length;
  return {.vocab = config.config->vocab,
          .context = std::min(config.config->context_length, positions),
          .kv_blocks = cache.blocks(),
          .max_rows = config.max_rows,
          .draws = !config.config->gives_states(),
          .token_types = encoder.is ? std::max<int64_t>(1, encoder.token_types) : 0};
}

std::vector<float> rope_frequencies(const model::Rope& rope, const float* divisors, kernels::Device& device) {
  if (divisors == nullptr) return forward::rope_frequencies(rope, nullptr);
  std::vector<float> held(static_cast<size_t>(rope.dims / 2));
  device.download(std::as_writable_bytes(std::span(held)), reinterpret_cast<const std::byte*>(divisors));
  return forward::rope_frequencies(rope, held.data());
}

// A check of all layers of a large model, nine times over, would take longer than a load may be held up.
constexpr size_t kSampledLayers = 16;

forward::Weights sampled_layers(const forward::Weights& weights) {
  forward::Weights some = weights;
  const size_t all = weights.layers.size(), count = std::min(all, kSampledLayers);
  some.layers.clear();
  for (size_t i = 0; i < count; ++i) some.layers.push_back(weights.layers[i * all / count]);
  return some;
}

// On a GPU, where two ranks hold the halves.
std::unique_ptr<forward::Exchange> make_exchange(const RunnerConfig& c) {
  kernels::Device& device = c.ops->device();
  if (c.tensor_group == nullptr || !device.records()) return nullptr;
  return std::make_unique<forward::Exchange>(device, *c.tensor_group, c.op_deadline, c.spin);
}

}  // namespace

// Stages of a pipeline pass the residual of a step on, unrounded, in the order of steps. The last stage returns the drawn tokens
// to the first at the end of the step, at once: the first takes them when a later step's input needs them, so that it can work on
// other sequences' steps meanwhile. It never lags more than pp steps behind, so few of these small messages are under way;
// communicators hold them without a receiver. Residuals flow forward and are always awaited: no cycle, no deadlock.
struct Runner::State {
  explicit State(const RunnerConfig& given)
      : config(given),
        plan(given.plan->ranks.at(static_cast<size_t>(given.rank))),
        cache(*given.plan, given.rank, *given.config, *given.pool),
        weights(*given.config, *given.plan, given.rank, *given.pool, cache),
        device(given.ops->device()),
        activations(*given.config, *given.plan, given.rank, given.max_rows, device),
        places(device, activations.row_places, ceil_div(given.config->context_length, kKvBlockTokens)),
        exchange(make_exchange(given)),
        machine{*given.ops, given.tensor_group, given.op_deadline, plan.halves, exchange.get()},
        large_machine{*given.ops, given.device_group, given.op_deadline, plan.halves},
        limits(limits_of(given, cache)),
        frequencies(rope_frequencies(given.config->rope, weights.rope_freqs, device)) {
    if (plan.last_stage) last_stage.emplace(*config.config, *config.plan, weights, machine, plan.tp_rank);
  }

  void run(const Step& step, StepResult& result, const LogitSink& sink);
  std::vector<float> run_made(std::span<const int32_t> tokens, int64_t start, int32_t block);

  struct RecordedLayers {
    std::unique_ptr<kernels::Recording> recording;
    int64_t joins = 0;  // with the other rank
  };
  std::map<int64_t, RecordedLayers> recordings;  // by rows
  const RunnerConfig config;
  const parallel::RankPlan& plan;
  const KvCache cache;
  const forward::Weights weights;
  int64_t found_halves() const { return last_stage ? last_stage->found_halves() : 0; }

 private:
  struct Returning {  // tokens of a step that the last stage will send
    uint64_t step;
    std::vector<uint64_t> sequences;
  };

  void expect_tokens();
  void enter();
  void leave(StepResult& result, const LogitSink& sink);
  void take_returned_tokens();
  void fill_inputs();
  void run_layers(std::span<const int64_t> positions, std::span<const kernels::RowPlace> row_places, std::span<const int32_t> tables);
  void set_angles(std::span<const int64_t> positions);
  bool takes_large_road(size_t count) const;
  void play_layers(forward::Rows rows);
  std::span<std::byte> residual() const {  // on its way from stage to stage
    return std::as_writable_bytes(std::span(activations.wire, static_cast<size_t>(batch.rows() * config.config->hidden)));
  }
  std::byte* residual_on_device() const { return reinterpret_cast<std::byte*>(activations.x); }
  int last_rank() const { return config.plan->layout.pp - 1; }
  bool pipelined() const { return config.plan->layout.pp > 1; }

  kernels::Device& device;
  forward::Activations activations;
  DevicePlaces places;
  const std::unique_ptr<forward::Exchange> exchange;
  const forward::Machine machine;
  const forward::Machine large_machine;  // the same with the communicator of large messages
  const StepLimits limits;
  const std::vector<float> frequencies;
  std::optional<LastStage> last_stage;

  StepBatch batch;
  TokenMemory memory;
  uint64_t step_id = 0;
  std::deque<Returning> returning;
  std::vector<int32_t> returned;
};

void Runner::State::run(const Step& step, StepResult& result, const LogitSink& sink) {
  if (step.id() <= step_id) {
    throw Error{Code::invalid_argument, fmt::format("step {} came after step {}", step.id(), step_id), "id"};
  }
  batch.assign(step, limits, memory);
  step_id = step.id();
  for (const uint64_t sequence : batch.released()) memory.release(sequence);
  if (batch.rows() == 0) return;
  enter();
  expect_tokens();
  run_layers(batch.positions(), batch.places(), batch.tables());
  leave(result, sink);
}

void Runner::State::set_angles(std::span<const int64_t> positions) {
  const float factor = static_cast<float>(config.config->rope.attention_factor);
  forward::rope_angles(frequencies, positions, factor, activations.cos, activations.sin);
}

// Batches of like size take the same recording: their rows are filled up to a power of two.
void Runner::State::run_layers(std::span<const int64_t> positions, std::span<const kernels::RowPlace> row_places,
                               std::span<const int32_t> tables) {
  set_angles(positions);
  const auto rows = static_cast<int64_t>(positions.size());
  if (!device.records()) {
    return forward::run_layers(weights, *config.config, {places.put(row_places, tables, rows)}, activations, machine);
  }
  const int64_t filled = static_cast<int64_t>(std::bit_ceil(static_cast<uint64_t>(rows)));
  play_layers({places.put(row_places, tables, std::min(filled, config.max_rows))});
}

std::vector<float> Runner::State::run_made(std::span<const int32_t> tokens, int64_t start, int32_t block) {
  YOKE_ASSERT(start + static_cast<int64_t>(tokens.size()) <= kKvBlockTokens && static_cast<int64_t>(tokens.size()) <= config.max_rows);
  std::vector<int64_t> positions;
  std::vector<kernels::RowPlace> row_places;
  for (size_t i = 0; i < tokens.size(); ++i) {
    positions.push_back(start + static_cast<int64_t>(i));
    row_places.push_back({&block, positions.back(), positions.back() + 1});
  }
  const int64_t hidden = config.config->hidden;
  const auto rows = static_cast<int64_t>(tokens.size());
  set_angles(positions);
  forward::embed_made(tokens, hidden, activations, device);
  const forward::Machine unrecorded{machine.ops, machine.tensor_group, machine.deadline, machine.halves};
  forward::run_layers(sampled_layers(weights), *config.config, {places.put(row_places, {&block, 1}, rows)}, activations, unrecorded);
  std::vector<float> x(tokens.size() * static_cast<size_t>(hidden));
  device.download(std::as_writable_bytes(std::span(x)), residual_on_device());
  return x;
}

// Whether the halves of so many floats take the road of large messages, which no recording holds: its step is long, and a wait of the
// host for each join costs it nothing.
bool Runner::State::takes_large_road(size_t count) const {
  return config.device_group != nullptr &&
         transport::select(transport::Operation::all_reduce, count * sizeof(float), {.device_memory = true}).backend == config.device_group->backend();
}

void Runner::State::play_layers(forward::Rows rows) {
  const auto count = static_cast<size_t>(rows.count() * config.config->hidden);
  if (takes_large_road(count)) return forward::run_layers(weights, *config.config, rows, activations, large_machine);
  RecordedLayers& layers = recordings[rows.count()];
  if (layers.recording == nullptr) {
    if (exchange) {
      exchange->begin_recording();
      activations.sum[1] = activations.sum[0] + count;  // ranks gather their halves into one buffer
    }
    layers.recording = device.record([&] { forward::run_layers(weights, *config.config, rows, activations, machine); });
    if (exchange) layers.joins = exchange->joins();
  }
  if (exchange) exchange->begin();
  layers.recording->play();
  if (exchange) exchange->serve(layers.joins, {activations.sum[0], 2 * count}, forward::Machine::kStepDeadline);
}

// Every stage notes what will be drawn, so that all of them judge the next step's entries alike.
void Runner::State::expect_tokens() {
  Returning expected{step_id, {}};
  for (const BatchEntry& entry : batch.entries()) {
    const transport::proto::StepEntry& e = *entry.entry;
    if (!e.sample()) continue;
    if (e.from_step() == 0) memory.set_generated_from(e.sequence(), entry.draw_position() - e.sampling().generated_tokens_size());
    memory.expect(e.sequence(), step_id, entry.draw_position());
    expected.sequences.push_back(e.sequence());
  }
  if (plan.first_stage && pipelined() && batch.draws()) returning.push_back(std::move(expected));
}

// The residual comes from the tokens, or from the stage before.
void Runner::State::enter() {
  if (!plan.first_stage) {
    config.pipeline_group->recv(residual(), plan.stage - 1, config.op_deadline);
    device.upload(residual_on_device(), residual());
    return;
  }
  take_returned_tokens();
  fill_inputs();
  if (config.config->layers_alone) return forward::embed_made(batch.tokens(), config.config->hidden, activations, device);
  if (config.config->encoder.is) {
    return forward::embed_encoder(weights, *config.config, config.plan->vocab, batch.tokens(), batch.token_types(), batch.positions(),
                                  activations, machine);
  }
  forward::embed(weights, *config.config, config.plan->vocab, batch.tokens(), activations, machine);
}

void Runner::State::take_returned_tokens() {
  const size_t lag = static_cast<size_t>(config.plan->layout.pp);
  while (!returning.empty() && (returning.front().step <= batch.newest_input_step() || returning.size() > lag)) {
    const Returning& front = returning.front();
    returned.resize(front.sequences.size());
    config.pipeline_group->recv(std::as_writable_bytes(std::span(returned)), last_rank(), config.op_deadline);
    for (size_t i = 0; i < returned.size(); ++i) memory.record(front.sequences[i], front.step, returned[i]);
    returning.pop_front();
  }
}

void Runner::State::fill_inputs() {
  for (const BatchEntry& entry : batch.entries()) {
    if (entry.entry->from_step() == 0) continue;
    const DrawnToken* drawn = memory.find(entry.entry->sequence(), entry.entry->from_step());
    YOKE_ASSERT(drawn != nullptr && drawn->token != TokenMemory::kNotHere);
    batch.tokens()[static_cast<size_t>(entry.first_row)] = drawn->token;
  }
}

void Runner::State::leave(StepResult& result, const LogitSink& sink) {
  if (!last_stage) {
    device.download(residual(), residual_on_device());
    config.pipeline_group->send(residual(), plan.stage + 1, config.op_deadline);
    return;
  }
  const std::span<const int32_t> drawn = last_stage->run(batch, memory, activations, result, sink);
  size_t i = 0;
  for (const BatchEntry& entry : batch.entries()) {
    if (entry.entry->sample()) memory.record(entry.entry->sequence(), step_id, drawn[i++]);
  }
  if (pipelined() && batch.draws()) config.pipeline_group->send(std::as_bytes(drawn), 0, config.op_deadline);
}

Runner::Runner(const RunnerConfig& config) : state_(std::make_unique<State>(config)) {}

Runner::~Runner() = default;

std::vector<float> Runner::run_made(std::span<const int32_t> tokens, int64_t start, int32_t block) {
  return state_->run_made(tokens, start, block);
}

const forward::Weights& Runner::weights() const { return state_->weights; }
int64_t Runner::max_rows() const { return state_->config.max_rows; }
int64_t Runner::kv_blocks() const { return state_->cache.blocks(); }

int64_t Runner::recorded_launches(int64_t rows) const {
  const auto found = state_->recordings.find(rows);
  return found == state_->recordings.end() ? 0 : found->second.recording->launches();
}

int64_t Runner::found_halves() const { return state_->found_halves(); }

StepResult Runner::run(const Step& step, const std::function<void(const transport::proto::LogitRows&)>& rows) {
  const TimePoint begin = system_clock().now();
  StepResult result;
  result.set_id(step.id());
  state_->run(step, result, rows);
  result.set_duration_us(static_cast<uint64_t>((system_clock().now() - begin).count() / 1000));
  return result;
}

}  // namespace yoke::node
