// Which path means what, by one table; and who may ask.
#pragma once

#include <optional>

#include "coordinator/api/keys.h"
#include "coordinator/api/openai/generation.h"
#include "coordinator/api/rest.h"
#include "coordinator/api/workers.h"
#include "coordinator/http/server.h"

namespace yoke::coordinator::api {

class Router : public http::Handler {
 public:
  // All must outlive it. `keys`: none lets everybody in.
  Router(const RestConfig& config, const ServedModel& model, Service& service, Metrics& metrics, std::optional<Keys> keys);

  std::optional<http::Response> admit(const http::Request& head) override;
  std::unique_ptr<http::Answer> handle(http::Request request, http::Waker wake) override;
  http::Response refusal(int status, std::string_view why) override;
  void answered(int status) override;

 private:
  struct Route;
  static const Route kRoutes[];
  const Route* find(const http::Request& request, std::string& allowed) const;
  bool may_enter(const http::Request& request) const;
  openai::GenerationContext generation_context() const;

  std::unique_ptr<http::Answer> chat(http::Request request, http::Waker wake);
  std::unique_ptr<http::Answer> completion(http::Request request, http::Waker wake);
  std::unique_ptr<http::Answer> embeddings(http::Request request, http::Waker wake);
  std::unique_ptr<http::Answer> rerank(http::Request request, http::Waker wake);
  std::unique_ptr<http::Answer> logits(http::Request request, http::Waker wake);
  std::unique_ptr<http::Answer> tokenized(http::Request request, http::Waker wake);
  std::unique_ptr<http::Answer> detokenized(http::Request request, http::Waker wake);
  std::unique_ptr<http::Answer> models(http::Request request, http::Waker wake);
  std::unique_ptr<http::Answer> model(http::Request request, http::Waker wake);
  std::unique_ptr<http::Answer> live(http::Request request, http::Waker wake);
  std::unique_ptr<http::Answer> ready(http::Request request, http::Waker wake);
  std::unique_ptr<http::Answer> metrics(http::Request request, http::Waker wake);
  std::unique_ptr<http::Answer> status(http::Request request, http::Waker wake);

  const RestConfig config_;
  const ServedModel& model_;
  Service& service_;
  Metrics& metrics_;
  const std::optional<Keys> keys_;
  Workers workers_;  // last: what they run needs all of the above
};

}  // namespace yoke::coordinator::api
