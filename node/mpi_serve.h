// `mpirun -np N yoke-node --serve MODEL`: MPI starts the processes and tells every rank the coordinator's address; from then on
// each is an ordinary agent, and the engines never see MPI.
#pragma once

#include <cstdint>
#include <string>

#include "node/node_options.h"

namespace yoke::node {

struct MpiServeOptions {
  std::string model;     // --serve
  int tp = 1;            // --tp; 1 with pp 1: all ranks of the job
  int pp = 1;            // --pp
  uint16_t port = 8000;  // --port: REST
};

// Rank 0 starts the `yoke` that lies beside this program as its child and broadcasts its control address; every rank then
// runs an agent. An agent that ends before the coordinator does ends the whole job (MPI_Abort), as MPI users expect.
// Error{invalid_argument} when the job has not tp x pp ranks.
int run_mpi_serve(const MpiServeOptions& options, NodeOptions agent);

}  // namespace yoke::node
