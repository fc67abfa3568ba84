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
  token_types_.clear();
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
  point_at_tables(limits.encoder());
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
  for (int64_t i = 0; i < added.rows; ++i) {
    token_types_.push_back(entry.token_types_size() > 0 ? static_cast<int32_t>(entry.token_types(static_cast<int>(i))) : 0);
  }
  for (const uint32_t block : entry.blocks()) tables_.push_back(static_cast<int32_t>(block));
  draws_ = draws_ || entry.sample();
}

// Last, when tables_ no longer moves. A decoder's row sees what came before it, an encoder's its whole sequence.
void StepBatch::point_at_tables(bool encoder) {
  places_.resize(positions_.size());
  const int32_t* table = tables_.data();
  for (const BatchEntry& entry : entries_) {
    for (int64_t row = entry.first_row; row < entry.first_row + entry.rows; ++row) {
      const int64_t position = positions_[static_cast<size_t>(row)];
      places_[static_cast<size_t>(row)] = {table, position, encoder ? entry.entry->start() + entry.rows : position + 1};
    }
    table += entry.entry->blocks_size();
  }
}

}  // namespace yoke::node
