#include "node/shard_load.h"

#include <fmt/format.h>

#include <optional>

#include "core/error.h"
#include "core/log.h"
#include "core/math_mode.h"
#include "model/manifest.h"
#include "node/made_weights.h"
#include "node/memory_turn.h"
#include "node/plan_options.h"
#include "node/region_writer.h"

namespace yoke::node {
namespace {

namespace proto = transport::proto;

model::Checkpoint open_same(const proto::LoadModel& load) {
  model::Checkpoint checkpoint = model::open_checkpoint(load.model_path());
  if (checkpoint.identity != load.shard().model_identity()) {
    throw Error{Code::bad_file, fmt::format("{} is not the model that the coordinator opened (its names, sizes, times or tensors differ): "
                                            "every node needs the same files; start the coordinator again if they changed",
                                            load.model_path())};
  }
  return checkpoint;
}

// Reads the shard and checks every chunk of it whose checksum is recorded; records those that nobody read before.
void load_checked(const parallel::Plan& plan, const model::Catalogue& catalogue, const Pool& pool, const ShardLoad& job) {
  const model::Checkpoint& checkpoint = catalogue.checkpoint();
  std::optional<model::Manifest> manifest = model::find_manifest(checkpoint);
  if (!manifest) manifest = model::start_manifest(checkpoint);
  const uint64_t known = manifest->known();
  load(plan, job.model.shard().rank(), catalogue, pool, job.progress, job.cancelled,
       {.threads = job.model.threads(), .manifest = &*manifest});
  if (manifest->known() == known) return;
  try {
    const auto path = model::record(checkpoint, *manifest);
    spdlog::info("recorded checksums of {} new chunks in {}", manifest->known() - known, path.string());
  } catch (const Error& error) {
    if (error.code() == Code::bad_file) throw;
    spdlog::warn("{}; this load is not the worse for it, later ones cannot be checked", error.what());
  }
}

}  // namespace

LoadedShard load_shard(const ShardLoad& job) {
  const proto::ShardKey& shard = job.model.shard();
  const parallel::PlanOptions options = plan_options_of(shard);
  const model::Checkpoint checkpoint = open_same(job.model);
  const model::Catalogue catalogue(checkpoint);
  const parallel::Plan plan = parallel::make_plan(catalogue, options);
  LoadedShard loaded;
  loaded.device = choose_for_model(job.wanted, job.device, catalogue, options.pack, math_mode_named(shard.math()));
  const ChosenDevice& device = loaded.device;
  const parallel::LedgerLimits limits{.max_rows = job.model.max_rows(),
                                      .max_sequences = job.model.max_sequences(),
                                      .gpu = device.on_gpu(),
                                      .staging_bytes = staging_bytes(device.place, job.model.threads())};
  {
    const MemoryTurn turn;  // agents of one node measure and take one after the other
    const uint64_t available = device.memory_available();
    loaded.kv_blocks = shard.kv_blocks()
                           ? shard.kv_blocks()
                           : parallel::default_kv_blocks(plan, catalogue, limits, available, plan.layout.world());
    const parallel::Ledger ledger = parallel::make_ledger(plan, shard.rank(), catalogue, loaded.kv_blocks, limits, available);
    spdlog::info("rank {} of {}: the ledger\n{}", shard.rank(), plan.layout.name(), ledger.text());
    parallel::check(ledger);
    loaded.pool = Pool::create(regions_of(plan, shard.rank(), catalogue, loaded.kv_blocks), device.place, device.gpu);
  }
  if (checkpoint.made) make_weights(plan, shard.rank(), catalogue, loaded.pool, job.progress, job.cancelled);
  else load_checked(plan, catalogue, loaded.pool, job);
  return loaded;
}

}  // namespace yoke::node
