// POST /yoke/v1/logits: raw logits for `yoke verify`, as f32 little-endian rows of the whole vocabulary, in order; of an encoder, rows
// of its output width (model/config.h).
#pragma once

#include <boost/json/object.hpp>

#include <memory>

#include "coordinator/http/server.h"
#include "coordinator/served_model.h"
#include "coordinator/service.h"

namespace yoke::coordinator::api {

// {"tokens": [ids], "rows": [ascending positions], "prefill": tokens that go in as a prompt (default: all),
//  "chunk": prefill chunk (default 0: the scheduler's own), "token_types": [a type a token] (encoders only)}. Throws the Error of whatever is wrong before the first row.
std::unique_ptr<http::Answer> start_logits(const boost::json::object& body, const ServedModel& model, Service& service,
                                           http::Waker wake);

}  // namespace yoke::coordinator::api
