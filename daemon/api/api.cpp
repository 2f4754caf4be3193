#include "daemon/api/api.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <initializer_list>
#include <utility>

#include <boost/json/object.hpp>
#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <fmt/format.h>

#include "daemon/api/access.hpp"
#include "daemon/api/alertmanager_api.hpp"
#include "daemon/api/answers.hpp"
#include "daemon/api/ask.hpp"
#include "daemon/api/audit_calls.hpp"
#include "daemon/api/explain.hpp"
#include "daemon/api/intake_paths.hpp"
#include "daemon/api/link_paths.hpp"
#include "daemon/api/mattermost_paths.hpp"
#include "daemon/api/outages.hpp"
#include "daemon/api/reach_paths.hpp"
#include "daemon/api/silence_paths.hpp"
#include "daemon/api/slack_paths.hpp"
#include "daemon/api/status.hpp"
#include "daemon/api/twilio_paths.hpp"
#include "daemon/words/json.hpp"
#include "rules/duration.hpp"
#include "rules/moment.hpp"
#include "rules/reachability.hpp"
#include "rules/rfc3339.hpp"

namespace api {
namespace {

namespace json = boost::json;

constexpr std::size_t most_incidents = 100'000;
constexpr std::size_t name_limit_bytes = 256;
constexpr std::size_t text_limit_bytes = std::size_t{16} << 10;
// On top of a body: the report or verb around it.
constexpr std::size_t event_bytes = 512;
// Bodies of callbacks and links, and where nobody has to say who they are.
constexpr std::size_t most_signed_bytes = std::size_t{1} << 20;
constexpr std::size_t most_bytes_of_all = std::size_t{64} << 10;
// Whose turn it is then is counted turn by turn, so a date must stay within reach.
constexpr std::chrono::hours furthest_on_call{24 * 366 * 10};

struct Problem {
  unsigned status{};
  std::string detail;
  std::optional<rules::IncidentId> incident;
};

net::Response answer(const Problem& problem) {
  if (!problem.incident) return net::problem(problem.status, problem.detail);
  json::object body;
  body["type"] = "about:blank";
  const std::string_view title = net::reason_phrase(problem.status);
  body["title"] = json::string(title.data(), title.size());
  body["status"] = problem.status;
  body["detail"] = problem.detail;
  body["incident"] = rules::print_incident(*problem.incident);
  net::Response response;
  response.status = problem.status;
  response.content_type = "application/problem+json";
  response.body = json::serialize(body) + "\n";
  return response;
}

// ---- query parameters -----------------------------------------------------------------------------------------------

// An absent parameter and an empty one are the same.
std::optional<std::string> parameter(const net::Request& request, std::string_view name) {
  std::optional<std::string> value = request.parameter(name);
  if (value && value->empty()) return std::nullopt;
  return value;
}

tl::expected<std::optional<rules::Instant>, Problem> time_parameter(const net::Request& request,
                                                                    std::string_view name) {
  std::optional<std::string> value = parameter(request, name);
  if (!value) return std::optional<rules::Instant>{};
  // A '+' that was not escaped has become a blank.
  std::replace(value->begin(), value->end(), ' ', '+');
  const std::optional<rules::Instant> instant = rules::parse_rfc3339(*value);
  if (!instant) {
    return tl::unexpected{Problem{400, fmt::format("`{}` is a time such as 2026-03-04T09:00:00Z", name), {}}};
  }
  return instant;
}

tl::expected<bool, Problem> flag_parameter(const net::Request& request, std::string_view name) {
  const std::optional<std::string> value = parameter(request, name);
  if (!value || *value == "false" || *value == "0") return false;
  if (*value == "true" || *value == "1") return true;
  return tl::unexpected{Problem{400, fmt::format("`{}` is true or false", name), {}}};
}

tl::expected<rules::IncidentFilter, Problem> filter_of(const net::Request& request) {
  rules::IncidentFilter filter;
  if (const auto state = parameter(request, "state")) {
    constexpr std::pair<std::string_view, rules::StateFilter> states[] = {
        {"open", rules::StateFilter::open},
        {"triggered", rules::StateFilter::triggered},
        {"acknowledged", rules::StateFilter::acknowledged},
        {"resolved", rules::StateFilter::resolved},
        {"all", rules::StateFilter::all}};
    const auto* const found =
        std::find_if(std::begin(states), std::end(states), [&state](const auto& one) { return one.first == *state; });
    if (found == std::end(states)) {
      return tl::unexpected{Problem{400, "`state` is one of triggered, acknowledged, resolved, open and all", {}}};
    }
    filter.state = found->second;
  }
  filter.service = parameter(request, "service").value_or("");
  const auto since = time_parameter(request, "since");
  if (!since) return tl::unexpected{since.error()};
  filter.since = *since;
  if (const auto limit = parameter(request, "limit")) {
    const auto [end, error] = std::from_chars(limit->data(), limit->data() + limit->size(), filter.limit);
    const bool whole = error == std::errc{} && end == limit->data() + limit->size();
    if (!whole || filter.limit < 1 || filter.limit > most_incidents) {
      return tl::unexpected{Problem{400, fmt::format("`limit` is a number from 1 to {}", most_incidents), {}}};
    }
  }
  if (const auto after = parameter(request, "after")) {
    filter.after = rules::parse_incident_id(*after);
    if (!filter.after) return tl::unexpected{Problem{400, "`after` is the id of an incident such as R-12", {}}};
  }
  const auto alerts = flag_parameter(request, "alerts");
  if (!alerts) return tl::unexpected{alerts.error()};
  filter.alerts = *alerts;
  const auto held = flag_parameter(request, "held");
  if (!held) return tl::unexpected{held.error()};
  filter.held = *held;
  return filter;
}

// ---- incidents ------------------------------------------------------------------------------------------------------

Call list(const net::Request& request, const Services& services) {
  tl::expected<rules::IncidentFilter, Problem> filter = filter_of(request);
  if (!filter) return answer(filter.error());
  const bool alerts = filter->alerts;
  return ask([filter = *std::move(filter)](const rules::State& state) { return rules::list_incidents(state, filter); },
             [alerts, settings = services.settings](const rules::IncidentList& incidents) {
               return ok(words::list_json(incidents, alerts, settings->server.public_url));
             });
}

Problem no_incident(rules::IncidentId id) {
  return Problem{404, fmt::format("there is no incident {}", rules::print_incident(id)), {}};
}

Call show(rules::IncidentId id, const Services& services) {
  return ask([id](const rules::State& state) { return rules::view_incident(state, id); },
             [id, settings = services.settings](const std::optional<rules::IncidentView>& view) {
               if (!view) return answer(no_incident(id));
               return ok(words::incident_json(*view, true, settings->server.public_url));
             });
}

// A verb's body: strings by name. Keeps the first complaint, so that a verb reads its fields in a row.
class VerbBody {
 public:
  explicit VerbBody(std::string_view bytes) {
    boost::system::error_code error;
    document_ = json::parse({bytes.data(), bytes.size()}, error);
    if (error || !document_.is_object()) {
      wrong_ = R"(the body is not a JSON object such as {"by": "olga"})";
      if (error) wrong_ += fmt::format(" ({})", error.message());
    }
  }

