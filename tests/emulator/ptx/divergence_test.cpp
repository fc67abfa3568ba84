// Lanes that part and meet, barriers, and kernels that would hang.
#include <atomic>
#include <thread>

#include "tests/emulator/ptx/fixture.h"

namespace yoke::emulator {
namespace {

TEST(PtxDivergence, EachLaneLoopsAsOftenAsItNeedsAndAllMeetAgain) {
  const auto lanes = lanes_of(R"(
mov.u32 %r1, 0;
mov.u32 %r2, %t;
LOOP:
setp.eq.u32 %p1, %r2, 0;
@%p1 bra DONE;
add.u32 %r1, %r1, %r2;
sub.u32 %r2, %r2, 1;
bra LOOP;
DONE:
activemask.b32 %r3;
mov.b64 %d9, {%r1, %r3};
)");
  for (uint32_t lane = 0; lane < 32; ++lane) EXPECT_EQ(lanes[lane], lane * (lane + 1) / 2 | uint64_t{0xffffffff} << 32);
}

TEST(PtxDivergence, AShuffleWaitsForTheLanesThatItsMaskNames) {
  const auto lanes = lanes_of(R"(
setp.lt.u32 %p1, %t, 16;
@%p1 bra LOW;
mul.lo.u32 %r1, %t, 3;
bra JOIN;
LOW:
mul.lo.u32 %r1, %t, 5;
JOIN:
shfl.sync.bfly.b32 %r2, %r1, 16, 31, -1;
cvt.u64.u32 %d9, %r2;
)");
  for (uint32_t lane = 0; lane < 32; ++lane) EXPECT_EQ(lanes[lane], lane < 16 ? (lane + 16) * 3 : (lane - 16) * 5);
}

TEST(PtxDivergence, ShufflesClampAtTheirSegment) {
  const auto up = lanes_of("shfl.sync.up.b32 %r1|%p1, %t, 3, 0x1800, -1;\nselp.b32 %r2, 1, 0, %p1;\nmov.b64 %d9, {%r1, %r2};");
  const auto down = lanes_of("shfl.sync.down.b32 %r1|%p1, %t, 3, 0x181f, -1;\nselp.b32 %r2, 1, 0, %p1;\nmov.b64 %d9, {%r1, %r2};");
  const auto idx = lanes_of("shfl.sync.idx.b32 %r1, %t, 5, 0x181f, -1;\ncvt.u64.u32 %d9, %r1;");
  for (uint32_t lane = 0; lane < 32; ++lane) {
    const uint32_t within = lane % 8;
    EXPECT_EQ(up[lane], within >= 3 ? (lane - 3) | uint64_t{1} << 32 : lane);
    EXPECT_EQ(down[lane], within + 3 <= 7 ? (lane + 3) | uint64_t{1} << 32 : lane);
    EXPECT_EQ(idx[lane], lane / 8 * 8 + 5);
  }
}

TEST(PtxDivergence, LanesOfOneInstructionMayHaveDifferentMemberMasks) {
  const auto lanes = lanes_of(R"(
and.b32 %r1, %t, 3;
match.any.sync.b32 %r2, %r1, -1;
redux.sync.add.u32 %r3, %t, %r2;
mov.b64 %d9, {%r3, %r2};
)");
  for (uint32_t lane = 0; lane < 32; ++lane) EXPECT_EQ(lanes[lane], (8 * (lane % 4) + 4 * 28) | uint64_t{0x11111111} << (lane % 4) << 32);
}

TEST(PtxDivergence, VotesAndElection) {
  const auto lanes = lanes_of(R"(
setp.gt.u32 %p1, %t, 20;
vote.sync.ballot.b32 %r1, %p1, -1;
vote.sync.any.pred %p2, %p1, -1;
vote.sync.all.pred %p3, %p1, -1;
elect.sync _|%p4, -1;
selp.b32 %r2, 1, 0, %p2;
@%p3 add.u32 %r2, %r2, 2;
@%p4 add.u32 %r2, %r2, 4;
mov.b64 %d9, {%r1, %r2};
)");
  for (uint32_t lane = 0; lane < 32; ++lane) EXPECT_EQ(lanes[lane], 0xffe00000u | uint64_t{lane == 0 ? 5u : 1u} << 32);
}

TEST(PtxDivergence, BarWarpSyncMeetsFromDifferentLines) {
  const auto lanes = lanes_of(R"(
setp.lt.u32 %p1, %t, 7;
@%p1 bra OTHER;
bar.warp.sync -1;
mov.u64 %d9, 1;
bra END;
OTHER:
bar.warp.sync -1;
mov.u64 %d9, 2;
END:
)");
  for (uint32_t lane = 0; lane < 32; ++lane) EXPECT_EQ(lanes[lane], lane < 7 ? 2u : 1u);
}

TEST(PtxDivergence, LanesThatHaveLeftAreNotWaitedFor) {
  const Outcome outcome = run_text(kernel_of("setp.gt.u32 %p1, %t, 3;\n@%p1 ret;\nbar.warp.sync -1;\nbar.sync 0;\nmov.u64 %d9, 4;"), {}, {}, {}, 64);
  ASSERT_FALSE(outcome.fault) << outcome.fault->text;
  for (uint32_t thread = 0; thread < 64; ++thread) EXPECT_EQ(outcome.lanes[thread], thread > 3 ? 0xCDCDCDCDCDCDCDCD : 4);
}

TEST(PtxDivergence, ATableOfBranches) {
  const auto lanes = lanes_of(R"(
and.b32 %r1, %t, 3;
TABLE: .branchtargets L0, L1, L2, L3;
brx.idx %r1, TABLE;
L0: mov.u64 %d9, 10; bra END;
L1: mov.u64 %d9, 11; bra END;
L2: mov.u64 %d9, 12; bra END;
L3: mov.u64 %d9, 13;
END:
)");
  for (uint32_t lane = 0; lane < 32; ++lane) EXPECT_EQ(lanes[lane], 10 + lane % 4);
}

// The low lane waits for a high one that the lowest-pc-first rule alone would never let run.
TEST(PtxDivergence, ALaneMaySpinOnAnotherOfItsWarp) {
  const auto lanes = lanes_of(R"(
setp.ne.u32 %p1, %t, 0;
@%p1 bra WRITE;
WAIT:
ld.volatile.global.u64 %d1, [%out+248];
setp.ne.u64 %p2, %d1, 77;
@%p2 bra WAIT;
mov.u64 %d9, 5;
bra END;
WRITE:
setp.ne.u32 %p3, %t, 31;
@%p3 bra END;
st.volatile.global.u64 [%out+248], 77;
mov.u64 %d9, 77;
END:
)");
  EXPECT_EQ(lanes[0], 5u);
}

TEST(PtxDivergence, ACooperativeGridMayWaitForItsLastBlock) {
  const std::string body = R"(
mov.u32 %r1, %ctaid.x;
setp.eq.u32 %p1, %r1, 7;
@%p1 st.release.gpu.global.u64 [%out], 99;
WAIT:
ld.acquire.gpu.global.u64 %d1, [%out];
setp.ne.u64 %p2, %d1, 99;
@%p2 bra WAIT;
mov.u64 %d9, 99;
)";
  for (const int threads : {1, 3}) {
    Options options;
    options.threads = threads;
    Launch launch;
    launch.grid = {8};
    launch.cooperative = true;
    const Outcome outcome = run_text(kernel_of(body), {}, options, launch);
    EXPECT_FALSE(outcome.fault) << outcome.fault->text;
    EXPECT_EQ(outcome.lanes[31], 99u);
  }
}

TEST(PtxDivergence, AKernelMayWaitForAThreadOfTheHost) {
  const auto module = Module::parse(kernel_of(R"(
WAIT:
ld.acquire.sys.global.u64 %d1, [%in];
setp.ne.u64 %p2, %d1, 42;
@%p2 bra WAIT;
add.u64 %d9, %d1, 1;
)"));
  AddressSpace memory;
  Buffer out(memory, 32), in(memory, 96, 0);
  const uint64_t params[] = {out.address(), in.address()};
  std::atomic<bool> started{false};
  std::thread host([&] {
    started.wait(false);
    std::atomic_ref(in.words[0]).store(42, std::memory_order_release);
  });
  Options options;
  options.cancelled = [&] {  // polled: the kernel spins
    started = true;
    started.notify_all();
    return false;
  };
  const auto fault = run(*module->find("k"), {.block = {32}, .params = std::as_bytes(std::span(params))}, memory, options);
  host.join();
  EXPECT_FALSE(fault) << fault->text;
  EXPECT_EQ(out.words[9], 43u);
}

TEST(PtxDivergence, WhatHangsIsEndedByItsCallerOrItsBudget) {
  const std::string forever = kernel_of("WAIT:\nbra WAIT;");
  Options options;
  options.cancelled = [] { return true; };
  options.max_steps = 100'000'000;
  expect_fault(forever, 702, {"cancelled"}, options);
  options.cancelled = nullptr;
  options.max_steps = 100'000;
  expect_fault(forever, 702, {"more than 100000"}, options);
}

TEST(PtxDivergence, FaultsNameTheLaneAndTheLine) {
  expect_fault(kernel_of("setp.eq.u32 %p1, %t, 5;\n@%p1 bra END;\nbar.sync 0;\nEND:\nsetp.eq.u32 %p2, %t, 6;\n@%p2 trap;"), 719,
               {"trap", "kernel k", "thread (6,0,0)", "lane 6", "line 29: @%p2 trap;"});
  expect_fault(kernel_of("setp.eq.u32 %p1, %t, 5;\n@%p1 bra SKIP;\nshfl.sync.idx.b32 %r1, %t, 5, 31, 0xffffffdf;\nSKIP:"), 719, {"lane 5, which does not take part"});
  expect_fault(kernel_of("shfl.sync.idx.b32 %r1, %t, 0, 31, 1;"), 719, {"not in its own member mask", "lane 1"});
  expect_fault(kernel_of("setp.eq.u32 %p1, %t, 5;\n@%p1 bra END;\nbar.warp.sync -1;\nEND:\n@%p1 bar.sync 1;"), 719, {"deadlock", "bar.warp.sync"});
  expect_fault(kernel_of("bar.sync 3, 64;"), 719, {"deadlock", "bar.sync 3, 64"});
  expect_fault(kernel_of("setp.lt.u32 %p1, %t, 32;\n@%p1 bra END;\nbar.sync 0;\nbar.sync 0;\nEND:\nbar.sync 1;"), 719, {"deadlock"}, {}, {}, 64);
  expect_fault(kernel_of("bar.sync 16;"), 719, {"there are 16"});
  expect_fault(kernel_of("setp.eq.u32 %p1, %t, 5;\n@%p1 bra END;\nldmatrix.sync.aligned.m8n8.x1.shared.b16 {%r1}, [%r2];\nEND:"), 719, {"needs all 32 lanes"});
}

TEST(PtxDivergence, BarriersReduceAndArriveWithoutWaiting) {
  const Outcome outcome = run_text(kernel_of(R"(
setp.lt.u32 %p1, %t, 40;
bar.red.popc.u32 %r1, 0, %p1;
bar.red.and.pred %p2, 0, %p1;
bar.red.or.pred %p3, 0, %p1;
selp.b32 %r2, 1, 0, %p2;
@%p3 add.u32 %r2, %r2, 2;
setp.ge.u32 %p4, %t, 32;
@%p4 bra CONSUMER;
bar.arrive 1, 64;
bra END;
CONSUMER:
bar.sync 1, 64;
END:
mov.b64 %d9, {%r1, %r2};
)"), {}, {}, {}, 64);
  ASSERT_FALSE(outcome.fault) << outcome.fault->text;
  for (const uint64_t lane : outcome.lanes) EXPECT_EQ(lane, 40 | uint64_t{2} << 32);
}

}  // namespace
}  // namespace yoke::emulator
