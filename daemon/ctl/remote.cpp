#include "daemon/ctl/remote.hpp"

#include <algorithm>
#include <fstream>

#include <boost/json/parse.hpp>
#include <fmt/format.h>

#include "config/words.hpp"
#include "daemon/words/clean.hpp"
#include "daemon/words/json.hpp"
#include "rules/moment.hpp"
#include "rules/view.hpp"

namespace ctl {
namespace {

namespace json = boost::json;

constexpr std::string_view default_url = "http://127.0.0.1:9911";
constexpr std::size_t neighbours_named = 5;

// "Connection refused" of "http://127.0.0.1:9911 cannot be reached: Connection refused".
std::string_view cause_of(std::string_view error) {
  constexpr std::string_view before = " cannot be reached: ";
  const std::size_t found = error.find(before);
  return found == std::string_view::npos ? error : error.substr(found + before.size());
}

// The open incidents whose numbers are nearest to this one; "" when there is none, or no answer.
std::string nearest_open(const Remote& remote, rules::IncidentId wanted) {
  const tl::expected<std::string, Failure> body = remote.get("/v1/incidents" + query({{"state", "open"}}));
  if (!body) return {};
  tl::expected<rules::IncidentList, std::string> list = words::parse_list_json(*body);
  if (!list || list->incidents.empty()) return {};
  const auto distance = [wanted](const rules::IncidentView& view) {
    const std::uint64_t id = view.facts.id.value;
    return id > wanted.value ? id - wanted.value : wanted.value - id;
  };
  std::stable_sort(list->incidents.begin(),
                   list->incidents.end(),
                   [&distance](const rules::IncidentView& left, const rules::IncidentView& right) {
                     return distance(left) < distance(right);
                   });
  std::vector<std::string> names;
  for (const rules::IncidentView& view : list->incidents) {
    if (names.size() == neighbours_named) break;
    names.push_back(fmt::format(
        "{} ({})", rules::print_incident(view.facts.id), words::shorten(words::visible(view.facts.summary), 40)));
  }
  return config::listed(names);
}

}  // namespace

Remote::Remote(const Session& session) : session_{session}, url_{session.url} {
  if (url_.empty()) url_ = session.environment.variable("ROUSE_URL").value_or("");
  if (url_.empty()) url_ = default_url;
  while (url_.ends_with('/')) url_.pop_back();
  if (!url_.starts_with("http://") && !url_.starts_with("https://") && !url_.starts_with("unix:")) {
    trouble_ = fmt::format("{} is no address of roused: write http://HOST:PORT, https://HOST:PORT or unix:/PATH",
                           config::shown(url_));
  }
  authority_file_ = session.environment.variable("ROUSE_CA_FILE").value_or("");
  const std::string file = session.environment.variable("ROUSE_TOKEN_FILE").value_or("");
  if (file.empty()) return;
  std::ifstream stream{file};
  if (!std::getline(stream, token_) || token_.empty()) {
    trouble_ = fmt::format("ROUSE_TOKEN_FILE names {}, which cannot be read or is empty", file);
  }
  while (token_.ends_with('\r') || token_.ends_with(' ')) token_.pop_back();
}

tl::expected<Answer, Failure> Remote::ask(std::string_view method, std::string_view path, std::string body) const {
  if (!trouble_.empty()) return tl::unexpected(Failure{.code = wrong_usage, .status = 0, .message = trouble_});
  const Call call{.method = std::string{method},
                  .url = fmt::format("{}{}{}", url_, url_.starts_with("unix:") ? ":" : "", path),
                  .token = token_,
                  .body = std::move(body),
                  .timeout = timeout_,
                  .authority_file = authority_file_};
  tl::expected<Answer, std::string> answer = session_.environment.call(call);
  if (answer) return std::move(*answer);
  return tl::unexpected(
      Failure{.code = unreachable,
              .status = 0,
              .message = fmt::format("cannot reach roused at {}: {}; is it running? `systemctl status roused`, or give "
                                     "--url",
                                     url_,
                                     cause_of(answer.error()))});
}

tl::expected<std::string, Failure> Remote::expect_success(tl::expected<Answer, Failure> answer) const {
  if (!answer) return tl::unexpected(std::move(answer).error());
  if (answer->status >= 200 && answer->status < 300) return std::move(answer->body);
  Failure failure{.code = refused, .status = answer->status, .message = detail_of(*answer)};
  if (answer->status == 401 || answer->status == 403) {
    failure.message += token_.empty() ? "; name a file with your token in ROUSE_TOKEN_FILE"
                                      : "; the token of ROUSE_TOKEN_FILE does not allow it";
  } else if (answer->status == 503) {
    failure.message += "; try again in a moment";
  }
  return tl::unexpected(std::move(failure));
}

tl::expected<std::string, Failure> Remote::get(std::string_view path) const {
  return expect_success(ask("GET", path, {}));
}

tl::expected<std::string, Failure> Remote::post(std::string_view path, std::string body) const {
  return expect_success(ask("POST", path, std::move(body)));
}

tl::expected<std::string, Failure> Remote::remove(std::string_view path) const {
  return expect_success(ask("DELETE", path, {}));
}

std::string percent_encode(std::string_view text) {
  std::string encoded;
  for (const char c : text) {
    const bool is_plain =
        (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '_' || c == '.';
    if (is_plain) {
      encoded += c;
    } else {
      encoded += fmt::format("%{:02X}", static_cast<unsigned>(static_cast<unsigned char>(c)));
    }
  }
  return encoded;
}

std::string query(const std::vector<std::pair<std::string_view, std::string>>& parameters) {
  std::string text;
  for (const auto& [name, value] : parameters) {
    if (value.empty()) continue;
    text += fmt::format("{}{}={}", text.empty() ? '?' : '&', name, percent_encode(value));
  }
  return text;
}

std::string visible_lines(std::string_view text) {
  std::string lines;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    if (!lines.empty()) lines += '\n';
    lines += words::visible(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return lines;
}

std::string detail_of(const Answer& answer) {
  boost::system::error_code error;
  const json::value body = json::parse(answer.body, error);
  if (!error && body.is_object()) {
    for (const char* name : {"detail", "title"}) {
      const json::value* text = body.as_object().if_contains(name);
      if (text != nullptr && text->is_string() && !text->as_string().empty()) {
        return visible_lines(std::string_view{text->as_string().data(), text->as_string().size()});
      }
    }
  }
  if (answer.body.empty()) return fmt::format("roused answered {}", answer.status);
  return fmt::format("roused answered {}: {}", answer.status, words::shorten(words::visible(answer.body), 300));
}

int fail(const Session& session, const Failure& failure) {
  return session.fail(failure.code, failure.message);
}

int fail(const Session& session, const Remote& remote, rules::IncidentId incident, const Failure& failure) {
  if (failure.status != 404) {
    return session.fail(failure.code,
                        failure.status == 0 ? failure.message
                                            : fmt::format("{}: {}", rules::print_incident(incident), failure.message));
  }
  const std::string open = nearest_open(remote, incident);
  return session.fail(failure.code,
                      fmt::format("there is no {}; {}",
                                  rules::print_incident(incident),
                                  open.empty() ? "no incident is open" : "the nearest open ones are " + open));
}

tl::expected<rules::IncidentId, Failure> read_incident_id(const std::string& text) {
  if (const std::optional<rules::IncidentId> id = rules::parse_incident_id(text)) return *id;
  return tl::unexpected(
      Failure{.code = wrong_usage,
              .status = 0,
              .message = fmt::format("{} is no incident: write R-12, r12 or 12; `rousectl incidents` lists the open "
                                     "ones",
                                     config::shown(text))});
}

void add_online_options(CLI::App& command, Session& session) {
  command.add_option("--url", session.url, "of the daemon; default $ROUSE_URL, else http://127.0.0.1:9911")
      ->type_name("URL");
  add_output(command, session);
}

}  // namespace ctl
