// yoke doctor: what this node has to compute and to communicate with, and what is missing.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <boost/json.hpp>
#include <memory>

#include "cli/verbs.h"
#include "core/units.h"
#include "topology/gpus.h"
#include "topology/node_info.h"
#include "transport/registry.h"
#include "transport/select.h"

namespace yoke::cli {
namespace {

namespace json = boost::json;
using topology::Gpu;
using topology::GpuSurvey;

// Sizes around what decides: a row of 8B, of 70B and of 405B, the edge, a prompt's chunk.
constexpr uint64_t kSizes[] = {16 << 10, 32 << 10, 64 << 10, transport::kSmallBytes, transport::kSmallBytes + 1, 16 << 20};

struct PlaceRow {
  std::string_view name;
  transport::Place place;
};
constexpr PlaceRow kPlaces[] = {{"one host, CPU", {.one_host = true}},
                                {"two hosts, CPU", {}},
                                {"one host, GPUs", {.one_host = true, .device_memory = true}},
                                {"two hosts, GPUs", {.device_memory = true}}};

json::object gpu_json(const Gpu& gpu) {
  return {{"ordinal", gpu.ordinal}, {"name", gpu.name}, {"compute_capability", fmt::format("{}.{}", gpu.major, gpu.minor)},
          {"multiprocessors", gpu.multiprocessors}, {"memory_bytes", gpu.memory_bytes}, {"integrated", gpu.integrated}, {"bus_id", gpu.bus_id}};
}

json::array roads_json() {
  json::array roads;
  for (const PlaceRow& row : kPlaces) {
    for (const uint64_t bytes : kSizes) {
      const transport::RoadChoice choice = transport::select(transport::Operation::all_reduce, bytes, row.place);
      roads.push_back({{"place", row.name}, {"operation", transport::name(transport::Operation::all_reduce)}, {"bytes", bytes},
                       {"backend", choice.backend}, {"rails", choice.rails}, {"why", choice.why}});
    }
  }
  return roads;
}

json::array backends_json() {
  json::array backends;
  for (const transport::CommunicatorBackend& row : transport::communicator_backends()) {
    backends.push_back({{"name", row.name}, {"unavailable", row.unavailable()}});
  }
  return backends;
}

json::object findings(const topology::NodeInfo& node, const GpuSurvey& survey) {
  json::array gpus;
  for (const Gpu& gpu : survey.gpus) gpus.push_back(gpu_json(gpu));
  return {{"node", node.host_name}, {"cores", node.usable_cores}, {"memory_total_bytes", node.memory_total_bytes},
          {"memory_available_bytes", node.memory_available_bytes},
          {"cuda", {{"unavailable", survey.unavailable}, {"cuda_version", survey.cuda_version}, {"driver_version", survey.driver_version}, {"gpus", gpus}}},
          {"communicators", backends_json()}, {"roads", roads_json()}};
}

void print_gpus(const GpuSurvey& survey) {
  if (!survey.unavailable.empty()) {
    fmt::print("GPU    none: {}\n", survey.unavailable);
    return;
  }
  fmt::print("driver {} (CUDA {}.{})\n", survey.driver_version.empty() ? "of unknown version" : survey.driver_version, survey.cuda_version / 1000,
             survey.cuda_version % 1000 / 10);
  for (const Gpu& gpu : survey.gpus) {
    fmt::print("GPU {}  {}, compute capability {}.{}, {} SMs, {}{}\n", gpu.ordinal, gpu.name, gpu.major, gpu.minor, gpu.multiprocessors,
               format_bytes(gpu.memory_bytes), gpu.integrated ? " shared with the host" : "");
  }
}

void print(const topology::NodeInfo& node, const GpuSurvey& survey) {
  fmt::print("node   {}: {} cores, {} of memory, {} available\n", node.host_name, node.usable_cores, format_bytes(node.memory_total_bytes),
             format_bytes(node.memory_available_bytes));
  print_gpus(survey);
  for (const transport::CommunicatorBackend& row : transport::communicator_backends()) {
    const std::string why = row.unavailable();
    fmt::print("{:<6} {}\n", row.name, why.empty() ? "available" : "not available: " + why);
  }
  fmt::print("\nThe road of an all-reduce\n{:<16} {:>10}  {:<5} {:<5} why\n", "place", "size", "by", "rails");
  for (const PlaceRow& row : kPlaces) {
    for (const uint64_t bytes : kSizes) {
      const transport::RoadChoice choice = transport::select(transport::Operation::all_reduce, bytes, row.place);
      fmt::print("{:<16} {:>10}  {:<5} {:<5} {}\n", row.name, bytes > transport::kSmallBytes && bytes < (1 << 20) ? "one B more" : format_bytes(bytes),
                 choice.backend, choice.rails, choice.why);
    }
  }
}

}  // namespace

void add_doctor(CLI::App& app, Action& action) {
  auto output = std::make_shared<std::string>("text");
  CLI::App* verb = app.add_subcommand("doctor", "what this node has to compute and to communicate with, and what is missing");
  verb->footer("Asks the driver and loads the libraries, but changes nothing and measures nothing: `yoke selftest` does that.\n"
               "-o json: {node, cores, memory_total_bytes, memory_available_bytes, cuda: {unavailable, cuda_version, driver_version, gpus}, communicators, roads}.");
  verb->add_option("-o,--output", *output, "text or json")->check(CLI::IsMember({"text", "json"}));
  verb->callback([output, &action] {
    action = [output] {
      const topology::NodeInfo node = topology::probe_node();
      const GpuSurvey survey = topology::survey_gpus();
      if (*output == "json") fmt::print("{}\n", json::serialize(findings(node, survey)));
      else print(node, survey);
      return 0;
    };
  });
}

}  // namespace yoke::cli
