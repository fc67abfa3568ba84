#include "transport/mpi/bootstrap.h"

#include <mpi.h>

#include <algorithm>
#include <cstdlib>

#include <fmt/format.h>

#include "core/error.h"
#include "core/units.h"

namespace yoke::transport::mpi {
namespace {

constexpr int kBlobBytes = 1 << 20;

void check(int status, const char* what) {
  if (status == MPI_SUCCESS) return;
  char text[MPI_MAX_ERROR_STRING] = "";
  int length = 0;
  MPI_Error_string(status, text, &length);
  throw Error{Code::unavailable, fmt::format("{}: {}", what, std::string_view(text, length))};
}

}  // namespace

Bootstrap::Bootstrap() {
  int initialized = 0;
  MPI_Initialized(&initialized);
  YOKE_ASSERT(initialized == 0);
  check(MPI_Init(nullptr, nullptr), "MPI_Init");
  MPI_Comm_set_errhandler(MPI_COMM_WORLD, MPI_ERRORS_RETURN);
  check(MPI_Comm_rank(MPI_COMM_WORLD, &rank_), "MPI_Comm_rank");
  check(MPI_Comm_size(MPI_COMM_WORLD, &size_), "MPI_Comm_size");
}

Bootstrap::~Bootstrap() {
  if (!finalized_) MPI_Finalize();
}

std::vector<std::string> Bootstrap::exchange(const std::string& mine) {
  YOKE_ASSERT(!finalized_);
  const int bytes = static_cast<int>(std::min<size_t>(mine.size(), kBlobBytes + 1));
  std::vector<int> sizes(size_);
  check(MPI_Allgather(&bytes, 1, MPI_INT, sizes.data(), 1, MPI_INT, MPI_COMM_WORLD), "MPI_Allgather of sizes");
  const int largest = *std::ranges::max_element(sizes);
  if (largest > kBlobBytes) {
    throw Error{Code::too_large, fmt::format("an address of more than {} to exchange over MPI", format_bytes(kBlobBytes))};
  }
  std::string padded = mine;
  padded.resize(largest);
  std::string all(static_cast<size_t>(largest) * size_, '\0');
  check(MPI_Allgather(padded.data(), largest, MPI_BYTE, all.data(), largest, MPI_BYTE, MPI_COMM_WORLD), "MPI_Allgather");
  std::vector<std::string> blobs;
  for (int r = 0; r < size_; ++r) blobs.push_back(all.substr(static_cast<size_t>(r) * largest, sizes[r]));
  return blobs;
}

void Bootstrap::abort(int code) {
  MPI_Abort(MPI_COMM_WORLD, code);
  std::_Exit(code);  // MPI_Abort does not return; its type does not say so
}

void Bootstrap::finalize() {
  if (finalized_) return;
  finalized_ = true;
  check(MPI_Finalize(), "MPI_Finalize");
}

}  // namespace yoke::transport::mpi
