// Fields with a shape of their own. Each checks everything it reads and names the element that is wrong.
#pragma once

#include <boost/json/value.hpp>

#include <string>
#include <vector>

#include "coordinator/api/openai/fields.h"

namespace yoke::coordinator::api::openai {

inline constexpr size_t kMaxStops = 4;
inline constexpr size_t kMaxStopBytes = 1024;
inline constexpr size_t kMaxBiases = 1024;
inline constexpr size_t kMaxPrompts = 64;

void read_model(Draft& draft, const boost::json::value& value, const FieldContext& context);
void read_choices(Draft& draft, const boost::json::value& value, const FieldContext& context);
void read_seed(Draft& draft, const boost::json::value& value, const FieldContext& context);
void read_stop(Draft& draft, const boost::json::value& value, const FieldContext& context);
void read_stream_options(Draft& draft, const boost::json::value& value, const FieldContext& context);
void read_reasoning_format(Draft& draft, const boost::json::value& value, const FieldContext& context);
void read_logit_bias(Draft& draft, const boost::json::value& value, const FieldContext& context);
void read_prompt(Draft& draft, const boost::json::value& value, const FieldContext& context);

// Checked scalars; `path` names them in the error.
double number_of(const boost::json::value& value, const std::string& path, double low, double high);
int64_t integer_of(const boost::json::value& value, const std::string& path, int64_t low, int64_t high);
bool flag_of(const boost::json::value& value, const std::string& path);
std::string text_of(const boost::json::value& value, const std::string& path);
TokenId token_of(const boost::json::value& value, const std::string& path, int64_t vocab);
std::vector<TokenId> tokens_of(const boost::json::array& ids, const std::string& path, int64_t vocab);
// One of the model's names, else Error{not_found} that lists them.
std::string model_of(const boost::json::value& value, const ServedModel& model);

}  // namespace yoke::coordinator::api::openai
