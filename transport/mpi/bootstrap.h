// MPI as the bootstrap of agents started by `mpirun -np N yoke-node --serve`: it carries addresses between them and ends the job
// when one dies. It never carries a tensor. One thread, which must be the main one; one per process.
#pragma once

#include <string>
#include <vector>

namespace yoke::transport::mpi {

class Bootstrap {
 public:
  Bootstrap();   // MPI_Init; Error{unavailable} outside an MPI job that can be joined
  ~Bootstrap();  // finalizes, unless it was done
  Bootstrap(const Bootstrap&) = delete;
  Bootstrap& operator=(const Bootstrap&) = delete;

  int rank() const { return rank_; }
  int size() const { return size_; }

  // Everyone's blob, in rank order. Collective: every rank must call it. A blob is at most 1 MiB, else Error{too_large} on every
  // rank. MPI knows no deadline: if a rank dies here, mpirun ends the job.
  std::vector<std::string> exchange(const std::string& mine);

  // Ends the whole job, this process included, with `code`: what MPI users expect when one rank cannot go on.
  [[noreturn]] void abort(int code);

  // Collective; nothing but the destructor may follow.
  void finalize();

 private:
  int rank_ = 0;
  int size_ = 1;
  bool finalized_ = false;
};

}  // namespace yoke::transport::mpi
