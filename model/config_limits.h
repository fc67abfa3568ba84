// What every configuration must satisfy, whichever file said it, and the ranges that readers hold its numbers to: far
// above any model, far below what overflows a product of three of them.
#pragma once

#include <filesystem>

#include "model/config.h"

namespace yoke::model {

inline constexpr int64_t kMostLayers = 4096;
inline constexpr int64_t kMostHeads = 1 << 14;
inline constexpr int64_t kMostHeadDim = 1 << 12;
inline constexpr int64_t kMostExperts = 1 << 12;
inline constexpr int64_t kMostLayerExperts = 1 << 16;  // of all layers; the largest models have a third of it
inline constexpr int64_t kMostWidth = 1 << 20;         // hidden, intermediate
inline constexpr int64_t kMostVocab = 1 << 24;
inline constexpr int64_t kMostContext = 1 << 28;

// Heads are whole KV groups, pairs of a head can turn, the scaling's numbers make sense, as many experts are chosen as
// there are. Error{bad_file} otherwise.
void check_config(const ModelConfig& config, const std::filesystem::path& file);

}  // namespace yoke::model
