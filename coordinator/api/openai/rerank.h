// POST /v1/rerank, /v2/rerank and /rerank, in the shape that Cohere's and Jina's clients share: how well each document answers the
// query, by a classifier of one label over both.
#pragma once

#include <boost/json/object.hpp>

#include <memory>

#include "coordinator/http/server.h"
#include "coordinator/served_model.h"
#include "coordinator/service.h"

namespace yoke::coordinator::api::openai {

// Reads the body, submits its sequences, and returns what answers it. Throws the Error of whatever is wrong before that.
std::unique_ptr<http::Answer> start_rerank(const boost::json::object& body, const ServedModel& model, Service& service,
                                           http::Waker wake);

}  // namespace yoke::coordinator::api::openai
