#include "daemon/api/alertmanager_api.hpp"

#include <algorithm>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <fmt/format.h>

#include "daemon/api/alertmanager_config.hpp"
#include "daemon/api/answers.hpp"
#include "daemon/api/ask.hpp"
#include "daemon/words/clean.hpp"
#include "rules/alert_view.hpp"
#include "rules/moment.hpp"
#include "rules/rfc3339.hpp"

namespace api {
namespace {

namespace json = boost::json;

constexpr std::size_t most_filter_bytes = std::size_t{4} << 10;
constexpr std::size_t most_matchers = 64;
constexpr std::size_t event_bytes = 512;
// An alert that has no end of its own is said to end so much later, over and over, as Alertmanager's resolve_timeout
// does: its clients take one whose end has passed for resolved.
constexpr rules::Duration end_unless_reported{std::chrono::minutes{5}};

// Alertmanager's API has no other shape for what went wrong.
net::Response refuse(unsigned status, std::string_view why) {
  net::Response response;
  response.status = status;
  response.body = json::serialize(json::string{words::visible(why)}) + "\n";  // it may name a path, which is any bytes
  return response;
}

// Built from a pointer and a size: GCC would otherwise wander into value's initializer_list.
json::value text(std::string_view string) {
  return json::value(json::string(string.data(), string.size()));
}

json::value time(rules::Instant instant) {
  return text(rules::print_rfc3339(instant));
}

template <class Texts>
json::array texts(const Texts& all) {
  json::array array;
  for (const std::string& one : all) array.emplace_back(text(one));
  return array;
}

json::object labels_object(const rules::Labels& labels) {
  json::object object;
  object.reserve(labels.size());
  for (std::size_t index = 0; index < labels.size(); ++index) object[labels[index].name] = text(labels[index].value);
  return object;
}

json::object receiver_object(std::string_view name) {
  json::object object;
  object["name"] = text(name);
  return object;
}

// ---- status and receivers -------------------------------------------------------------------------------------------

Call status(const Services& services) {
  json::object cluster;
  cluster["name"] = "";
  cluster["status"] = "disabled";
  cluster["peers"] = json::array();
  json::object version;
  version["version"] = ROUSE_VERSION;
  for (const char* const unknown : {"revision", "branch", "buildUser", "buildDate", "goVersion"}) version[unknown] = "";
  json::object config;
  config["original"] = text(alertmanager_config(*services.policy()));
  json::object body;
  body["cluster"] = std::move(cluster);
  body["versionInfo"] = std::move(version);
  body["config"] = std::move(config);
  body["uptime"] = time(services.started);
  return ok(json::serialize(body));
}

Call receivers(const Services& services) {
  json::array list;
  for (const rules::CallTree& tree : services.policy()->call_trees) list.emplace_back(receiver_object(tree.id));
  return ok(json::serialize(list));
}

// ---- filters --------------------------------------------------------------------------------------------------------

tl::expected<std::vector<rules::Matcher>, std::string> matchers_of(const net::Request& request) {
  std::vector<rules::Matcher> matchers;
  std::size_t bytes = 0;
  for (const auto& [name, value] : request.parameters()) {
    // Some clients write lists as `filter[]`.
    if ((name != "filter" && name != "filter[]") || value.empty()) continue;
    bytes += value.size();
    if (bytes > most_filter_bytes || matchers.size() == most_matchers) {
      return tl::unexpected(
          fmt::format("bad filter: more than {} matchers or {} bytes", most_matchers, most_filter_bytes));
    }
    tl::expected<rules::Matcher, std::string> matcher = rules::Matcher::parse(value);
    if (!matcher) return tl::unexpected("bad filter: " + matcher.error());
    matchers.push_back(*std::move(matcher));
  }
  return matchers;
}

tl::expected<bool, std::string> flag_of(const net::Request& request, std::string_view name) {
  const std::string value = request.parameter(name).value_or("");
  if (value.empty() || value == "true" || value == "1") return true;
  if (value == "false" || value == "0") return false;
  return tl::unexpected(fmt::format("{} is true or false", name));
}

tl::expected<rules::AlertFilter, std::string> filter_of(const net::Request& request) {
  rules::AlertFilter filter;
  tl::expected<std::vector<rules::Matcher>, std::string> matchers = matchers_of(request);
  if (!matchers) return tl::unexpected(matchers.error());
  filter.matchers = *std::move(matchers);
  const std::pair<std::string_view, bool*> flags[] = {{"active", &filter.active},
                                                      {"silenced", &filter.silenced},
                                                      {"inhibited", &filter.inhibited},
                                                      {"unprocessed", &filter.unprocessed}};
  for (const auto& [name, flag] : flags) {
    const tl::expected<bool, std::string> value = flag_of(request, name);
    if (!value) return tl::unexpected(value.error());
    *flag = *value;
  }
  const std::string receiver = request.parameter("receiver").value_or("");
  if (receiver.empty()) return filter;
  if (receiver.size() > most_filter_bytes) return tl::unexpected(std::string{"the receiver's pattern is too long"});
  tl::expected<rules::Matcher, std::string> pattern =
      rules::Matcher::make("receiver", rules::MatchOperator::matches, receiver);
  if (!pattern) return tl::unexpected("bad receiver: " + pattern.error());
  filter.receiver = *std::move(pattern);
  return filter;
}

// ---- alerts ---------------------------------------------------------------------------------------------------------

json::object alert_object(const rules::OpenAlert& alert, const rules::OpenAlerts& all, rules::Instant now) {
  json::object status;
  status["state"] = text(rules::to_text(alert.state));
  status["silencedBy"] = texts(alert.silenced_by);
  status["inhibitedBy"] = texts(alert.inhibited_by);
  status["mutedBy"] = json::array();  // time intervals change the urgency here and mute nothing
  std::vector<std::string_view> names;
  json::array incidents;
  for (const rules::IncidentId id : alert.incidents) {
    incidents.emplace_back(text(rules::print_incident(id)));
    const std::string_view name = all.incidents.at(id).receiver;
    if (std::find(names.begin(), names.end(), name) == names.end()) names.push_back(name);
  }
  json::array receivers;
  for (const std::string_view name : names) receivers.emplace_back(receiver_object(name));
  json::array held;
  for (const std::uint32_t place : alert.held_by) held.emplace_back(text(all.held_by.at(place)));
  const bool ends = alert.ends_at && *alert.ends_at > now;
  json::object object;
  object["fingerprint"] = text(rules::hex(alert.fingerprint));
  object["labels"] = labels_object(alert.labels);
  object["annotations"] = labels_object(alert.annotations);
  object["startsAt"] = time(alert.starts_at);
  object["endsAt"] = time(ends ? *alert.ends_at : now + end_unless_reported);
  object["updatedAt"] = time(alert.updated_at);
  object["generatorURL"] = "";  // not kept
  object["status"] = std::move(status);
  object["receivers"] = std::move(receivers);
  // Beyond Alertmanager's.
  object["incidents"] = std::move(incidents);
  object["held"] = std::move(held);
  object["source"] = text(alert.source);
  return object;
}

// One document at a time: a hundred thousand alerts as one tree would take a gigabyte.
std::string alerts_json(const std::vector<const rules::OpenAlert*>& alerts,
                        const rules::OpenAlerts& all,
                        rules::Instant now) {
  std::string body = "[";
  for (const rules::OpenAlert* const alert : alerts) {
    if (body.size() > 1) body += ',';
    body += json::serialize(alert_object(*alert, all, now));
  }
  return body + "]";
}

void sort_by_fingerprint(std::vector<const rules::OpenAlert*>& alerts) {
  std::stable_sort(alerts.begin(), alerts.end(), [](const rules::OpenAlert* left, const rules::OpenAlert* right) {
    return left->fingerprint < right->fingerprint;
  });
}

net::Response render_alerts(const rules::OpenAlerts& found, rules::Instant now) {
  std::vector<const rules::OpenAlert*> alerts;
  for (const rules::OpenAlert& alert : found.alerts) alerts.push_back(&alert);
  sort_by_fingerprint(alerts);
  return ok(alerts_json(alerts, found, now));
}

// A group for each incident, by receiver, the newest incident last.
net::Response render_groups(const rules::OpenAlerts& found, rules::Instant now) {
  std::map<std::pair<std::string_view, rules::IncidentId>, std::vector<const rules::OpenAlert*>> groups;
  for (const rules::OpenAlert& alert : found.alerts) {
    for (const rules::IncidentId id : alert.incidents) {
      groups[{found.incidents.at(id).receiver, id}].push_back(&alert);
    }
  }
  std::string body = "[";
  for (auto& [name, alerts] : groups) {
    sort_by_fingerprint(alerts);
    if (body.size() > 1) body += ',';
    body += fmt::format(R"({{"labels":{},"receiver":{},"incident":"{}","alerts":)",
                        json::serialize(labels_object(found.incidents.at(name.second).labels)),
                        json::serialize(receiver_object(name.first)),
                        rules::print_incident(name.second));
    body += alerts_json(alerts, found, now) + "}";
  }
  return ok(body + "]");
}

using RenderAlerts = net::Response (*)(const rules::OpenAlerts&, rules::Instant);

Call alerts(const net::Request& request, rules::Instant now, RenderAlerts render) {
  tl::expected<rules::AlertFilter, std::string> filter = filter_of(request);
  if (!filter) return refuse(400, filter.error());
  return ask_in_steps<rules::OpenAlerts>(
      [filter = *std::move(filter)](const rules::State& state, rules::OpenAlerts& found) {
        return rules::read_open_alerts(state, filter, found);
      },
      [now, render](const rules::OpenAlerts& found) {
        if (!found.too_many) return render(found, now);
        return refuse(400, fmt::format("more than {} alerts match: give a filter", rules::most_alerts_read));
      });
}

// ---- silences -------------------------------------------------------------------------------------------------------

json::object silence_object(const rules::Silence& silence, rules::Instant now) {
  json::array matchers;
  for (const rules::Matcher& matcher : silence.matchers) {
    const rules::MatchOperator op = matcher.op();
    json::object object;
    object["name"] = text(matcher.name());
    object["value"] = text(matcher.value());
    object["isRegex"] = op == rules::MatchOperator::matches || op == rules::MatchOperator::not_matches;
    object["isEqual"] = op == rules::MatchOperator::matches || op == rules::MatchOperator::equal;
    matchers.emplace_back(std::move(object));
  }
  json::object status;
  status["state"] = text(rules::to_text(rules::state_of(silence, now)));
  json::object object;
  object["id"] = text(silence.id);
  object["status"] = std::move(status);
  object["matchers"] = std::move(matchers);
  object["startsAt"] = time(silence.from);
  object["endsAt"] = time(silence.to);
  object["updatedAt"] = time(silence.updated_at);
  object["createdBy"] = text(silence.by);
  object["comment"] = text(silence.comment);
  return object;
}

Call list_silences(const net::Request& request, rules::Instant now) {
  tl::expected<std::vector<rules::Matcher>, std::string> matchers = matchers_of(request);
  if (!matchers) return refuse(400, matchers.error());
  rules::SilenceFilter filter;
  filter.matchers = *std::move(matchers);
  return ask(
      [filter = std::move(filter), now](const rules::State& state) { return rules::list_silences(state, filter, now); },
      [now](const std::vector<rules::SilenceView>& views) {
        std::string body = "[";
        for (const rules::SilenceView& view : views) {
          if (body.size() > 1) body += ',';
          body += json::serialize(silence_object(view.silence, now));
        }
        return ok(body + "]");
      });
}

std::string no_silence(std::string_view id) {
  return fmt::format("there is no silence {}", id);
}

Call show_silence(std::string id, rules::Instant now) {
  return ask([id](const rules::State& state) { return rules::view_silence(state, id); },
             [id, now](const std::optional<rules::SilenceView>& view) {
               if (!view) return refuse(404, no_silence(id));
               return ok(json::serialize(silence_object(view->silence, now)));
             });
}

// What is wrong with a body; "" = nothing.
class PostedSilence {
 public:
  explicit PostedSilence(std::string_view bytes) {
    boost::system::error_code error;
    const json::value document = json::parse({bytes.data(), bytes.size()}, error);
    if (error || !document.is_object()) {
      complain("the body is no silence, a JSON object");
      return;
    }
    const json::object& object = document.get_object();
    set_.id = string(object, "id", false);
    read_matchers(object);
    set_.from = time(object, "startsAt");
    set_.to = time(object, "endsAt");
    set_.by = string(object, "createdBy", true);
    set_.comment = string(object, "comment", true);
  }

