#include "daemon/ctl/nagios.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <set>

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <fmt/format.h>

#include "daemon/words/clean.hpp"
#include "rules/rfc3339.hpp"

namespace ctl {
namespace {

namespace json = boost::json;

constexpr std::string_view host_alert = "Host";
constexpr std::string_view check_label = "nagios_service";
constexpr std::array<std::string_view, 4> own_labels{"alertname", "host", check_label, "severity"};
constexpr std::array<std::pair<std::string_view, std::string_view>, 5> severities{{{"CRITICAL", "critical"},
                                                                                   {"DOWN", "critical"},
                                                                                   {"WARNING", "warning"},
                                                                                   {"UNKNOWN", "warning"},
                                                                                   {"UNREACHABLE", no_severity}}};
constexpr std::size_t author_limit = 100;  // bytes; the daemon refuses long names and texts, and a cut one says enough
constexpr std::size_t comment_limit = 1000;
constexpr std::size_t output_limit = std::size_t{16} << 10;

json::string text_of(std::string_view text) {
  return json::string(text.data(), text.size());
}

json::object object_of(const rules::Labels& labels) {
  json::object object;
  for (std::size_t index = 0; index < labels.size(); ++index) {
    object[labels[index].name] = text_of(labels[index].value);
  }
  return object;
}

// "$SERVICEDESC$" came through a shell or a configuration that does not know the macro.
bool is_unexpanded(std::string_view text) {
  return text.size() > 2 && text.starts_with('$') && text.ends_with('$') &&
         std::all_of(text.begin() + 1, text.end() - 1, [](char c) {
           return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '.' || c == '_';
         });
}

std::string upper(std::string text) {
  std::transform(text.begin(), text.end(), text.begin(), [](char c) {
    return c >= 'a' && c <= 'z' ? static_cast<char>(c - 32) : c;
  });
  return text;
}

// Nagios writes long output in one line.
std::string with_lines(std::string_view text) {
  std::string lines;
  for (std::size_t place = 0; place < text.size(); ++place) {
    const bool is_escape = text[place] == '\\' && place + 1 < text.size();
    if (is_escape && (text[place + 1] == 'n' || text[place + 1] == '\\')) {
      lines += text[++place] == 'n' ? '\n' : '\\';
    } else {
      lines += text[place];
    }
  }
  return lines;
}

// The beginning, without half a character at its end.
std::string cut(std::string_view text, std::size_t limit) {
  if (text.size() > limit) {
    while (limit > 0 && (static_cast<unsigned char>(text[limit]) & 0xC0U) == 0x80U) --limit;
    text = text.substr(0, limit);
  }
  return std::string{text};
}

std::string trimmed(std::string_view text) {
  constexpr std::string_view blanks = " \t\r\n";
  const std::size_t first = text.find_first_not_of(blanks);
  if (first == std::string_view::npos) return {};
  return std::string{text.substr(first, text.find_last_not_of(blanks) - first + 1)};
}

std::optional<rules::Instant> instant_of(const std::string& text) {
  std::int64_t seconds{};
  const char* const end = text.data() + text.size();
  if (const auto [rest, error] = std::from_chars(text.data(), end, seconds); error == std::errc{} && rest == end) {
    constexpr std::int64_t year_10000 = 253'402'300'800;
    if (seconds <= 0 || seconds >= year_10000) return std::nullopt;
    return rules::Instant{std::chrono::seconds{seconds}};
  }
  return rules::parse_rfc3339(text);
}

// First of them that says something.
std::string first_of(const Variables& variable, std::initializer_list<std::string> names) {
  for (const std::string& name : names) {
    const std::optional<std::string> value = variable(name);
    if (value && !value->empty() && !is_unexpanded(*value)) return *value;
  }
  return {};
}

void settle(std::string& field, std::string otherwise) {
  field = trimmed(field);
  if (is_unexpanded(field)) field.clear();
  if (field.empty()) field = trimmed(otherwise);
}

std::string severity_of(const NagiosOptions& options, const std::string& state) {
  const auto found = options.severities.find(state);
  return found != options.severities.end() ? found->second : std::string{severity_of_state(state)};
}

// Every severity that an alert of a check may have been told with; "" = without one.
std::set<std::string> all_severities(const NagiosOptions& options) {
  std::set<std::string> all{""};
  for (const auto& [state, severity] : severities) all.emplace(severity);
  for (const auto& [state, severity] : options.severities) all.insert(severity);
  all.erase(std::string{no_severity});
  return all;
}

rules::Labels labels_of(const Notification& notification, const NagiosOptions& options) {
  std::vector<std::pair<std::string, std::string>> labels = options.labels;
  labels.emplace_back("alertname", notification.service.empty() ? std::string{host_alert} : notification.service);
  labels.emplace_back("host", notification.host);
  if (!notification.service.empty()) labels.emplace_back(check_label, notification.service);
  return rules::Labels{std::move(labels)};
}

json::object annotations_of(const Notification& notification, const NagiosOptions& options) {
  json::object annotations;
  const auto add = [&annotations](std::string_view name, const std::string& value) {
    if (!value.empty()) annotations[name] = text_of(value);
  };
  add("summary",
      notification.output.empty() ? fmt::format("{} is {}", notification.host, notification.state)
                                  : cut(notification.output, output_limit));
  add("description", cut(with_lines(notification.long_output), output_limit));
  add("nagios_state", notification.state);
  add("nagios_notification", notification.number);
  add("nagios_problem", notification.problem_id);
  add("nagios_last_problem", notification.last_problem_id);
  for (const auto& [name, value] : options.annotations) add(name, value);
  return annotations;
}

// The alert fires with `firing` (nothing: not at all), and has ended with every other severity: a check is in one
// state. The firing one comes first, so that between the two the incident is not without an alert.
std::string body_of(const Notification& notification,
                    const NagiosOptions& options,
                    const std::optional<std::string>& firing,
                    rules::Instant at) {
  const json::object annotations = annotations_of(notification, options);
  const std::string time = rules::print_rfc3339(at);
  json::array alerts;
  const auto add = [&](const std::string& severity, bool is_firing) {
    json::object labels = object_of(labels_of(notification, options));
    if (!severity.empty()) labels["severity"] = severity;
    json::object alert;
    alert["status"] = is_firing ? "firing" : "resolved";
    alert["labels"] = std::move(labels);
    alert["annotations"] = annotations;
    alert[is_firing ? "startsAt" : "endsAt"] = time;
    alerts.push_back(std::move(alert));
  };
  if (firing) add(*firing, true);
  for (const std::string& severity : all_severities(options)) {
    if (severity != firing) add(severity, false);
  }
  json::object body;
  body["version"] = "4";
  body["receiver"] = "nagios";
  body["status"] = firing ? "firing" : "resolved";
  body["alerts"] = std::move(alerts);
  return json::serialize(body);
}

constexpr std::array<std::pair<Told::Kind, std::string_view>, 3> kind_words{
    {{Told::Kind::alert, "alert"}, {Told::Kind::acknowledge, "acknowledge"}, {Told::Kind::note, "note"}}};

}  // namespace

std::string_view severity_of_state(std::string_view state) {
  for (const auto& [name, severity] : severities) {
    if (name == state) return severity;
  }
  return {};
}

Notification complete(Notification given, const Variables& variable) {
  const auto macro = [&variable](const std::string& name) {
    return first_of(variable, {"NAGIOS_" + name, "ICINGA_" + name});
  };
  // HOSTNAME and TIMET are set for other reasons, too: they count only beside NOTIFICATIONTYPE.
  const bool has_plain = !first_of(variable, {"NOTIFICATIONTYPE"}).empty();
  const auto plain = [&variable, has_plain](std::initializer_list<std::string> names) {
    return has_plain ? first_of(variable, names) : std::string{};
  };
  const auto either = [](std::string first, std::string second) { return first.empty() ? second : first; };

  settle(given.type, either(macro("NOTIFICATIONTYPE"), plain({"NOTIFICATIONTYPE"})));
  settle(given.host, either(macro("HOSTNAME"), plain({"HOSTNAME", "HOSTALIAS", "HOSTDISPLAYNAME"})));
  settle(given.service, either(macro("SERVICEDESC"), plain({"SERVICENAME", "SERVICEDESC", "SERVICEDISPLAYNAME"})));
  const std::string what = given.service.empty() ? "HOST" : "SERVICE";
  settle(given.state, either(macro(what + "STATE"), plain({what + "STATE"})));
  settle(given.output, either(macro(what + "OUTPUT"), plain({what + "OUTPUT"})));
  settle(given.long_output, either(macro("LONG" + what + "OUTPUT"), plain({"LONG" + what + "OUTPUT"})));
  settle(given.problem_id, macro(what + "PROBLEMID"));
  settle(given.last_problem_id, macro("LAST" + what + "PROBLEMID"));
  settle(given.number, either(macro(what + "NOTIFICATIONNUMBER"), plain({"NOTIFICATIONNUMBER"})));
  settle(given.time, either(macro("TIMET"), plain({"TIMET"})));
  settle(given.author,
         either(either(macro("NOTIFICATIONAUTHOR"), macro(what + "ACKAUTHOR")),
                plain({"NOTIFICATIONAUTHORNAME", "NOTIFICATIONAUTHOR"})));
  settle(given.comment,
         either(either(macro("NOTIFICATIONCOMMENT"), macro(what + "ACKCOMMENT")), plain({"NOTIFICATIONCOMMENT"})));
  given.type = upper(std::move(given.type));
  given.state = upper(std::move(given.state));
  return given;
}

tl::expected<Told, std::string> tell(const Notification& notification,
                                     const NagiosOptions& options,
                                     rules::Instant now) {
  if (notification.type.empty()) {
    return tl::unexpected{std::string{
        "nothing says what kind of notification it is: give --type, or let Nagios set its environment macros "
        "(enable_environment_macros=1)"}};
  }
  if (notification.host.empty()) {
    return tl::unexpected{std::string{"nothing says which host it is about: give --host, or NAGIOS_HOSTNAME"}};
  }
  for (const auto& [name, value] : options.labels) {
    if (std::find(own_labels.begin(), own_labels.end(), name) != own_labels.end()) {
      return tl::unexpected{fmt::format("--label {}=...: --nagios sets this label itself", name)};
    }
  }
  Told told;
  told.about =
      notification.service.empty() ? notification.host : fmt::format("{}!{}", notification.host, notification.service);
  told.words = fmt::format("{} of {}", words::visible(notification.type), words::visible(told.about));
  if (!notification.state.empty()) told.words += fmt::format(" ({})", words::visible(notification.state));
  told.labels = labels_of(notification, options);
  const rules::Instant at = instant_of(notification.time).value_or(now);

  const std::string& type = notification.type;
  if (type == "PROBLEM") {
    const std::string severity = severity_of(options, notification.state);
    if (severity == no_severity) {
      told.words += fmt::format(": a check in this state is not told (--state-severity {}=critical tells it)",
                                words::visible(notification.state));
      return told;
    }
    told.kind = Told::Kind::alert;
    told.body = body_of(notification, options, severity, at);
    return told;
  }
  if (type == "RECOVERY") {
    told.kind = Told::Kind::alert;
    told.body = body_of(notification, options, std::nullopt, at);
    return told;
  }
  const bool is_acknowledgement = type == "ACKNOWLEDGEMENT";
  if (is_acknowledgement || type == "CUSTOM") {
    told.by = notification.author.empty() ? "nagios" : cut(words::visible(notification.author), author_limit);
    told.text = cut(words::visible(notification.comment), comment_limit);
    told.kind = is_acknowledgement ? Told::Kind::acknowledge : Told::Kind::note;
    if (!is_acknowledgement && told.text.empty()) {
      told.kind = Told::Kind::nothing;
      told.words += ": says nothing that could be noted";
    }
    return told;
  }
  if (type.starts_with("FLAPPING") || type.starts_with("DOWNTIME")) {
    told.words += ": changes nothing in rouse, which knows flapping and maintenance of its own";
    return told;
  }
  return tl::unexpected{fmt::format(
      "`{}` is no kind of notification: PROBLEM, RECOVERY, ACKNOWLEDGEMENT, CUSTOM, FLAPPING... or DOWNTIME...",
      words::visible(type))};
}

std::string to_spool(const Told& told) {
  json::object object{{"version", 1}};
  for (const auto& [kind, word] : kind_words) {
    if (kind == told.kind) object["kind"] = word;
  }
  object["about"] = text_of(told.about);
  object["words"] = text_of(told.words);
  if (told.kind == Told::Kind::alert) {
    object["body"] = text_of(told.body);
  } else {
    object["by"] = text_of(told.by);
    object["text"] = text_of(told.text);
  }
  object["labels"] = object_of(told.labels);
  return json::serialize(object) + "\n";
}

tl::expected<Told, std::string> from_spool(std::string_view text) {
  boost::system::error_code error;
  while (text.ends_with('\n')) text.remove_suffix(1);
  json::parse_options as_written;
  as_written.allow_invalid_utf8 = true;  // plugins print what they like, and the daemon mends it
  const json::value value = json::parse({text.data(), text.size()}, error, {}, as_written);
  if (error || !value.is_object()) return tl::unexpected{std::string{"it is no notification: not a JSON object"}};
  const json::object& object = value.get_object();
  const auto field = [&object](std::string_view name) {
    const json::value* const found = object.if_contains(name);
    if (found == nullptr || !found->is_string()) return std::string{};
    return std::string{found->get_string()};
  };
  Told told;
  for (const auto& [kind, word] : kind_words) {
    if (field("kind") == word) told.kind = kind;
  }
  if (told.kind == Told::Kind::nothing) return tl::unexpected{std::string{"it is no notification: no known `kind`"}};
  told.about = field("about");
  told.words = field("words");
  told.body = field("body");
  told.by = field("by");
  told.text = field("text");
  std::vector<std::pair<std::string, std::string>> labels;
  if (const json::value* const found = object.if_contains("labels"); found != nullptr && found->is_object()) {
    for (const auto& [name, label] : found->get_object()) {
      if (label.is_string()) labels.emplace_back(name, label.get_string());
    }
  }
  told.labels = rules::Labels{std::move(labels)};
  return told;
}

bool is_of_check(const rules::Labels& alert, const rules::Labels& check) {
  for (std::size_t index = 0; index < check.size(); ++index) {
    if (alert.find(check[index].name) != check[index].value) return false;
  }
  return !alert.find(check_label).empty() == !check.find(check_label).empty();
}

}  // namespace ctl
