#include "cli/cluster_status.h"

#include <boost/json.hpp>

#include "cli/rest_client.h"
#include "core/error.h"

namespace yoke::cli {

namespace json = boost::json;

bool is_ready(const std::string& rest_url) {
  return RestClient(rest_url).send({.path = "/health/ready", .timeout = std::chrono::seconds(2)}).status == 200;
}

json::object fetch_status(const std::string& rest_url, const std::string& key) {
  const HttpResponse response = RestClient(rest_url, key).send({.path = "/yoke/v1/status", .timeout = std::chrono::seconds(5)});
  RestClient::check(response);
  return json::parse(response.body).as_object();
}

void show_progress(Progress& progress, const json::object& status) {
  uint64_t done = 0, total = 0;
  for (const json::value& rank : status.at("ranks").as_array()) {
    if (rank.at("state") != "loading") continue;
    done += rank.at("load_bytes_done").to_number<uint64_t>();
    total += rank.at("load_bytes_total").to_number<uint64_t>();
  }
  if (total > 0) progress.show("loading", done, total);
  else progress.show(status.at("ready").as_bool() ? "ready" : std::string(status.at("reason").as_string()));
}

void try_show_progress(Progress& progress, const std::string& rest_url) {
  try {
    show_progress(progress, fetch_status(rest_url));
  } catch (const Error&) {
  }
}

}  // namespace yoke::cli