  [[nodiscard]] const std::string& wrong() const { return wrong_; }
  [[nodiscard]] rules::SilenceSet take() { return std::move(set_); }

 private:
  void complain(std::string why) {
    if (wrong_.empty()) wrong_ = std::move(why);
  }

  std::string string(const json::object& object, std::string_view name, bool is_required) {
    const json::value* const value = object.if_contains(name);
    if (value != nullptr && value->is_string()) {
      return std::string{value->get_string().data(), value->get_string().size()};
    }
    const bool is_absent = value == nullptr || value->is_null();
    if (is_required || !is_absent) complain(fmt::format("{} {}", name, is_absent ? "is required" : "is no string"));
    return {};
  }

  rules::Instant time(const json::object& object, std::string_view name) {
    const std::string written = string(object, name, true);
    const std::optional<rules::Instant> instant = rules::parse_rfc3339(written);
    if (!instant) complain(fmt::format("{} is a time such as 2026-03-04T09:00:00Z", name));
    return instant.value_or(rules::Instant{});
  }

  bool flag(const json::object& object, std::string_view name, bool otherwise) {
    const json::value* const value = object.if_contains(name);
    if (value == nullptr || value->is_null()) return otherwise;
    if (!value->is_bool()) complain(fmt::format("{} of a matcher is true or false", name));
    return value->is_bool() ? value->get_bool() : otherwise;
  }

