// How the lanes of one warp take their turns. Splits are lanes at one pc; the one with the lowest pc runs, and splits that meet are one
// again. A split that jumps back often rests, so that a loop that waits for other lanes, warps, blocks or the host gives way to them.
#include <algorithm>

#include "tests/emulator/ptx/machine.h"

namespace yoke::emulator {
namespace {

constexpr int kBackBranches = 256;  // in one turn
constexpr uint32_t kNever = ~uint32_t{0};

// Splits of the same state at the same pc become one. Those that wait at a *.sync are woken by company: they must look again.
void merge(std::vector<Split>& splits) {
  for (size_t i = 0; i < splits.size(); ++i) {
    for (size_t k = i + 1; k < splits.size();) {
      Split &a = splits[i], &b = splits[k];
      const bool meet = a.pc == b.pc && a.state != Split::State::at_barrier && b.state != Split::State::at_barrier;
      if (!meet) {
        ++k;
        continue;
      }
      a.mask |= b.mask;
      if (a.state != Split::State::rested || b.state != Split::State::rested) a.state = Split::State::ready;
      splits.erase(splits.begin() + static_cast<std::ptrdiff_t>(k));
    }
  }
}

}  // namespace

void Block::run_warp(Warp& warp) {
  int budget = kBackBranches;
  while (!warp.finished()) {
    if (warp.splits.size() > 1) merge(warp.splits);
    size_t lowest = warp.splits.size();
    for (size_t i = 0; i < warp.splits.size(); ++i) {
      if (warp.splits[i].state == Split::State::ready && (lowest == warp.splits.size() || warp.splits[i].pc < warp.splits[lowest].pc)) lowest = i;
    }
    if (lowest == warp.splits.size()) break;
    run_split(warp, lowest, budget);
    if (budget <= 0) {
      // It waits or it works long: the other splits of this warp first, then the other warps.
      budget = kBackBranches;
      poll();
    }
  }
  for (Split& split : warp.splits) {
    if (split.state != Split::State::rested) continue;
    split.state = Split::State::ready;
    wants_rest = true;
  }
  std::erase_if(warp.splits, [](const Split& split) { return split.mask == 0; });
}

void Block::run_split(Warp& warp, size_t which, int& budget) {
  // Where another split could be met.
  uint32_t stop = kNever;
  for (const Split& other : warp.splits) {
    if (other.state != Split::State::at_barrier && other.pc > warp.splits[which].pc) stop = std::min(stop, other.pc);
  }
  const Instruction* const code = program.code.data();
  uint32_t pc = warp.splits[which].pc;
  const uint32_t active = warp.splits[which].mask;
  uint64_t count = 0;
  try {
    while (pc < stop) {
      const Instruction& i = code[pc];
      const uint32_t mask = active & (warp.predicates[i.guard] ^ i.guard_flip);
      ++count;
      if (i.kind == Kind::plain) [[likely]] {
        if (mask != 0) i.handler(warp, i, mask);
        ++pc;
        continue;
      }
      if (i.kind == Kind::branch && (mask == 0 || (mask == active && warp.splits.size() == 1 && (i.target > pc || --budget > 0)))) {
        pc = mask == 0 ? pc + 1 : i.target;
        continue;
      }
      warp.splits[which].pc = pc;
      if (!control(warp, warp.splits[which], i, mask, budget)) {
        steps += count;
        return;
      }
      pc = warp.splits[which].pc;
    }
  } catch (const LaneFault& fault) {
    steps += count;
    fail(warp, pc, fault);
  }
  warp.splits[which].pc = pc;
  steps += count;
}

// Everything but plain instructions. False: the split has changed, parked or rests; choose again.
bool Block::control(Warp& warp, Split& split, const Instruction& i, uint32_t mask, int& budget) {
  if (mask == 0) {
    ++split.pc;
    return true;
  }
  if (mask != split.mask && i.kind != Kind::branch) {
    // The lanes that the guard leaves out go on alone.
    const Split others{split.pc + 1, split.mask & ~mask, Split::State::ready, 0};
    split.mask = mask;
    warp.splits.push_back(others);  // invalidates split
    return false;
  }
  switch (i.kind) {
    case Kind::plain: break;
    case Kind::branch: {
      const bool back = i.target <= split.pc;
      if (mask == split.mask) {
        split.pc = i.target;
        if (back && --budget <= 0) split.state = Split::State::rested;
        return false;
      }
      const Split taken{i.target, mask, back && --budget <= 0 ? Split::State::rested : Split::State::ready, 0};
      split.mask &= ~mask;
      ++split.pc;
      warp.splits.push_back(taken);
      return false;
    }
    case Kind::branch_table: {
      const uint32_t* index = warp.row<uint32_t>(i.op[0]);
      const uint32_t chosen = index[first_lane(mask)];
      if (chosen >= i.count) throw LaneFault{kLaunchFailure, first_lane(mask), "brx.idx beyond its table"};
      uint32_t same = 0;
      for (uint32_t lane = 0; lane < 32; ++lane) same |= static_cast<uint32_t>(index[lane] == chosen) << lane;
      const Split rest{split.pc, split.mask & ~same, Split::State::ready, 0};
      split.mask &= same;
      split.pc = i.list[chosen];
      if (rest.mask != 0) warp.splits.push_back(rest);
      return false;
    }
    case Kind::leave:
      split.mask = 0;
      split.pc = kNever;
      split.state = Split::State::at_barrier, split.barrier = 0xff;  // matches no barrier
      leave(warp, mask);
      for (Split& other : warp.splits) {
        if (other.state == Split::State::synchronising) other.state = Split::State::ready;  // they may have waited for these lanes
      }
      std::erase_if(warp.splits, [](const Split& s) { return s.mask == 0; });
      return false;
    case Kind::collective:
    case Kind::warp_barrier: return synchronise(warp, split, i, mask);
    case Kind::aligned:
      if (mask != kAllLanes) {
        // A split that others may still join waits for them.
        if ((mask | warp.left) != kAllLanes && warp.splits.size() > 1) {
          split.state = Split::State::synchronising;
          return false;
        }
        throw LaneFault{kLaunchFailure, first_lane(mask), "an .aligned instruction needs all 32 lanes; active are those of mask " + hex(mask)};
      }
      i.handler(warp, i, mask);
      ++split.pc;
      return true;
    case Kind::barrier:
    case Kind::arrive: arrive(warp, split, i, mask); return false;
    case Kind::pause:
      ++split.pc;
      split.state = Split::State::rested;
      return false;
  }
  return false;
}

// Members are the lanes that the active ones name; all must be here.
bool Block::synchronise(Warp& warp, Split& split, const Instruction& i, uint32_t mask) {
  const uint32_t* members = warp.row<uint32_t>(i.op[i.mask_operand]);
  uint32_t need = 0;
  for (uint32_t lane = 0; lane < 32; ++lane) {
    if (!(mask >> lane & 1)) continue;
    need |= members[lane];
    if (!(members[lane] >> lane & 1)) throw LaneFault{kLaunchFailure, lane, "the lane is not in its own member mask " + hex(members[lane])};
  }
  need &= ~warp.left;
  if ((need & ~mask) == 0) {
    if (i.kind == Kind::collective) i.handler(warp, i, mask);
    ++split.pc;
    return true;
  }
  split.state = Split::State::synchronising;
  if (i.kind == Kind::warp_barrier) release_warp_barrier(warp);
  return false;
}

// bar.warp.sync: lanes may meet from different lines. Releases those splits whose members all wait at one.
bool Block::release_warp_barrier(Warp& warp) {
  uint32_t waiting = 0;
  const auto waits = [&](const Split& split) {
    return split.state == Split::State::synchronising && program.code[split.pc].kind == Kind::warp_barrier;
  };
  for (const Split& split : warp.splits) {
    if (waits(split)) waiting |= split.mask;
  }
  const auto missing = [&](const Split& split) {
    const uint32_t* members = warp.row<uint32_t>(program.code[split.pc].op[0]);
    uint32_t need = 0;
    for (uint32_t lane = 0; lane < 32; ++lane) need |= split.mask >> lane & 1 ? members[lane] : 0;
    return need & ~warp.left & ~waiting;
  };
  bool released = false;
  for (Split& split : warp.splits) {
    if (!waits(split) || missing(split) != 0) continue;
    split.state = Split::State::ready;
    ++split.pc;
    released = true;
  }
  return released;
}

}  // namespace yoke::emulator
