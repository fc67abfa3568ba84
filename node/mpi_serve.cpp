#include "node/mpi_serve.h"

#include <unistd.h>

#include <memory>

#include <fmt/format.h>

#include "core/error.h"
#include "core/log.h"
#include "node/coordinator_child.h"
#include "transport/mpi/bootstrap.h"

namespace yoke::node {
namespace {

constexpr Duration kCoordinatorStarts = std::chrono::minutes(2);  // it reads a model's headers and tokenizer
constexpr double kRejoinTimeout = 3;  // in this mode nobody starts another coordinator
constexpr unsigned kAllEndWithin = 5; // seconds

void check_layout(MpiServeOptions& options, int ranks) {
  if (options.tp == 1 && options.pp == 1) options.tp = ranks;
  if (options.tp * options.pp != ranks) {
    throw Error{Code::invalid_argument, fmt::format("--tp {} x --pp {} needs {} ranks, this MPI job has {}: mpirun -np {} ...", options.tp,
                                                    options.pp, options.tp * options.pp, ranks, options.tp * options.pp),
                "tp"};
  }
}

std::unique_ptr<CoordinatorChild> start_coordinator(const MpiServeOptions& options, const NodeOptions& agent) {
  std::vector<std::string> arguments = {options.model,  "--tp", fmt::to_string(options.tp),   "--pp",        fmt::to_string(options.pp),
                                        "--port", fmt::to_string(options.port), "--log-level", agent.log_level};
  if (agent.threads > 0) arguments.insert(arguments.end(), {"--threads", fmt::to_string(agent.threads)});
  return std::make_unique<CoordinatorChild>(std::move(arguments));
}

int serve(transport::mpi::Bootstrap& mpi, const MpiServeOptions& options, NodeOptions agent) {
  std::unique_ptr<CoordinatorChild> coordinator;
  std::string mine;
  if (mpi.rank() == 0) {
    coordinator = start_coordinator(options, agent);
    mine = coordinator->control_address(kCoordinatorStarts);
  }
  agent.coordinator = mpi.exchange(mine)[0];  // a rank 0 that could not start it ends the job instead
  agent.rank = mpi.rank();
  agent.rejoin_timeout_s = kRejoinTimeout;
  return run_agent(agent);
}

}  // namespace

int run_mpi_serve(const MpiServeOptions& wanted, NodeOptions agent) {
  transport::mpi::Bootstrap mpi;
  MpiServeOptions options = wanted;
  int code = 0;
  try {
    check_layout(options, mpi.size());
    code = serve(mpi, options, agent);
  } catch (const Error& error) {
    spdlog::error("rank {}: {}", mpi.rank(), error.what());
    code = exit_code(error.code());
  }
  if (code != 0) mpi.abort(code);
  alarm(kAllEndWithin);  // if we are the only one that ends, SIGALRM ends us, and mpirun the job
  mpi.finalize();
  return 0;
}

}  // namespace yoke::node