  void read_matchers(const json::object& object) {
    const json::value* const list = object.if_contains("matchers");
    if (list == nullptr || !list->is_array() || list->get_array().empty()) {
      complain("matchers is required, a list of {name, value, isRegex, isEqual}");
      return;
    }
    if (list->get_array().size() > most_matchers) complain("there are too many matchers");
    for (const json::value& one : list->get_array()) {
      if (!wrong_.empty()) return;
      if (!one.is_object()) {
        complain("a matcher is no JSON object");
        return;
      }
      const json::object& fields = one.get_object();
      const std::string name = string(fields, "name", true);
      const std::string value = string(fields, "value", true);
      const bool is_regex = flag(fields, "isRegex", false);
      const bool is_equal = flag(fields, "isEqual", true);
      if (value.size() > most_filter_bytes) complain("the value of a matcher is too long");
      if (!wrong_.empty()) return;
      using rules::MatchOperator;
      const MatchOperator op = is_regex ? (is_equal ? MatchOperator::matches : MatchOperator::not_matches)
                                        : (is_equal ? MatchOperator::equal : MatchOperator::not_equal);
      tl::expected<rules::Matcher, std::string> matcher = rules::Matcher::make(name, op, value);
      if (!matcher) {
        complain("bad matcher: " + matcher.error());
        return;
      }
      set_.matchers.push_back(*std::move(matcher));
    }
  }

