// Address spaces, faults of accesses, atomics, copies that arrive late, races on shared memory.
#include "tests/emulator/ptx/fixture.h"

namespace yoke::emulator {
namespace {

TEST(PtxMemory, AnAccessBeyondItsRangeIsAFaultWithAddressAndLine) {
  expect_fault(kernel_of("ld.global.u32 %r1, [%out+256];"), 700, {"read of 4 bytes", "0 bytes behind the end of the range of 256 bytes", "ld.global.u32"});
  expect_fault(kernel_of("mad.wide.u32 %d1, %t, 8, %out;\nadd.u64 %d1, %d1, 8;\nst.global.u64 [%d1], %d9;"), 700, {"write of 8 bytes", "lane 31"});
  expect_fault(kernel_of("ld.global.v4.u32 {%r1, %r2, %r3, %r4}, [%out+248];"), 716, {"not aligned to 16"});
  expect_fault(kernel_of("ld.global.v2.u64 {%d1, %d2}, [%out+240];\nld.global.u64 %d1, [%out-8];"), 700, {"read of 8 bytes"});
  expect_fault(kernel_of("mov.u64 %d1, 0;\nld.u32 %r1, [%d1+4];"), 700, {"null pointer"});
  expect_fault(kernel_of("add.u64 %d1, %out, 2;\nst.global.u32 [%d1], %r1;"), 716, {"not aligned to 4"});
  expect_fault(kernel_of("ld.param.u64 %d1, [in+4];"), 716, {"line"});
  expect_fault(kernel_of("ld.shared.u32 %r1, [buffer+64];", ".shared .align 16 .b8 buffer[64];"), 700, {"64 bytes of shared memory"});
  expect_fault(kernel_of("mov.u32 %r1, buffer;\nst.shared.v4.u32 [%r1+8], {%r1, %r1, %r1, %r1};", ".shared .align 16 .b8 buffer[64];"), 716, {"aligned"});
  expect_fault(kernel_of("ld.local.u32 %r1, [depot+32];", ".local .align 4 .b8 depot[32];"), 700, {"local memory"});
}

TEST(PtxMemory, AReadOnlyRangeAndConstantsAreNotWritten) {
  expect_fault(kernel_of("mov.u64 %d1, table;\nst.global.u32 [%d1], %r1;", "", ".const .align 4 .b32 table[2] = {1, 2};\n"), 700, {"write"});
  const auto module = Module::parse(kernel_of("st.global.u64 [%in], %d9;"));
  AddressSpace memory;
  Buffer out(memory, 32), in(memory, 96, 0, false);
  const uint64_t params[] = {out.address(), in.address()};
  const auto fault = run(*module->find("k"), {.block = {32}, .params = std::as_bytes(std::span(params))}, memory, {});
  ASSERT_TRUE(fault);
  EXPECT_EQ(fault->code, 700);
  EXPECT_NE(fault->text.find("read-only"), std::string::npos) << fault->text;
}

TEST(PtxMemory, RangesMayNotOverlapAndAreFoundAgain) {
  AddressSpace memory;
  std::byte bytes[256];
  memory.add(1000, bytes, 100);
  EXPECT_THROW(memory.add(1099, bytes, 1), std::invalid_argument);
  EXPECT_THROW(memory.add(950, bytes, 51), std::invalid_argument);
  EXPECT_THROW(memory.add(1, bytes, 0), std::invalid_argument);
  memory.add(1100, bytes + 100, 10);
  EXPECT_EQ(memory.find(1099)->device, 1000u);
  EXPECT_EQ(memory.find(1100)->host, bytes + 100);
  EXPECT_FALSE(memory.find(1110));
  memory.remove(1000);
  EXPECT_FALSE(memory.find(1050));
  EXPECT_THROW(memory.remove(1000), std::invalid_argument);
}

TEST(PtxMemory, GenericAddressesReachAllSpaces) {
  const auto lanes = lanes_of(R"(
mov.u64 %d1, depot;
cvta.local.u64 %d1, %d1;
st.u32 [%d1+4], %t;
mov.u64 %d2, buffer;
cvta.shared.u64 %d2, %d2;
mad.wide.u32 %d2, %t, 4, %d2;
ld.u32 %r1, [%d1+4];
st.u32 [%d2], %r1;
isspacep.shared %p1, %d2;
isspacep.global %p2, %d2;
cvta.to.shared.u64 %d3, %d2;
cvt.u32.u64 %r2, %d3;
ld.shared.u32 %r3, [%r2];
selp.u32 %r4, 100, 0, %p1;
@%p2 add.u32 %r4, %r4, 1000;
add.u32 %r3, %r3, %r4;
mov.u64 %d4, table;
ld.const.u32 %r5, [table+4];
ld.global.u32 %r6, [counters];
mov.u64 %d5, in;
cvta.param.u64 %d5, %d5;
ld.u64 %d6, [%d5];
setp.eq.u64 %p3, %d6, %in;
@%p3 add.u32 %r3, %r3, %r5;
add.u32 %r3, %r3, %r6;
cvt.u64.u32 %d9, %r3;
)", {}, ".local .align 8 .b8 depot[16];\n.shared .align 4 .b8 buffer[128];", ".const .align 4 .b32 table[2] = {1, 20000};\n.global .align 4 .u32 counters[1] = {300000};\n");
  for (uint32_t lane = 0; lane < 32; ++lane) EXPECT_EQ(lanes[lane], 320100 + lane);
}

TEST(PtxMemory, SharedMemoryBeginsWithAPatternAndTheDynamicPartLiesBehind) {
  Launch launch;
  launch.dynamic_shared = 64;
  const std::string text = kernel_of("mov.u32 %r1, more;\nld.shared.u32 %r2, [%r1+60];\nmov.b64 %d9, {%r1, %r2};", ".shared .align 4 .b8 first[20];",
                                     ".extern .shared .align 16 .b8 more[];\n");
  const Outcome outcome = run_text(text, {}, {}, launch);
  ASSERT_FALSE(outcome.fault) << outcome.fault->text;
  EXPECT_EQ(outcome.lanes[0], 32 | uint64_t{0xcdcdcdcd} << 32);
  launch.dynamic_shared = 60;
  expect_fault(text, 700, {"92 bytes of shared"}, {}, launch);
}

TEST(PtxMemory, WideVectorsLoadAndStore) {
  const auto lanes = lanes_of(R"(
setp.ge.u32 %p1, %t, 8;
@%p1 bra END;
mad.wide.u32 %d1, %t, 32, %in;
ld.global.L1::no_allocate.L2::256B.v8.b32 {%r1, %r2, %r3, %r4, %r5, %r6, %r7, %r8}, [%d1];
mad.wide.u32 %d2, %t, 32, %out;
st.global.v8.b32 [%d2], {%r8, %r7, %r6, %r5, %r4, %r3, %r2, %r1};
bar.warp.sync 255;
ld.global.nc.v4.b64 {%d3, %d4, %d5, %d6}, [%d2];
add.u64 %d9, %d3, %d6;
END:
)", {{uint64_t{1} << 32 | 2, uint64_t{3} << 32 | 4, uint64_t{5} << 32 | 6}});
  EXPECT_EQ(lanes[0], 2 * (uint64_t{2} << 32 | 1)) << "words 2 1 4 3 6 5 2 1, turned round: the first and the last double word";
}

TEST(PtxMemory, AtomicsCountEveryLaneAndEveryBlock) {
  Launch launch;
  launch.grid = {40};
  Options options;
  options.threads = 4;
  const std::string text = kernel_of(R"(
red.global.add.u64 [counters], 1;
atom.global.max.s32 %r1, [counters+8], -5;
atom.global.inc.u32 %r1, [counters+16], 9;
atom.shared.add.u32 %r4, [local_sum], 1;
red.release.gpu.global.add.f32 [counters+20], 0f3F800000;
atom.global.cas.b64 %d1, [counters+24], 7, 8;
)", ".shared .align 4 .u32 local_sum;", ".global .align 8 .u64 counters[4] = {0, 0x80000000, 0, 7};\n");
  const auto module = Module::parse(text);
  AddressSpace memory;
  Buffer out(memory, 32), in(memory, 96);
  const uint64_t params[] = {out.address(), in.address()};
  launch.block = {32};
  launch.params = std::as_bytes(std::span(params));
  const auto fault = run(*module->find("k"), launch, memory, options);
  ASSERT_FALSE(fault) << fault->text;
  const auto* counters = reinterpret_cast<const uint64_t*>(module->variables()[0].host);
  EXPECT_EQ(counters[0], 1280u);
  EXPECT_EQ(static_cast<int32_t>(counters[1]), -5);
  EXPECT_EQ(counters[2], uint64_t{bits(1280.0f)} << 32 | 0) << "1280 increments modulo 10";
  EXPECT_EQ(counters[3], 8u);
}

// Two groups of 512 bytes; the wait for the older one leaves one pending.
std::string copies(const std::string& wait) {
  return kernel_of(R"(
mul.lo.u32 %r1, %t, 8;
mad.wide.u32 %d1, %t, 8, %in;
mov.u32 %r2, buffer;
add.u32 %r1, %r1, %r2;
cp.async.ca.shared.global [%r1], [%d1], 8;
cp.async.commit_group;
cp.async.ca.shared.global [%r1+256], [%d1+256], 8, 4;
cp.async.commit_group;
)" + wait + R"(
bar.sync 0;
xor.b32 %r3, %t, 31;
mad.lo.u32 %r3, %r3, 8, %r2;
ld.shared.u64 %d9, [%r3];
bar.sync 0;
cp.async.wait_all;
bar.sync 0;
ld.shared.u64 %d2, [%r3+256];
add.u64 %d9, %d9, %d2;
)", ".shared .align 16 .b8 buffer[512];");
}

TEST(PtxMemory, CopiesArriveEarlyOrAtTheWaitThatCoversThem) {
  const std::vector<Sources> sources = {{1, 1, 1}};
  for (const bool late : {false, true}) {
    Options options;
    options.late_copies = late;
    const Outcome right = run_text(copies("cp.async.wait_group 1;"), sources, options);
    ASSERT_FALSE(right.fault) << right.fault->text;
    EXPECT_EQ(right.lanes[3], 2u);
    const Outcome wrong = run_text(copies("cp.async.wait_group 2;"), sources, options);
    ASSERT_FALSE(wrong.fault) << wrong.fault->text;
    EXPECT_EQ(wrong.lanes[3], late ? 0xCDCDCDCDCDCDCDCD + 1 : 2u) << "only a late copy shows the missing wait";
  }
}

TEST(PtxMemory, ACopyOfNoBytesTouchesNoSourceAndZeroes) {
  const std::string body = R"(
mov.u32 %r1, buffer;
mad.lo.u32 %r1, %t, 16, %r1;
mov.u64 %d1, 64;
mov.u32 %r2, SIZE;
cp.async.cg.shared.global.L2::128B [%r1], [%d1], 16, %r2;
cp.async.wait_all;
ld.shared.u64 %d9, [%r1+8];
)";
  const std::string declarations = ".shared .align 16 .b8 buffer[512];";
  std::string none = body, some = body;
  none.replace(none.find("SIZE"), 4, "0");
  some.replace(some.find("SIZE"), 4, "4");
  EXPECT_EQ(lanes_of(none, {}, declarations)[7], 0u);
  expect_fault(kernel_of(some, declarations), 700, {"cp.async"});
}

TEST(PtxMemory, ACopyThatNobodyWaitsForIsAFault) {
  expect_fault(kernel_of("mov.u32 %r1, buffer;\ncp.async.ca.shared.global [%r1], [%in], 4;\ncp.async.commit_group;", ".shared .align 16 .b8 buffer[512];"), 719,
               {"before it waited for its cp.async", "cp.async.ca"});
}

std::string exchange(const std::string& first, const std::string& second) {
  return kernel_of("mov.u32 %r1, buffer;\nmad.lo.u32 %r2, %t, 4, %r1;\nxor.b32 %r3, %t, 32;\nmad.lo.u32 %r3, %r3, 4, %r1;\nst.shared.u32 [%r2], %t;\n" + first +
                       "\nld.shared.u32 %r4, [%r3];\n" + second + "\nst.shared.u32 [%r2], %r4;\ncvt.u64.u32 %d9, %r4;",
                   ".shared .align 16 .b8 buffer[256];");
}

TEST(PtxMemory, RacesOnSharedMemoryAreFoundInEitherOrderOfWarps) {
  for (const bool reverse : {false, true}) {
    Options options;
    options.race_check = true;
    options.reverse_warps = reverse;
    const Outcome right = run_text(exchange("bar.sync 0;", "bar.sync 0;"), {}, options, {}, 64);
    ASSERT_FALSE(right.fault) << right.fault->text;
    EXPECT_EQ(right.lanes[5], 37u);
    expect_fault(exchange("", "bar.sync 0;"), 719, {"race on shared memory"}, options, {}, 64);
    expect_fault(exchange("bar.sync 0;", ""), 719, {"race on shared memory"}, options, {}, 64);
    expect_fault(exchange("bar.sync 1, 32;", "bar.sync 0;"), 719, {"race"}, options, {}, 32 * 2);
  }
}

TEST(PtxMemory, AtomicsOnSharedMemoryDoNotRaceWithEachOther) {
  Options options;
  options.race_check = true;
  const std::string declarations = ".shared .align 4 .u32 sum;";
  const std::string right = "setp.eq.u32 %p1, %t, 0;\n@%p1 st.shared.u32 [sum], 0;\nbar.sync 0;\nred.shared.add.u32 [sum], 1;\nbar.sync 0;\nld.shared.u32 %r1, [sum];\ncvt.u64.u32 %d9, %r1;";
  const Outcome outcome = run_text(kernel_of(right, declarations), {}, options, {}, 128);
  ASSERT_FALSE(outcome.fault) << outcome.fault->text;
  EXPECT_EQ(outcome.lanes[100], 128u);
  std::string wrong = right;
  wrong.replace(wrong.rfind("bar.sync 0;"), 11, "");
  expect_fault(kernel_of(wrong, declarations), 719, {"race"}, options, {}, 128);
}

TEST(PtxMemory, ABadLaunchIsRefused) {
  const auto module = Module::parse(".version 9.0\n.target sm_90a\n.address_size 64\n.visible .entry k(.param .u32 a, .param .align 8 .b8 b[24]) .maxntid 64\n{\nret;\n}");
  const Function& k = *module->find("k");
  EXPECT_EQ(k.param_bytes(), 32u);
  EXPECT_EQ(k.parameters()[1].offset, 8u);
  EXPECT_EQ(k.max_threads(), 64u);
  EXPECT_EQ(module->find("j"), nullptr);
  AddressSpace memory;
  const std::vector<std::byte> params(32);
  EXPECT_FALSE(run(k, {.block = {64}, .params = params}, memory, {}));
  EXPECT_EQ(run(k, {.block = {65}, .params = params}, memory, {})->code, 1);
  EXPECT_EQ(run(k, {.grid = {0}, .block = {64}, .params = params}, memory, {})->code, 1);
  EXPECT_EQ(run(k, {.block = {64}, .params = std::span(params).first(31)}, memory, {})->code, 1);
  EXPECT_EQ(run(k, {.block = {64}, .dynamic_shared = 300 << 10, .params = params}, memory, {})->code, 1);
}

}  // namespace
}  // namespace yoke::emulator
