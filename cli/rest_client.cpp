#include "cli/rest_client.h"

#include <curl/curl.h>
#include <fmt/format.h>

#include <boost/json.hpp>

#include "core/error.h"

namespace yoke::cli {
namespace {

namespace json = boost::json;

// An error's body and everything that is not a stream stay below this.
constexpr size_t kMaxBodyBytes = 64 << 20;
// One server-sent event: a token with 20 alternatives is 4 KiB.
constexpr size_t kMaxEventBytes = 4 << 20;

struct Transfer {
  CURL* curl;
  HttpResponse* response;
  const std::function<bool(std::string_view)>* on_data;
  bool stopped = false;
};

size_t receive(char* data, size_t, size_t size, void* context) {
  Transfer& transfer = *static_cast<Transfer*>(context);
  long status = 0;
  curl_easy_getinfo(transfer.curl, CURLINFO_RESPONSE_CODE, &status);
  if (transfer.on_data != nullptr && status == 200) {
    if ((*transfer.on_data)({data, size})) return size;
    transfer.stopped = true;
    return 0;
  }
  if (transfer.response->body.size() + size > kMaxBodyBytes) return 0;
  transfer.response->body.append(data, size);
  return size;
}

Error error_of(const json::value& body, int status) {
  const json::object* object = body.if_object();
  const json::value* error = object == nullptr ? nullptr : object->if_contains("error");
  const json::object* fields = error == nullptr ? nullptr : error->if_object();
  const auto field = [&](const char* key) {
    const json::value* value = fields == nullptr ? nullptr : fields->if_contains(key);
    return value != nullptr && value->is_string() ? std::string(value->as_string()) : std::string();
  };
  std::string message = field("message");
  if (message.empty()) message = fmt::format("the server answered with status {}", status);
  const Code code = field("code").empty() ? (status == 503 ? Code::unavailable : Code::invalid_argument)
                                          : code_from_name(field("code"));
  return Error{code, message, field("param")};
}

}  // namespace

struct RestClient::Handle {
  CURL* curl = curl_easy_init();
  ~Handle() { curl_easy_cleanup(curl); }
};

RestClient::RestClient(std::string base_url, std::string key)
    : base_url_(std::move(base_url)), key_(std::move(key)), handle_(std::make_unique<Handle>()) {}
RestClient::~RestClient() = default;
RestClient::RestClient(RestClient&&) noexcept = default;

HttpResponse RestClient::send(const HttpRequest& request) { return stream(request, nullptr); }

HttpResponse RestClient::stream(const HttpRequest& request, const std::function<bool(std::string_view)>& on_data) {
  CURL* curl = handle_->curl;
  HttpResponse response;
  Transfer transfer{curl, &response, on_data ? &on_data : nullptr};
  curl_slist* headers = curl_slist_append(nullptr, "Content-Type: application/json");
  headers = curl_slist_append(headers, "Expect:");
  if (!key_.empty()) headers = curl_slist_append(headers, ("Authorization: Bearer " + key_).c_str());
  const std::string url = base_url_ + request.path;

  curl_easy_reset(curl);
  curl_easy_setopt(curl, CURLOPT_URL, url.c_str());
  curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers);
  curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
  curl_easy_setopt(curl, CURLOPT_PROXY, "");
  curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT_MS, 5000L);
  curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, static_cast<long>(request.timeout / std::chrono::milliseconds(1)));
  curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, &receive);
  curl_easy_setopt(curl, CURLOPT_WRITEDATA, &transfer);
  if (request.method == "POST") {
    curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(request.body.size()));
    curl_easy_setopt(curl, CURLOPT_POSTFIELDS, request.body.c_str());
  }
  const CURLcode result = curl_easy_perform(curl);
  curl_slist_free_all(headers);
  if (transfer.stopped) return response;
  if (result != CURLE_OK) {
    throw Error{Code::peer_lost, fmt::format("{}: {}. Is the server running? `yoke status` shows it, `yoke up MODEL` starts one.",
                                             url, curl_easy_strerror(result))};
  }
  long status = 0;
  curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &status);
  response.status = static_cast<int>(status);
  return response;
}

void RestClient::events(const std::string& path, const std::string& body,
                        const std::function<bool(std::string_view)>& on_event) {
  std::string pending;
  bool done = false, stopped = false;
  std::optional<Error> failure;
  const auto on_line = [&](std::string_view line) {
    if (!line.starts_with("data:")) return true;  // comments keep the connection alive
    line.remove_prefix(line.starts_with("data: ") ? 6 : 5);
    if (line == "[DONE]") done = true;
    if (line.starts_with("{\"error\"")) {
      failure = error_of(json::parse(line), 200);
      return false;
    }
    stopped = !on_event(line);
    return !stopped;
  };
  const auto on_data = [&](std::string_view data) {
    pending.append(data);
    size_t begin = 0;
    for (size_t end; (end = pending.find('\n', begin)) != std::string::npos; begin = end + 1) {
      std::string_view line(pending.data() + begin, end - begin);
      if (line.ends_with('\r')) line.remove_suffix(1);
      if (!on_line(line)) return false;
    }
    pending.erase(0, begin);
    return pending.size() <= kMaxEventBytes;
  };
  const HttpResponse response = stream({.method = "POST", .path = path, .body = body, .timeout = Duration::zero()}, on_data);
  if (failure) throw *failure;
  if (stopped) return;
  if (response.status != 0) check(response);
  if (!done) throw Error{Code::peer_lost, "the stream ended before its answer was complete"};
}

void RestClient::check(const HttpResponse& response) {
  if (response.status >= 200 && response.status < 300) return;
  boost::system::error_code error;
  throw error_of(json::parse(response.body, error), response.status);
}

}  // namespace yoke::cli
