#include "transport/nccl/nccl.h"

#include <fmt/format.h>

#include <cstring>
#include <thread>
#include <vector>

#include "core/error.h"
#include "transport/nccl/nccl_communicator.h"
#include "transport/ucx/ucx_backend.h"

namespace yoke::transport::nccl {
namespace {

constexpr Duration kInitDeadline = std::chrono::seconds(60);  // NCCL opens its roads: seconds between hosts
constexpr Duration kInitPause = std::chrono::milliseconds(1);

// What a rank says in the third round: which NCCL it has, and rank 0 also where the ranks meet.
struct Greeting {
  Identity identity;
  ncclUniqueId id{};
};

std::string to_blob(const Greeting& greeting) {
  return fmt::format("{}\n{}\n{}\n", greeting.identity.version, greeting.identity.build_id, greeting.identity.path) +
         std::string(greeting.id.internal, sizeof greeting.id.internal);
}

Greeting from_blob(const std::string& blob, int rank) {
  Greeting greeting;
  size_t at = 0;
  std::string fields[3];
  for (std::string& field : fields) {
    const size_t end = blob.find('\n', at);
    if (end == std::string::npos) break;
    field = blob.substr(at, end - at);
    at = end + 1;
  }
  if (blob.size() != at + sizeof greeting.id.internal || fields[0].find_first_not_of("0123456789") != std::string::npos) {
    throw Error{Code::internal, fmt::format("rank {} sent {} bytes that are no greeting of NCCL's", rank, blob.size())};
  }
  greeting.identity = {std::atoi(fields[0].c_str()), fields[1], fields[2]};
  std::memcpy(greeting.id.internal, blob.data() + at, sizeof greeting.id.internal);
  return greeting;
}

void check(ncclResult_t result, ncclComm_t comm, const char* what) {
  if (result == ncclSuccess || result == ncclInProgress) return;
  const Functions& nccl = functions();
  const char* last = nccl.ncclGetLastError(comm);
  throw Error{result == ncclRemoteError ? Code::peer_lost : Code::internal,
              fmt::format("{}: NCCL: {}{}{}", what, nccl.ncclGetErrorString(result), last && *last ? ": " : "", last ? last : "")};
}

ncclUniqueId agree_on_id(const CommunicatorConfig& config) {
  Greeting mine{.identity = identity()};
  if (config.rank == 0) check(functions().ncclGetUniqueId(&mine.id), nullptr, "ncclGetUniqueId");
  const std::vector<std::string> blobs = config.exchange(to_blob(mine));
  if (blobs.size() != static_cast<size_t>(config.size)) {
    throw Error{Code::internal, fmt::format("the exchange gave {} blobs for {} ranks", blobs.size(), config.size)};
  }
  std::vector<Identity> identities;
  for (int r = 0; r < config.size; ++r) identities.push_back(from_blob(blobs[static_cast<size_t>(r)], r).identity);
  check_equal(identities);
  return from_blob(blobs[0], 0).id;
}

void await_init(ncclComm_t comm, const CommunicatorConfig& config, MessageCommunicator& side) {
  const TimePoint end = system_clock().now() + kInitDeadline;
  while (true) {
    ncclResult_t state = ncclSuccess;
    check(functions().ncclCommGetAsyncError(comm, &state), comm, "joining the group");
    check(state, comm, "joining the group");
    if (state == ncclSuccess) return;
    if (const std::string lost = side.lost(); !lost.empty()) throw Error{Code::peer_lost, "joining the group: " + lost};
    if (system_clock().now() >= end) {
      throw Error{Code::deadline_exceeded,
                  fmt::format("NCCL did not join {} ranks within {} s; NCCL_DEBUG=INFO tells what it waits for",
                              config.size, std::chrono::duration_cast<std::chrono::seconds>(kInitDeadline).count())};
    }
    std::this_thread::sleep_for(kInitPause);
  }
}

ncclComm_t join(const CommunicatorConfig& config, MessageCommunicator& side) {
  const ncclUniqueId id = agree_on_id(config);
  ncclConfig_t settings;
  settings.blocking = 0;
  ncclComm_t comm = nullptr;
  try {
    check(functions().ncclCommInitRankConfig(&comm, config.size, id, config.rank, &settings), comm, "ncclCommInitRankConfig");
    await_init(comm, config, side);
  } catch (...) {
    if (comm) functions().ncclCommAbort(comm);
    throw;
  }
  return comm;
}

}  // namespace

std::string unavailable() { return library_unavailable(); }

std::unique_ptr<Communicator> make(const CommunicatorConfig& config) {
  YOKE_ASSERT(config.rank >= 0 && config.rank < config.size && config.exchange);
  functions();  // or why not
  auto lane = std::make_unique<Lane>(NcclCommunicator::staging_bytes(config.size));
  std::unique_ptr<Communicator> road = ucx::make(config);
  auto* messages = dynamic_cast<MessageCommunicator*>(road.get());
  YOKE_ASSERT(messages != nullptr);
  road.release();
  std::unique_ptr<MessageCommunicator> side(messages);
  const ncclComm_t comm = join(config, *side);
  return std::make_unique<NcclCommunicator>(comm, std::move(side), std::move(lane));
}

}  // namespace yoke::transport::nccl
