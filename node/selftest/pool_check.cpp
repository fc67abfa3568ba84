#include "node/selftest/pool_check.h"

#include <fmt/format.h>

#include <charconv>

#include "core/error.h"
#include "kernels/ops.h"
#include "node/pool.h"
#include "node/selftest/compare.h"
#include "node/selftest/made_matrix.h"

namespace yoke::node::selftest {
namespace {

constexpr int64_t kFloats = 1 << 20;
constexpr int64_t kWidth = 1024;
constexpr Duration kDeadline = std::chrono::seconds(30);
constexpr const char* kRegion = "selftest";

int number(const std::string& text) {
  int value = 0;
  std::from_chars(text.data(), text.data() + text.size(), value);
  return value;
}

std::vector<float> numbers() { return Numbers(101).reals(kFloats); }

// Rows by their number: a kernel's copy from one place to another.
void copy_by_kernel(kernels::Ops& ops, const float* from, float* to) {
  std::vector<int32_t> rows;
  for (int32_t i = 0; i < kFloats / kWidth; ++i) rows.push_back(i);
  int32_t* const at = reinterpret_cast<int32_t*>(
      ops.device().allocate(std::as_bytes(std::span(rows)).size(), kernels::Device::Memory::local));
  ops.device().upload(reinterpret_cast<std::byte*>(at), std::as_bytes(std::span(rows)));
  ops.run(kernels::GatherRows{.x = from, .width = kWidth, .from = {at, rows.size()}, .y = to});
  ops.device().finish(kDeadline, "a copy by a kernel");
}

void write(kernels::Ops& ops, float* pool) {
  const std::vector<float> values = numbers();
  const auto bytes = std::as_bytes(std::span(values));
  std::byte* const mine = ops.device().allocate(bytes.size(), kernels::Device::Memory::local);
  ops.device().upload(mine, bytes);
  copy_by_kernel(ops, reinterpret_cast<const float*>(mine), pool);
}

void read(kernels::Ops& ops, const float* pool) {
  std::vector<float> got(kFloats);
  const auto bytes = std::as_writable_bytes(std::span(got));
  std::byte* const mine = ops.device().allocate(bytes.size(), kernels::Device::Memory::local);
  copy_by_kernel(ops, pool, reinterpret_cast<float*>(mine));
  ops.device().download(bytes, mine);
  const Comparison result = same_bits(got, numbers());
  if (!result.ok) throw Error{Code::internal, "what the killed engine wrote is not there: " + result.text};
}

std::string run_engines(const std::string& program, int gpu) {
  const PoolChoice choice = gpu < 0 ? PoolChoice{PoolPlace::host, ""} : choose_pool_place(gpu);
  const std::string place(pool_place(choice.place).name);
  const Pool pool = Pool::create({Region{.name = kRegion, .bytes = kFloats * sizeof(float)}}, choice.place, std::max(gpu, 0));
  const std::vector<int> descriptors = pool.descriptors();
  const auto engine = [&](const std::string& act) {
    return std::vector<std::string>{"pool", gpu < 0 ? "cpu" : "cuda",          std::to_string(std::max(gpu, 0)), place,
                                    act,    std::to_string(descriptors.size())};
  };
  {
    Child writer(program, engine("write"), descriptors);
    writer.channel().receive(kDeadline);
    writer.kill();
  }
  Child reader(program, engine("read"), descriptors);
  reader.channel().receive(kDeadline);
  return "in " + (choice.text.empty() ? place : choice.text);
}

}  // namespace

Check check_pool(const std::string& program, int gpu) {
  Check check{.name = "the pool outlives a killed engine"};
  const TimePoint begin = system_clock().now();
  try {
    check.note = run_engines(program, gpu);
    check.ok = true;
  } catch (const Error& error) {
    check.note = error.what();
  }
  check.milliseconds = seconds(system_clock().now() - begin) * 1e3;
  return check;
}

void run_pool_engine(const std::vector<std::string>& arguments, Channel& agent) {
  if (arguments.size() != 6) throw Error{Code::invalid_argument, "pool BACKEND GPU PLACE write|read DESCRIPTORS"};
  const int gpu = number(arguments[2]);
  const auto ops = kernels::ops_backend(arguments[1]).make({.gpu = gpu});
  std::vector<Descriptor> descriptors;
  for (int i = 0; i < number(arguments[5]); ++i) descriptors.emplace_back(kFirstInherited + i);
  const Pool pool = Pool::attach(std::move(descriptors), pool_place(arguments[3]).place, gpu);
  float* const data = reinterpret_cast<float*>(pool.data(pool.at(kRegion)));
  if (arguments[4] == "read") {
    read(*ops, data);
    agent.send("read");
    return;
  }
  write(*ops, data);
  agent.send("written");
  agent.receive(std::chrono::minutes(10));  // until killed
}

}  // namespace yoke::node::selftest
