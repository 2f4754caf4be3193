#include "daemon/api/explain.hpp"

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <boost/json/object.hpp>
#include <boost/json/parse.hpp>

#include "daemon/api/answers.hpp"
#include "daemon/api/ask.hpp"
#include "daemon/rehearse/explain.hpp"
#include "daemon/words/explain.hpp"
#include "rules/excerpt.hpp"
#include "rules/rfc3339.hpp"

namespace api {
namespace {

namespace json = boost::json;

// A clock of the asker's that is a little behind ours is not the past.
constexpr rules::Duration clocks_differ{std::chrono::minutes{1}};
// What one question may cost an I/O thread: some tens of milliseconds.
constexpr rehearse::ExplainLimits limits{.steps = 2000, .calls = 200, .routes = 200};

tl::expected<rules::Instant, std::string> time_of(std::string_view body, rules::Instant now) {
  boost::system::error_code error;
  const json::value document = json::parse({body.data(), body.size()}, error);
  const json::object* const object = error ? nullptr : document.if_object();
  const json::value* const value = object == nullptr ? nullptr : object->if_contains("at");
  if (value == nullptr || value->is_null()) return now;
  std::optional<rules::Instant> at;
  if (value->is_string()) at = rules::parse_rfc3339({value->get_string().data(), value->get_string().size()});
  if (!at) return tl::unexpected{std::string{"\"at\" is a time such as 2026-03-04T09:00:00Z"}};
  if (*at < now - clocks_differ) {
    return tl::unexpected{std::string{"\"at\" has passed: what was done then is in the timelines of incidents"}};
  }
  if (*at > now + rehearse::explained_at_most) return tl::unexpected{std::string{"\"at\" is more than 31 days ahead"}};
  return std::max(*at, now);
}

}  // namespace

Call handle_explain(const net::Request& request, rules::Instant now, const Services& services, intake::Parser& parser) {
  tl::expected<std::vector<rules::Report>, std::string> alerts =
      rehearse::read_alerts(request.body, parser, services.context());
  if (!alerts) return net::problem(400, alerts.error());
  if (alerts->size() != 1) return net::problem(400, "one alert is explained at a time");
  const tl::expected<rules::Instant, std::string> at = time_of(request.body, now);
  if (!at) return net::problem(400, at.error());
  const auto alert = std::make_shared<const rules::Report>(std::move(alerts->front()));
  return ask(
      [alert](const rules::State& state) {
        return std::make_shared<rules::State>(rules::excerpt(state, {alert->labels}));
      },
      [alert, at = *at](const std::shared_ptr<rules::State>& state) {
        if (state->policy == nullptr) return overloaded();
        rehearse::World world{std::move(*state)};
        return ok(words::explanation_json(rehearse::explain(world, *alert, at, limits)));
      });
}

}  // namespace api
