// What a running coordinator says of itself, and how verbs wait for it.
#pragma once

#include <boost/json/fwd.hpp>

#include <functional>
#include <string>

#include "cli/progress.h"
#include "core/clock.h"

namespace yoke::cli {

// GET /health/ready. Error{peer_lost} when nobody answers.
bool is_ready(const std::string& rest_url);

// GET /yoke/v1/status.
boost::json::object fetch_status(const std::string& rest_url, const std::string& key = {});

// The load in bytes over all ranks, or what is awaited, as a progress line.
void show_progress(Progress& progress, const boost::json::object& status);

// The same of a coordinator that may not answer yet, or only those who have a key: then the line stays as it is.
void try_show_progress(Progress& progress, const std::string& rest_url);

}  // namespace yoke::cli
