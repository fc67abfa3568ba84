// A Router over the fakes: sends it a body, gives the answer its turns, shows what came.
#pragma once

#include <gtest/gtest.h>

#include <atomic>
#include <string>
#include <thread>

#include "tests/coordinator/api_fakes.h"
#include "coordinator/api/router.h"

namespace yoke::coordinator::api::fakes {

struct Endpoint {
  Endpoint() : router(config, model, service, metrics, std::nullopt) {}
  explicit Endpoint(const RestConfig& config_in)
      : config(config_in), router(config, model, service, metrics, std::nullopt) {}

  // Admits and handles a request; the answer had its first turn.
  void send(const std::string& method, const std::string& path, const std::string& body = {}) {
    out = Recorder();
    woken = false;
    answer.reset();
    http::Request request{.method = method, .path = path, .query = {}, .headers = {}, .body = {}};
    if (auto refused = router.admit(request)) return out.respond(std::move(*refused));
    request.body = body;
    answer = router.handle(std::move(request), [this] { woken = true; });
    turn(http::Turn::started);
  }
  void turn(http::Turn why = http::Turn::woken) {
    ASSERT_FALSE(out.finished || out.aborted) << "a turn after the end";
    answer->advance(why, out);
  }
  // Of a long body, which the workers read: turns until the whole answer is there.
  void await_worker() {
    while (!out.finished && !out.aborted) {
      std::this_thread::yield();
      turn();
    }
  }
  void chat(const std::string& fields, const std::string& messages = R"([{"role":"user","content":"Hi"}])") {
    send("POST", "/v1/chat/completions", R"({"model":"tiny","messages":)" + messages + (fields.empty() ? "" : "," + fields) + "}");
  }
  void complete(const std::string& fields, const std::string& prompt = R"("Hi")") {
    send("POST", "/v1/completions", R"({"model":"tiny","prompt":)" + prompt + (fields.empty() ? "" : "," + fields) + "}");
  }
  // Every stream says `text` and ends.
  void always_say(const std::string& text, FinishReason reason = FinishReason::stop) {
    service.on_generate = [=](const GenerateRequest&, ScriptedStream& stream) {
      stream.say(text);
      stream.end(reason);
    };
  }

  RestConfig config;
  ServedModel model = make_model();
  ScriptedService service;
  Metrics metrics{"tiny"};
  Router router;
  Recorder out;
  std::unique_ptr<http::Answer> answer;
  std::atomic<bool> woken = false;  // by any thread
};

}  // namespace yoke::coordinator::api::fakes
