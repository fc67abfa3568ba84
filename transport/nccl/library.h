// libnccl.so.2, loaded when first asked for. Any thread.
#pragma once

#include <string>
#include <vector>

#include "transport/nccl/nccl_api.h"

namespace yoke::transport::nccl {

struct Functions {
#define YOKE_NCCL_MEMBER(result, name, params) result(*name) params = nullptr;
  YOKE_NCCL_FUNCTIONS(YOKE_NCCL_MEMBER)
#undef YOKE_NCCL_MEMBER
};

inline constexpr int kOldestNccl = 22800;  // 2.28: NCCL_VERSION(2, 28, 0)

// Why NCCL cannot be used here (none, too old, no GPU), with the remedy; empty where it can. The answer stays.
std::string library_unavailable();
const Functions& functions();  // Error{unsupported} with library_unavailable()'s words

// Which NCCL a rank has. Two builds of one version may not speak to each other, so the build-id counts too.
struct Identity {
  int version = 0;       // 22809: 2.28.9
  std::string build_id;  // hexadecimal, of the loaded file; "none" where it has none
  std::string path;
};
Identity identity();
std::string describe(const Identity& identity);  // "NCCL 2.28.9 (build-id 1a2b..., /usr/lib/.../libnccl.so.2)"

// Error{unsupported} that names both, where a rank has another NCCL than rank 0.
void check_equal(const std::vector<Identity>& by_rank);

}  // namespace yoke::transport::nccl
