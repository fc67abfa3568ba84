// Runs small texts of PTX in tests.
#pragma once

#include <gtest/gtest.h>

#include <bit>
#include <cstring>
#include <string>
#include <vector>

#include "tests/emulator/ptx/emulator.h"

namespace yoke::emulator {

// A buffer that kernels may touch: words of 64 bits, filled with a pattern. Its device address is aligned to 256, whatever the host's is.
struct Buffer {
  Buffer(AddressSpace& memory, size_t words, uint64_t fill = 0xCDCDCDCDCDCDCDCD, bool writable = true)
      : memory_(memory), words(words, fill), address_(next_address(8 * words)) {
    memory.add(address_, reinterpret_cast<std::byte*>(this->words.data()), 8 * words, writable);
  }
  ~Buffer() { memory_.remove(address_); }
  Buffer(const Buffer&) = delete;
  uint64_t address() const { return address_; }

  AddressSpace& memory_;
  std::vector<uint64_t> words;

 private:
  static uint64_t next_address(uint64_t bytes) {
    static uint64_t next = kDeviceTag + 4096;
    const uint64_t address = next;
    next += (bytes + 511) / 256 * 256;  // at least one byte between two
    return address;
  }

  uint64_t address_;
};

struct Sources {
  uint64_t a = 0, b = 0, c = 0;
};

// Kernel "k" with parameters out and in. Each thread finds its sources in %a, %b, %c (64 bits) and %ra, %rb, %rc (low halves), its
// number in %t, the addresses in %out and %in; %r0.., %d0.., %h0.., %f0.. and %p0.. are free. What it leaves in %d9 is its result.
inline std::string kernel_of(const std::string& body, const std::string& declarations = "", const std::string& module = "") {
  return ".version 9.0\n.target sm_121a\n.address_size 64\n" + module + R"(
.visible .entry k(.param .u64 out, .param .u64 in)
{
.reg .pred %p<10>;
.reg .b16 %h<10>;
.reg .b32 %r<20>, %f<20>, %ra, %rb, %rc, %t;
.reg .b64 %d<10>, %a, %b, %c, %out, %in, %mine;
)" + declarations + R"(
ld.param.u64 %out, [out];
ld.param.u64 %in, [in];
mov.u32 %t, %tid.x;
mad.wide.u32 %mine, %t, 24, %in;
ld.global.u64 %a, [%mine];
ld.global.u64 %b, [%mine+8];
ld.global.u64 %c, [%mine+16];
cvt.u32.u64 %ra, %a;
cvt.u32.u64 %rb, %b;
cvt.u32.u64 %rc, %c;
mad.wide.u32 %mine, %t, 8, %out;
mov.u64 %d9, 0;
)" + body + R"(
st.global.u64 [%mine], %d9;
ret;
}
)";
}

struct Outcome {
  std::vector<uint64_t> lanes;
  std::optional<Fault> fault;
};

inline Outcome run_text(const std::string& text, const std::vector<Sources>& sources, const Options& options = {}, Launch launch = {}, uint32_t threads = 32) {
  const auto module = Module::parse(text);
  AddressSpace memory;
  Buffer out(memory, threads), in(memory, 3 * threads);
  for (uint32_t i = 0; i < threads; ++i) {
    const Sources& s = sources.empty() ? Sources{} : sources[i % sources.size()];
    in.words[3 * i] = s.a, in.words[3 * i + 1] = s.b, in.words[3 * i + 2] = s.c;
  }
  const uint64_t params[] = {out.address(), in.address()};
  launch.block = {threads};
  launch.params = std::as_bytes(std::span(params));
  Options limited = options;
  if (limited.max_steps == 0) limited.max_steps = 10'000'000;
  Outcome outcome;
  outcome.fault = run(*module->find("k"), launch, memory, limited);
  outcome.lanes = out.words;
  return outcome;
}

// The results of a body; a fault is a failure of the test.
inline std::vector<uint64_t> lanes_of(const std::string& body, const std::vector<Sources>& sources = {}, const std::string& declarations = "",
                                      const std::string& module = "", const Options& options = {}) {
  const Outcome outcome = run_text(kernel_of(body, declarations, module), sources, options);
  EXPECT_FALSE(outcome.fault) << outcome.fault->text;
  return outcome.lanes;
}

// The result of an instruction with 32-bit sources %ra, %rb, %rc and destination %r9.
inline uint32_t word_of(const std::string& body, uint32_t a, uint32_t b = 0, uint32_t c = 0) {
  return static_cast<uint32_t>(lanes_of(body + "\ncvt.u64.u32 %d9, %r9;", {{a, b, c}})[0]);
}
inline uint64_t wide_of(const std::string& body, uint64_t a, uint64_t b = 0, uint64_t c = 0) { return lanes_of(body, {{a, b, c}})[0]; }

inline uint32_t bits(float value) { return std::bit_cast<uint32_t>(value); }
inline uint64_t bits(double value) { return std::bit_cast<uint64_t>(value); }

// The fault of a kernel, whose text must hold these words.
inline void expect_fault(const std::string& text, int code, const std::vector<std::string>& words, const Options& options = {}, Launch launch = {},
                         uint32_t threads = 32) {
  const Outcome outcome = run_text(text, {}, options, launch, threads);
  ASSERT_TRUE(outcome.fault);
  EXPECT_EQ(outcome.fault->code, code) << outcome.fault->text;
  for (const std::string& word : words) EXPECT_NE(outcome.fault->text.find(word), std::string::npos) << outcome.fault->text << "\nlacks: " << word;
}

}  // namespace yoke::emulator
