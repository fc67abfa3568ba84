// Fills a pool with a rank's slices by direct I/O (O_DIRECT, where the file system has it), packing for the kernels on the way.
#pragma once

#include <functional>

#include "node/pool.h"
#include "parallel/ledger.h"

namespace yoke::node {

struct LoadProgress {
  uint64_t bytes_done = 0;   // read from disk
  uint64_t bytes_total = 0;
};

// The regions of `rank`: its slices and its KV cache of kv_blocks blocks.
std::vector<Region> regions_of(const parallel::Plan& plan, int rank, const model::Catalogue& catalogue, uint64_t kv_blocks);

// Reads and packs. Calls `progress` at least every 64 MiB and at the end; `cancelled` is asked as often, true ends the load
// with Error{aborted}. Error{bad_file} for a file that changed or ended early, with file and offset. Returns bytes read.
uint64_t load(const parallel::Plan& plan, int rank, const model::Catalogue& catalogue, const Pool& pool,
              const std::function<void(const LoadProgress&)>& progress, const std::function<bool()>& cancelled);

}  // namespace yoke::node
