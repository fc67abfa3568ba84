// What Yoke uses of NCCL (2.28), declared here so that a build needs none: NVIDIA's names, values and ABI. library.h loads it.
// tests/transport/nccl_abi_test.cpp holds all of it to nccl.h where that is installed.
#pragma once

#include <climits>
#include <cstddef>

#include "core/cuda/driver_api.h"

namespace yoke::transport::nccl {

using cudaStream_t = cuda::CUstream;  // as in cuda_runtime.h
using ncclComm_t = struct ncclComm*;

enum ncclResult_t : unsigned {
  ncclSuccess = 0,
  ncclUnhandledCudaError = 1,
  ncclSystemError = 2,
  ncclInternalError = 3,
  ncclInvalidArgument = 4,
  ncclInvalidUsage = 5,
  ncclRemoteError = 6,
  ncclInProgress = 7,
};

enum ncclRedOp_t : unsigned { ncclSum = 0 };

enum ncclDataType_t : unsigned {
  ncclInt8 = 0,
  ncclUint8 = 1,
  ncclFloat16 = 6,
  ncclFloat32 = 7,
  ncclBfloat16 = 9,
};

struct ncclUniqueId {
  char internal[128];
};

// Laid out as in 2.28; NCCL fills in what later versions added. Every field begins as "not set".
inline constexpr unsigned kConfigMagic = 0xcafebeef;
inline constexpr unsigned kConfigVersion = 22800;
inline constexpr int kUndefined = INT_MIN;  // NCCL_CONFIG_UNDEF_INT
struct ncclConfig_t {
  size_t size = sizeof(ncclConfig_t);
  unsigned int magic = kConfigMagic;
  unsigned int version = kConfigVersion;
  int blocking = kUndefined;
  int cgaClusterSize = kUndefined;
  int minCTAs = kUndefined;
  int maxCTAs = kUndefined;
  const char* netName = nullptr;
  int splitShare = kUndefined;
  int trafficClass = kUndefined;
  const char* commName = nullptr;
  int collnetEnable = kUndefined;
  int CTAPolicy = kUndefined;
  int shrinkShare = kUndefined;
  int nvlsCTAs = kUndefined;
  int nChannelsPerNetPeer = kUndefined;
  int nvlinkCentricSched = kUndefined;
};

// X(result, name, parameters).
// clang-format off
#define YOKE_NCCL_FUNCTIONS(X)                                                                                                  \
  X(ncclResult_t, ncclGetVersion, (int* version))                                                                               \
  X(ncclResult_t, ncclGetUniqueId, (ncclUniqueId* id))                                                                          \
  X(const char*, ncclGetErrorString, (ncclResult_t result))                                                                     \
  X(const char*, ncclGetLastError, (ncclComm_t comm))                                                                           \
  X(ncclResult_t, ncclCommInitRankConfig, (ncclComm_t* comm, int size, ncclUniqueId id, int rank, ncclConfig_t* config))        \
  X(ncclResult_t, ncclCommGetAsyncError, (ncclComm_t comm, ncclResult_t* error))                                                \
  X(ncclResult_t, ncclCommAbort, (ncclComm_t comm))                                                                             \
  X(ncclResult_t, ncclGroupStart, ())                                                                                           \
  X(ncclResult_t, ncclGroupEnd, ())                                                                                             \
  X(ncclResult_t, ncclAllReduce,                                                                                                \
    (const void* from, void* to, size_t count, ncclDataType_t type, ncclRedOp_t op, ncclComm_t comm, cudaStream_t stream))      \
  X(ncclResult_t, ncclAllGather,                                                                                                \
    (const void* from, void* to, size_t count, ncclDataType_t type, ncclComm_t comm, cudaStream_t stream))                      \
  X(ncclResult_t, ncclBroadcast,                                                                                                \
    (const void* from, void* to, size_t count, ncclDataType_t type, int root, ncclComm_t comm, cudaStream_t stream))            \
  X(ncclResult_t, ncclSend, (const void* from, size_t count, ncclDataType_t type, int peer, ncclComm_t comm, cudaStream_t stream)) \
  X(ncclResult_t, ncclRecv, (void* to, size_t count, ncclDataType_t type, int peer, ncclComm_t comm, cudaStream_t stream))
// clang-format on

}  // namespace yoke::transport::nccl
