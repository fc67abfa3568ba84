// Holds our own declarations of NCCL to NVIDIA's, where nccl.h is installed; nccl_library_test.cpp says when it was not.
#if __has_include(<nccl.h>) && __has_include(<cuda_runtime.h>)

#include <gtest/gtest.h>

#include "transport/nccl/nccl_api.h"

namespace yoke::transport::nccl::ours {
#define YOKE_NCCL_ALIAS(result, name, params) using name = result params;
YOKE_NCCL_FUNCTIONS(YOKE_NCCL_ALIAS)
#undef YOKE_NCCL_ALIAS
}  // namespace yoke::transport::nccl::ours

#include <nccl.h>

#include <type_traits>

namespace yoke::transport::nccl {
namespace {

// One ABI: both pointers, or both values of one size.
template <typename Ours, typename Theirs>
constexpr bool same_parameter() {
  return std::is_pointer_v<Ours> == std::is_pointer_v<Theirs> && std::is_class_v<Ours> == std::is_class_v<Theirs> &&
         sizeof(Ours) == sizeof(Theirs);
}

template <typename Ours, typename Theirs>
struct SameFunction : std::false_type {};
template <typename R, typename S, typename... Ours, typename... Theirs>
  requires(sizeof...(Ours) == sizeof...(Theirs))
struct SameFunction<R(Ours...), S(Theirs...)> : std::bool_constant<same_parameter<R, S>() && (same_parameter<Ours, Theirs>() && ...)> {};

#define YOKE_SAME_SIZE(type) static_assert(sizeof(nccl::type) == sizeof(::type) && alignof(nccl::type) == alignof(::type))
#define YOKE_SAME_VALUE(value) static_assert(static_cast<int>(nccl::value) == static_cast<int>(::value))
#define YOKE_SAME_PLACE(member) static_assert(offsetof(nccl::ncclConfig_t, member) == offsetof(::ncclConfig_t, member))
#define YOKE_SAME_FUNCTION(name) static_assert(SameFunction<ours::name, decltype(::name)>::value, #name)

YOKE_SAME_SIZE(ncclComm_t);
YOKE_SAME_SIZE(ncclResult_t);
YOKE_SAME_SIZE(ncclRedOp_t);
YOKE_SAME_SIZE(ncclDataType_t);
YOKE_SAME_SIZE(ncclUniqueId);
YOKE_SAME_SIZE(cudaStream_t);
static_assert(sizeof(nccl::ncclConfig_t) <= sizeof(::ncclConfig_t));  // later versions append

YOKE_SAME_PLACE(size);
YOKE_SAME_PLACE(magic);
YOKE_SAME_PLACE(version);
YOKE_SAME_PLACE(blocking);
YOKE_SAME_PLACE(cgaClusterSize);
YOKE_SAME_PLACE(minCTAs);
YOKE_SAME_PLACE(maxCTAs);
YOKE_SAME_PLACE(netName);
YOKE_SAME_PLACE(splitShare);
YOKE_SAME_PLACE(trafficClass);
YOKE_SAME_PLACE(commName);
YOKE_SAME_PLACE(collnetEnable);
YOKE_SAME_PLACE(CTAPolicy);
YOKE_SAME_PLACE(shrinkShare);
YOKE_SAME_PLACE(nvlsCTAs);
YOKE_SAME_PLACE(nChannelsPerNetPeer);
YOKE_SAME_PLACE(nvlinkCentricSched);
static_assert(kUndefined == NCCL_CONFIG_UNDEF_INT && NCCL_UNIQUE_ID_BYTES == sizeof(nccl::ncclUniqueId));
static_assert(kConfigVersion <= NCCL_VERSION_CODE && kConfigVersion == NCCL_VERSION(2, 28, 0));

YOKE_SAME_VALUE(ncclSuccess);
YOKE_SAME_VALUE(ncclUnhandledCudaError);
YOKE_SAME_VALUE(ncclSystemError);
YOKE_SAME_VALUE(ncclInternalError);
YOKE_SAME_VALUE(ncclInvalidArgument);
YOKE_SAME_VALUE(ncclInvalidUsage);
YOKE_SAME_VALUE(ncclRemoteError);
YOKE_SAME_VALUE(ncclInProgress);
YOKE_SAME_VALUE(ncclSum);
YOKE_SAME_VALUE(ncclInt8);
YOKE_SAME_VALUE(ncclUint8);
YOKE_SAME_VALUE(ncclFloat16);
YOKE_SAME_VALUE(ncclFloat32);
YOKE_SAME_VALUE(ncclBfloat16);

YOKE_SAME_FUNCTION(ncclGetVersion);
YOKE_SAME_FUNCTION(ncclGetUniqueId);
YOKE_SAME_FUNCTION(ncclGetErrorString);
YOKE_SAME_FUNCTION(ncclGetLastError);
YOKE_SAME_FUNCTION(ncclCommInitRankConfig);
YOKE_SAME_FUNCTION(ncclCommGetAsyncError);
YOKE_SAME_FUNCTION(ncclCommAbort);
YOKE_SAME_FUNCTION(ncclGroupStart);
YOKE_SAME_FUNCTION(ncclGroupEnd);
YOKE_SAME_FUNCTION(ncclAllReduce);
YOKE_SAME_FUNCTION(ncclAllGather);
YOKE_SAME_FUNCTION(ncclBroadcast);
YOKE_SAME_FUNCTION(ncclSend);
YOKE_SAME_FUNCTION(ncclRecv);

// The magic number has no name in nccl.h but within its initialiser.
TEST(NcclAbi, TheConfigurationBeginsAsNvidiasDoes) {
  const ::ncclConfig_t theirs = NCCL_CONFIG_INITIALIZER;
  const nccl::ncclConfig_t ours;
  EXPECT_EQ(ours.magic, theirs.magic);
  EXPECT_EQ(ours.blocking, theirs.blocking);
  EXPECT_EQ(ours.netName, theirs.netName);
}

}  // namespace
}  // namespace yoke::transport::nccl

#endif
