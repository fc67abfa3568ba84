// What `yoke bench` measures: a whole model over REST (bench.cpp), or layers of a known one, alone, with random weights of its true
// size (layer_bench.cpp): how fast they run on this cluster, and that prefill and decode give equal bits there too.
#pragma once

#include <string>
#include <vector>

#include "cli/target.h"

namespace yoke::cli {

struct BenchOptions {
  TargetOptions target;  // with layers: whose model is NAME:FORMAT
  int prompt_tokens = 512;
  int generated_tokens = 128;
  int repeat = 5;
  int64_t layers = 0;    // of a known model, alone; 0: a whole model
  std::string output = "text";
};

double median(std::vector<double> values);

// Starts a cluster, measures, prints. Returns the exit code: 1 if prefill and decode differ.
int run_layer_bench(BenchOptions options);

}  // namespace yoke::cli
