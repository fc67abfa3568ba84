#include "node/last_stage.h"

#include <algorithm>
#include <bit>
#include <cstring>

#include "core/error.h"
#include "transport/control/limits.h"

namespace yoke::node {
namespace {

using sampler::RowAnswer;
using sampler::RowRequest;
using transport::proto::EntryResult;
using transport::proto::LogitRows;
using transport::proto::StepEntry;
using transport::proto::StepResult;

static_assert(std::endian::native == std::endian::little, "LogitRows and safetensors carry f32 little-endian");

bool has_result(const StepEntry& entry) { return entry.sample() || entry.prompt_logprobs() >= 0; }

// The token whose log probability row i gives: the one that follows; -1 if none is known.
int32_t token_after(const StepEntry& entry, int64_t i) {
  if (i + 1 < entry.tokens_size()) return static_cast<int32_t>(entry.tokens(static_cast<int>(i + 1)));
  return entry.next_token();
}

template <typename Proto>
void add_top(Proto& to, const std::vector<sampler::Logprob>& top) {
  for (const sampler::Logprob& l : top) {
    auto* added = to.add_top();
    added->set_token(static_cast<uint32_t>(l.token));
    added->set_logprob(l.logprob);
  }
}

void put_answer(const RowAnswer& answer, EntryResult& result) {
  if (answer.token >= 0) {
    result.set_sampled(true);
    result.set_token(static_cast<uint32_t>(answer.token));
  }
  if (answer.drawn) {
    result.set_logprob(answer.drawn->of.logprob);
    add_top(result, answer.drawn->top);
  }
  if (answer.prompt) {
    auto* prompt = result.add_prompt();
    prompt->set_logprob(answer.prompt->of.logprob);
    add_top(*prompt, answer.prompt->top);
  }
}

}  // namespace

LastStage::LastStage(const model::ModelConfig& config, const parallel::Plan& plan, const forward::Weights& weights,
                     const forward::Machine& machine, int tp_rank)
    : config_(config), plan_(plan), weights_(weights), machine_(machine), leader_(tp_rank == 0),
      sampler_({plan.vocab[0], plan.vocab[1]}, machine.tensor_group, machine.deadline) {}

std::span<const int32_t> LastStage::run(const StepBatch& batch, const TokenMemory& memory, forward::Activations& a,
                                        StepResult& result, const LogitSink& sink) {
  want_rows(batch, memory, result);
  answers_.assign(wanted_.size(), {});
  for (size_t begin = 0; begin < wanted_.size(); begin += forward::kHeadRows) {
    run_tile(begin, std::min(wanted_.size(), begin + static_cast<size_t>(forward::kHeadRows)), a, result, sink);
  }
  drawn_.clear();
  for (const RowAnswer& answer : answers_) {
    if (answer.token >= 0) drawn_.push_back(answer.token);
  }
  return drawn_;
}

void LastStage::want_rows(const StepBatch& batch, const TokenMemory& memory, StepResult& result) {
  wanted_.clear();
  requests_.clear();
  later_.clear();
  later_.reserve(batch.entries().size() * TokenMemory::kRemembered);  // requests_ point into it: it must not move
  for (const BatchEntry& entry : batch.entries()) {
    int index = -1;
    if (leader_ && has_result(*entry.entry)) {
      index = result.entries_size();
      result.add_entries()->set_sequence(entry.entry->sequence());
    }
    const size_t begin = later_.size();
    if (entry.entry->sample() && sampler::has_penalties(entry.entry->sampling())) {
      const uint64_t sequence = entry.entry->sequence();
      const int64_t known = entry.entry->sampling().generated_tokens_size();
      memory.append(sequence, memory.generated_from(sequence) + known, entry.draw_position(), later_);
    }
    want_rows_of(entry, index, std::span(later_).subspan(begin));
  }
}

void LastStage::want_rows_of(const BatchEntry& entry, int result, std::span<const int32_t> later) {
  const StepEntry& e = *entry.entry;
  int logit_index = 0;
  for (int64_t i = 0; i < entry.rows; ++i) {
    const bool logits = logit_index < e.logit_rows_size() && e.logit_rows(logit_index) == i;
    RowRequest request;
    if (e.sample() && i == entry.rows - 1) request = {.sampling = &e.sampling(), .position = entry.draw_position(), .later = later};
    request.prompt_alternatives = e.prompt_logprobs();
    request.prompt_token = token_after(e, i);
    if (!logits && request.idle()) continue;
    wanted_.push_back({&entry, entry.first_row + i, logits ? logit_index++ : -1, result});
    requests_.push_back(request);
  }
}

void LastStage::run_tile(size_t begin, size_t end, forward::Activations& a, StepResult& result, const LogitSink& sink) {
  const std::span<const Wanted> tile = std::span(wanted_).subspan(begin, end - begin);
  tile_rows_.clear();
  for (const Wanted& w : tile) tile_rows_.push_back(w.row);
  const sampler::HalfLogits logits{a.logits[0], a.logits[1]};
  if (config_.gives_states()) {
    if (leader_ && config_.layers_alone) forward::states(config_, tile_rows_, a, machine_);
    else if (leader_) forward::encoder_head(weights_, config_, tile_rows_, a, machine_.ops);
    return send_logits(tile, logits, result.id(), sink);
  }
  const std::span<const RowRequest> requests = std::span(requests_).subspan(begin, end - begin);
  make_logits(requests, a);
  const std::span<RowAnswer> answers = std::span(answers_).subspan(begin, end - begin);
  sampler_.run(requests, logits, answers, found(a));
  for (size_t i = 0; i < tile.size(); ++i) {
    if (tile[i].result >= 0) put_answer(answers[i], *result.mutable_entries(tile[i].result));
  }
  send_logits(tile, logits, result.id(), sink);
}

// Where the device is not the host, it says at once what is asked of the logits.
sampler::Found LastStage::found(const forward::Activations& a) const {
  return {{{a.candidate_summaries[0], a.candidates[0]}, {a.candidate_summaries[1], a.candidates[1]}}};
}

// Tiles of like size take the same recording: their rows are filled up to a power of two.
void LastStage::make_logits(std::span<const RowRequest> requests, forward::Activations& a) {
  kernels::Device& device = machine_.ops.device();
  const auto wanted = static_cast<int64_t>(tile_rows_.size());
  const int64_t n = device.records() ? std::min(static_cast<int64_t>(std::bit_ceil(tile_rows_.size())), a.rows) : wanted;
  forward::want_rows(tile_rows_, n, a);
  if (a.candidate_requests != nullptr) {
    std::fill_n(a.candidate_requests, n, kernels::CandidateRequest{});
    std::transform(requests.begin(), requests.end(), a.candidate_requests, sampler::candidates_for);
  }
  const auto run = [&] {
    forward::head(weights_, config_, n, a, machine_);
    if (a.candidate_requests != nullptr) forward::find_candidates(plan_.vocab, n, a, machine_);
  };
  if (device.records()) {
    std::unique_ptr<kernels::Recording>& recording = recordings_[n];
    if (recording == nullptr) recording = device.record(run);
    recording->play();
  } else {
    run();
  }
  machine_.wait("the logits");
}

void LastStage::send_logits(std::span<const Wanted> tile, sampler::HalfLogits logits, uint64_t step, const LogitSink& sink) {
  if (std::none_of(tile.begin(), tile.end(), [](const Wanted& w) { return w.logit_index >= 0; })) return;
  if (machine_.tensor_group != nullptr && row_widths()[1] > 0) exchange_logit_halves(tile, logits);
  if (leader_) frame_logits(tile, logits, step, sink);
}

std::array<int64_t, 2> LastStage::row_widths() const {
  if (config_.gives_states()) return {config_.output_width(), 0};
  return {plan_.vocab[0].size(), plan_.vocab[1].size()};
}

// Rank 1's half of the tile goes to rank 0, the one that speaks to the coordinator.
void LastStage::exchange_logit_halves(std::span<const Wanted> tile, sampler::HalfLogits& logits) {
  const size_t count = tile.size() * static_cast<size_t>(row_widths()[1]);
  if (!leader_) {
    machine_.tensor_group->send(std::as_bytes(std::span(logits[1], count)), 0, machine_.deadline);
    return;
  }
  other_half_.resize(count);
  machine_.tensor_group->recv(std::as_writable_bytes(std::span(other_half_)), 1, machine_.deadline);
  logits[1] = other_half_.data();
}

// Rows of one entry go together, as many as a frame takes.
void LastStage::frame_logits(std::span<const Wanted> tile, sampler::HalfLogits logits, uint64_t step, const LogitSink& sink) {
  const uint64_t row_bytes = static_cast<uint64_t>(config_.output_width()) * sizeof(float);
  const uint64_t frame_rows = std::max<uint64_t>(1, transport::kMaxLogitFrameBytes / row_bytes);
  const std::array<int64_t, 2> widths = row_widths();
  LogitRows frame;
  const BatchEntry* entry = nullptr;
  const auto flush = [&] {
    if (!frame.rows().empty()) sink(frame);
    frame.Clear();
  };
  for (size_t i = 0; i < tile.size(); ++i) {
    if (tile[i].logit_index < 0) continue;
    if (tile[i].entry != entry || frame.rows().size() >= frame_rows * row_bytes) {
      flush();
      entry = tile[i].entry;
      frame.set_step(step);
      frame.set_sequence(entry->entry->sequence());
      frame.set_first_row(static_cast<uint32_t>(tile[i].logit_index));
    }
    for (int half = 0; half < 2; ++half) {
      const size_t width = static_cast<size_t>(widths[static_cast<size_t>(half)]);
      if (width > 0) frame.mutable_rows()->append(reinterpret_cast<const char*>(logits[half] + i * width), width * sizeof(float));
    }
  }
  flush();
}

}  // namespace yoke::node
