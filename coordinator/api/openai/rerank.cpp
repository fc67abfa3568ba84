#include "coordinator/api/openai/rerank.h"

#include <fmt/format.h>

#include <boost/json.hpp>

#include <algorithm>
#include <cmath>
#include <numeric>

#include "coordinator/api/openai/encoder_answer.h"
#include "coordinator/api/openai/encoder_fields.h"
#include "coordinator/api/random_id.h"

namespace yoke::coordinator::api::openai {
namespace {

namespace json = boost::json;

class Rerank final : public EncoderAnswer {
 public:
  Rerank(RerankFields fields, const ServedModel& model, Service& service)
      : EncoderAnswer(random_id("rerank-"), fields.documents.size(), model.config.output_width(), service),
        fields_(std::move(fields)),
        model_(model),
        hidden_(static_cast<size_t>(model.config.hidden)),
        scores_(fields_.documents.size()) {}

 private:
  // Ids as they are: which special tokens stand around and between them is the caller's choice.
  Run run(size_t index) const override {
    Run run{.tokens = fields_.query, .types = {}, .rows = {0}, .field = fmt::format("documents[{}]", index)};
    const std::vector<TokenId>& document = fields_.documents[index];
    if (fields_.text) {
      model::text::Framed framed = framed_pair(model_, std::move(run.tokens), document, fields_.fit, run.field);
      run.tokens = std::move(framed.ids);
      run.types = std::move(framed.types);
    } else {
      run.tokens.insert(run.tokens.end(), document.begin(), document.end());
    }
    return run;
  }

  void on_row(size_t run, std::span<const float> row) override {
    if (!std::isfinite(row[hidden_])) {
      throw Error(Code::internal, fmt::format("the score of documents[{}] is not finite; are the model's files sound?", run));
    }
    scores_[run] = sigmoid(row[hidden_]);
  }

  std::vector<size_t> ranking() const {
    std::vector<size_t> order(scores_.size());
    std::iota(order.begin(), order.end(), 0);
    std::ranges::stable_sort(order, [&](size_t a, size_t b) { return scores_[a] > scores_[b]; });
    order.resize(fields_.top_n);
    return order;
  }

  std::string body() const override {
    json::array results;
    for (const size_t index : ranking()) {
      json::object result = {{"index", index}, {"relevance_score", scores_[index]}};
      if (!fields_.returned.empty()) result["document"] = fields_.returned[index];
      results.push_back(std::move(result));
    }
    return json::serialize(json::object{{"id", id()},
                                        {"model", fields_.model},
                                        {"results", std::move(results)},
                                        {"meta", {{"tokens", {{"input_tokens", tokens()}}}}},
                                        {"usage", {{"prompt_tokens", tokens()}, {"total_tokens", tokens()}}}});
  }

  const RerankFields fields_;
  const ServedModel& model_;
  const size_t hidden_;
  std::vector<float> scores_;
};

}  // namespace

std::unique_ptr<http::Answer> start_rerank(const json::object& body, const ServedModel& model, Service& service, http::Waker wake) {
  auto answer = std::make_unique<Rerank>(read_rerank(body, model), model, service);
  answer->start(std::move(wake));
  return answer;
}

}  // namespace yoke::coordinator::api::openai
