#include "node/selftest/kernel_checks.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "core/clock.h"
#include "core/error.h"

namespace yoke::node::selftest {
namespace {

Comparison compare(const Case& one, Side& device, Side& twin) {
  const std::vector<float> got = one.run(device);
  switch (one.against) {
    case Against::twin: return same_bits(got, one.run(twin));
    case Against::bounds: return within(got, one.expected());
    case Against::itself: break;
  }
  const std::span<const float> all(got);
  return same_bits(all.first(all.size() / 2), all.subspan(all.size() / 2));
}

std::vector<Case> cases_of(MathMode math, Supports supports) {
  std::vector<Case> cases = product_cases(math, supports);
  if (math != MathMode::exact || cases.empty()) return cases;  // nothing else depends on the mode
  for (Case& one : elementwise_cases(supports)) cases.push_back(std::move(one));
  for (Case& one : attention_cases()) cases.push_back(std::move(one));
  return cases;
}

Check promised_formats(Supports supports) {
  const std::vector<std::string> missing = formats_without_product(supports);
  return {.name = "a product for every format promised", .ok = missing.empty(), .note = fmt::format("{}", fmt::join(missing, ", "))};
}

void run_cases(const std::vector<Case>& cases, kernels::Ops& ops, Side& twin, const OnProgress& progress, std::vector<Check>& checks) {
  Side device(ops, kSideBytes);
  bool lost = false;
  for (size_t i = 0; i < cases.size() && !lost; ++i) {
    if (progress) progress(cases[i].name, i, cases.size());
    checks.push_back(check_case(cases[i], device, twin, &lost));
    if (!lost || i + 1 == cases.size()) continue;
    checks.push_back({.name = fmt::format("{} more of this mode", cases.size() - i - 1),
                      .note = "after an error nothing more can be asked of the device"});
  }
}

}  // namespace

Check check_case(const Case& one, Side& device, Side& twin, bool* lost) {
  Check check{.name = one.name};
  const TimePoint begin = system_clock().now();
  try {
    device.clear();
    twin.clear();
    const Comparison result = compare(one, device, twin);
    check.ok = result.ok;
    check.worst = result.worst;
    check.bound = result.bound;
    check.note = result.text;
  } catch (const Error& error) {
    check.note = error.what();
    if (lost != nullptr) *lost = true;
  }
  check.milliseconds = seconds(system_clock().now() - begin) * 1e3;
  return check;
}

std::vector<Check> check_kernels(const kernels::OpsBackend& backend, const kernels::OpsConfig& wanted, const OnProgress& progress) {
  std::vector<Check> checks{promised_formats(backend.supports)};
  const auto twin_ops = kernels::ops_backend("reference").make({});
  Side twin(*twin_ops, kSideBytes);
  for (const MathMode math : {MathMode::exact, MathMode::bf16}) {
    const std::vector<Case> cases = cases_of(math, backend.supports);
    if (cases.empty()) {
      checks.push_back({.name = fmt::format("mode {}", name(math)),
                        .note = fmt::format("the {} kernels have none", backend.name),
                        .ran = false});
      continue;
    }
    kernels::OpsConfig config = wanted;
    config.math = math;
    try {
      run_cases(cases, *backend.make(config), twin, progress, checks);
    } catch (const Error& error) {
      checks.push_back({.name = fmt::format("mode {}", name(math)), .note = error.what()});
    }
  }
  return checks;
}

}  // namespace yoke::node::selftest
