#include "model/text/chat_template.h"

#include <fmt/format.h>

#include <boost/json.hpp>

#include <charconv>

#include "core/error.h"
#include "model/text/jinja/evaluator.h"
#include "model/text/jinja/json_values.h"
#include "model/text/jinja/parser.h"

namespace yoke::model::text {
namespace {

// The longest template of our references, gpt-oss's, has 17 KB.
constexpr size_t kMaxSourceBytes = 1 << 20;

std::vector<Piece> pieces_of(const jinja::Text& text) {
  std::vector<Piece> pieces;
  size_t begin = 0;
  for (const jinja::Text::Run& run : text.runs()) {
    pieces.push_back({std::string(text.bytes().substr(begin, run.end - begin)), run.from_caller});
    begin = run.end;
  }
  return pieces;
}

// Later names do not replace earlier ones, so that a caller's variable counts before the model's.
std::map<std::string_view, jinja::Value> values_of(const TemplateInputs& inputs) {
  std::map<std::string_view, jinja::Value> values;
  for (const auto& [name, value] : inputs.callers) {
    values.emplace(name, name == "messages" ? jinja::from_messages(value) : jinja::from_json(value, true));
  }
  for (const auto& [name, value] : inputs.own) values.emplace(name, jinja::from_json(value, false));
  return values;
}

// JSON values, and bytes as RenderLimits counts them. The depth is limited where values are made of it.
size_t count_values(const boost::json::value& value, int depth = 0) {
  size_t count = 1;
  if (depth >= jinja::kMaxValueDepth) return count;
  if (const auto* text = value.if_string()) {
    count += text->size() / 256;
  } else if (const auto* array = value.if_array()) {
    for (const auto& item : *array) count += count_values(item, depth + 1);
  } else if (const auto* object = value.if_object()) {
    for (const auto& [key, item] : *object) count += count_values(item, depth + 1);
  }
  return count;
}

Rendering::End end_of(jinja::Fault::Kind kind) {
  switch (kind) {
    case jinja::Fault::Kind::failure: return Rendering::End::failed;
    case jinja::Fault::Kind::own_words: return Rendering::End::refused;
    case jinja::Fault::Kind::over_budget: return Rendering::End::over_budget;
  }
  return Rendering::End::failed;
}

// The number in text[at, at + digits), or -1.
int number_at(std::string_view text, size_t at, size_t digits) {
  int number = 0;
  for (const char c : text.substr(at, digits)) {
    if (c < '0' || c > '9') return -1;
    number = number * 10 + (c - '0');
  }
  return number;
}

int days_of(int year, int month) {
  constexpr int kDays[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
  const bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
  return kDays[month - 1] + (month == 2 && leap ? 1 : 0);
}

}  // namespace

struct ChatTemplate::Program {
  jinja::Body body;
};

ChatTemplate::ChatTemplate(std::string_view source) : source_(source) {
  if (source.size() > kMaxSourceBytes) {
    throw Error{Code::unsupported, fmt::format("chat template of {} bytes: at most {} are supported", source.size(), kMaxSourceBytes)};
  }
  program_ = std::make_unique<const Program>(Program{jinja::parse(source)});
  habits_ = find_habits(*this);
}

ChatTemplate::~ChatTemplate() = default;
ChatTemplate::ChatTemplate(ChatTemplate&&) noexcept = default;

Rendering ChatTemplate::try_render(const TemplateInputs& inputs, const RenderLimits& limits) const {
  jinja::Budget budget(limits);
  for (const auto& [name, value] : inputs.callers) budget.grow(count_values(value));
  jinja::Context context{budget, limits.now, {}};
  Rendering rendering;
  int line = 0;
  try {
    jinja::Evaluator evaluator(context, values_of(inputs));
    try {
      rendering.pieces = pieces_of(evaluator.run(program_->body));
    } catch (const jinja::Fault&) {
      line = evaluator.line();
      throw;
    }
  } catch (const jinja::Fault& fault) {
    rendering.end = end_of(fault.kind);
    const bool own_words = fault.kind == jinja::Fault::Kind::own_words;
    rendering.why = own_words ? fault.what() : fmt::format("chat template, line {}: {}", line, fault.what());
  }
  return rendering;
}

std::vector<Piece> ChatTemplate::render(const TemplateInputs& inputs, const RenderLimits& limits) const {
  Rendering rendering = try_render(inputs, limits);
  if (rendering.end != Rendering::End::done) throw Error{Code::invalid_argument, rendering.why, "messages"};
  return std::move(rendering.pieces);
}

std::string joined(const std::vector<Piece>& pieces) {
  std::string text;
  for (const Piece& piece : pieces) text += piece.text;
  return text;
}

Moment read_moment(std::string_view text) {
  const std::string_view pattern = std::string_view("0000-00-00T00:00:00").substr(0, text.size());
  bool good = text.size() == 10 || text.size() == 19;
  for (size_t i = 0; good && i < pattern.size(); ++i) good = pattern[i] == '0' || text[i] == pattern[i];
  const Moment moment = {number_at(text, 0, 4),
                         good ? number_at(text, 5, 2) : -1,
                         good ? number_at(text, 8, 2) : -1,
                         text.size() == 19 ? number_at(text, 11, 2) : 0,
                         text.size() == 19 ? number_at(text, 14, 2) : 0,
                         text.size() == 19 ? number_at(text, 17, 2) : 0};
  good = good && moment.year >= 1 && moment.month >= 1 && moment.month <= 12 && moment.day >= 1 &&
         moment.day <= days_of(moment.year, moment.month) && moment.hour >= 0 && moment.hour < 24 && moment.minute >= 0 &&
         moment.minute < 60 && moment.second >= 0 && moment.second < 60;
  if (!good) throw Error{Code::invalid_argument, fmt::format("'{}' is no date: write 2026-07-14", text), "date"};
  return moment;
}

}  // namespace yoke::model::text
