// What PCRE2 makes of an expression: it says whether a match begins at a place. Immutable; any thread, each with its own Match.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

struct pcre2_real_code_8;
struct pcre2_real_match_context_8;
struct pcre2_real_match_data_8;

namespace yoke::model::text::regex {

struct FreePcre2 {
  void operator()(pcre2_real_code_8* code) const;
  void operator()(pcre2_real_match_context_8* context) const;
  void operator()(pcre2_real_match_data_8* match) const;
};

// What PCRE2 writes a match's bounds to, and the limits that it looks up. One thread.
struct MatchRoom {
  MatchRoom();

  std::unique_ptr<pcre2_real_match_data_8, FreePcre2> match;
  std::unique_ptr<pcre2_real_match_context_8, FreePcre2> limits;
  uint32_t most_entries = 0;  // as `limits` has it
};

// A text's classes, one byte a character.
struct Subject {
  const uint8_t* classes;
  size_t size;
};

enum class Outcome { matched, not_here, over_limit };

// Steps that a scan may still take where it counts them.
struct Budget {
  int64_t steps;
};

class Program {
 public:
  // `expression` is what emit() writes. Error{unsupported} where PCRE2 does not take it.
  Program(const std::string& expression, bool with_jit);

  // Matches at `begin` exactly; the end goes to `end`. Gives up above so many entries into loops.
  Outcome match(const Subject& subject, size_t begin, uint32_t most_entries, MatchRoom& room, size_t& end) const;
  // The same for an expression with callouts, which take what they cost from the budget: the characters passed.
  Outcome match_counted(const Subject& subject, size_t begin, Budget& budget, MatchRoom& room, size_t& end) const;

 private:
  std::unique_ptr<pcre2_real_code_8, FreePcre2> code_;
  bool is_jitted_ = false;
};

}  // namespace yoke::model::text::regex
