#include <fmt/format.h>

#include <algorithm>

#include "core/units.h"
#include "node/selftest/report.h"

namespace yoke::node::selftest {
namespace {

template <typename T>
std::string or_not(const std::optional<T>& value, std::string_view unit) {
  return value ? fmt::format("{}{}", *value, unit) : std::string("not available");
}

std::string reading(const cuda::nvml::Reading& r) {
  const std::string power = r.power_mw ? fmt::format("{:.1f} W", *r.power_mw * 1e-3) : std::string("not available");
  return fmt::format("SM clock {}, power {}, temperature {}, throttling {}", or_not(r.sm_mhz, " MHz"), power, or_not(r.temperature_c, " C"),
                     r.throttle_reasons ? cuda::nvml::throttle_words(*r.throttle_reasons) : "not available");
}

std::string device(const DeviceFacts& d) {
  if (!d.gpu) return fmt::format("device       the CPU's kernels; no GPU: {}\n", d.no_gpu);
  std::string text = fmt::format("device       {}{}: compute capability {}.{}, {} SMs, {} of memory, {} free\n", d.name,
                                 d.emulated ? " (EMULATED: no rate means anything)" : "", d.major, d.minor,
                                 d.multiprocessors, format_bytes(d.memory_bytes), format_bytes(d.free_bytes));
  text += fmt::format("driver       {} (CUDA {}.{})\n", d.driver.empty() ? "version not available" : d.driver,
                      d.cuda_version / 1000, d.cuda_version % 1000 / 10);
  if (!d.no_nvml.empty()) return text + fmt::format("clocks       not available: {}\n", d.no_nvml);
  return text + fmt::format("idle         {}\nunder load   {}\n", reading(d.idle), reading(d.loaded));
}

std::string_view state(bool ran, bool ok) { return !ran ? "not run" : ok ? "ok" : "FAILED"; }

std::string check_row(const Check& c) {
  if (!c.ran) return fmt::format("  {:<8} {:<64} {}\n", state(c.ran, c.ok), c.name, c.note);
  const std::string bound = c.bound == 0 ? (c.ok ? "equal bits" : "") : fmt::format("{:.2e} of {:.2e}", c.worst, c.bound);
  return fmt::format("  {:<8} {:<64} {:<24} {:>9.1f} ms{}{}\n", state(c.ran, c.ok), c.name, bound, c.milliseconds,
                     c.note.empty() ? "" : "  ", c.note);
}

std::string bandwidth(const Report& r) {
  if (r.bandwidth.empty()) return fmt::format("\nBandwidth: not measured: {}\n", r.no_bandwidth);
  std::string text = fmt::format(
      "\nDecode products, one row, a half of each layer (copy bandwidth of the device {:.1f} GB/s, read and written)\n",
      r.copy_gb_per_s);
  if (r.device.emulated) text += "  emulated: no rate means anything\n";
  text += fmt::format("  {:<16} {:<10} {:>7} x {:<7} {:<8} {:<6} {:>10} {:>11} {:>8} {:>6}\n", "model", "product",
                      "outputs", "inputs", "format", "math", "weights", "time", "GB/s", "share");
  for (const Bandwidth& b : r.bandwidth) {
    text += fmt::format("  {:<16} {:<10} {:>7} x {:<7} {:<8} {:<6} {:>10} {:>8.1f} us {:>8.1f} {:>4.0f} %\n", b.model,
                        b.product, b.outputs, b.inputs, b.format, b.math, format_bytes(b.bytes), b.microseconds,
                        b.gb_per_s, 100 * b.share);
  }
  return text;
}

std::string collective_row(const Collective& c) {
  if (!c.ran) return fmt::format("  {:<8} {:<12} {:<6} {}\n", state(c.ran, c.ok), c.operation, c.backend, c.note);
  const std::string rate = c.gb_per_s > 0 ? fmt::format("{:.2f} GB/s", c.gb_per_s) : std::string();
  return fmt::format("  {:<8} {:<12} {:<6} {:>10} {:>10.1f} us{}{}{}{}\n", state(c.ran, c.ok), c.operation, c.backend,
                     format_bytes(c.bytes), c.microseconds, rate.empty() ? "" : "  ", rate, c.note.empty() ? "" : "  ",
                     c.note);
}

}  // namespace

std::string to_text(const Report& r) {
  std::string text = fmt::format("yoke {} self-test\n", r.version) + device(r.device);
  text += "\nChecks\n";
  for (const Check& c : r.checks) text += check_row(c);
  text += bandwidth(r);
  text += "\nTwo ranks on this machine\n";
  for (const Collective& c : r.collectives) text += collective_row(c);
  if (!r.remedies.empty()) text += "\nFindings\n";
  for (const Remedy& remedy : r.remedies)
    text += fmt::format("  {}: {}\n    {}\n", remedy.fails ? "FAILS" : "advice", remedy.finding, remedy.remedy);
  const auto passed = std::ranges::count_if(r.checks, [](const Check& c) { return c.ran && c.ok; });
  const auto ran = std::ranges::count_if(r.checks, &Check::ran);
  return text + fmt::format("\n{}: {} of {} checks hold ({:.1f} s){}\n", r.passed ? "PASS" : "FAIL", passed, ran, r.seconds,
                            r.device.emulated ? "; emulated: no rate means anything" : "");
}

}  // namespace yoke::node::selftest
