#include "node/step_batch.h"

#include <fmt/format.h>

#include <algorithm>

#include "core/error.h"
#include "node/step_check.h"

namespace yoke::node {

using transport::proto::StepEntry;

void StepBatch::assign(const transport::proto::Step& step, const StepLimits& limits, const TokenMemory& memory) {
  entries_.clear();
  released_.clear();
  positions_.clear();
  tokens_.clear();
  tables_.clear();
  sequences_.clear();
  draws_ = false;
  newest_input_step_ = 0;
  for (const StepEntry& entry : step.entries()) {
    if (entry.release()) {
      released_.push_back(entry.sequence());
      continue;
    }
    check_entry(entry, limits, memory);
    if (rows() + rows_of(entry) > limits.max_rows) {
      throw Error{Code::invalid_argument, fmt::format("step {}: more than {} rows", step.id(), limits.max_rows), "entries"};
    }
    add_rows(entry);
  }
  std::sort(sequences_.begin(), sequences_.end());
  const auto twice = std::adjacent_find(sequences_.begin(), sequences_.end());
  if (twice != sequences_.end()) {
    throw Error{Code::invalid_argument, fmt::format("step {}: sequence {} is there twice", step.id(), *twice), "entries"};
  }
  point_at_tables();
}

void StepBatch::add_rows(const StepEntry& entry) {
  const BatchEntry added{&entry, rows(), rows_of(entry)};
  entries_.push_back(added);
  sequences_.push_back(entry.sequence());
  for (int64_t i = 0; i < added.rows; ++i) positions_.push_back(entry.start() + i);
  if (entry.from_step() != 0) {
    tokens_.push_back(TokenMemory::kNotHere);
    newest_input_step_ = std::max(newest_input_step_, entry.from_step());
  }
  for (const uint32_t token : entry.tokens()) tokens_.push_back(static_cast<int32_t>(token));
  for (const uint32_t block : entry.blocks()) tables_.push_back(static_cast<int32_t>(block));
  draws_ = draws_ || entry.sample();
}

// Last, when tables_ no longer moves.
void StepBatch::point_at_tables() {
  places_.resize(positions_.size());
  const int32_t* table = tables_.data();
  for (const BatchEntry& entry : entries_) {
    for (int64_t row = entry.first_row; row < entry.first_row + entry.rows; ++row) {
      places_[static_cast<size_t>(row)] = {table, positions_[static_cast<size_t>(row)]};
    }
    table += entry.entry->blocks_size();
  }
}

}  // namespace yoke::node
