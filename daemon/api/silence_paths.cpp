#include "daemon/api/silence_paths.hpp"

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <fmt/format.h>

#include "config/words.hpp"
#include "daemon/api/answers.hpp"
#include "daemon/api/ask.hpp"
#include "daemon/words/silence.hpp"
#include "rules/alert_view.hpp"
#include "rules/duration.hpp"
#include "rules/rfc3339.hpp"

namespace api {
namespace {

namespace json = boost::json;

constexpr std::size_t name_limit_bytes = 256;
constexpr std::size_t comment_limit_bytes = std::size_t{16} << 10;
constexpr std::size_t matchers_limit_bytes = std::size_t{4} << 10;
constexpr std::size_t event_bytes = 512;

std::string_view noun_of(rules::SilenceKind kind) {
  return kind == rules::SilenceKind::maintenance ? "maintenance" : "silence";
}

// The body of a silence. Keeps the first complaint, so that its fields are read in a row.
class Body {
 public:
  explicit Body(std::string_view bytes) {
    boost::system::error_code error;
    document_ = json::parse({bytes.data(), bytes.size()}, error);
    if (!error && document_.is_object()) return;
    wrong_ = R"(the body is not a JSON object such as {"matchers": ["team=\"db\""], "for": "2h", "by": "olga"})";
    if (error) wrong_ += fmt::format(" ({})", error.message());
  }

  // "" when it is absent and need not be there. Blanks around it do not count.
  std::string text(std::string_view name, std::size_t limit_bytes, bool is_required) {
    const json::value* const value = find(name);
    if (value == nullptr) {
      if (is_required) complain(fmt::format("\"{}\" is missing", name));
      return {};
    }
    if (!value->is_string()) return complain(fmt::format("\"{}\" is no string", name));
    std::string_view found{value->get_string().data(), value->get_string().size()};
    const auto is_blank = [](char c) { return c == ' ' || c == '\t' || c == '\n' || c == '\r'; };
    while (!found.empty() && is_blank(found.front())) found.remove_prefix(1);
    while (!found.empty() && is_blank(found.back())) found.remove_suffix(1);
    if (found.empty() && is_required) return complain(fmt::format("\"{}\" is empty", name));
    if (found.size() > limit_bytes) {
      return complain(fmt::format("\"{}\" is longer than {} bytes", name, limit_bytes));
    }
    return std::string{found};
  }

  std::optional<rules::Instant> time(std::string_view name) {
    const std::string written = text(name, name_limit_bytes, false);
    if (written.empty()) return std::nullopt;
    const std::optional<rules::Instant> instant = rules::parse_rfc3339(written);
    if (!instant) complain(fmt::format("\"{}\" is a time such as 2026-03-04T09:00:00Z", name));
    return instant;
  }

  // `from`, and `to` or `for`; without `from` it begins now.
  void span(rules::Instant now, rules::SilenceSet& set) {
    set.from = time("from").value_or(now);
    const std::optional<rules::Instant> to = time("to");
    const std::string length = text("for", name_limit_bytes, false);
    if (to && !length.empty()) {
      complain(R"("to" and "for" both say when it ends: give one)");
    } else if (to) {
      set.to = *to;
    } else if (length.empty()) {
      complain(R"(it needs an end: "to", a time, or "for", a duration such as 2h)");
    } else if (const tl::expected<rules::Duration, std::string> duration = rules::parse_duration(length); duration) {
      set.to = set.from + *duration;
    } else {
      complain("\"for\": " + duration.error());
    }
  }

  // A list of texts, one matcher each, or one text with all of them.
  std::vector<rules::Matcher> matchers(std::string_view name) {
    const json::value* const value = find(name);
    if (value == nullptr) {
      complain(fmt::format("\"{}\" is missing", name));
      return {};
    }
    const json::array one{*value};
    const json::array& all = value->is_array() ? value->get_array() : one;
    std::vector<rules::Matcher> found;
    std::size_t bytes = 0;
    for (const json::value& written : all) {
      if (!written.is_string()) {
        complain(fmt::format(R"("{}" is a list of texts such as "team=\"db\"")", name));
        return {};
      }
      const std::string_view string{written.get_string().data(), written.get_string().size()};
      bytes += string.size();
      if (bytes > matchers_limit_bytes) {
        complain(fmt::format("\"{}\" are longer than {} bytes", name, matchers_limit_bytes));
        return {};
      }
      tl::expected<std::vector<rules::Matcher>, std::string> read = rules::parse_matchers(string);
      if (!read) {
        complain(fmt::format("\"{}\": {}", name, read.error()));
        return {};
      }
      std::move(read->begin(), read->end(), std::back_inserter(found));
    }
    return found;
  }

  std::string complain(std::string why) {
    if (wrong_.empty()) wrong_ = std::move(why);
    return {};
  }

  [[nodiscard]] const std::string& wrong() const { return wrong_; }

 private:
  const json::value* find(std::string_view name) const {
    if (!wrong_.empty()) return nullptr;
    const json::value* const value = document_.get_object().if_contains(name);
    return value != nullptr && value->is_null() ? nullptr : value;
  }

  json::value document_;
  std::string wrong_;
};

net::Response refused(const rules::Verdict& verdict, unsigned status) {
  return net::problem(is_unknown_silence(verdict) ? 404 : status, verdict.text);
}

// Work that is planned on a service that nobody has named in the configuration may be meant for one that somebody has.
std::string warn_of(const rules::Policy& policy, const std::vector<rules::Matcher>& matchers) {
  if (policy.services.empty() || matchers.empty() || policy.service(matchers.front().value()) != nullptr) return "";
  std::vector<std::string> known;
  for (const rules::Service& service : policy.services) known.push_back(service.id);
  return fmt::format("no service of the configuration is called {}{}; alerts of that name are kept back all the same",
                     config::shown(matchers.front().value()),
                     config::did_you_mean(matchers.front().value(), known));
}

