#include "coordinator/api/openai/embeddings.h"

#include <fmt/format.h>

#include <boost/json.hpp>

#include <algorithm>
#include <cmath>

#include "coordinator/api/float_bytes.h"
#include "coordinator/api/openai/encoder_answer.h"
#include "coordinator/api/openai/encoder_fields.h"
#include "coordinator/api/random_id.h"

namespace yoke::coordinator::api::openai {
namespace {

namespace json = boost::json;

// The shortest digits that read back as the same f32: a JSON library would print those of a double, twice as many.
std::string float_list(std::span<const float> vector) {
  std::string text = "[";
  for (const float x : vector) text += fmt::format("{}{:#}", text.size() == 1 ? "" : ",", x);
  return text + "]";
}

std::string base64_text(std::span<const float> vector) {
  std::string bytes;
  append_little_endian(bytes, vector);
  return '"' + base64(bytes) + '"';
}

class Embeddings final : public EncoderAnswer {
 public:
  Embeddings(EmbeddingsFields fields, const ServedModel& model, Service& service)
      : EncoderAnswer(random_id("embd-"), fields.inputs.size(), model.config.output_width(), service),
        fields_(std::move(fields)),
        hidden_(static_cast<size_t>(model.config.hidden)),
        pools_(fields_.inputs.size(), Pool(model.pooling->mode)) {}

 private:
  Run run(size_t index) const override {
    const std::vector<TokenId>& input = fields_.inputs[index];
    return {.tokens = input,
            .types = {},
            .rows = pools_[index].wanted(static_cast<int64_t>(input.size())),
            .field = fmt::format("input[{}]", index)};
  }

  void on_row(size_t run, std::span<const float> row) override { pools_[run].add(row.first(hidden_)); }

  // Matryoshka (arXiv 2205.13147): the first dimensions are an embedding of their own, brought to length 1 where the whole is.
  std::vector<float> embedding(size_t index) const {
    std::vector<float> vector = pools_[index].vector();
    vector.resize(static_cast<size_t>(fields_.dimensions));
    if (fields_.normalise) vector = normalised(vector);
    if (std::ranges::all_of(vector, [](float x) { return std::isfinite(x); })) return vector;
    throw Error(Code::internal, fmt::format("the embedding of input[{}] is not finite; are the model's files sound?", index));
  }

  std::string body() const override {
    std::string data;
    for (size_t i = 0; i < pools_.size(); ++i) {
      const std::vector<float> vector = embedding(i);
      data += fmt::format(R"({}{{"object":"embedding","index":{},"embedding":{}}})", i == 0 ? "" : ",", i,
                          fields_.base64 ? base64_text(vector) : float_list(vector));
    }
    return fmt::format(R"({{"object":"list","data":[{}],"model":{},"usage":{{"prompt_tokens":{},"total_tokens":{}}}}})", data,
                       json::serialize(json::string(fields_.model)), tokens(), tokens());
  }

  const EmbeddingsFields fields_;
  const size_t hidden_;
  std::vector<Pool> pools_;
};

}  // namespace

std::unique_ptr<http::Answer> start_embeddings(const json::object& body, const ServedModel& model, Service& service, http::Waker wake) {
  auto answer = std::make_unique<Embeddings>(read_embeddings(body, model), model, service);
  answer->start(std::move(wake));
  return answer;
}

}  // namespace yoke::coordinator::api::openai