  rules::SilenceSet set_;
  std::string wrong_;
};

Call set_silence(const net::Request& request) {
  PostedSilence posted{request.body};
  if (!posted.wrong().empty()) return refuse(400, posted.wrong());
  Tell tell;
  tell.people = true;
  tell.bytes = request.body.size() + event_bytes;
  tell.event = posted.take();
  tell.render = [](const roused::Reply& reply) {
    if (std::optional<net::Response> refusal = not_durable(reply)) return *std::move(refusal);
    if (!reply.verdict) return overloaded();
    if (reply.verdict->code == rules::VerdictCode::done) {
      json::object body;
      body["silenceID"] = text(reply.verdict->text);
      return ok(json::serialize(body));
    }
    // amtool's import makes a new one of what is answered with 404.
    return refuse(is_unknown_silence(*reply.verdict) ? 404 : 400, reply.verdict->text);
  };
  return tell;
}

// This API does not tell who it is.
Call expire_silence(const net::Request& request, const std::string& id) {
  Tell tell;
  tell.people = true;
  tell.bytes = event_bytes + id.size();
  tell.event = rules::SilenceExpired{.id = id, .by = fmt::format("Alertmanager's API, {}", request.peer)};
  tell.render = [id](const roused::Reply& reply) {
    if (std::optional<net::Response> refusal = not_durable(reply)) return *std::move(refusal);
    if (!reply.verdict) return overloaded();
    if (reply.verdict->code == rules::VerdictCode::done) return ok("");
    return refuse(is_unknown_silence(*reply.verdict) ? 404 : 400, reply.verdict->text);
  };
  return tell;
}

Call one_silence(const net::Request& request, std::string_view id, rules::Instant now) {
  if (id.empty() || id.find('/') != std::string_view::npos) return not_here(request);
  if (request.method == "GET") return show_silence(std::string{id}, now);
  if (request.method == "DELETE") return expire_silence(request, std::string{id});
  return not_allowed("GET, HEAD, DELETE");
}

}  // namespace

std::optional<Call> handle_alertmanager(const net::Request& request, rules::Instant now, const Services& services) {
  std::string_view path = request.path;
  constexpr std::string_view prefix = "/api/v2/";
  if (!path.starts_with(prefix)) return std::nullopt;
  path.remove_prefix(prefix.size());
  constexpr std::string_view one = "silence/";
  if (path.starts_with(one)) return one_silence(request, path.substr(one.size()), now);
  const bool is_get = request.method == "GET";
  if (path == "status") return is_get ? status(services) : not_allowed("GET, HEAD");
  if (path == "receivers") return is_get ? receivers(services) : not_allowed("GET, HEAD");
  if (path == "alerts") return is_get ? alerts(request, now, &render_alerts) : not_allowed("GET, HEAD, POST");
  if (path == "alerts/groups") return is_get ? alerts(request, now, &render_groups) : not_allowed("GET, HEAD");
  if (path != "silences") return std::nullopt;
  if (request.method == "POST") return set_silence(request);
  return is_get ? list_silences(request, now) : not_allowed("GET, HEAD, POST");
}

}  // namespace api