Call set(const net::Request& request, rules::SilenceKind kind, rules::Instant now, const Services& services) {
  Body body{request.body};
  rules::SilenceSet event;
  event.kind = kind;
  event.id = body.text("id", name_limit_bytes, false);
  if (kind == rules::SilenceKind::maintenance) {
    const std::string service = body.text("service", name_limit_bytes, true);
    tl::expected<rules::Matcher, std::string> matcher =
        rules::Matcher::make(services.policy()->service_label, rules::MatchOperator::equal, service);
    if (matcher) event.matchers.push_back(*std::move(matcher));
  } else {
    event.matchers = body.matchers("matchers");
  }
  body.span(now, event);
  event.by = request.user.empty() ? body.text("by", name_limit_bytes, true) : request.user;
  event.comment = body.text("comment", comment_limit_bytes, false);
  if (!body.wrong().empty()) return net::problem(400, body.wrong());

  std::string warning;
  if (kind == rules::SilenceKind::maintenance) warning = warn_of(*services.policy(), event.matchers);
  rules::SilenceView view;
  rules::Silence& silence = view.silence;
  silence.kind = kind;
  silence.matchers = event.matchers;
  silence.from = event.id.empty() ? std::max(event.from, now) : event.from;
  silence.to = event.to;
  silence.by = event.by;
  silence.comment = event.comment;
  silence.updated_at = now;
  Tell tell;
  tell.people = true;
  tell.bytes = request.body.size() + event_bytes;
  tell.event = std::move(event);
  tell.render = [view = std::move(view), warning = std::move(warning), now](const roused::Reply& reply) mutable {
    if (std::optional<net::Response> refusal = not_durable(reply)) return *std::move(refusal);
    if (!reply.verdict) return overloaded();
    if (reply.verdict->code != rules::VerdictCode::done) return refused(*reply.verdict, 400);
    view.silence.id = reply.verdict->text;
    return ok(words::silence_json(view, now, warning));
  };
  return tell;
}

// `by` stands in the query or in a body, which not every client sends with DELETE.
Call expire(const net::Request& request, std::string id) {
  std::string by = request.user.empty() ? request.parameter("by").value_or("") : request.user;
  if (by.empty() && !request.body.empty()) {
    Body body{request.body};
    by = body.text("by", name_limit_bytes, true);
    if (!body.wrong().empty()) return net::problem(400, body.wrong());
  }
  if (by.empty()) return net::problem(400, "say who you are: ?by=NAME");
  if (by.size() > name_limit_bytes) return net::problem(400, "`by` is too long");
  Tell tell;
  tell.people = true;
  tell.bytes = event_bytes + id.size() + by.size();
  tell.event = rules::SilenceExpired{.id = id, .by = std::move(by)};
  tell.render = [id = std::move(id)](const roused::Reply& reply) {
    if (std::optional<net::Response> refusal = not_durable(reply)) return *std::move(refusal);
    if (!reply.verdict) return overloaded();
    if (reply.verdict->code != rules::VerdictCode::done) return refused(*reply.verdict, 409);
    json::object body;
    body["id"] = json::string(id.data(), id.size());
    body["state"] = "expired";
    return ok(json::serialize(body));
  };
  return tell;
}

Call list(const net::Request& request, rules::SilenceKind kind, rules::Instant now) {
  const std::string expired = request.parameter("expired").value_or("");
  if (!expired.empty() && expired != "true" && expired != "false") {
    return net::problem(400, "`expired` is true or false");
  }
  rules::SilenceFilter filter{.kind = kind, .matchers = {}, .expired = expired == "true"};
  return ask(
      [filter = std::move(filter), now](const rules::State& state) { return rules::list_silences(state, filter, now); },
      [kind, now](const std::vector<rules::SilenceView>& views) { return ok(words::silences_json(views, kind, now)); });
}

Call show(rules::SilenceKind kind, std::string id, rules::Instant now) {
  return ask(
      [id, kind](const rules::State& state) {
        std::optional<rules::SilenceView> view = rules::view_silence(state, id);
        if (view && view->silence.kind != kind) view.reset();
        return view;
      },
      [id, kind, now](const std::optional<rules::SilenceView>& view) {
        if (!view) return net::problem(404, fmt::format("there is no {} {}", noun_of(kind), id));
        return ok(words::silence_json(*view, now));
      });
}

}  // namespace

std::optional<Call> handle_silences(const net::Request& request, rules::Instant now, const Services& services) {
  constexpr std::pair<std::string_view, rules::SilenceKind> places[] = {
      {"/v1/silences", rules::SilenceKind::silence}, {"/v1/maintenance", rules::SilenceKind::maintenance}};
  const std::string_view path = request.path;
  for (const auto& [place, kind] : places) {
    if (path == place) {
      if (request.method == "POST") return set(request, kind, now, services);
      return request.method == "GET" ? list(request, kind, now) : not_allowed("GET, HEAD, POST");
    }
    if (!path.starts_with(place) || path[place.size()] != '/') continue;
    std::string id{path.substr(place.size() + 1)};
    if (id.empty() || id.find('/') != std::string::npos) return not_here(request);
    if (request.method == "DELETE") return expire(request, std::move(id));
    return request.method == "GET" ? show(kind, std::move(id), now) : not_allowed("GET, HEAD, DELETE");
  }
  return std::nullopt;
}

}  // namespace api
