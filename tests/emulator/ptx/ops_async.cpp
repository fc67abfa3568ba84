// cp.async and its groups.
#include <algorithm>
#include <cstring>

#include "tests/emulator/ptx/forms.h"
#include "tests/emulator/ptx/lanes.h"

namespace yoke::emulator {
namespace {

// detail: bytes; sized: op[0] has how many of them come from the source, the rest is zeroed.
template <bool sized>
void copy(Warp& w, const Instruction& i, uint32_t mask) {
  AsyncCopy copy;
  copy.mask = mask, copy.line = i.line, copy.bytes = i.detail;
  std::byte* from[32];
  uint32_t reads = mask;
  if (sized) {
    const uint32_t* sizes = w.row<uint32_t>(i.op[0]);
    for_lanes(mask, [&](uint32_t lane) {
      copy.from_bytes[lane] = sizes[lane];
      if (sizes[lane] > i.detail) throw LaneFault{kLaunchFailure, lane, "cp.async: src-size " + std::to_string(sizes[lane]) + " is above cp-size"};
      if (sizes[lane] == 0) reads &= ~(uint32_t{1} << lane);  // the source may be anywhere
    });
  } else {
    copy.from_bytes.fill(i.detail);
  }
  const AddressOperand source{i.second_address, i.second_offset, i.second_narrow, Space::global, i.line};
  if (sized) {
    // Alignment holds for the whole copy, the range only for what is read.
    for_lanes(reads, [&](uint32_t lane) {
      const uint64_t address = i.second_narrow ? w.row<uint32_t>(i.second_address)[lane] : w.row<uint64_t>(i.second_address)[lane];
      if ((address + static_cast<uint64_t>(int64_t{i.second_offset})) % i.detail != 0) {
        throw LaneFault{kMisaligned, lane, "cp.async: source not aligned to " + std::to_string(i.detail)};
      }
      from[lane] = w.block->memory.host(i.line, address + static_cast<uint64_t>(int64_t{i.second_offset}), copy.from_bytes[lane], false);
      if (from[lane] == nullptr) resolve(w, source, uint32_t{1} << lane, 1, Access::read, from);  // says what is wrong
      if (from[lane] == nullptr || w.block->memory.host(i.line, address + static_cast<uint64_t>(int64_t{i.second_offset}), copy.from_bytes[lane], false) == nullptr) {
        throw LaneFault{kIllegalAddress, lane, "cp.async: source of " + std::to_string(copy.from_bytes[lane]) + " bytes goes beyond its range"};
      }
    });
  } else {
    resolve(w, source, mask, i.detail, Access::read, from);
  }
  resolve(w, i, mask, i.detail, Access::write, copy.to.data());
  for_lanes(reads, [&](uint32_t lane) { copy.from[lane] = from[lane]; });
  w.copies.issue(copy, w.block->options.late_copies);
}

void commit(Warp& w, const Instruction&, uint32_t mask) { w.copies.commit(mask); }

void finish(Warp& w, uint32_t mask, uint32_t pending, bool uncommitted_too) {
  const bool late = w.block->options.late_copies;
  w.copies.wait(mask, pending, uncommitted_too, late, [&](const AsyncCopy& copy, uint32_t lanes) {
    if (!w.block->races || !late) return;
    for_lanes(lanes, [&](uint32_t lane) {
      const auto offset = static_cast<uint32_t>(copy.to[lane] - w.block->shared.data());
      const auto race = w.block->races->access(w.index, offset, copy.bytes, RaceCheck::Access::write, copy.line);
      if (race) throw LaneFault{kLaunchFailure, lane, *race};
    });
  });
}

void wait_group(Warp& w, const Instruction& i, uint32_t mask) { finish(w, mask, i.detail, false); }
void wait_all(Warp& w, const Instruction&, uint32_t mask) { finish(w, mask, 0, true); }

}  // namespace

void add_async_forms(Forms& forms) {
  for (const char* level : {"ca", "cg"}) {
    Form form;
    form.space = Space::shared;
    form.shape = "mni", form.handler = copy<false>;
    forms.add("cp.async." + std::string(level) + ".shared.global", form);
    form.shape = "mnia", form.handler = copy<true>;
    forms.add("cp.async." + std::string(level) + ".shared.global/4", form);
  }
  forms.add("cp.async.commit_group", "", commit);
  forms.add("cp.async.wait_group", "i", wait_group);
  forms.add("cp.async.wait_all", "", wait_all);
}

}  // namespace yoke::emulator
