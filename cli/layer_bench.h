// Layers of a known model, alone, with random weights of its true size: how fast they run on this cluster, and that prefill and
// decode give equal bits there too.
#pragma once

#include <string>

#include "cli/target.h"

namespace yoke::cli {

struct LayerBenchOptions {
  TargetOptions target;  // whose model is NAME:FORMAT
  int64_t layers = 1;
  int prompt_tokens = 128;
  int generated_tokens = 16;
  int repeat = 3;
  std::string output = "text";
};

// Starts a cluster, measures, prints. Returns the exit code: 1 if prefill and decode differ.
int run_layer_bench(LayerBenchOptions options);

}  // namespace yoke::cli
