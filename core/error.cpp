#include "core/error.h"

#include <cstdio>
#include <cstdlib>

namespace yoke {
namespace {

struct CodeRow {
  Code code;
  std::string_view name;
  int http_status;
  int exit_code;
};

constexpr CodeRow kRows[] = {
    {Code::invalid_argument, "invalid_argument", 400, 2},
    {Code::not_found, "not_found", 404, 2},
    {Code::unauthorized, "unauthorized", 401, 1},
    {Code::unsupported, "unsupported", 400, 2},
    {Code::too_large, "too_large", 413, 1},
    {Code::context_exceeded, "context_exceeded", 400, 1},
    {Code::does_not_fit, "does_not_fit", 507, 4},
    {Code::overloaded, "overloaded", 429, 1},
    {Code::bad_file, "bad_file", 500, 1},
    {Code::peer_lost, "peer_lost", 503, 5},
    {Code::deadline_exceeded, "deadline_exceeded", 504, 3},
    {Code::aborted, "aborted", 503, 1},
    {Code::unavailable, "unavailable", 503, 3},
    {Code::internal, "internal", 500, 1},
};

const CodeRow& row(Code code) {
  for (const CodeRow& candidate : kRows) {
    if (candidate.code == code) return candidate;
  }
  return kRows[std::size(kRows) - 1];
}

}  // namespace

std::string_view name(Code code) { return row(code).name; }
int http_status(Code code) { return row(code).http_status; }
int exit_code(Code code) { return row(code).exit_code; }

Code code_from_name(std::string_view name) {
  for (const CodeRow& candidate : kRows) {
    if (candidate.name == name) return candidate.code;
  }
  return Code::internal;
}

void assertion_failed(const char* expression, const char* file, int line) {
  std::fprintf(stderr, "yoke: assertion failed: %s (%s:%d). This is a bug in Yoke.\n", expression, file, line);
  std::abort();
}

}  // namespace yoke
