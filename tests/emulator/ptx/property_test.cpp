// Random straight-line programs: a lane's results depend neither on which other lanes are active nor on how rows are shared.
#include <random>

#include "tests/emulator/ptx/fixture.h"

namespace yoke::emulator {
namespace {

class Generator {
 public:
  explicit Generator(uint32_t seed) : random_(seed) {}

  // Begins and ends with the 20 word and 8 wide registers alive.
  std::string program() {
    std::string text = "mov.b32 %r0, %ra;\nmov.b64 %d0, %b;\n";
    for (int i = 1; i < 20; ++i) text += "add.u32 %r" + std::to_string(i) + ", %ra, " + std::to_string(random_()) + ";\n";
    for (int i = 1; i < 8; ++i) text += "xor.b64 %d" + std::to_string(i) + ", %b, " + std::to_string(random_()) + ";\n";
    for (int i = 0; i < 60; ++i) text += "  " + step();
    return text;
  }

  std::string digest() const {
    std::string text = "mov.u64 %d9, 0;\n";
    for (int i = 0; i < 20; ++i) text += "cvt.u64.u32 %d8, %r" + std::to_string(i) + ";\nmad.lo.u64 %d9, %d9, 1099511628211, %d8;\n";
    for (int i = 0; i < 8; ++i) text += "mad.lo.u64 %d9, %d9, 1099511628211, %d" + std::to_string(i) + ";\n";
    return text;
  }

 private:
  uint32_t below(uint32_t n) { return static_cast<uint32_t>(random_() % n); }
  std::string r() { return "%r" + std::to_string(below(20)); }
  std::string d() { return "%d" + std::to_string(below(8)); }
  std::string p() { return "%p" + std::to_string(2 + below(4)); }

  std::string step() {
    static const char* const kWords[] = {"add.u32", "sub.s32", "mul.lo.u32", "mul.hi.s32", "and.b32", "or.b32", "xor.b32", "min.s32", "max.u32",
                                         "shl.b32", "shr.s32", "div.u32", "rem.s32", "add.f32", "mul.rn.f32", "min.f32", "add.f16x2", "mul.bf16x2",
                                         "cvt.rn.bf16x2.f32", "cvt.rn.f16x2.f32"};
    static const char* const kThree[] = {"mad.lo.u32", "fma.rn.f32", "prmt.b32", "shf.l.wrap.b32", "dp4a.s32.s32", "fma.rn.f16x2", "bfe.u32"};
    static const char* const kWides[] = {"add.u64", "mul.lo.u64", "xor.b64", "max.s64", "add.f64", "div.u64"};
    std::string guard = below(3) == 0 ? (below(2) ? "@" : "@!") + p() + " " : "";
    switch (below(9)) {
      case 0: return "setp.lt.and.u32 " + p() + "|" + p() + ", " + r() + ", " + r() + ", !" + p() + ";\n";
      case 1: return guard + kThree[below(std::size(kThree))] + " " + r() + ", " + r() + ", " + r() + ", " + r() + ";\n";
      case 2: return guard + kWides[below(std::size(kWides))] + " " + d() + ", " + d() + ", " + d() + ";\n";
      case 3: return guard + "mul.wide.u32 " + d() + ", " + r() + ", " + r() + ";\n";
      case 4: return guard + "mov.b64 {" + r() + ", " + r() + "}, " + d() + ";\n";
      case 5: return guard + "mov.b64 " + d() + ", {" + r() + ", " + r() + "};\n";
      case 6: return guard + "selp.b32 " + r() + ", " + r() + ", " + r() + ", " + p() + ";\n";
      default: return guard + kWords[below(std::size(kWords))] + " " + r() + ", " + r() + ", " + r() + ";\n";
    }
  }

  std::mt19937_64 random_;
};

std::string defined_predicates() {
  std::string text;
  for (int i = 2; i < 6; ++i) text += "setp.gt.u32 %p" + std::to_string(i) + ", %ra, " + std::to_string(i * 700000000u) + ";\n";
  return text;
}

TEST(PtxProperty, ALaneComputesTheSameAloneInCompanyAndUnderAGuard) {
  for (uint32_t seed = 1; seed <= 40; ++seed) {
    Generator generator(seed);
    const std::string program = defined_predicates() + generator.program() + generator.digest();
    std::mt19937_64 random(seed);
    std::vector<Sources> sources(32);
    for (Sources& s : sources) s = {random(), random(), random()};
    const auto together = lanes_of(program, sources);
    for (const uint32_t mask : {0x55555555u, 0x00010000u, 0xfffffffeu, static_cast<uint32_t>(random())}) {
      const std::string some = "mov.u32 %r0, %lanemask_eq;\nand.b32 %r0, %r0, " + std::to_string(mask) + ";\nsetp.eq.u32 %p1, %r0, 0;\n@%p1 bra REST;\n" + program +
                               "bra END;\nREST:\n" + program + "END:\n";
      const auto parted = lanes_of(some, sources);
      ASSERT_EQ(together, parted) << "seed " << seed << " mask " << mask << "\n" << program;
    }
  }
}

}  // namespace
}  // namespace yoke::emulator
