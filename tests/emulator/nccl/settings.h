// What the environment tells the double of NCCL.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

namespace yoke::emulator::nccl {

// Whether the double may be used: YOKE_CUDA_EMULATOR=1.
bool allowed();

// YOKE_EMULATOR_NCCL_VERSION=22700: what ncclGetVersion says; otherwise 22809.
int version();

// YOKE_EMULATOR_NCCL_FAULT=what:rank:call[,...]: the call-th operation (from 1) of this rank on a communicator; 0 is joining it; a
// group is one operation. What:
//   hang   its work never ends, until the communicator is aborted       slow   its work begins 300 ms late
//   error  its communicator gets ncclRemoteError, and so do the others  die    SIGKILL when the work begins
//   wedge  the call of the API never returns
enum class Fault { none, hang, slow, error, die, wedge };
Fault fault_of(int rank, uint64_t call);

}  // namespace yoke::emulator::nccl
