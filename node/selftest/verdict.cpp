#include "node/selftest/verdict.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>

namespace yoke::node::selftest {
namespace {

// Of a GB10, as owners measured them in 2025 and 2026 (spark.md 1.2 to 1.10 of the project's notes).
constexpr uint32_t kLoadedMhz = 2300;        // 2457 to 2467 MHz under load; 500 to 850 where the power supply was negotiated wrongly
constexpr double kCopyGbPerS = 180;          // device to device 189 to 193, read and written together
constexpr double kShareOfCopy = 0.8;         // a product only reads: 201 to 229 GB/s on large shapes
constexpr uint64_t kLargeBytes = 32u << 20;  // beyond the caches: 24 MB of the GPU, 16 MB of the system
constexpr double kLinkGbPerS = 190.0 / 8;    // both functions of a port: 190 Gb/s
constexpr uint32_t kHotC = 90;

bool gb10(const DeviceFacts& d) { return d.major == 12 && d.minor == 1; }

using Finding = std::optional<Remedy>;

Finding failed_checks(const Report& r) {
  const auto bad = std::ranges::count_if(r.checks, [](const Check& c) { return c.ran && !c.ok; });
  if (bad == 0) return {};
  const auto first = std::ranges::find_if(r.checks, [](const Check& c) { return c.ran && !c.ok; });
  return Remedy{
      fmt::format("{} of {} checks failed, the first: {}: {}", bad, r.checks.size(), first->name, first->note),
      "do not serve with this device and this build: send the JSON report (yoke selftest -o FILE) with its driver's "
      "version to us; serve with --device cpu meanwhile"};
}

Finding failed_collectives(const Report& r) {
  const auto bad = std::ranges::find_if(r.collectives, [](const Collective& c) { return c.ran && !c.ok; });
  if (bad == r.collectives.end()) return {};
  return Remedy{fmt::format("{} over {} failed: {}", bad->operation, bad->backend, bad->note),
                "ranks cannot meet on this machine: check that shared memory (/dev/shm) and loopback are usable, and "
                "that libnccl.so.2 is 2.28 or later"};
}

Finding nothing_checked(const Report& r) {
  if (std::ranges::any_of(r.checks, [](const Check& c) { return c.ran; })) return {};
  return Remedy{"no check ran", "send the report to us: this is a fault of the self-test"};
}

Finding no_gpu(const Report& r) {
  if (r.device.gpu) return {};
  return Remedy{fmt::format("no GPU was tested: {}", r.device.no_gpu),
                "none is needed to serve on the CPU; for a GPU do what the finding says", false};
}

Finding wrong_architecture(const Report& r) {
  const DeviceFacts& d = r.device;
  if (!d.gpu || gb10(d) || (d.major == 9 && d.minor == 0)) return {};
  return Remedy{fmt::format("compute capability {}.{} is neither 12.1 (GB10) nor 9.0 (Hopper)", d.major, d.minor),
                "serve with --device cpu"};
}

Finding bad_driver(const Report& r) {
  if (!r.device.driver.starts_with("590.")) return {};
  return Remedy{fmt::format("driver {}: 590.x is known to deadlock in CUDA graphs", r.device.driver),
                "go back to a driver of branch 580 (580.95.05 or later) and reboot"};
}

Finding slow_clock(const Report& r) {
  if (!gb10(r.device) || !r.device.loaded.sm_mhz || *r.device.loaded.sm_mhz >= kLoadedMhz) return {};
  const auto reasons = r.device.loaded.throttle_reasons;
  return Remedy{
      fmt::format("the SM clock was {} MHz under load, less than {} MHz (throttling: {})", *r.device.loaded.sm_mhz,
                  kLoadedMhz, reasons ? cuda::nvml::throttle_words(*reasons) : "not reported"),
      "shut down, unplug the power supply for 60 s, use the 240 W supply that came with the machine; then firmware "
      "(fwupdmgr update); "
      "if it stays, have the machine replaced"};
}

Finding hot(const Report& r) {
  if (!r.device.loaded.temperature_c || *r.device.loaded.temperature_c < kHotC) return {};
  return Remedy{fmt::format("{} C under load", *r.device.loaded.temperature_c),
                "give the machine air: free both grilles, do not stack machines", false};
}

Finding slow_copy(const Report& r) {
  if (!gb10(r.device) || r.copy_gb_per_s == 0 || r.copy_gb_per_s >= kCopyGbPerS) return {};
  return Remedy{fmt::format("the device copies {:.0f} GB/s, less than the {:.0f} GB/s of a sound GB10", r.copy_gb_per_s, kCopyGbPerS),
                "end what else uses memory (CPU and GPU share it) and try again; then see the clock's remedy", false};
}

Finding slow_products(const Report& r) {
  const auto slow = [](const Bandwidth& b) { return b.bytes >= kLargeBytes && b.share < kShareOfCopy; };
  const auto count = std::ranges::count_if(r.bandwidth, slow);
  if (count == 0) return {};
  const auto worst = std::ranges::min_element(r.bandwidth, {}, [&](const Bandwidth& b) { return slow(b) ? b.share : 1e9; });
  return Remedy{fmt::format("{} large products read less than {:.0f} % of the copy bandwidth; the slowest is {} {} with {:.0f} %", count,
                            100 * kShareOfCopy, worst->model, worst->product, 100 * worst->share),
                "this is ours to improve: send the JSON report (yoke selftest -o FILE)", false};
}

// Loopback says nothing of the link: only rows between nodes count. They come with rails.
Finding slow_link(const Report& r) {
  const auto slow = std::ranges::find_if(
      r.collectives, [](const Collective& c) { return c.ran && c.operation == "link" && c.gb_per_s < kLinkGbPerS; });
  if (slow == r.collectives.end()) return {};
  return Remedy{fmt::format("the link carries {:.0f} Gb/s, less than 190 Gb/s", 8 * slow->gb_per_s),
                "use both functions of the port (rocep1s0f1 and roceP2p1s0f1), MTU 9000 on both; BIOS of 2026-04 or "
                "later (fwupdmgr update)",
                false};
}

using Rule = Finding (*)(const Report&);
constexpr Rule kCorrectness[] = {nothing_checked, failed_checks, failed_collectives, no_gpu, wrong_architecture};
constexpr Rule kHealth[] = {bad_driver, slow_clock, hot, slow_copy, slow_products, slow_link};

}  // namespace

void judge(Report& report) {
  report.remedies.clear();
  const auto apply = [&](Rule rule) {
    if (Finding finding = rule(report)) report.remedies.push_back(std::move(*finding));
  };
  for (const Rule rule : kCorrectness) apply(rule);
  if (!report.device.emulated) {
    for (const Rule rule : kHealth) apply(rule);
  }
  report.passed = std::ranges::none_of(report.remedies, &Remedy::fails);
}

}  // namespace yoke::node::selftest