  // A string that says something. Blanks around it do not count.
  std::string text(std::string_view name, std::size_t limit_bytes) {
    if (!wrong_.empty()) return {};
    const json::value* const value = document_.get_object().if_contains(name);
    if (value == nullptr || !value->is_string()) return complain(fmt::format("\"{}\" is missing or no string", name));
    std::string_view found{value->get_string().data(), value->get_string().size()};
    while (!found.empty() && is_blank(found.front())) found.remove_prefix(1);
    while (!found.empty() && is_blank(found.back())) found.remove_suffix(1);
    if (found.empty()) return complain(fmt::format("\"{}\" is empty", name));
    if (found.size() > limit_bytes) {
      return complain(fmt::format("\"{}\" is longer than {} bytes", name, limit_bytes));
    }
    return std::string{found};
  }

  rules::Duration duration(std::string_view name) {
    const std::string written = text(name, name_limit_bytes);
    if (!wrong_.empty()) return {};
    const tl::expected<rules::Duration, std::string> length = rules::parse_duration(written);
    if (length) return *length;
    wrong_ = fmt::format("\"{}\": {}", name, length.error());
    return {};
  }

  [[nodiscard]] const std::string& wrong() const { return wrong_; }

 private:
  static bool is_blank(char letter) { return letter == ' ' || letter == '\t' || letter == '\n' || letter == '\r'; }
  std::string complain(std::string why) {
    wrong_ = std::move(why);
    return {};
  }

