// How fast a model is loaded, beside a plain parallel read of the same files in the same run: the two in turn, medians.
//   bench_load MODEL [--tp N] [--rank R] [--threads N] [--rounds N] [--unchecked] [--gpu N] [--json FILE]
// The plain read has the loader's number of requests in flight and their size, reads past the page cache too, and throws away what it
// reads. With --tp 2 it reads what rank R needs of them. With --gpu the pool lies on that GPU, and the bench says how much of the copying
// there ran beside reading and packing: on the double (scripts/with-cuda-emulator) that shows the overlap, and says nothing about rates.
#include <fmt/format.h>
#include <sys/resource.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <atomic>
#include <cstdio>
#include <fstream>
#include <thread>

#include "core/clock.h"
#include "core/error.h"
#include "core/units.h"
#include "node/direct_file.h"
#include "node/loader.h"

namespace {

using namespace yoke;

constexpr int kPlainReaders = 16;  // as the loader's

struct Options {
  std::string model;
  int tp = 1, rank = 0, threads = 2, rounds = 5;
  int gpu = -1;
  bool unchecked = false;
  std::string json;
};

double cpu_seconds() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  const auto whole = [](const timeval& t) { return static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_usec) * 1e-6; };
  return whole(usage.ru_utime) + whole(usage.ru_stime);
}

// MB a second: of the clock, and of processor time of one core, which other programs on the machine do not take from it.
struct Rate {
  double by_clock, by_core;
};

// Of `work`, which returns how many bytes it read.
template <typename Work>
Rate rate(const Work& work) {
  const TimePoint begin = system_clock().now();
  const double cpu = cpu_seconds();
  const double megabytes = static_cast<double>(work()) / 1e6;
  return {megabytes / seconds(system_clock().now() - begin), megabytes / (cpu_seconds() - cpu)};
}

uint64_t plain_read(const model::Checkpoint& checkpoint, const node::ReadPlan& plan) {
  std::vector<std::unique_ptr<node::DirectFile>> files;
  for (size_t i = 0; i < checkpoint.files.size(); ++i) {
    files.push_back(std::make_unique<node::DirectFile>(checkpoint.files[i], node::DirectFile::Expected{.bytes = checkpoint.file_bytes[i]}));
  }
  std::atomic<size_t> next = 0;
  {
    std::vector<std::jthread> readers;
    for (int i = 0; i < kPlainReaders; ++i) {
      readers.emplace_back([&] {
        node::DirectBuffer buffer;
        for (size_t at = next++; at < plan.reads.size(); at = next++) files[plan.reads[at].file]->read(plan.reads[at].offset, plan.reads[at].bytes, buffer);
      });
    }
  }
  return plan.bytes;
}

double median(const std::vector<Rate>& rates, double Rate::* which) {
  std::vector<double> values;
  for (const Rate& rate : rates) values.push_back(rate.*which);
  std::sort(values.begin(), values.end());
  return values[values.size() / 2];
}

// Share of the device's copying that nobody waited for.
double overlapped(const node::LoadTimes& times, int threads) {
  const double copying = seconds(times.copies.copying), waiting = seconds(times.copies.waiting) / threads;
  return copying <= 0 ? 1 : std::clamp(1 - waiting / copying, 0.0, 1.0);
}

std::string copies_text(const Options& options, const node::LoadTimes& times) {
  return fmt::format("reading {:.2f} s, packing {:.2f} s (summed over threads), {} copied in {:.2f} s, waited for copies {:.2f} s, overlapped {:.0f} %",
                     seconds(times.reading), seconds(times.packing), format_bytes(times.copies.bytes), seconds(times.copies.copying),
                     seconds(times.copies.waiting), 100 * overlapped(times, options.threads));
}

