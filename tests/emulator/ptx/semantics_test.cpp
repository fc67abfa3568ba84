// What an instruction does at the edges, by small texts.
#include <cmath>
#include <limits>

#include "tests/emulator/ptx/fixture.h"
#include "tests/emulator/ptx/number_formats.h"

namespace yoke::emulator {
namespace {

constexpr float kInfinity = std::numeric_limits<float>::infinity();
const float kNan = std::numeric_limits<float>::quiet_NaN();

TEST(PtxSemantics, ShiftsByTheWidthAndMoreEmptyTheRegisterAndKeepTheSign) {
  EXPECT_EQ(word_of("shl.b32 %r9, %ra, %rb;", 0xffffffff, 32), 0u);
  EXPECT_EQ(word_of("shl.b32 %r9, %ra, %rb;", 0xffffffff, 31), 0x80000000u);
  EXPECT_EQ(word_of("shr.u32 %r9, %ra, %rb;", 0xffffffff, 40), 0u);
  EXPECT_EQ(word_of("shr.s32 %r9, %ra, %rb;", 0x80000000, 77), 0xffffffffu);
  EXPECT_EQ(wide_of("shl.b64 %d9, %a, %rb;", 1, 63), uint64_t{1} << 63);
  EXPECT_EQ(wide_of("shr.s64 %d9, %a, %rb;", uint64_t{1} << 63, 64), ~uint64_t{0});
  EXPECT_EQ(wide_of("shl.b64 %d9, %a, %rb;", 1, 64), 0u);
}

TEST(PtxSemantics, FunnelShiftsWrapOrClamp) {
  EXPECT_EQ(word_of("shf.l.wrap.b32 %r9, %ra, %rb, %rc;", 0x80000001, 0x12345678, 4), 0x23456788u);
  EXPECT_EQ(word_of("shf.l.wrap.b32 %r9, %ra, %rb, %rc;", 5, 7, 32), 7u);
  EXPECT_EQ(word_of("shf.l.clamp.b32 %r9, %ra, %rb, %rc;", 5, 7, 99), 5u);
  EXPECT_EQ(word_of("shf.r.wrap.b32 %r9, %ra, %rb, %rc;", 0x80000001, 0x12345678, 4), 0x88000000u);
  EXPECT_EQ(word_of("shf.r.clamp.b32 %r9, %ra, %rb, %rc;", 5, 7, 32), 7u);
}

TEST(PtxSemantics, IntegerProductsAndQuotients) {
  EXPECT_EQ(word_of("mul.hi.u32 %r9, %ra, %rb;", 0xffffffff, 0xffffffff), 0xfffffffeu);
  EXPECT_EQ(word_of("mul.hi.s32 %r9, %ra, %rb;", 0xffffffff, 0xffffffff), 0u);
  EXPECT_EQ(wide_of("mul.wide.s32 %d9, %ra, %rb;", 0xffffffff, 3), uint64_t(-3));
  EXPECT_EQ(wide_of("mul.hi.u64 %d9, %a, %b;", ~uint64_t{0}, ~uint64_t{0}), ~uint64_t{0} - 1);
  EXPECT_EQ(word_of("div.s32 %r9, %ra, %rb;", uint32_t(-7), 2), uint32_t(-3));
  EXPECT_EQ(word_of("rem.s32 %r9, %ra, %rb;", uint32_t(-7), 2), uint32_t(-1));
  EXPECT_EQ(word_of("div.s32 %r9, %ra, %rb;", 0x80000000, uint32_t(-1)), 0x80000000u) << "must not trap on the host";
  EXPECT_EQ(word_of("div.u32 %r9, %ra, %rb;", 5, 0), 0xffffffffu) << "must not trap on the host";
  EXPECT_EQ(word_of("add.cc.u32 %r1, %ra, %ra;\naddc.u32 %r9, %rb, 0;", 0x80000000, 5), 6u);
  EXPECT_EQ(word_of("sub.cc.u32 %r1, %ra, %rb;\nsubc.u32 %r9, %rc, 0;", 1, 2, 7), 6u);
}

TEST(PtxSemantics, BitFieldsAndCounts) {
  EXPECT_EQ(word_of("bfe.u32 %r9, %ra, 4, 8;", 0xabcdef12), 0xf1u);
  EXPECT_EQ(word_of("bfe.s32 %r9, %ra, 4, 8;", 0xabcdef12), 0xfffffff1u);
  EXPECT_EQ(word_of("bfe.s32 %r9, %ra, 28, 8;", 0xabcdef12), 0xfffffffau);
  EXPECT_EQ(word_of("bfi.b32 %r9, %ra, %rb, 8, 4;", 0xff, 0), 0xf00u);
  EXPECT_EQ(word_of("bfind.u32 %r9, %ra;", 0), 0xffffffffu);
  EXPECT_EQ(word_of("bfind.s32 %r9, %ra;", 0xfffffff0), 3u);
  EXPECT_EQ(word_of("bfind.shiftamt.u32 %r9, %ra;", 1), 31u);
  EXPECT_EQ(word_of("brev.b32 %r1, %ra;\nbfind.shiftamt.u32 %r9, %r1;", 0x50), 4u) << "__ffs - 1";
  EXPECT_EQ(word_of("clz.b32 %r9, %ra;", 0), 32u);
  EXPECT_EQ(word_of("popc.b64 %r9, %a;", 0xf0f0), 8u);
  EXPECT_EQ(word_of("prmt.b32 %r9, %ra, %rb, 0x5410;", 0x03020100, 0x07060504), 0x05040100u);
  EXPECT_EQ(word_of("prmt.b32 %r9, %ra, %rb, 0xb8;", 0x80000080, 0), 0x8080ffffu) << "nibble 8: the sign of byte 0, nibble b: of byte 3";
  EXPECT_EQ(word_of("lop3.b32 %r9, %ra, %rb, %rc, 0xca;", 0xff00ff00, 0x12345678, 0x9abcdef0), 0x12bc56f0u);
  EXPECT_EQ(word_of("dp4a.s32.s32 %r9, %ra, %rb, %rc;", 0xff020304, 0x01010101, 10), 18u);
  EXPECT_EQ(word_of("dp4a.u32.u32 %r9, %ra, %rb, %rc;", 0xff020304, 0x01010101, 10), 274u);
}

TEST(PtxSemantics, OrderedComparisonsAreFalseOnNanAndUnorderedOnesTrue) {
  const auto compare = [](const std::string& name, float a, float b) {
    return word_of("setp." + name + ".f32 %p1, %ra, %rb;\nselp.b32 %r9, 1, 0, %p1;", bits(a), bits(b));
  };
  for (const char* name : {"eq", "ne", "lt", "le", "gt", "ge", "num"}) EXPECT_EQ(compare(name, kNan, 1), 0u) << name;
  for (const char* name : {"equ", "neu", "ltu", "leu", "gtu", "geu", "nan"}) EXPECT_EQ(compare(name, kNan, 1), 1u) << name;
  EXPECT_EQ(compare("eq", 0.0f, -0.0f), 1u);
  EXPECT_EQ(compare("ne", 1, 2), 1u);
  EXPECT_EQ(compare("ltu", 1, 2), 1u);
  EXPECT_EQ(compare("geu", 1, 2), 0u);
}

TEST(PtxSemantics, SetpCombinesAndNegates) {
  EXPECT_EQ(word_of("setp.ne.u32 %p3, 0, 0;\nsetp.lt.or.u32 %p1|%p2, %ra, %rb, !%p3;\nselp.b32 %r1, 1, 0, %p1;\nselp.b32 %r2, 2, 0, %p2;\nadd.u32 %r9, %r1, %r2;", 5, 3), 3u);
  EXPECT_EQ(word_of("setp.lt.s32 %p1|%p2, %ra, %rb;\nselp.b32 %r1, 1, 0, %p1;\nselp.b32 %r2, 2, 0, %p2;\nadd.u32 %r9, %r1, %r2;", uint32_t(-5), 3), 1u);
  EXPECT_EQ(word_of("setp.lo.u32 %p1, %ra, %rb;\nselp.b32 %r9, 1, 0, %p1;", uint32_t(-5), 3), 0u);
}

TEST(PtxSemantics, MinAndMaxPreferNumbersAndOrderTheZeros) {
  EXPECT_EQ(word_of("min.f32 %r9, %ra, %rb;", bits(kNan), bits(2.0f)), bits(2.0f));
  EXPECT_EQ(word_of("max.f32 %r9, %ra, %rb;", bits(2.0f), bits(kNan)), bits(2.0f));
  EXPECT_EQ(word_of("max.NaN.f32 %r9, %ra, %rb;", bits(2.0f), bits(kNan)), 0x7fffffffu);
  EXPECT_EQ(word_of("min.f32 %r9, %ra, %rb;", bits(0.0f), bits(-0.0f)), bits(-0.0f));
  EXPECT_EQ(word_of("max.f32 %r9, %ra, %rb;", bits(-0.0f), bits(0.0f)), bits(0.0f));
  EXPECT_EQ(word_of("max.f32 %r9, %ra, %rb, %rc;", bits(1.0f), bits(3.0f), bits(2.0f)), bits(3.0f));
}

TEST(PtxSemantics, FloatsBecomeIntegersWithSaturationAndNanIsZero) {
  EXPECT_EQ(word_of("cvt.rzi.s32.f32 %r9, %ra;", bits(-2.9f)), uint32_t(-2));
  EXPECT_EQ(word_of("cvt.rmi.s32.f32 %r9, %ra;", bits(-2.1f)), uint32_t(-3));
  EXPECT_EQ(word_of("cvt.rni.s32.f32 %r9, %ra;", bits(2.5f)), 2u);
  EXPECT_EQ(word_of("cvt.rzi.s32.f32 %r9, %ra;", bits(3e9f)), 0x7fffffffu);
  EXPECT_EQ(word_of("cvt.rzi.s32.f32 %r9, %ra;", bits(-kInfinity)), 0x80000000u);
  EXPECT_EQ(word_of("cvt.rzi.s32.f32 %r9, %ra;", bits(kNan)), 0u);
  EXPECT_EQ(word_of("cvt.rzi.u32.f32 %r9, %ra;", bits(-1.0f)), 0u);
  EXPECT_EQ(wide_of("cvt.rzi.u64.f32 %d9, %ra;", bits(kInfinity)), ~uint64_t{0});
  EXPECT_EQ(word_of("cvt.rn.f32.s32 %r9, %ra;", 0x7fffffff), bits(2147483648.0f));
  EXPECT_EQ(word_of("cvt.rz.f32.u32 %r9, %ra;", 0xffffffff), bits(4294967040.0f));
  EXPECT_EQ(word_of("cvt.rni.f32.f32 %r9, %ra;", bits(-0.5f)), bits(-0.0f));
}

TEST(PtxSemantics, IntegerConversionsCutAndExtend) {
  EXPECT_EQ(word_of("cvt.s32.s8 %r9, %ra;", 0x1280), 0xffffff80u);
  EXPECT_EQ(word_of("cvt.u32.u8 %r9, %ra;", 0x1280), 0x80u);
  EXPECT_EQ(wide_of("cvt.s64.s32 %d9, %ra;", 0x80000000), 0xffffffff80000000u);
  EXPECT_EQ(word_of("cvt.s8.s32 %r9, %ra;", 0x1280), 0xffffff80u) << "extended to the register";
  EXPECT_EQ(word_of("cvt.sat.u8.s32 %r9, %ra;", uint32_t(-4)), 0u);
  EXPECT_EQ(word_of("cvt.sat.s8.s32 %r9, %ra;", 1000), 127u);
}

TEST(PtxSemantics, OfTwoConvertedFloatsTheFirstGoesToTheHighHalf) {
  EXPECT_EQ(word_of("cvt.rn.bf16x2.f32 %r9, %ra, %rb;", bits(1.0f), bits(2.0f)), 0x3f804000u);
  EXPECT_EQ(word_of("cvt.rn.f16x2.f32 %r9, %ra, %rb;", bits(1.0f), bits(2.0f)), 0x3c004000u);
  EXPECT_EQ(word_of("cvt.rn.satfinite.e4m3x2.f32 %h1, %ra, %rb;\ncvt.u32.u16 %r9, %h1;", bits(1.0f), bits(2.0f)), 0x3840u);
  const std::string e2m1 = "{ .reg .b8 %s; cvt.rn.satfinite.e2m1x2.f32 %s, %ra, %rb; mov.b32 %r9, {%s, %s, %s, %s}; }";
  EXPECT_EQ(word_of(e2m1, bits(1.0f), bits(6.0f)), 0x27272727u);
  EXPECT_EQ(word_of("{ .reg .b8 %s, %x; mov.b32 {%s, %x, _, _}, %ra; cvt.rn.f16x2.e2m1x2 %r9, %x; }", 0x2700), 0x3c004600u);
}

TEST(PtxSemantics, MovListsTheLowestFirst) {
  EXPECT_EQ(word_of("mov.b32 {%h1, %h2}, %ra;\nmov.b32 %r9, {%h2, %h1};", 0x12345678), 0x56781234u);
  EXPECT_EQ(wide_of("mov.b64 {%r1, %r2}, %a;\nmov.b64 %d9, {%r2, %r1};", 0x1234567890abcdef), 0x90abcdef12345678u);
  EXPECT_EQ(word_of("mov.b64 {_, %r9}, %a;", 0) + wide_of("mov.b64 {_, %r1}, %a;\ncvt.u64.u32 %d9, %r1;", 0x500000000), 5u);
}

TEST(PtxSemantics, Bf16RoundsToNearestEvenAndNanBecomesCanonical) {
  const auto bf16 = [](uint32_t a) { return word_of("cvt.rn.bf16.f32 %h1, %ra;\ncvt.u32.u16 %r9, %h1;", a); };
  EXPECT_EQ(bf16(0x3f808000), 0x3f80u);
  EXPECT_EQ(bf16(0x3f818000), 0x3f82u);
  EXPECT_EQ(bf16(0x3f808001), 0x3f81u);
  EXPECT_EQ(bf16(0x7f800001), 0x7fffu);
  EXPECT_EQ(bf16(0x7f7fffff), 0x7f80u);
}

TEST(PtxSemantics, HalfArithmeticRoundsOnce) {
  // 1 + 2^-11 + 2^-24: through f32 the product's tail would be lost and the tie go down.
  EXPECT_EQ(word_of("fma.rn.f16x2 %r9, %ra, %rb, %rc;", 0x3c013c01, 0x10001000, 0x3c003c00) & 0xffff, 0x3c01u);
  EXPECT_EQ(word_of("add.f16x2 %r9, %ra, %rb;", 0x3c004000, 0x3c003c00), 0x40004200u);
  EXPECT_EQ(word_of("add.rn.bf16x2 %r9, %ra, %rb;", 0x3f804000, 0x3f803f80), 0x40004040u);
  EXPECT_EQ(word_of("max.bf16x2 %r9, %ra, %rb;", 0x7fff4000, 0x3f803f80), 0x3f804000u);
  EXPECT_EQ(word_of("mul.f16x2 %r9, %ra, %rb;", 0x7bff3c00, 0x7bff3c00), 0x7c003c00u);
}

TEST(PtxSemantics, FloatArithmeticIsNeverFusedAndFmaAlwaysIs) {
  const float a = 1 + 0x1p-12f, c = -1;
  EXPECT_EQ(word_of("mul.rn.f32 %r1, %ra, %ra;\nadd.rn.f32 %r9, %r1, %rc;", bits(a), 0, bits(c)), bits(0x1p-11f));
  EXPECT_EQ(word_of("fma.rn.f32 %r9, %ra, %ra, %rc;", bits(a), 0, bits(c)), bits(0x1p-11f + 0x1p-24f));
  EXPECT_EQ(word_of("add.rz.f32 %r9, %ra, %rb;", bits(1.0f), bits(-0x1p-40f)), bits(1 - 0x1p-24f));
  EXPECT_EQ(word_of("add.rp.f32 %r9, %ra, %rb;", bits(1.0f), bits(0x1p-40f)), bits(1 + 0x1p-23f));
  EXPECT_EQ(word_of("div.rn.f32 %r9, %ra, %rb;", bits(1.0f), bits(3.0f)), bits(1.0f / 3.0f));
  EXPECT_EQ(word_of("sqrt.rn.f32 %r9, %ra;", bits(2.0f)), bits(std::sqrt(2.0f)));
  EXPECT_EQ(word_of("add.f32 %r9, %ra, %rb;", bits(kInfinity), bits(-kInfinity)), 0x7fffffffu);
  EXPECT_EQ(word_of("add.sat.f32 %r9, %ra, %rb;", bits(kNan), bits(0.0f)), 0u);
}

TEST(PtxSemantics, FlushingToZeroKeepsTheSign) {
  EXPECT_EQ(word_of("add.ftz.f32 %r9, %ra, %rb;", 0x80000001, bits(-0.0f)), 0x80000000u);
  EXPECT_EQ(word_of("add.f32 %r9, %ra, %rb;", 0x80000001, bits(-0.0f)), 0x80000001u);
  EXPECT_EQ(word_of("mul.ftz.f32 %r9, %ra, %rb;", bits(0x1p-100f), bits(0x1p-40f)), 0u);
  EXPECT_EQ(word_of("ex2.approx.ftz.f32 %r9, %ra;", bits(-140.0f)), 0u);
  EXPECT_EQ(word_of("ex2.approx.f32 %r9, %ra;", bits(3.0f)), bits(8.0f));
}

TEST(PtxSemantics, NoiseStaysWithinTheDocumentedErrorAndMovesResults) {
  Options noisy;
  noisy.noise_seed = 7;
  int moved = 0;
  const auto lanes = lanes_of("cvt.rn.f32.u32 %f1, %t;\nex2.approx.f32 %f2, %f1;\nadd.f32 %f1, %f1, 0f3F000000;\nrsqrt.approx.f32 %f3, %f1;\nmov.b64 %d9, {%f2, %f3};", {}, "", "", noisy);
  for (uint32_t lane = 0; lane < 32; ++lane) {
    const auto power = std::bit_cast<float>(static_cast<uint32_t>(lanes[lane])), root = std::bit_cast<float>(static_cast<uint32_t>(lanes[lane] >> 32));
    const double exact_power = std::exp2(lane), exact_root = 1 / std::sqrt(lane + 0.5);
    EXPECT_LE(std::fabs(power - exact_power), exact_power * 0x1.8p-22);
    EXPECT_LE(std::fabs(root - exact_root), exact_root * 0x1.8p-22);
    moved += power != static_cast<float>(exact_power);
  }
  EXPECT_GT(moved, 10);
}

// What is done for many lanes at once against the plain functions: every f16 and bf16, and products of many bf16.
TEST(PtxSemantics, QuickHalvesEqualThePlainOnes) {
  const std::string text = kernel_of("cvt.u16.u32 %h1, %ra;\ncvt.f32.f16 %r1, %h1;\ncvt.f32.bf16 %r2, %h1;\nmov.b64 %d9, {%r1, %r2};");
  const auto tidy = [](float value) { return std::isnan(value) ? 0x7fffffffu : bits(value); };
  for (uint32_t base = 0; base < 65536; base += 1024) {
    std::vector<Sources> sources(1024);
    for (uint32_t i = 0; i < 1024; ++i) sources[i].a = base + i;
    const Outcome outcome = run_text(text, sources, {}, {}, 1024);
    ASSERT_FALSE(outcome.fault) << outcome.fault->text;
    for (uint32_t i = 0; i < 1024; ++i) {
      const auto code = static_cast<uint16_t>(base + i);
      ASSERT_EQ(outcome.lanes[i], tidy(f16_to_f32(code)) | uint64_t{tidy(bf16_to_f32(code))} << 32) << code;
    }
  }
  const std::string arithmetic = kernel_of("mul.rn.bf16x2 %r1, %ra, %rb;\nadd.rn.bf16x2 %r2, %ra, %rb;\nmov.b64 %d9, {%r1, %r2};");
  uint32_t state = 1;
  const auto random = [&] { return state = state * 1664525 + 1013904223, static_cast<uint16_t>(state >> 16); };
  for (int round = 0; round < 40; ++round) {
    std::vector<Sources> sources(1024);
    // Even rounds keep to small exponents, where products are subnormal.
    const uint16_t mask = round % 2 == 0 ? 0xa1ff : 0xffff;
    for (Sources& s : sources) s = {pack_halves(random() & mask, random() & mask), pack_halves(random() & mask, random() & mask)};
    const Outcome outcome = run_text(arithmetic, sources, {}, {}, 1024);
    ASSERT_FALSE(outcome.fault) << outcome.fault->text;
    for (uint32_t i = 0; i < 1024; ++i) {
      const auto a = static_cast<uint32_t>(sources[i].a), b = static_cast<uint32_t>(sources[i].b);
      const auto product = [](uint16_t x, uint16_t y) { return f64_to_bf16(double{bf16_to_f32(x)} * bf16_to_f32(y)); };
      const auto sum = [](uint16_t x, uint16_t y) { return f64_to_bf16(double{bf16_to_f32(x)} + bf16_to_f32(y)); };
      const uint32_t products = pack_halves(product(low_half(a), low_half(b)), product(high_half(a), high_half(b)));
      const uint32_t sums = pack_halves(sum(low_half(a), low_half(b)), sum(high_half(a), high_half(b)));
      ASSERT_EQ(outcome.lanes[i], products | uint64_t{sums} << 32) << std::hex << a << " and " << b;
    }
  }
}

TEST(PtxSemantics, ADestinationMayBeWiderThanWhatIsLoaded) {
  EXPECT_EQ(wide_of("ld.global.s32 %d9, [%in];", 0xfffffff0), ~uint64_t{0xf});
  EXPECT_EQ(wide_of("ld.global.u8 %d9, [%in];", 0xfffffff0), 0xf0u);
  EXPECT_EQ(word_of("ld.global.s8 %r9, [%in];", 0xf0), 0xfffffff0u);
  EXPECT_EQ(wide_of("st.global.u32 [%mine], %a;\nld.global.u64 %d9, [%mine];", 0x1111111122222222), 0xcdcdcdcd22222222u);
}

TEST(PtxSemantics, ALoadMayOverwriteItsOwnAddress) {
  const auto lanes = lanes_of("mad.wide.u32 %d1, %t, 24, %in;\nld.global.u64 %d1, [%d1+8];\nmov.u64 %d9, %d1;", {{1, 20, 300}, {1, 21, 300}});
  EXPECT_EQ(lanes[0], 20u);
  EXPECT_EQ(lanes[31], 21u);
}

TEST(PtxSemantics, AnUnknownFormFailsTheLaunchWithItsText) {
  const std::string text = kernel_of("tex.1d.v4.f32.s32 {%f1, %f2, %f3, %f4}, [tex_a, {%r1}];");
  const auto module = Module::parse(text);
  ASSERT_FALSE(module->find("k")->unknown_forms().empty());
  expect_fault(text, 801, {"tex.1d.v4.f32.s32", "line "});
  expect_fault(kernel_of("add.f33 %f1, %f2, %f3;"), 801, {"add.f33"});
  expect_fault(kernel_of("add.u32 %r1, %d2, %r3;"), 801, {"width"});
  expect_fault(kernel_of("add.u32 %r1, %r2;"), 801, {"too few"});
  EXPECT_THROW(Module::parse("this is no PTX"), std::runtime_error);
}

}  // namespace
}  // namespace yoke::emulator
