// Rank 0's share of a model in a pool, and its weights as the forward pass sees them: for tests that need no step.
#pragma once

#include <filesystem>

#include "model/catalogue.h"
#include "node/forward/weights.h"
#include "node/kv_cache.h"
#include "node/loader.h"
#include "node/pool.h"
#include "parallel/plan.h"

namespace yoke::node {

struct LoadedModel {
  struct Options {
    int tp = 1;
    bool pack = false;
    PoolPlace place = PoolPlace::host;
  };

  model::Checkpoint checkpoint;
  model::Catalogue catalogue;
  parallel::Plan plan;
  Pool pool;
  KvCache cache;
  forward::Weights weights;

  explicit LoadedModel(const std::filesystem::path& model) : LoadedModel(model, Options()) {}
  LoadedModel(const std::filesystem::path& model, const Options& options)
      : checkpoint(model::open_checkpoint(model)), catalogue(checkpoint),
        plan(parallel::make_plan(catalogue, {.layout = {options.tp, 1, 1}, .pack = options.pack})), pool(filled(options.place)),
        cache(plan, 0, checkpoint.config, pool), weights(checkpoint.config, plan, 0, pool, cache) {}

 private:
  Pool filled(PoolPlace place) {
    constexpr uint64_t kKvBlocks = 4;
    Pool made = Pool::create(regions_of(plan, 0, catalogue, kKvBlocks), place);
    load(plan, 0, catalogue, made, {}, {});
    return made;
  }
};

}  // namespace yoke::node
