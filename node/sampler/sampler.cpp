#include "node/sampler/sampler.h"

#include <algorithm>
#include <cstring>
#include <numeric>

#include "core/error.h"

namespace yoke::node::sampler {
namespace {

// The alternatives of both halves, best first, `count` at most, as log probabilities.
std::vector<Logprob> top_logprobs(const std::array<HalfRecord, 2>& records, int count, const LogSumExp& all) {
  MergedHalves merged({records[0].alternatives, true}, {records[1].alternatives, true});
  std::vector<Logprob> top;
  Candidate c;
  while (static_cast<int>(top.size()) < count && merged.next(c) == Ordered::Next::candidate) {
    top.push_back({c.token, log_probability(c.raw, all)});
  }
  return top;
}

}  // namespace

Sampler::Sampler(std::array<Range, 2> vocab, transport::Communicator* group, Duration deadline)
    : vocab_(vocab), group_(group), deadline_(deadline), counts_(vocab[1].end) {}

void Sampler::run(std::span<const RowRequest> requests, HalfLogits logits, std::span<RowAnswer> answers, const Found& found) {
  YOKE_ASSERT(requests.size() == answers.size());
  if (std::all_of(requests.begin(), requests.end(), [](const RowRequest& r) { return r.idle(); })) return;
  summarize_halves(requests, logits, found);
  std::array<const std::byte*, 2> next{wire_.data(), wire_.data()};
  for (const RowRequest& request : requests) next[1] += record_bytes(request, vocab_[0]);
  for (size_t i = 0; i < requests.size(); ++i) {
    if (requests[i].idle()) continue;
    for (int half = 0; half < 2; ++half) {
      read_record(requests[i], vocab_[half], next[half], records_[half]);
      next[half] += record_bytes(requests[i], vocab_[half]);
    }
    answer(requests[i], logits, i, answers[i]);
  }
}

std::span<const float> Sampler::row(HalfLogits logits, size_t row, int half) const {
  const size_t width = static_cast<size_t>(vocab_[half].size());
  return {logits[half] + row * width, width};
}

// Fills wire_ with both halves' records of all rows.
void Sampler::summarize_halves(std::span<const RowRequest> requests, HalfLogits logits, const Found& found) {
  std::array<uint64_t, 2> part_bytes{};
  for (const RowRequest& request : requests) {
    for (int half = 0; half < 2; ++half) part_bytes[half] += record_bytes(request, vocab_[half]);
  }
  wire_.resize(part_bytes[0] + part_bytes[1]);
  std::array<std::byte*, 2> next{wire_.data(), wire_.data() + part_bytes[0]};
  for (size_t i = 0; i < requests.size(); ++i) {
    const RowRequest& request = requests[i];
    if (request.idle()) continue;
    if (request.sampling != nullptr && has_penalties(*request.sampling)) counts_.assign(*request.sampling, request.later);
    for (int half = 0; half < 2; ++half) {
      if (logits[half] == nullptr && !vocab_[half].empty()) continue;  // the other rank's
      if (take_found(request, vocab_[half], found[static_cast<size_t>(half)].row(i), records_[half])) ++found_halves_;
      else summarize(request, vocab_[half], row(logits, i, half), counts_, scratch_, records_[half]);
      write_record(records_[half], next[half]);
      next[half] += record_bytes(request, vocab_[half]);
    }
  }
  if (group_ != nullptr) exchange(part_bytes);
}

void Sampler::exchange(std::span<const uint64_t> part_bytes) {
  const uint64_t begin = group_->rank() == 0 ? 0 : part_bytes[0];
  group_->all_gather({wire_.data() + begin, part_bytes[static_cast<size_t>(group_->rank())]}, wire_.data(), part_bytes, deadline_);
}

void Sampler::answer(const RowRequest& request, HalfLogits logits, size_t row, RowAnswer& answer) {
  const LogSumExp all = combine(records_[0].raw, records_[1].raw);
  if (request.sampling != nullptr) {
    const Candidate chosen = choose(request, logits, row);
    answer.token = chosen.token;
    if (request.wants_logprobs()) {
      answer.drawn = {{chosen.token, log_probability(chosen.raw, all)}, top_logprobs(records_, request.sampling->logprobs(), all)};
    }
  }
  if (request.wants_prompt()) {
    const float raw = records_[vocab_[0].contains(request.prompt_token) ? 0 : 1].prompt_raw;
    answer.prompt = {{request.prompt_token, log_probability(raw, all)}, top_logprobs(records_, request.prompt_alternatives, all)};
  }
}

Candidate Sampler::choose(const RowRequest& request, HalfLogits logits, size_t row) {
  const Road road = road_of(request);
  if (road == Road::best) {
    const HalfRecord& better = records_[before(records_[1].best, records_[0].best) ? 1 : 0];
    return {static_cast<float>(better.best.score), better.best_raw, better.best.token};
  }
  if (road == Road::candidates) {
    const auto half = [&](int h) {
      const std::vector<Candidate>& best = records_[h].candidates;
      return MergedHalves::Half{best, static_cast<int64_t>(best.size()) == vocab_[h].size()};
    };
    MergedHalves merged(half(0), half(1));
    const double total = combine(records_[0].adjusted, records_[1].adjusted).sum;
    const Sampling& s = *request.sampling;
    if (keep(merged, s, total, kept_)) return draw(kept_, {s.seed(), s.choice(), request.position});
  }
  return choose_from_whole(request, logits, row);
}

// The same choice from all logits. Rare: a top_p that reaches past 256 tokens of a half, a top_k above 256.
Candidate Sampler::choose_from_whole(const RowRequest& request, HalfLogits logits, size_t row) {
  const Sampling& s = *request.sampling;
  gather(logits, row);
  whole_.assign(whole_raw_.begin(), whole_raw_.end());
  if (has_penalties(s)) counts_.assign(s, request.later);
  adjust(whole_, {0, vocab_[1].end}, s, counts_);
  order_.clear();
  for (size_t i = 0; i < whole_.size(); ++i) {
    const float value = whole_[i] == whole_[i] ? whole_[i] : -std::numeric_limits<float>::infinity();
    order_.push_back({value, whole_raw_[i], static_cast<int32_t>(i)});
  }
  const double total = combine(records_[0].adjusted, records_[1].adjusted).sum;
  WholeVocabulary ordered(order_);
  const bool certain = keep(ordered, s, total, kept_);
  YOKE_ASSERT(certain);
  return draw(kept_, {s.seed(), s.choice(), request.position});
}

void Sampler::gather(HalfLogits logits, size_t i) {
  ++gathered_rows_;
  whole_raw_.resize(static_cast<size_t>(vocab_[1].end));
  for (int half = 0; half < 2; ++half) {
    if (logits[half] == nullptr) continue;
    const std::span<const float> mine = row(logits, i, half);
    std::copy(mine.begin(), mine.end(), whole_raw_.begin() + vocab_[half].begin);
  }
  if (group_ == nullptr) return;
  const std::array<uint64_t, 2> bytes{static_cast<uint64_t>(vocab_[0].size()) * sizeof(float),
                                      static_cast<uint64_t>(vocab_[1].size()) * sizeof(float)};
  std::byte* const all = reinterpret_cast<std::byte*>(whole_raw_.data());
  const size_t mine = static_cast<size_t>(group_->rank());
  group_->all_gather({all + (mine == 0 ? 0 : bytes[0]), bytes[mine]}, all, bytes, deadline_);
}

}  // namespace yoke::node::sampler
