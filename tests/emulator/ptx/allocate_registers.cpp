// Linear scan over liveness. Each lane has cells of its own in a row and a lane that is off keeps what its cells hold, so lanes that have
// parted do not disturb each other's registers: liveness along the paths that one lane can take is enough.
#include <algorithm>
#include <queue>
#include <set>

#include "tests/emulator/ptx/compile.h"

namespace yoke::emulator {
namespace {

using Bits = std::vector<uint64_t>;

bool has(const Bits& bits, uint32_t i) { return bits[i / 64] >> i % 64 & 1; }
void set(Bits& bits, uint32_t i) { bits[i / 64] |= uint64_t{1} << i % 64; }

struct BasicBlock {
  uint32_t begin = 0, end = 0;  // instructions
  std::vector<uint32_t> next;
  Bits reads, writes, live_in, live_out;  // reads: before any write within the block
};

std::vector<BasicBlock> flow_of(const std::vector<Instruction>& code, uint32_t registers) {
  std::set<uint32_t> leaders{0};
  const auto size = static_cast<uint32_t>(code.size());
  for (uint32_t p = 0; p < size; ++p) {
    const Instruction& i = code[p];
    if (i.kind == Kind::branch) leaders.insert(i.target);
    if (i.kind == Kind::branch_table) leaders.insert(i.list, i.list + i.count);
    if (i.kind == Kind::branch || i.kind == Kind::branch_table || i.kind == Kind::leave) leaders.insert(p + 1);
  }
  leaders.erase(leaders.lower_bound(size), leaders.end());
  std::vector<BasicBlock> blocks(leaders.size());
  std::vector<uint32_t> block_at(size + 1, 0);
  uint32_t index = 0;
  for (const uint32_t leader : leaders) blocks[index].begin = leader, block_at[leader] = index, ++index;
  for (uint32_t b = 0; b < blocks.size(); ++b) {
    BasicBlock& block = blocks[b];
    block.end = b + 1 < blocks.size() ? blocks[b + 1].begin : size;
    block.reads = block.writes = block.live_in = block.live_out = Bits((registers + 63) / 64);
    const Instruction& last = code[block.end - 1];
    const bool always = last.guard == kTruePredicate;
    if (last.kind == Kind::branch) block.next.push_back(block_at[last.target]);
    if (last.kind == Kind::branch_table) {
      for (uint32_t k = 0; k < last.count; ++k) block.next.push_back(block_at[last.list[k]]);
    }
    const bool leaves_always = always && (last.kind == Kind::branch || last.kind == Kind::branch_table || last.kind == Kind::leave);
    if (!leaves_always && b + 1 < blocks.size()) block.next.push_back(b + 1);
  }
  return blocks;
}

void find_liveness(std::vector<BasicBlock>& blocks) {
  for (bool changed = true; changed;) {
    changed = false;
    for (auto block = blocks.rbegin(); block != blocks.rend(); ++block) {
      for (size_t w = 0; w < block->live_out.size(); ++w) {
        uint64_t out = 0;
        for (const uint32_t next : block->next) out |= blocks[next].live_in[w];
        const uint64_t in = block->reads[w] | (out & ~block->writes[w]);
        changed |= in != block->live_in[w];
        block->live_out[w] = out, block->live_in[w] = in;
      }
    }
  }
}

// In half instructions: reads at 2p, writes at 2p + 1, so that a result may take the row of a source that ends there.
struct Interval {
  uint32_t reg = 0, first = ~uint32_t{0}, last = 0;
  void include(uint32_t at) { first = std::min(first, at), last = std::max(last, at); }
};

std::vector<Interval> intervals_of(const std::vector<RegisterUse>& uses, std::vector<BasicBlock>& blocks, uint32_t registers) {
  std::vector<Interval> intervals(registers);
  for (uint32_t reg = 0; reg < registers; ++reg) intervals[reg].reg = reg;
  std::vector<RegisterUse> ordered(uses);
  std::stable_sort(ordered.begin(), ordered.end(), [](const RegisterUse& a, const RegisterUse& b) {
    return 2 * a.position + a.defines < 2 * b.position + b.defines;
  });
  size_t b = 0;
  for (const RegisterUse& use : ordered) {
    while (use.position >= blocks[b].end) ++b;
    if (!use.defines && !has(blocks[b].writes, use.reg)) set(blocks[b].reads, use.reg);
    if (use.defines && use.whole) set(blocks[b].writes, use.reg);
    intervals[use.reg].include(2 * use.position + use.defines);
  }
  find_liveness(blocks);
  for (const BasicBlock& block : blocks) {
    for (uint32_t reg = 0; reg < registers; ++reg) {
      if (has(block.live_in, reg)) intervals[reg].include(2 * block.begin);
      if (has(block.live_out, reg)) intervals[reg].include(2 * block.end - 1);
    }
  }
  return intervals;
}

}  // namespace

uint32_t allocate_registers(const std::vector<RegisterUse>& uses, const std::vector<Width>& widths, const std::vector<Instruction>& code, uint32_t first) {
  const auto registers = static_cast<uint32_t>(widths.size());
  auto blocks = flow_of(code, registers);
  std::vector<Interval> intervals = intervals_of(uses, blocks, registers);
  std::erase_if(intervals, [](const Interval& interval) { return interval.first > interval.last; });
  std::sort(intervals.begin(), intervals.end(), [](const Interval& a, const Interval& b) { return a.first < b.first; });
  std::vector<uint32_t> rows(registers, 0);
  using Ending = std::pair<uint32_t, uint32_t>;  // last, register
  std::priority_queue<Ending, std::vector<Ending>, std::greater<>> running;
  std::vector<uint32_t> free[2];  // rows of words and of wides are never exchanged: a row is in place or apart
  uint32_t next = first;
  for (const Interval& interval : intervals) {
    while (!running.empty() && running.top().first < interval.first) {
      free[widths[running.top().second] == Width::wide].push_back(rows[running.top().second]);
      running.pop();
    }
    const bool wide = widths[interval.reg] == Width::wide;
    if (free[wide].empty()) {
      rows[interval.reg] = next;
      next += wide ? 64 : 32;
    } else {
      rows[interval.reg] = free[wide].back();
      free[wide].pop_back();
    }
    running.emplace(interval.last, interval.reg);
  }
  for (const RegisterUse& use : uses) *use.place = rows[use.reg];
  return next;
}

}  // namespace yoke::emulator
