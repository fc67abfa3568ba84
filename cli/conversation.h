// One question to a server and its answer, streamed to stdout. One thread.
#pragma once

#include <boost/json.hpp>

#include <string>

#include "cli/rest_client.h"

namespace yoke::cli {

struct AnswerOptions {
  int64_t max_tokens = 0;      // 0: the rest of the context
  double temperature = -1;     // < 0: the server's default
  int64_t seed = -1;           // < 0: none
};

// POST /v1/chat/completions with these messages; prints pieces as they come and a newline at the end. Returns the answer.
// Ctrl-C (cli/interrupt.h) ends the answer early and leaves the flag set.
std::string answer(RestClient& client, const std::string& model, const boost::json::array& messages,
                   const AnswerOptions& options);

}  // namespace yoke::cli
