// A Step as the forward pass wants it: all entries' rows one below the other. Checks everything a coordinator could get wrong
// before anything is done, so that a refused step leaves no trace. Its memory is kept from step to step.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "kernels/ops.h"
#include "node/token_memory.h"
#include "transport/control/control.pb.h"

namespace yoke::node {

struct StepLimits {
  int64_t vocab = 0;
  int64_t context = 0;
  int64_t kv_blocks = 0;
  int64_t max_rows = 0;
  bool draws = true;        // the model gives logits, of which tokens are drawn
  int64_t token_types = 0;  // of an encoder, at least 1; 0: a decoder
  bool encoder() const { return token_types > 0; }
};

struct BatchEntry {
  const transport::proto::StepEntry* entry;  // of the Step given to assign()
  int64_t first_row;                         // in the batch
  int64_t rows;
  int64_t draw_position() const { return entry->start() + rows; }
};

class StepBatch {
 public:
  // Error{invalid_argument} names the entry and the field. The step must outlive the batch's use.
  void assign(const transport::proto::Step& step, const StepLimits& limits, const TokenMemory& memory);

  std::span<const BatchEntry> entries() const { return entries_; }       // those with rows
  std::span<const uint64_t> released() const { return released_; }
  std::span<const int64_t> positions() const { return positions_; }      // of every row
  std::span<const kernels::RowPlace> places() const { return places_; }  // of every row; their tables lie in tables()
  std::span<const int32_t> tables() const { return tables_; }
  std::span<int32_t> tokens() { return tokens_; }  // of every row; kNotHere where the input is a drawn token
  std::span<const int32_t> token_types() const { return token_types_; }  // of every row; encoders
  int64_t rows() const { return static_cast<int64_t>(positions_.size()); }
  bool draws() const { return draws_; }            // a token is drawn for at least one entry
  uint64_t newest_input_step() const { return newest_input_step_; }  // largest from_step; 0 if none

 private:
  void add_rows(const transport::proto::StepEntry& entry);
  void point_at_tables(bool encoder);

  std::vector<BatchEntry> entries_;
  std::vector<uint64_t> released_;
  std::vector<int64_t> positions_;
  std::vector<int32_t> tokens_;
  std::vector<int32_t> token_types_;
  std::vector<int32_t> tables_;  // all entries' block tables
  std::vector<kernels::RowPlace> places_;
  std::vector<uint64_t> sequences_;  // sorted, to find one that is there twice
  bool draws_ = false;
  uint64_t newest_input_step_ = 0;
};

}  // namespace yoke::node
