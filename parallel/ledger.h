// Memory is planned, then taken, then never exceeded: the account of one node. Pure functions.
#pragma once

#include <cstdint>
#include <string>

#include "parallel/slice.h"

namespace yoke::parallel {

struct LedgerLimits {
  int64_t max_rows = 512;       // rows of one step
  int64_t max_sequences = 64;
  bool gpu = false;                 // the engine has a context, its kernels and their scratch
  uint64_t staging_bytes = 0;       // that the loader packs in before a device copies it (node/region_writer.h)
};

struct Ledger {
  uint64_t weights_bytes = 0;
  uint64_t kv_bytes = 0;
  uint64_t activation_bytes = 0;  // the engine's scratch for max_rows rows
  uint64_t buffer_bytes = 0;      // loading, logits, messages
  uint64_t reserve_bytes = 0;     // left to the system
  uint64_t available_bytes = 0;   // MemAvailable, shared by agents_on_node agents

  uint64_t needed_bytes() const { return weights_bytes + kv_bytes + activation_bytes + buffer_bytes + reserve_bytes; }
  bool fits() const { return needed_bytes() <= available_bytes; }
  std::string text() const;  // the arithmetic, a line an entry
};

// Bytes that one KV block of 16 tokens takes on `rank`, over its layers and halves.
uint64_t kv_block_bytes(const Plan& plan, int rank, const model::ModelConfig& config);

Ledger make_ledger(const Plan& plan, int rank, const model::Catalogue& catalogue, uint64_t kv_blocks,
                   const LedgerLimits& limits, uint64_t available_bytes);

// The number of KV blocks when the operator gave none: two whole contexts, or what half of the memory left over holds; at
// least one sequence of 256 tokens (two contexts, where those are shorter), else Error{does_not_fit} with the arithmetic.
uint64_t default_kv_blocks(const Plan& plan, const model::Catalogue& catalogue, const LedgerLimits& limits,
                           uint64_t available_bytes, int agents_on_node);

// Error{does_not_fit} with text() and the remedy if it does not fit.
void check(const Ledger& ledger);

}  // namespace yoke::parallel
