// Alertmanager's API v2, POST /api/v2/alerts: an array of alerts without a status; each is firing until its endsAt,
// and each post is a refresh. When that is is for the engine to say, which knows the time.
#include "daemon/intake/buffers.hpp"

namespace intake {
namespace {

using json::Error;
using json::Type;

Error read_list(json::Document& document, Reading& reading, Shape& shape) {
  Type type{};
  if (const Error error = document.type().get(type)) return error;
  if (type != Type::array) {
    shape.problem = "the body is not an array; the API v2 takes a list of alerts";
    return simdjson::SUCCESS;
  }
  json::Array array;
  if (const Error error = document.get_array().get(array)) return error;
  return reading.alerts(array, 1);
}

}  // namespace

tl::expected<Parsed, Refused> Parser::api_v2(Body body, const Context& context) {
  return buffers_->read(body, context, rules::ReportForm::api_v2, read_list);
}

}  // namespace intake
