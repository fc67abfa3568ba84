#include "tests/emulator/ptx/compile.h"

namespace yoke::emulator {

uint32_t allocate_registers(const std::vector<RegisterUse>& uses, const std::vector<Width>& widths, const std::vector<Instruction>&, uint32_t first) {
  std::vector<uint32_t> rows(widths.size(), 0);
  uint32_t next = first;
  for (const RegisterUse& use : uses) {
    if (rows[use.reg] == 0) {
      rows[use.reg] = next;
      next += widths[use.reg] == Width::wide ? 64 : 32;
    }
    *use.place = rows[use.reg];
  }
  return next;
}

}  // namespace yoke::emulator
