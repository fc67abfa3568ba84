#include "node/selftest/ranks.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cstring>
#include <sstream>

#include "core/error.h"
#include "core/units.h"
#include "kernels/ops.h"
#include "node/forward/exchange.h"
#include "transport/registry.h"

namespace yoke::node::selftest {
namespace {

constexpr Duration kDeadline = std::chrono::seconds(60);
constexpr Duration kSilence = std::chrono::minutes(5);
constexpr uint64_t kSmall[] = {8 << 10, 32 << 10, 64 << 10};
constexpr uint64_t kLarge = 64 << 20, kLargeEmulated = 1 << 20;
constexpr int kRounds = 200, kRoundsEmulated = 10, kLargeRounds = 3;
constexpr int64_t kHidden = 16384;  // of llama-3.1-405b: a half's row is 64 KiB
constexpr int kJoins = 32;

int number(const std::string& text) {
  int value = 0;
  std::from_chars(text.data(), text.data() + text.size(), value);
  return value;
}

// Asks the parent, who has asked the other.
std::unique_ptr<transport::Communicator> make_group(const std::string& backend, int rank, Channel& parent) {
  const auto exchange = [&parent](const std::string& mine) {
    parent.send("blob " + mine);
    return std::vector<std::string>{parent.receive(kSilence).substr(5), parent.receive(kSilence).substr(5)};
  };
  return transport::communicator_backend(backend).make({.rank = rank, .size = 2, .exchange = exchange, .rails = "auto"});
}

// The buffer of an all-reduce: on the device where the backend works there.
struct Buffer {
  kernels::Device& device;
  std::byte* data;
  void fill(float value, uint64_t bytes) {
    const std::vector<float> values(bytes / sizeof(float), value);
    device.upload(data, std::as_bytes(std::span(values)));
  }
  void demand(float value, uint64_t bytes) {
    std::vector<float> values(bytes / sizeof(float));
    device.download(std::as_writable_bytes(std::span(values)), data);
    for (const float got : values) {
      if (got != value)
        throw Error{Code::internal,
                    fmt::format("an all_reduce of {} gave {} instead of {}", format_bytes(bytes), got, value)};
    }
  }
};

double median_us(std::vector<double>& us) {
  std::nth_element(us.begin(), us.begin() + static_cast<int64_t>(us.size() / 2), us.end());
  return us[us.size() / 2];
}

double time_all_reduce(transport::Communicator& group, Buffer& buffer, uint64_t bytes, int rounds) {
  const int64_t count = static_cast<int64_t>(bytes / sizeof(float));
  buffer.fill(static_cast<float>(1 + group.rank()), bytes);
  group.all_reduce(buffer.data, count, Dtype::f32, kDeadline);
  buffer.demand(3.0f, bytes);
  buffer.fill(0, bytes);
  std::vector<double> us;
  for (int i = 0; i < rounds; ++i) {
    const TimePoint begin = system_clock().now();
    group.all_reduce(buffer.data, count, Dtype::f32, kDeadline);
    us.push_back(seconds(system_clock().now() - begin) * 1e6);
  }
  return median_us(us);
}

void run_all_reduces(const std::string& backend, int rank, int rounds, int gpu, Channel& parent) {
  const auto ops = kernels::ops_backend(gpu < 0 ? "reference" : "cuda").make({.gpu = std::max(gpu, 0)});
  const uint64_t large = rounds < kRounds ? kLargeEmulated : kLarge;
  Buffer buffer{ops->device(), ops->device().allocate(large, kernels::Device::Memory::local)};
  const auto group = make_group(backend, rank, parent);
  const auto report = [&](uint64_t bytes, double us) {
    if (rank == 0) parent.send(fmt::format("row all_reduce {} {}", bytes, us));
  };
  for (const uint64_t bytes : kSmall) report(bytes, time_all_reduce(*group, buffer, bytes, rounds));
  report(large, time_all_reduce(*group, buffer, large, kLargeRounds));
  group->barrier(kDeadline);
}

// Rank 1 of a join is a host alone: two processes whose kernels wait for each other would share one GPU by turns.
void answer_joins(transport::Communicator& group, int steps) {
  std::vector<float> halves(2 * kHidden, 0.25f);
  const std::span<std::byte> all = std::as_writable_bytes(std::span(halves));
  const std::array<uint64_t, 2> parts{all.size() / 2, all.size() / 2};
  for (int i = 0; i < steps * kJoins; ++i) group.all_gather(all.subspan(parts[0]), all.data(), parts, kDeadline);
}

struct Joined {
  float *x, *halves, *y, *w;
};

void record_joins(kernels::Ops& ops, forward::Exchange& exchange, const Joined& j) {
  exchange.begin_recording();
  for (int i = 0; i < kJoins; ++i) {
    const kernels::Meeting meeting = exchange.next();
    ops.run(kernels::JoinNorm{.x = j.x,
                              .h0 = j.halves,
                              .h1 = j.halves + kHidden,
                              .rows = 1,
                              .width = kHidden,
                              .w = j.w,
                              .epsilon = 1e-5f,
                              .y = j.y,
                              .meeting = &meeting});
  }
}

void demand_sum(kernels::Device& device, const float* x, int joins) {
  std::vector<float> got(kHidden);
  device.download(std::as_writable_bytes(std::span(got)), reinterpret_cast<const std::byte*>(x));
  const float wanted = 0.75f * static_cast<float>(joins);  // exact: quarters
  for (const float value : got) {
    if (value != wanted) throw Error{Code::internal, fmt::format("after {} joins x is {} instead of {}", joins, value, wanted)};
  }
}

double time_joins(transport::Communicator& group, int steps, int gpu) {
  const auto ops = kernels::ops_backend("cuda").make({.gpu = gpu});
  kernels::Device& device = ops->device();
  const auto floats = [&](int64_t count, float value, kernels::Device::Memory memory) {
    const std::vector<float> values(static_cast<size_t>(count), value);
    float* const at = reinterpret_cast<float*>(device.allocate(std::as_bytes(std::span(values)).size(), memory));
    if (memory == kernels::Device::Memory::shared) std::copy(values.begin(), values.end(), at);
    else device.upload(reinterpret_cast<std::byte*>(at), std::as_bytes(std::span(values)));
    return at;
  };
  const Joined j{.x = floats(kHidden, 0, kernels::Device::Memory::local),
                 .halves = floats(2 * kHidden, 0.5f, kernels::Device::Memory::shared),
                 .y = floats(kHidden, 0, kernels::Device::Memory::local),
                 .w = floats(kHidden, 1, kernels::Device::Memory::local)};
  forward::Exchange exchange(device, group, kDeadline, std::chrono::microseconds(50));
  const auto recording = device.record([&] { record_joins(*ops, exchange, j); });
  TimePoint begin;
  for (int step = 0; step < steps; ++step) {
    if (step == 1) begin = system_clock().now();  // the first warms up
    exchange.begin();
    recording->play();
    exchange.serve(kJoins, {j.halves, 2 * kHidden}, kDeadline);
  }
  device.finish(kDeadline, "the last joins");
  const double us = seconds(system_clock().now() - begin) * 1e6 / ((steps - 1) * kJoins);
  demand_sum(device, j.x, steps * kJoins);
  return us;
}

void run_joins(int rank, int rounds, int gpu, Channel& parent) {
  const int steps = rounds < kRounds ? 2 : 10;
  const auto group = make_group("ucx", rank, parent);
  if (rank == 1) return answer_joins(*group, steps);
  parent.send(fmt::format("row join {} {}", kHidden * sizeof(float), time_joins(*group, steps, gpu)));
}

Collective row_of(const std::string& message, const std::string& backend) {
  Collective row{.backend = backend};
  std::istringstream in(message.substr(4));
  in >> row.operation >> row.bytes >> row.microseconds;
  if (row.operation == "all_reduce" && row.bytes >= kLargeEmulated) row.gb_per_s = static_cast<double>(row.bytes) / row.microseconds * 1e-3;
  return row;
}

// Carries blobs between the two until both are done.
std::vector<Collective> serve_group(std::array<Child*, 2> ranks, const std::string& backend) {
  std::vector<Collective> rows;
  for (std::array<bool, 2> done{}; !done[0];) {
    std::array<std::string, 2> messages;
    for (size_t rank = 0; rank < 2; ++rank) {
      if (done[rank]) continue;
      do {
        messages[rank] = ranks[rank]->channel().receive(kSilence);
        if (messages[rank].starts_with("row ")) rows.push_back(row_of(messages[rank], backend));
      } while (messages[rank].starts_with("row "));
      done[rank] = messages[rank] == "done";
    }
    if (done[0] || done[1]) continue;
    for (Child* rank : ranks) {
      for (const std::string& blob : messages) rank->channel().send(blob);
    }
  }
  return rows;
}

std::vector<Collective> run_group(const RanksOptions& options, const std::string& operation, const std::string& backend, bool on_gpu) {
  const int rounds = options.emulated ? kRoundsEmulated : kRounds;
  const auto arguments = [&](int rank) {
    const int gpu = on_gpu ? (operation == "join" ? options.gpu : rank % std::max(options.gpus, 1)) : -1;
    return std::vector<std::string>{"rank", operation == "join" ? operation : backend, std::to_string(rank),
                                    std::to_string(rounds), std::to_string(gpu)};
  };
  try {
    Child first(options.program, arguments(0)), second(options.program, arguments(1));
    return serve_group({&first, &second}, backend);
  } catch (const Error& error) {
    return {{.operation = operation, .backend = backend, .ok = false, .note = error.what()}};
  }
}

Collective not_run(std::string operation, std::string backend, std::string why) {
  return {.operation = std::move(operation), .backend = std::move(backend), .ran = false, .note = std::move(why)};
}

void add_nccl(const RanksOptions& options, std::vector<Collective>& rows) {
  const transport::CommunicatorBackend& nccl = transport::communicator_backend("nccl");
  std::string why = nccl.unavailable();
  if (why.empty() && options.gpu < 0) why = "no GPU here";
  // NCCL refuses two ranks of one GPU; its double does not.
  if (why.empty() && options.gpus < 2 && !options.emulated) why = "two ranks of one machine need two GPUs";
  if (!why.empty()) return rows.push_back(not_run("all_reduce", "nccl", why));
  for (Collective& row : run_group(options, "all_reduce", "nccl", true)) rows.push_back(std::move(row));
}

}  // namespace

std::vector<Collective> measure_ranks(const RanksOptions& options, const OnProgress& progress) {
  const auto tell = [&](const char* what, size_t at) {
    if (progress) progress(what, at, 3);
  };
  tell("two ranks over ucx", 0);
  std::vector<Collective> rows = run_group(options, "all_reduce", "ucx", false);
  tell("two ranks over nccl", 1);
  add_nccl(options, rows);
  tell("joins on the device", 2);
  if (options.gpu < 0) {
    rows.push_back(not_run("join", "ucx", "only a GPU works a step alone"));
  } else {
    for (Collective& row : run_group(options, "join", "ucx", true)) rows.push_back(std::move(row));
  }
  return rows;
}

void run_rank(const std::vector<std::string>& arguments, Channel& parent) {
  if (arguments.size() != 5) throw Error{Code::invalid_argument, "rank BACKEND RANK ROUNDS GPU"};
  const int rank = number(arguments[2]), rounds = number(arguments[3]), gpu = number(arguments[4]);
  if (arguments[1] == "join") run_joins(rank, rounds, gpu, parent);
  else run_all_reduces(arguments[1], rank, rounds, gpu, parent);
  parent.send("done");
}

}  // namespace yoke::node::selftest