  json::value document_;
  std::string wrong_;
};

// The event that a verb's path and body ask for; nothing when there is no such verb.
// `user` acts; without one whoever the body says.
std::optional<rules::Event> verb_of(std::string_view verb,
                                    rules::IncidentId id,
                                    VerbBody& body,
                                    const std::string& user) {
  const auto by = [&] { return user.empty() ? body.text("by", name_limit_bytes) : user; };
  if (verb == "ack") return rules::Acknowledge{.incident = id, .by = by()};
  if (verb == "resolve") return rules::Resolve{.incident = id, .by = by()};
  if (verb == "escalate") return rules::Escalate{.incident = id, .by = by()};
  if (verb == "snooze") return rules::Snooze{.incident = id, .by = by(), .length = body.duration("for")};
  if (verb == "call") {
    return rules::CallIn{.incident = id, .by = by(), .who = body.text("who", name_limit_bytes)};
  }
  if (verb == "update") return rules::Update{.incident = id, .by = by(), .text = body.text("text", text_limit_bytes)};
  if (verb == "follow") return rules::Follow{.incident = id, .by = by(), .wanted = true};
  if (verb == "unfollow") return rules::Follow{.incident = id, .by = by(), .wanted = false};
  if (verb == "note") return rules::Note{.incident = id, .by = by(), .text = body.text("text", text_limit_bytes)};
  return std::nullopt;
}

net::Response render_verdict(rules::IncidentId id, const roused::Reply& reply, const std::string& public_url) {
  if (std::optional<net::Response> refusal = not_durable(reply)) return *std::move(refusal);
  if (!reply.verdict) return overloaded();
  switch (reply.verdict->code) {
    case rules::VerdictCode::done:
      break;
    case rules::VerdictCode::unknown_incident:
      return answer(no_incident(id));
    case rules::VerdictCode::already_resolved:
      return answer(Problem{409, "already resolved", id});
    case rules::VerdictCode::refused:
      return answer(Problem{409, reply.verdict->text, id});
  }
  if (reply.incident == nullptr) return answer(no_incident(id));
  return ok(words::incident_json(*reply.incident, true, public_url));
}

Call tell_verb(const net::Request& request, rules::IncidentId id, std::string_view verb, const Services& services) {
  VerbBody body{request.body};
  std::optional<rules::Event> event = verb_of(verb, id, body, request.user);
  if (!event) return not_here(request);
  if (request.method != "POST") return not_allowed("POST");
  if (!body.wrong().empty()) return net::problem(400, body.wrong());
  Tell tell;
  tell.people = true;
  tell.bytes = request.body.size() + event_bytes;
  tell.event = *std::move(event);
  tell.render = [id, settings = services.settings](const roused::Reply& reply) {
    return render_verdict(id, reply, settings->server.public_url);
  };
  return tell;
}

// /v1/incidents/ID and /v1/incidents/ID/VERB; `rest` begins after the slash.
Call one_incident(const net::Request& request, std::string_view rest, const Services& services) {
  const std::size_t slash = rest.find('/');
  const std::string_view name = rest.substr(0, slash);
  const std::optional<rules::IncidentId> id = rules::parse_incident_id(name);
  if (!id) return net::problem(404, "an incident is named as in /v1/incidents/R-12");
  if (slash != std::string_view::npos) return tell_verb(request, *id, rest.substr(slash + 1), services);
  if (request.method != "GET") return not_allowed("GET, HEAD");
  return show(*id, services);
}

// ---- everything else ------------------------------------------------------------------------------------------------

Call on_call(const net::Request& request, rules::Instant now, const Services& services) {
  const auto at = time_parameter(request, "at");
  if (!at) return answer(at.error());
  const rules::Instant instant = at->value_or(now);
  if (instant < now - furthest_on_call || instant > now + furthest_on_call) {
    return net::problem(400, "`at` lies more than ten years away");
  }
  // Turns are counted here and not by the engine: with leave each hangs on all before it.
  return ask([now, policy = services.policy()](
                 const rules::State& state) { return rules::contact_doubts(state, *policy, now); },
             [instant, policy = services.policy()](const std::vector<rules::ContactDoubt>& doubts) {
               return ok(words::on_call_json(rules::view_on_call(*policy, instant), instant, doubts));
             });
}

Call metrics(rules::Instant now, const Services& services) {
  struct Seen {
    rules::StateFigures figures;
    std::vector<rules::ContactDoubt> doubts;
  };
  return ask(
      [now, policy = services.policy()](const rules::State& state) {
        return Seen{.figures = rules::view_figures(state), .doubts = rules::contact_doubts(state, *policy, now)};
      },
      [now, figures = services.metrics, providers = services.providers](const Seen& seen) {
        const std::vector<ProviderFigures> health = providers ? providers() : std::vector<ProviderFigures>{};
        net::Response response = ok(figures->text(seen.figures, now, health, seen.doubts));
        response.content_type = "text/plain; version=0.0.4; charset=utf-8";
        return response;
      });
}

Call ready(const Services& services) {
  const std::optional<std::string> why = services.why_not_ready ? services.why_not_ready() : std::nullopt;
  if (why) return plain(503, "rouse is not ready: " + *why + "\n");
  return plain(200, "rouse is ready.\n");
}

Call reload(const net::Request& request, const Services& services) {
  const tl::expected<bool, Problem> dry_run = flag_parameter(request, "dry_run");
  if (!dry_run) return answer(dry_run.error());
  if (!services.reload) return net::problem(503, "the configuration cannot be loaded again while the daemon starts");
  return services.reload(*dry_run);
}

Call route(const net::Request& request, rules::Instant now, const Services& services, intake::Parser& parser) {
  const std::string_view path = request.path;
  const bool is_get = request.method == "GET";
  const bool is_post = request.method == "POST";
  constexpr std::string_view incident_prefix = "/v1/incidents/";

  if (std::optional<Call> call = handle_intake(request, now, services, parser)) return *std::move(call);
  if (std::optional<Call> call = handle_alertmanager(request, now, services)) return *std::move(call);
  if (std::optional<Call> call = handle_silences(request, now, services)) return *std::move(call);
  if (std::optional<Call> call = handle_mattermost(request, now, services)) return *std::move(call);
  if (std::optional<Call> call = handle_slack(request, now, services)) return *std::move(call);
  if (std::optional<Call> call = handle_twilio(request, services)) return *std::move(call);
  if (std::optional<Call> call = handle_links(request, now, services)) return *std::move(call);
  if (std::optional<Call> call = handle_reach(request, now, services)) return *std::move(call);
  if (path == "/v1/status") return handle_status(request, now, services);
  if (path == "/v1/outages.atom") return handle_outages(request, services);
  if (path == "/v1/explain") {
    return is_post ? handle_explain(request, now, services, parser) : Call{not_allowed("POST")};
  }
  if (path == "/-/reload") return is_post ? reload(request, services) : Call{not_allowed("POST")};
  if (path.starts_with(incident_prefix)) {
    return one_incident(request, path.substr(incident_prefix.size()), services);
  }

  constexpr std::string_view reads[] = {"/v1/incidents", "/v1/oncall", "/metrics", "/-/healthy", "/-/ready"};
  if (std::find(std::begin(reads), std::end(reads), path) == std::end(reads)) return not_here(request);
  if (!is_get) return not_allowed("GET, HEAD");
  if (path == "/v1/incidents") return list(request, services);
  if (path == "/v1/oncall") return on_call(request, now, services);
  if (path == "/metrics") return metrics(now, services);
  if (path == "/-/ready") return ready(services);
  return plain(200, "rouse is healthy.\n");
}

constexpr std::string_view needs_access =
    "callbacks of providers and signed links need an `access` section in the configuration";

Call route_local(const net::Request& request, rules::Instant now, const Services& services, intake::Parser& parser) {
  if (std::optional<net::Response> refusal = refuse_without_access(request)) return *std::move(refusal);
  return route(request, now, services, parser);
}

constexpr std::string_view name_of(Proof proof) {
  constexpr std::array names{std::string_view("token"),
                             std::string_view("password"),
                             std::string_view("proxy"),
                             std::string_view("certificate")};
  return names.at(static_cast<std::size_t>(proof));
}

// Who is a user acts by that name, whatever the body says.
Call route_admitted(const net::Request& request,
                    rules::Instant now,
                    const Services& services,
                    intake::Parser& parser,
                    Audited& audited) {
  if (services.keyring() == nullptr) return overloaded();
  audited.from = services.keyring()->address_of(request);
  auto admitted = admit(request, now, *services.keyring(), *services.attempts, services.settings->server.public_url);
  if (!admitted) {
    if (auto* const prove = std::get_if<Prove>(&admitted.error())) return std::move(*prove);
    auto& refusal = std::get<Refusal>(admitted.error());
    if (!refusal.by.empty()) audited.proof = name_of(refusal.proof);
    audited.by = std::move(refusal.by);
    return std::move(refusal.response);
  }
  if (admitted->sender.empty() && admitted->user.empty()) return route(request, now, services, parser);
  net::Request known = request;
  known.sender = std::move(admitted->sender);
  known.user = std::move(admitted->user);
  audited.by = known.user.empty() ? known.sender : known.user;
  audited.proof = name_of(admitted->proof);
  Call call = route(known, now, services, parser);
  if (auto* tell = std::get_if<Tell>(&call); tell != nullptr && !known.user.empty()) {
    std::visit(
        [&known](auto& event) {
          if constexpr (requires { event.by = known.user; }) event.by = known.user;
        },
        tell->event);
  }
  return call;
}

Call look_at_head(const net::Request& head, rules::Instant now, const Services& services) {
  Call go_on{plain(100, "")};
  if (!services.settings->access) {
    if (is_signed_path(head.path)) return net::problem(403, needs_access);
    std::optional<net::Response> refusal = refuse_without_access(head);
    return refusal ? Call{*std::move(refusal)} : go_on;
  }
  if (services.keyring() == nullptr) return overloaded();
  auto admitted = admit(head, now, *services.keyring(), *services.attempts, services.settings->server.public_url);
  if (admitted) return plain(100, std::move(admitted->sender));
  if (auto* const prove = std::get_if<Prove>(&admitted.error())) return std::move(*prove);
  return std::move(std::get<Refusal>(admitted.error()).response);
}

// What nobody has signed counts as a wrong token does; what somebody has is taken all the same.
Call counted_callback(Call call, const net::Request& request, rules::Instant now, const Services& services) {
  const auto* const response = std::get_if<net::Response>(&call);
  const bool is_unsigned = response != nullptr && (response->status == 401 || response->status == 403);
  if (!is_unsigned || !request.path.starts_with("/v1/callbacks/") || services.keyring() == nullptr) return call;
  const std::string address = services.keyring()->address_of(request);
  const auto wait = services.attempts->must_wait(address, {}, now);
  if (!wait) {
    services.attempts->failed(address, {}, now);
    return call;
  }
  net::Response refusal = net::problem(429, "too many callbacks that nobody has signed came from this address");
  refusal.headers.add("Retry-After", std::to_string(wait->count()));
  return refusal;
}

void count_refusal(const Call& call, const Services& services) {
  const auto* const response = std::get_if<net::Response>(&call);
  if (response != nullptr && response->status >= 400) services.metrics->refused_request(response->status);
}

void add_labels(const rules::Route& route, std::vector<std::string>& labels) {
  for (const rules::Matcher& matcher : route.matchers) labels.push_back(matcher.name());
  labels.insert(labels.end(), route.group_by.begin(), route.group_by.end());
  for (const rules::Route& child : route.routes) add_labels(child, labels);
}

}  // namespace

void Services::use_access() {
  const std::shared_ptr<Keyring> before = std::exchange(keyring_, nullptr);
  if (!settings || !settings->access) return;
  const auto read = [this](const std::string& file) {
    return read_secrets ? read_secrets(file) : std::vector<std::string>{};
  };
  keyring_ = std::make_shared<Keyring>(*settings->access, read, before.get());
}

void Services::use(std::shared_ptr<const rules::Policy> policy, std::uint64_t key_seed) {
  policy_ = std::move(policy);
  context_ = intake::Context{};
  context_.seed = key_seed;
  context_.identity = rules::identity_of(policy_->identity);
  context_.ignore_labels = policy_->identity.ignore_labels;
  std::vector<std::string>& routing = context_.routing_labels;
  routing = {"alertname", policy_->severity.label, policy_->service_label};
  add_labels(policy_->route, routing);
  std::sort(routing.begin(), routing.end());
  routing.erase(std::unique(routing.begin(), routing.end()), routing.end());
  use_access();
  use_sources();
  use_chats();
  use_providers();
}

Call gate(const net::Request& head, rules::Instant now, const Services& services) {
  Call call = look_at_head(head, now, services);
  count_refusal(call, services);
  return audited_refusal(std::move(call), head, now, services);
}
std::optional<std::size_t> most_body_bytes(std::string_view path) {
  if (is_signed_path(path)) return most_signed_bytes;
  if (path.starts_with("/-/")) return most_bytes_of_all;
  return std::nullopt;
}

net::Response too_many_checks(const net::Request& request) {
  // Senders repeat what is answered with 503, and drop what is answered with 429.
  net::Response response =
      net::problem(is_intake(request.path) ? 503 : 429, "too many passwords are to be checked at once: try again");
  response.headers.add("Retry-After", "1");
  return response;
}

Call handle(const net::Request& request, rules::Instant now, const Services& services, intake::Parser& parser) {
  const bool is_signed = is_signed_path(request.path);
  Audited audited = audited_of(request, now);
  Call call = services.settings->access ? route_admitted(request, now, services, parser, audited)
              : is_signed               ? Call{net::problem(403, needs_access)}
                                        : route_local(request, now, services, parser);
  call = counted_callback(std::move(call), request, now, services);
  count_refusal(call, services);
  return audited_call(std::move(call), request, services, std::move(audited));
}

bool may_lack_length(std::string_view path) {
  return path == "/-/reload" || path.starts_with("/v1/heartbeats/");
}

net::Response overloaded() {
  net::Response response = net::problem(503, "the daemon has more to do than it can take: send it again");
  response.headers.add("Retry-After", "1");
  return response;
}

net::Response reloaded(std::string_view text) {
  json::object body;
  body["status"] = "ok";
  body["text"] = json::string(text.data(), text.size());
  return ok(json::serialize(body));
}

net::Response reload_refused(std::string_view why) {
  return net::problem(422, why);
}

}  // namespace api
