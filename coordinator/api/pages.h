// The pages that only report: models, health, status.
#pragma once

#include <string_view>

#include "coordinator/http/message.h"
#include "coordinator/served_model.h"
#include "coordinator/service.h"

namespace yoke::coordinator::api {

http::Response models_page(const ServedModel& model);                         // GET /v1/models
http::Response model_page(const ServedModel& model, std::string_view name);   // GET /v1/models/{id}; Error{not_found}
http::Response live_page();                                                   // GET /health/live
http::Response ready_page(const ServiceStatus& status);                       // GET /health/ready: 200 or 503
http::Response status_page(const ServiceStatus& status, const ServedModel& model);  // GET /yoke/v1/status

}  // namespace yoke::coordinator::api
