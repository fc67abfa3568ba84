#include "coordinator/api/pages.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <boost/json.hpp>

#include <algorithm>

#include "coordinator/api/error_reply.h"
#include "core/error.h"
#include "core/version.h"

namespace yoke::coordinator::api {
namespace {

namespace json = boost::json;

http::Response page(const json::value& body, int status = 200) {
  return {.status = status, .body = json::serialize(body)};
}

json::object model_object(const ServedModel& model, std::string_view name) {
  return {{"id", name},
          {"object", "model"},
          {"created", model.created},
          {"owned_by", "yoke"},
          {"root", model.names.front()},
          {"max_model_len", model.config.context_length}};
}

json::array names_of(const ServedModel& model) { return json::array(model.names.begin(), model.names.end()); }

json::object rank_object(const RankStatus& rank) {
  return {{"rank", rank.rank},
          {"node", rank.node},
          {"state", rank.state},
          {"device", rank.device},
          {"device_reason", rank.device_reason},
          {"pool", rank.pool},
          {"agent_pid", rank.agent_pid},
          {"engine_pid", rank.engine_pid},
          {"bytes_read", rank.bytes_read},
          {"pool_bytes", rank.pool_bytes},
          {"load_bytes_done", rank.load_bytes_done},
          {"load_bytes_total", rank.load_bytes_total},
          {"step_age_s", rank.step_age_s}};
}

std::string_view name(model::EncoderHead head) {
  switch (head) {
    case model::EncoderHead::none: return "none";
    case model::EncoderHead::pooler: return "pooler";
    case model::EncoderHead::classifier: return "classifier";
  }
  return "";
}

// What a row of `output_width` floats consists of: the hidden state, then the head's.
json::value encoder_value(const model::ModelConfig& config) {
  if (!config.encoder.is) return nullptr;
  return json::object{{"hidden", config.hidden},
                      {"head", name(config.encoder.head)},
                      {"labels", config.encoder.labels},
                      {"token_types", config.encoder.token_types}};
}

}  // namespace

http::Response models_page(const ServedModel& model) {
  json::array data;
  for (const std::string& name : model.names) data.push_back(model_object(model, name));
  return page(json::object{{"object", "list"}, {"data", std::move(data)}});
}

http::Response model_page(const ServedModel& model, std::string_view name) {
  if (std::find(model.names.begin(), model.names.end(), name) != model.names.end()) return page(model_object(model, name));
  throw Error(Code::not_found,
              fmt::format("the model {} is not served here; served: {}", printable(name), fmt::join(model.names, ", ")), "model");
}

http::Response live_page() { return page(json::object{{"status", "live"}}); }

http::Response ready_page(const ServiceStatus& status) {
  if (status.ready) return page(json::object{{"status", "ready"}});
  json::array missing;
  for (const RankStatus& rank : status.ranks) {
    if (rank.state == "ready") continue;
    missing.push_back(json::object{{"rank", rank.rank}, {"node", rank.node}, {"state", rank.state}});
  }
  http::Response response =
      page(json::object{{"status", "not ready"}, {"reason", status.reason}, {"missing", std::move(missing)}}, 503);
  response.headers.push_back({"Retry-After", "1"});
  return response;
}

http::Response status_page(const ServiceStatus& status, const ServedModel& model) {
  json::array ranks;
  for (const RankStatus& rank : status.ranks) ranks.push_back(rank_object(rank));
  return page(json::object{{"version", kVersion},
                           {"model", model.names.front()},
                           {"names", names_of(model)},
                           {"context_length", model.config.context_length},
                           {"vocab", model.config.vocab},
                           {"kind", model.config.encoder.is ? "encoder" : "decoder"},
                           {"output_width", model.config.output_width()},
                           {"encoder", encoder_value(model.config)},
                           {"ready", status.ready},
                           {"reason", status.reason},
                           {"epoch", status.epoch},
                           {"instance", status.instance},
                           {"layout", status.layout},
                           {"math", status.math},
                           {"kv", status.kv},
                           {"pack", status.pack},
                           {"device", status.device},
                           {"ranks", std::move(ranks)},
                           {"running", status.running},
                           {"waiting", status.waiting},
                           {"paused", status.paused},
                           {"kv_blocks_total", status.kv_blocks_total},
                           {"kv_blocks_used", status.kv_blocks_used}});
}

}  // namespace yoke::coordinator::api
