// Fills a pool with a rank's slices by direct I/O (O_DIRECT, where the file system has it), packing for the kernels on the way.
// node/read_plan.h decides what is read; here several threads do it, so that requests are in flight while others are packed.
// docs/loading.md has the numbers.
#pragma once

#include <functional>

#include "model/manifest.h"
#include "node/pool.h"
#include "node/read_plan.h"
#include "node/region_writer.h"
#include "parallel/ledger.h"

namespace yoke::node {

struct LoadProgress {
  uint64_t bytes_done = 0;   // read from disk
  uint64_t bytes_total = 0;
};

// Where a load's time went, summed over its threads.
struct LoadTimes {
  Duration reading{}, packing{};
  CopyTimes copies;
};

struct LoadOptions {
  int threads = 1;  // that pack at once
  // Checked where it knows a chunk, completed where it does not. Null: chunks are not hashed.
  model::Manifest* manifest = nullptr;
  uint64_t read_bytes = kReadBytes;
  LoadTimes* times = nullptr;  // filled at the end
};

// The regions of `rank`: its slices and its KV cache of kv_blocks blocks.
std::vector<Region> regions_of(const parallel::Plan& plan, int rank, const model::Catalogue& catalogue, uint64_t kv_blocks);

// Reads and packs. On the caller's thread, `progress` is called at least every 64 MiB and at the end, and `cancelled` is asked as
// often: true ends the load with Error{aborted}. Error{bad_file}, with file and offset, for a file that changed, ended early, was
// swapped for another, or has a chunk that is not the manifest's. Returns the bytes that were requested of the system.
uint64_t load(const parallel::Plan& plan, int rank, const model::Catalogue& catalogue, const Pool& pool,
              const std::function<void(const LoadProgress&)>& progress, const std::function<bool()>& cancelled,
              const LoadOptions& options = {});
// The same of any slices, whose regions the pool must have.
uint64_t load(const std::vector<parallel::Slice>& slices, const model::Checkpoint& checkpoint, const Pool& pool,
              const std::function<void(const LoadProgress&)>& progress, const std::function<bool()>& cancelled,
              const LoadOptions& options = {});

}  // namespace yoke::node
