// How the double fails: Failure is thrown inside it and becomes a CUresult at the boundary; its text is kept and printed. Faults are
// failures on demand.
#pragma once

#include <functional>
#include <string>

#include "core/cuda/driver_functions.h"

namespace yoke::emulator {

using namespace yoke::cuda;

struct Failure {
  CUresult code;
  std::string text;
};

// Failures of a kind that a real context does not survive: every later call returns them.
bool is_sticky(CUresult code);

const char* name_of(CUresult code);  // nullptr: none

// The text of the last failure of this process; printed on stderr too.
void note_failure(const std::string& where, CUresult code, const std::string& text);
std::string last_failure();

// YOKE_EMULATOR_FAULT=function:call:what[,...]: the call-th call (from 1; 0: every call) of the function fails. what is a CUresult's
// number, "hang" (the call never returns) or "die" (SIGKILL). Besides functions there is the name "kernel": the call-th kernel that
// a stream of this process executes, failing as a fault of the device does: later, and sticky.
// Returns CUDA_SUCCESS, or what to fail with.
CUresult injected_fault(const char* function);

// The boundary of every function: injected faults, the state that it needs, failures to results. Defined in context.cpp.
enum class Needs { nothing, init, context };
CUresult guarded(const char* function, Needs needs, const std::function<void()>& body);

}  // namespace yoke::emulator
