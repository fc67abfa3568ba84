// A request that takes many sequences of an encoder: they are submitted a few at a time, run concurrently and share steps, and
// their rows are taken as they come. What is made of the rows is the subclass's business. One thread at a time, as http::Answer.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "coordinator/http/server.h"
#include "coordinator/service.h"

namespace yoke::coordinator::api::openai {

class EncoderAnswer : public http::Answer {
 public:
  ~EncoderAnswer() override { cancel(); }

  // Submits the first sequences; an Error leaves none of them behind.
  void start(http::Waker wake);
  void advance(http::Turn turn, http::Responder& out) final;

 protected:
  struct Run {
    std::vector<TokenId> tokens;
    std::vector<int32_t> types;     // one a token; none: all 0
    std::vector<int64_t> rows;      // ascending positions whose rows are wanted
    std::string field;              // where it came from, for messages
  };

  // `width`: floats of a row.
  EncoderAnswer(std::string id, size_t runs, int64_t width, Service& service)
      : id_(std::move(id)), runs_(runs), width_(static_cast<size_t>(width)), service_(service) {}

  int64_t tokens() const { return tokens_; }  // of all sequences so far
  const std::string& id() const { return id_; }

 private:
  // Open at once. Enough to fill steps with short inputs; the rest waits here, where it costs nobody a place in the queue.
  static constexpr size_t kMostOpen = 64;

  struct Open {
    size_t run = 0;
    std::shared_ptr<Stream> stream;
    std::vector<int64_t> wanted;
    size_t rows = 0;  // that came
  };

  virtual Run run(size_t index) const = 0;  // made when it is its turn
  virtual void on_row(size_t run, std::span<const float> row) = 0;
  virtual std::string body() const = 0;  // all rows are there

  void fill();
  bool submit(size_t index);
  bool drain(Open& open);
  void cancel();

  const std::string id_;
  const size_t runs_;
  const size_t width_;
  Service& service_;
  http::Waker wake_;
  size_t next_ = 0;  // the first run that is not submitted yet
  int64_t tokens_ = 0;
  std::vector<Open> open_;
};

}  // namespace yoke::coordinator::api::openai
