// Jinja chat templates, as transformers renders them: trim_blocks, lstrip_blocks, loopcontrols, raise_exception, strftime_now,
// tojson that neither escapes HTML nor sorts keys. Parsed once and immutable; any thread. conversation.h makes a template's
// variables from a request; here they are taken as they are.
#pragma once

#include <boost/json/object.hpp>

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/clock.h"
#include "model/text/piece.h"
#include "model/text/template_habits.h"

namespace yoke::model::text {

// What strftime_now sees: a wall clock's reading without a zone.
struct Moment {
  int year = 1970, month = 1, day = 1;  // month and day count from 1
  int hour = 0, minute = 0, second = 0;
};
// "2026-07-14" or "2026-07-14T09:30:00"; Error{invalid_argument} for anything else, and for days that no month has.
Moment read_moment(std::string_view text);

struct RenderLimits {
  // Nodes evaluated, elements visited, 64 bytes read or written; some 10 million a second. They grow with the conversation: some
  // templates go through all messages for each of them.
  int64_t steps = 500'000;
  int64_t steps_per_value = 5000;  // of JSON; 256 bytes of a string count as one more
  int64_t most_steps = 30'000'000;
  int64_t output_bytes = 16 << 20;  // also of every string on the way
  Duration time = std::chrono::seconds(10);  // the steps end an endless loop within 100 ms; a busy machine may take its time
  std::optional<Moment> now = std::nullopt;  // none: core/clock
};

struct TemplateInputs {
  boost::json::object callers;  // messages, tools, documents, add_generation_prompt, ...: strings and keys count as the caller's
  boost::json::object own;      // bos_token and its kin: the model's. A caller's of the same name counts instead.
};

// How a rendering ended.
struct Rendering {
  enum class End {
    done,
    refused,      // by raise_exception, in the template's own words
    failed,       // an undefined value, a wrong type: `why` names the line
    over_budget,  // RenderLimits
  };
  End end = End::done;
  std::vector<Piece> pieces;
  std::string why;
};

class ChatTemplate {
 public:
  // Error{unsupported} with line and name for a feature that the evaluator lacks; Error{bad_file} for a syntax error.
  explicit ChatTemplate(std::string_view source);
  ~ChatTemplate();
  ChatTemplate(ChatTemplate&&) noexcept;

  Rendering try_render(const TemplateInputs& inputs, const RenderLimits& limits = {}) const;
  // The pieces, or Error{invalid_argument} whose message is `why`.
  std::vector<Piece> render(const TemplateInputs& inputs, const RenderLimits& limits = {}) const;

  const TemplateHabits& habits() const { return habits_; }
  const std::string& source() const { return source_; }

 private:
  struct Program;
  std::unique_ptr<const Program> program_;
  TemplateHabits habits_;
  std::string source_;
};

// All pieces joined.
std::string joined(const std::vector<Piece>& pieces);

}  // namespace yoke::model::text
