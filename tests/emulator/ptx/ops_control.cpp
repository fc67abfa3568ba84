// What the scheduler does itself, and what does nothing here.
#include <atomic>

#include "tests/emulator/ptx/forms.h"
#include "tests/emulator/ptx/lanes.h"

namespace yoke::emulator {
namespace {

void trap(Warp&, const Instruction&, uint32_t mask) { throw LaneFault{kLaunchFailure, first_lane(mask), "trap"}; }
// Orders the host's memory; whether the kernel needs it cannot be seen here.
void fence(Warp&, const Instruction&, uint32_t) { std::atomic_thread_fence(std::memory_order_seq_cst); }
void nothing(Warp&, const Instruction&, uint32_t) {}
void zero64(Warp& w, const Instruction& i, uint32_t mask) {
  for_lanes(mask, [&](uint32_t lane) { w.row<uint64_t>(i.op[0])[lane] = 0; });
}

Form control(Kind kind, std::string shape) {
  Form form;
  form.kind = kind, form.shape = std::move(shape);
  return form;
}

Form reduction(Reduction reduction, std::string shape) {
  Form form = control(Kind::barrier, std::move(shape));
  form.reduction = reduction;
  return form;
}

void add_barriers(Forms& forms) {
  forms.add("bar.warp.sync", control(Kind::warp_barrier, "a"));
  for (const std::string name : {"bar", "bar.cta", "barrier", "barrier.cta"}) {
    for (const std::string aligned : {"", ".aligned"}) {
      forms.add(name + ".sync" + aligned, control(Kind::barrier, "a?a"));
      forms.add(name + ".arrive" + aligned, control(Kind::arrive, "aa"));
      forms.add(name + ".red.popc" + aligned + ".u32", reduction(Reduction::count, "dazP"));
      forms.add(name + ".red.popc" + aligned + ".u32/4", reduction(Reduction::count, "daaP"));
      forms.add(name + ".red.and" + aligned + ".pred", reduction(Reduction::all, "pazP"));
      forms.add(name + ".red.and" + aligned + ".pred/4", reduction(Reduction::all, "paaP"));
      forms.add(name + ".red.or" + aligned + ".pred", reduction(Reduction::any, "pazP"));
      forms.add(name + ".red.or" + aligned + ".pred/4", reduction(Reduction::any, "paaP"));
    }
  }
}

void add_fences(Forms& forms) {
  for (const char* scope : {"cta", "gl", "sys"}) forms.add(std::string("membar.") + scope, "", fence);
  for (const std::string scope : {"cta", "cluster", "gpu", "sys"}) {
    for (const std::string sem : {"sc.", "acq_rel.", "acquire.", "release.", ""}) forms.add("fence." + sem + scope, "", fence);
  }
  for (const char* proxy : {"async", "async.global", "async.shared::cta", "async.shared", "alias"}) {
    forms.add(std::string("fence.proxy.") + proxy, "", fence);
  }
  forms.add("fence.mbarrier_init.release.cluster", "", fence);
}

}  // namespace

void add_control_forms(Forms& forms) {
  forms.add("bra", control(Kind::branch, "l"));
  forms.add("bra.uni", control(Kind::branch, "l"));
  forms.add("brx.idx", control(Kind::branch_table, "at"));
  forms.add("brx.idx.uni", control(Kind::branch_table, "at"));
  for (const char* name : {"ret", "ret.uni", "exit"}) forms.add(name, control(Kind::leave, ""));
  forms.add("nanosleep.u32", control(Kind::pause, "a"));
  forms.add("trap", "", trap);
  forms.add("brkpt", "", trap);
  add_barriers(forms);
  add_fences(forms);
  forms.add("griddepcontrol.launch_dependents", "", nothing);
  forms.add("griddepcontrol.wait", "", nothing);
  forms.add("setmaxnreg.inc.sync.aligned.u32", "i", nothing);
  forms.add("setmaxnreg.dec.sync.aligned.u32", "i", nothing);
  for (const char* name : {"prefetch.global", "prefetch", "prefetchu"}) forms.add(name, "m", nothing);
  forms.add("createpolicy.fractional.b64", "D?a", zero64);
}

}  // namespace yoke::emulator
