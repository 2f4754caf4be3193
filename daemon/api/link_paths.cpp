#include "daemon/api/link_paths.hpp"

#include <string>
#include <string_view>
#include <utility>

#include <fmt/format.h>

#include "daemon/api/answers.hpp"
#include "daemon/api/ask.hpp"
#include "daemon/links/signer.hpp"
#include "daemon/net/hmac.hpp"
#include "daemon/words/message.hpp"
#include "rules/moment.hpp"

namespace api {
namespace {

constexpr std::string_view prefix = "/v1/links/";
constexpr std::size_t event_bytes = 1024;

// Large enough for a thumb at night. The browser takes this and nothing else: it is named by its hash.
constexpr std::string_view style =
    "body{font:1.2em sans-serif;margin:2em auto;max-width:32em;padding:0 1em}"
    "button{font:inherit;padding:1em 2em;width:100%}";

std::string bytes_of(std::string_view digits) {
  std::string bytes;
  for (std::size_t at = 0; at + 1 < digits.size(); at += 2)
    bytes.push_back(static_cast<char>(std::stoi(std::string(digits.substr(at, 2)), nullptr, 16)));
  return bytes;
}

const std::string& policy_of_page() {
  static const std::string policy = fmt::format(
      "default-src 'none'; style-src 'sha256-{}'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
      net::base64(bytes_of(net::sha256(style))));
  return policy;
}

// `body` is HTML.
net::Response page(unsigned status, std::string_view title, std::string_view body) {
  net::Response response;
  response.status = status;
  response.content_type = "text/html; charset=utf-8";
  response.headers.add("Content-Security-Policy", policy_of_page());
  response.headers.add("Cache-Control", "no-store");
  response.headers.add("Referrer-Policy", "no-referrer");
  response.headers.add("X-Content-Type-Options", "nosniff");
  response.headers.add("X-Frame-Options", "DENY");
  response.headers.add("X-Robots-Tag", "noindex");
  response.body = fmt::format(
      "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><meta name=\"viewport\" "
      "content=\"width=device-width\"><title>{}</title><style>{}</style></head>\n<body>\n{}</body></html>\n",
      words::html_escaped(title),
      style,
      body);
  return response;
}

net::Response note(unsigned status, std::string_view title, std::string_view text) {
  return page(
      status, title, fmt::format("<h1>{}</h1>\n<p>{}</p>\n", words::html_escaped(title), words::html_escaped(text)));
}

std::string name_of(rules::IncidentId incident) {
  return incident.value == 0 ? "the test page" : rules::print_incident(incident);
}

std::string_view button_of(links::Action action) {
  switch (action) {
    case links::Action::acknowledge:
      return "Acknowledge";
    case links::Action::escalate:
      return "Escalate";
    case links::Action::close:
      break;
  }
  return "Close";
}

std::string_view standing_of(rules::IncidentState state) {
  switch (state) {
    case rules::IncidentState::triggered:
      return "Nobody has it yet.";
    case rules::IncidentState::acknowledged:
      return "It is acknowledged";
    case rules::IncidentState::resolved:
      break;
  }
  return "It is over.";
}

std::string described(const rules::IncidentView& view) {
  std::string text =
      fmt::format("<p>{}</p>\n<p>{}", words::html_escaped(view.facts.summary), standing_of(view.facts.state));
  if (view.facts.state == rules::IncidentState::acknowledged)
    text += view.by.empty() ? "." : fmt::format(" by {}.", words::html_escaped(view.by));
  return text + "</p>\n";
}

Call show(const links::Link& link, const Services& services) {
  const rules::Person* const person = services.policy()->person(link.person);
  const std::string title = fmt::format("{} {}", button_of(link.action), name_of(link.incident));
  const std::string heading = fmt::format("<h1>{}</h1>\n", words::html_escaped(title));
  const std::string button =
      fmt::format("<form method=\"post\"><button type=\"submit\">{}</button></form>\n<p>You do this as {}.</p>\n",
                  words::html_escaped(title),
                  words::html_escaped(person == nullptr ? link.person : person->name));
  if (link.incident.value == 0) return page(200, title, heading + button);
  return ask([id = link.incident](const rules::State& state) { return rules::view_incident(state, id); },
             [title, heading, button](const std::optional<rules::IncidentView>& view) {
               if (!view) return note(404, "No such incident", "What this link was about is not kept any more.");
               return page(200, title, heading + described(*view) + button);
             });
}

net::Response answered(const links::Link& link, const roused::Reply& reply) {
  if (not_durable(reply) || !reply.verdict)
    return note(503, "Not done", "The daemon could not take it now. Go back and press the button again.");
  const rules::Verdict& verdict = *reply.verdict;
  const std::string done = fmt::format("{} {}: done.", button_of(link.action), name_of(link.incident));
  switch (verdict.code) {
    case rules::VerdictCode::done:
      return note(200, "Done", verdict.text.empty() ? done : verdict.text);
    case rules::VerdictCode::already_resolved:
      return note(409, "Nothing changed", verdict.text.empty() ? "It is already resolved." : verdict.text);
    case rules::VerdictCode::unknown_incident:
      return note(404, "No such incident", "What this link was about is not kept any more.");
    case rules::VerdictCode::refused:
      break;
  }
  return note(409, "Nothing changed", verdict.text.empty() ? "It was refused." : verdict.text);
}

Call act(const links::Link& link, std::string_view token) {
  rules::Replied reply;
  reply.channel = "link";
  reply.person = link.person;
  reply.text = std::string(links::word_of(link.action));
  if (link.incident.value != 0) reply.text += " " + rules::print_incident(link.incident);
  reply.about = link.message;
  Tell tell;
  tell.people = true;
  tell.bytes = token.size() + event_bytes;
  tell.event = std::move(reply);
  tell.render = [link](const roused::Reply& said) { return answered(link, said); };
  return tell;
}

}  // namespace

std::optional<Call> handle_links(const net::Request& request, rules::Instant now, const Services& services) {
  if (!request.path.starts_with(prefix)) return std::nullopt;
  if (!services.settings->access || services.link_signer == nullptr)
    return note(403, "Not here", "Links of pages need an `access` section in the configuration.");
  const std::string_view token = std::string_view{request.path}.substr(prefix.size());
  const tl::expected<links::Link, links::Wrong> link = services.link_signer->read(token, now);
  if (!link) {
    return link.error() == links::Wrong::expired
               ? note(403, "Too late", "This link is older than a week. Nothing was done.")
               : note(403, "Not a link of ours", "Some of it is missing or was changed. Nothing was done.");
  }
  if (request.method == "GET") return show(*link, services);
  if (request.method == "POST") return act(*link, token);
  return not_allowed("GET, HEAD, POST");
}

}  // namespace api
