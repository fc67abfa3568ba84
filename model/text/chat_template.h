// Jinja chat templates, as transformers renders them: trim_blocks, lstrip_blocks, loopcontrols, raise_exception, strftime_now,
// tojson that neither escapes HTML nor sorts keys. Parsed once and immutable; any thread.
#pragma once

#include <boost/json/fwd.hpp>

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "model/text/piece.h"

namespace yoke::model::text {

struct RenderLimits {
  int64_t steps = 2'000'000;        // nodes evaluated, elements visited, 64 bytes read or written
  int64_t output_bytes = 16 << 20;  // also of every string on the way
};

class ChatTemplate {
 public:
  // Error{unsupported} with line and name for a feature that the evaluator lacks; Error{bad_file} for a syntax error.
  explicit ChatTemplate(std::string_view source);
  ~ChatTemplate();
  ChatTemplate(ChatTemplate&&) noexcept;

  // `variables` is an object: messages, tools, documents, add_generation_prompt, bos_token, ... Strings count as the
  // caller's, keys too, but for those of variables named *_token, which are the model's. Error{invalid_argument} with the
  // template's own words for raise_exception; likewise, with the line, for undefined values and type errors, and when a
  // limit is passed. strftime_now reads core/clock.
  std::vector<Piece> render(const boost::json::object& variables, const RenderLimits& limits = {}) const;

 private:
  struct Program;
  std::unique_ptr<const Program> program_;
};

// All pieces joined.
std::string joined(const std::vector<Piece>& pieces);

}  // namespace yoke::model::text
