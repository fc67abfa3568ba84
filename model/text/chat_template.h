// Jinja chat templates, as transformers renders them: trim_blocks, lstrip_blocks, loopcontrols, raise_exception, strftime_now,
// tojson that neither escapes HTML nor sorts keys. Parsed once and immutable; any thread.
#pragma once

#include <boost/json/fwd.hpp>

#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace yoke::model::text {

// A stretch of the rendered text. What came from the caller's strings is encoded with Specials::as_text.
struct Piece {
  std::string text;
  bool from_caller = false;
};

struct RenderLimits {
  int64_t steps = 2'000'000;      // expressions and statements evaluated
  int64_t output_bytes = 16 << 20;
};

class ChatTemplate {
 public:
  // Error{unsupported} with line and name for a feature that the evaluator lacks; Error{bad_file} for a syntax error.
  explicit ChatTemplate(std::string_view source);
  ~ChatTemplate();
  ChatTemplate(ChatTemplate&&) noexcept;

  // `variables` is an object: messages, tools, documents, add_generation_prompt, bos_token, ... Strings inside messages,
  // tools and documents count as the caller's. Error{invalid_argument} with the template's own words for raise_exception,
  // undefined values and type errors, and when a limit is passed. strftime_now reads core/clock.
  std::vector<Piece> render(const boost::json::object& variables, const RenderLimits& limits = {}) const;

 private:
  struct Program;
  std::unique_ptr<const Program> program_;
};

// All pieces joined.
std::string joined(const std::vector<Piece>& pieces);

}  // namespace yoke::model::text