std::string copies_json(const Options& options, const node::LoadTimes& times) {
  if (options.gpu < 0) return {};
  return fmt::format(", \"reading_s\": {:.3f}, \"packing_s\": {:.3f}, \"copied_bytes\": {}, \"copying_s\": {:.3f}, \"waiting_s\": {:.3f}, \"overlapped\": {:.3f}",
                     seconds(times.reading), seconds(times.packing), times.copies.bytes, seconds(times.copies.copying),
                     seconds(times.copies.waiting), overlapped(times, options.threads));
}

void report(const Options& options, const std::string& name, uint64_t bytes, const std::vector<Rate>& plain, const std::vector<Rate>& loading,
            const node::LoadTimes& times) {
  const double of_plain = median(plain, &Rate::by_clock), of_loading = median(loading, &Rate::by_clock);
  const double core = median(loading, &Rate::by_core), plain_core = median(plain, &Rate::by_core), ratio = of_loading / of_plain;
  fmt::print("{} of {}, {} threads pack: plain {:.0f} MB/s, loading {:.0f} MB/s (medians of {}), ratio {:.2f}; of one core's time: plain {:.0f} MB/s, loading {:.0f} MB/s\n",
             format_bytes(bytes), name, options.threads, of_plain, of_loading, options.rounds, ratio, plain_core, core);
  if (options.json.empty()) return;
  std::ofstream(options.json) << fmt::format(
      "{{\"bytes\": {}, \"plain_mb_per_s\": {:.1f}, \"loading_mb_per_s\": {:.1f}, \"ratio\": {:.4f}, \"core_mb_per_s\": {:.1f}{}}}\n", bytes,
      of_plain, of_loading, ratio, core, copies_json(options, times));
}

int run(const Options& options) {
  const model::Checkpoint checkpoint = model::open_checkpoint(options.model);
  const model::Catalogue catalogue(checkpoint);
  const parallel::Plan plan = parallel::make_plan(catalogue, {.layout = {.tp = options.tp}});
  const std::vector<parallel::Slice> slices = parallel::slices_of(plan, options.rank, catalogue);
  const node::ReadPlan reads = node::plan_reads(slices, {.whole_chunks = !options.unchecked});
  model::Manifest manifest = model::start_manifest(checkpoint);
  std::vector<Rate> plain, loading;
  node::LoadTimes times;
  const node::PoolPlace place = options.gpu < 0 ? node::PoolPlace::host : node::choose_pool_place(options.gpu).place;
  fmt::print("pool in: {}\n", node::pool_place(place).name);
  for (int round = 0; round < options.rounds; ++round) {
    plain.push_back(rate([&] { return plain_read(checkpoint, reads); }));
    const node::Pool pool = node::Pool::create(node::regions_of(plan, options.rank, catalogue, 1), place, std::max(0, options.gpu));
    loading.push_back(rate([&] {
      node::load(slices, checkpoint, pool, {}, {}, {.threads = options.threads, .manifest = options.unchecked ? nullptr : &manifest, .times = &times});
      return reads.bytes;
    }));
    fmt::print("round {}: plain {:.0f} MB/s, loading {:.0f} MB/s\n", round + 1, plain.back().by_clock, loading.back().by_clock);
    if (options.gpu >= 0) fmt::print("  {}\n", copies_text(options, times));
  }
  report(options, checkpoint.config.name, reads.bytes, plain, loading, times);
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  Options options;
  CLI::App app("Speed of loading beside a plain parallel read");
  app.add_option("MODEL", options.model)->required();
  app.add_option("--tp", options.tp)->check(CLI::IsMember({1, 2}));
  app.add_option("--rank", options.rank)->check(CLI::Range(0, 1));
  app.add_option("--threads", options.threads, "that pack at once");
  app.add_option("--rounds", options.rounds)->check(CLI::Range(1, 100));
  app.add_option("--gpu", options.gpu, "into a pool on this GPU");
  app.add_flag("--unchecked", options.unchecked, "hash no chunks");
  app.add_option("--json", options.json);
  CLI11_PARSE(app, argc, argv);
  try {
    return run(options);
  } catch (const Error& error) {
    fmt::print(stderr, "bench_load: {}\n", error.what());
    return exit_code(error.code());
  }
}
