// Chooses tokens and gives log probabilities, from logits that ranks hold in halves of the vocabulary (docs/bits.md rule 7). One
// rank and two do the same: each half summarizes its rows, the summaries are exchanged, and all decide alike. Only a row whose
// filters reach past the summaries has its logits gathered. The engine's thread.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "core/clock.h"
#include "node/sampler/filter.h"
#include "node/sampler/found.h"
#include "node/sampler/half_record.h"
#include "node/sampler/row.h"
#include "transport/communicator.h"

namespace yoke::node::sampler {

// Rows of logits: [rows, vocab half], null for a half that another rank holds.
using HalfLogits = std::array<const float*, 2>;

class Sampler {
 public:
  // `group`: the ranks that hold the two halves, or null if both are here.
  Sampler(std::array<Range, 2> vocab, transport::Communicator* group, Duration deadline);

  // Answers every request; row i of `logits` belongs to requests[i]. The same on every rank of the group. `found`: what a device says of
  // candidates_for() each request.
  void run(std::span<const RowRequest> requests, HalfLogits logits, std::span<RowAnswer> answers, const Found& found = {});

  // Rows that needed the whole vocabulary on one rank, since construction: for tests and benches.
  int64_t gathered_rows() const { return gathered_rows_; }
  // Halves of rows whose logits nobody here summarized, likewise.
  int64_t found_halves() const { return found_halves_; }

 private:
  std::span<const float> row(HalfLogits logits, size_t row, int half) const;
  void summarize_halves(std::span<const RowRequest> requests, HalfLogits logits, const Found& found);
  void exchange(std::span<const uint64_t> part_bytes);
  void answer(const RowRequest& request, HalfLogits logits, size_t row, RowAnswer& answer);
  Candidate choose(const RowRequest& request, HalfLogits logits, size_t row);
  Candidate choose_from_whole(const RowRequest& request, HalfLogits logits, size_t row);
  void gather(HalfLogits logits, size_t row);

  std::array<Range, 2> vocab_;
  transport::Communicator* group_;
  Duration deadline_;
  TokenCounts counts_;
  SummaryScratch scratch_;
  std::array<HalfRecord, 2> records_;  // of the row in hand
  std::vector<std::byte> wire_;        // half 0's records, then half 1's
  std::vector<float> whole_raw_, whole_;
  std::vector<Candidate> order_, kept_;
  int64_t gathered_rows_ = 0;
  int64_t found_halves_ = 0;
};

}  // namespace yoke::node::sampler
