// A kernel as the interpreter runs it: instructions whose handlers and operands were resolved when the module was loaded.
//
// A warp's file holds rows of 32 lanes: constants and special registers (made once a warp), then registers. A row of up to 32-bit values
// is 32 words, one of 64-bit values is 64. Operands are word offsets into the file. Values of 8 and 16 bits have any bits above them:
// every reader cuts them off. Predicates are masks with one bit a lane, in a file of their own.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <string>
#include <vector>

#include "tests/emulator/ptx/emulator.h"
#include "tests/emulator/ptx/syntax.h"

namespace yoke::emulator {

struct Warp;
struct Instruction;
inline constexpr uint32_t kAllLanes = ~uint32_t{0};

// Executes for the lanes of mask, never empty. Throws LaneFault.
using Handler = void (*)(Warp& warp, const Instruction& instruction, uint32_t mask);

enum class Kind : uint8_t {
  plain,         // handler, go on
  branch,        // to target
  branch_table,  // list holds the targets, op[0] the index
  leave,         // ret, exit
  collective,    // shfl, vote, ...: op[mask_operand] has the member masks; handler
  warp_barrier,  // bar.warp.sync: the same without handler, may be met at different lines
  aligned,       // needs the whole warp: mma, ldmatrix; handler
  barrier,       // bar.sync, bar.red: op[0] id, op[1] threads (a constant row of 0: all)
  arrive,        // bar.arrive
  pause,         // nanosleep: others go first
};

enum class Reduction : uint8_t { none, all, any, count };  // of bar.red

// The value of constant predicates; predicate 1 swallows what nobody reads.
inline constexpr uint32_t kTruePredicate = 0, kSinkPredicate = 1;

struct Instruction {
  Handler handler = nullptr;
  const uint32_t* list = nullptr;  // registers of vector operands, targets of a table
  std::array<uint32_t, 8> op{};
  uint32_t address = 0, second_address = 0;  // rows
  int32_t offset = 0, second_offset = 0;     // are added to them
  uint32_t guard = kTruePredicate, guard_flip = 0;  // flip: 0 or kAllLanes
  uint32_t target = 0;
  uint32_t line = 0;
  Kind kind = Kind::plain;
  Space space = Space::generic;
  bool narrow_address = false, second_narrow = false;  // the address register has 32 bits
  uint8_t count = 0;         // of list
  uint8_t mask_operand = 0;  // of a collective
  Reduction reduction = Reduction::none;
  uint16_t detail = 0;       // a number that the form has (lop3's table, cp.async's bytes, ...)
};

enum class Special : uint8_t {
  tid_x, tid_y, tid_z, ntid_x, ntid_y, ntid_z, ctaid_x, ctaid_y, ctaid_z, nctaid_x, nctaid_y, nctaid_z, laneid, warpid, nwarpid,
  lanemask_eq, lanemask_lt, lanemask_le, lanemask_gt, lanemask_ge, smid, nsmid, gridid, dynamic_shared, total_shared, zero, one,
};

struct Program {
  std::string name;
  std::vector<Instruction> code;  // ends with a leave
  std::deque<std::vector<uint32_t>> lists;
  std::vector<uint32_t> constants;  // the file's first words
  struct SpecialRow {
    Special special;
    uint32_t offset;
    bool wide;
  };
  std::vector<SpecialRow> specials;
  uint32_t file_words = 0, predicates = 2;
  std::vector<Parameter> parameters;
  uint32_t param_bytes = 0, static_shared = 0, shared_alignment = 16, local_bytes = 0, max_threads = 1024;
  std::vector<std::string> unknown_forms;
  const std::vector<std::string>* text = nullptr;          // lines of the module
  const std::vector<Variable>* variables = nullptr;        // of the module, ascending by address
  std::string instruction_text(uint32_t line) const;
};

}  // namespace yoke::emulator
