#include "daemon/api/intake_paths.hpp"

#include <utility>

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>

#include "daemon/api/access.hpp"
#include "daemon/api/answers.hpp"
#include "daemon/intake/answer.hpp"

namespace api {
namespace {

namespace json = boost::json;

// On top of a body: the report around it.
constexpr std::size_t event_bytes = 512;

enum class Form : std::uint8_t { alertmanager, api_v2 };

Rejection rejection_of(int status) {
  if (status == 413) return Rejection::too_large;
  return status == 503 ? Rejection::overloaded : Rejection::body;
}

net::Response refused_body(const intake::Refused& refused) {
  if (refused.rejected.empty()) return net::problem(static_cast<unsigned>(refused.status), refused.why);
  json::array rejected;
  for (const intake::Rejected& one : refused.rejected) {
    json::object entry;
    entry["index"] = one.index;
    entry["reason"] = one.why;
    rejected.emplace_back(std::move(entry));
  }
  json::object body;
  const std::string_view title = net::reason_phrase(static_cast<unsigned>(refused.status));
  body["type"] = "about:blank";
  body["title"] = json::string(title.data(), title.size());
  body["status"] = refused.status;
  body["detail"] = refused.why;
  body["rejected"] = std::move(rejected);
  net::Response response;
  response.status = static_cast<unsigned>(refused.status);
  response.content_type = "application/problem+json";
  response.body = json::serialize(body) + "\n";
  return response;
}

Call take_reports(const net::Request& request, Form form, const Services& services, intake::Parser& parser) {
  const std::string& source = request.peer;
  const std::optional<std::string_view> type = request.headers.find("Content-Type");
  if (type && !type->empty() && !is_json_type(*type)) {
    services.metrics->rejected(source, Rejection::content_type);
    return net::problem(415,
                        "alerts are taken as JSON: send the header `Content-Type: application/json` (curl: -H "
                        "'Content-Type: application/json')");
  }
  const std::string_view bytes = request.body;
  const intake::Body body =
      bytes.empty() ? intake::Body{bytes} : intake::Body{bytes, bytes.size() + net::PaddedBuffer::padding};
  intake::Context context = services.context();
  context.source = source;
  tl::expected<intake::Parsed, intake::Refused> parsed =
      form == Form::alertmanager ? parser.alertmanager(body, context) : parser.api_v2(body, context);
  const auto keep = [&services, &source](const std::vector<intake::Rejected>& rejected) {
    if (!services.keep_rejected) return;
    for (const intake::Rejected& one : rejected) services.keep_rejected(source, one);
  };
  if (!parsed) {
    services.metrics->rejected(source, rejection_of(parsed.error().status));
    keep(parsed.error().rejected);
    return refused_body(parsed.error());
  }
  services.metrics->rejected(source, Rejection::alert, parsed->rejected_count);
  keep(parsed->rejected);
  std::string text = form == Form::alertmanager ? intake::alertmanager_answer(*parsed) : intake::api_v2_answer(*parsed);
  // Nothing was said, so nothing has to be kept.
  if (parsed->event.reports.empty() && parsed->event.truncated == 0) return ok(std::move(text));

  Tell tell;
  tell.people = false;
  tell.bytes = bytes.size() + event_bytes;
  tell.event = std::move(parsed->event);
  tell.render = [text = std::move(text)](const roused::Reply& reply) {
    if (std::optional<net::Response> refusal = not_durable(reply)) return *std::move(refusal);
    return ok(text);
  };
  return tell;
}

}  // namespace

std::optional<Call> handle_intake(const net::Request& request,
                                  rules::Instant,
                                  const Services& services,
                                  intake::Parser& parser) {
  const bool is_post = request.method == "POST";
  if (request.path == "/v1/alerts/alertmanager") {
    return is_post ? take_reports(request, Form::alertmanager, services, parser) : Call{not_allowed("POST")};
  }
  if (request.path == "/api/v2/alerts" && is_post) return take_reports(request, Form::api_v2, services, parser);
  return std::nullopt;
}

}  // namespace api
