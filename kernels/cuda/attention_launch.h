// Attention and the placing of heads: lists of halves into one launch.
#pragma once

#include <functional>
#include <span>

#include "kernels/cuda/kv_params.h"
#include "kernels/cuda/launch.h"
#include "kernels/ops.h"

namespace yoke::kernels::cuda {

KvParams kv_params(const KvCacheView& cache);
const RowPlaceData* row_places(std::span<const RowPlace> rows);

// `workspace(floats)` gives memory on the device that lasts until the launches that use it are done.
void launch_attention(Launcher& launcher, std::span<const Attention> problems, int multiprocessors,
                      const std::function<float*(int64_t floats)>& workspace);
void launch_place_heads(Launcher& launcher, std::span<const PlaceHeads> problems);
void launch_kv_append(Launcher& launcher, const KvAppend& p);

}  // namespace yoke::kernels::cuda
