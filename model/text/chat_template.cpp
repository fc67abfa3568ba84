#include "model/text/chat_template.h"

#include <fmt/format.h>

#include <boost/json.hpp>

#include "core/error.h"
#include "model/text/jinja/evaluator.h"
#include "model/text/jinja/json_values.h"
#include "model/text/jinja/parser.h"

namespace yoke::model::text {
namespace {

// The longest template of our references, gpt-oss's, has 17 KB.
constexpr size_t kMaxSourceBytes = 1 << 20;

// bos_token and its kin are the model's own; whatever else a rendering is given may come from a client.
bool is_callers(std::string_view variable) { return !variable.ends_with("_token"); }

std::vector<Piece> pieces_of(const jinja::Text& text) {
  std::vector<Piece> pieces;
  size_t begin = 0;
  for (const jinja::Text::Run& run : text.runs()) {
    pieces.push_back({std::string(text.bytes().substr(begin, run.end - begin)), run.from_caller});
    begin = run.end;
  }
  return pieces;
}

}  // namespace

struct ChatTemplate::Program {
  jinja::Body body;
};

ChatTemplate::ChatTemplate(std::string_view source) {
  if (source.size() > kMaxSourceBytes) {
    throw Error{Code::unsupported, fmt::format("chat template of {} bytes: at most {} are supported", source.size(), kMaxSourceBytes)};
  }
  program_ = std::make_unique<const Program>(Program{jinja::parse(source)});
}

ChatTemplate::~ChatTemplate() = default;
ChatTemplate::ChatTemplate(ChatTemplate&&) noexcept = default;

std::vector<Piece> ChatTemplate::render(const boost::json::object& variables, const RenderLimits& limits) const {
  jinja::Budget budget(limits);
  jinja::Context context{budget, {}};
  int line = 0;
  try {
    std::map<std::string_view, jinja::Value> values;
    for (const auto& [name, value] : variables) values.emplace(name, jinja::from_json(value, is_callers(name)));
    jinja::Evaluator evaluator(context, std::move(values));
    try {
      return pieces_of(evaluator.run(program_->body));
    } catch (const jinja::Fault&) {
      line = evaluator.line();
      throw;
    }
  } catch (const jinja::Fault& fault) {
    const std::string what = fault.own_words ? fault.what() : fmt::format("chat template, line {}: {}", line, fault.what());
    throw Error{Code::invalid_argument, what, "messages"};
  }
}

std::string joined(const std::vector<Piece>& pieces) {
  std::string text;
  for (const Piece& piece : pieces) text += piece.text;
  return text;
}

}  // namespace yoke::model::text
