#include "node/selftest/report.h"

#include <boost/json.hpp>
#include <optional>

namespace yoke::node::selftest {
namespace {

namespace json = boost::json;

template <typename T>
json::value or_null(const std::optional<T>& value) {
  return value ? json::value(*value) : json::value(nullptr);
}
json::value or_null(const std::string& text) { return text.empty() ? json::value(nullptr) : json::value(text); }

json::object reading(const cuda::nvml::Reading& r) {
  return {{"sm_mhz", or_null(r.sm_mhz)},
          {"max_sm_mhz", or_null(r.max_sm_mhz)},
          {"power_mw", or_null(r.power_mw)},
          {"temperature_c", or_null(r.temperature_c)},
          {"throttling", r.throttle_reasons ? json::value(cuda::nvml::throttle_words(*r.throttle_reasons)) : json::value(nullptr)}};
}

json::object device(const DeviceFacts& d) {
  json::object object = {{"name", d.name}, {"gpu", d.gpu}, {"no_gpu", or_null(d.no_gpu)}};
  if (!d.gpu) return object;
  object["compute_capability"] = std::to_string(d.major) + "." + std::to_string(d.minor);
  object["multiprocessors"] = d.multiprocessors;
  object["cuda_version"] = d.cuda_version;
  object["driver"] = or_null(d.driver);
  object["no_nvml"] = or_null(d.no_nvml);
  object["memory_bytes"] = d.memory_bytes;
  object["free_bytes"] = d.free_bytes;
  object["idle"] = reading(d.idle);
  object["loaded"] = reading(d.loaded);
  return object;
}

json::object row(const Check& c) {
  return {{"name", c.name}, {"ok", c.ok}, {"ran", c.ran}, {"worst", c.worst}, {"bound", c.bound}, {"milliseconds", c.milliseconds},
          {"note", or_null(c.note)}};
}

json::object row(const Bandwidth& b) {
  return {{"model", b.model}, {"product", b.product}, {"outputs", b.outputs}, {"inputs", b.inputs}, {"format", b.format}, {"math", b.math},
          {"bytes", b.bytes}, {"microseconds", b.microseconds}, {"gb_per_s", b.gb_per_s}, {"share_of_copy", b.share}};
}

json::object row(const Collective& c) {
  return {{"operation", c.operation}, {"backend", c.backend}, {"bytes", c.bytes}, {"ok", c.ok}, {"ran", c.ran},
          {"microseconds", c.microseconds}, {"gb_per_s", c.gb_per_s}, {"note", or_null(c.note)}};
}

json::object row(const Remedy& r) { return {{"finding", r.finding}, {"remedy", r.remedy}, {"fails", r.fails}}; }

template <typename Row>
json::array rows(const std::vector<Row>& all) {
  json::array array;
  for (const Row& one : all) array.push_back(row(one));
  return array;
}

}  // namespace

std::string to_json(const Report& r) {
  return json::serialize(json::object{{"schema", 1},
                                      {"version", r.version},
                                      {"verdict", r.passed ? "pass" : "fail"},
                                      {"emulated", r.device.emulated},
                                      {"seconds", r.seconds},
                                      {"device", device(r.device)},
                                      {"checks", rows(r.checks)},
                                      {"copy_gb_per_s", r.copy_gb_per_s},
                                      {"bandwidth", rows(r.bandwidth)},
                                      {"no_bandwidth", or_null(r.no_bandwidth)},
                                      {"collectives", rows(r.collectives)},
                                      {"remedies", rows(r.remedies)}}) +
         "\n";
}

}  // namespace yoke::node::selftest
