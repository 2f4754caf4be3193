#include "daemon/api/access.hpp"

#include <algorithm>
#include <cctype>
#include <string>

namespace api {
namespace {

std::string lower(std::string_view text) {
  std::string result{text};
  std::transform(result.begin(), result.end(), result.begin(), [](unsigned char letter) {
    return static_cast<char>(std::tolower(letter));
  });
  return result;
}

std::string_view trimmed(std::string_view text) {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
  return text;
}

bool is_digits(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char letter) { return letter >= '0' && letter <= '9'; });
}

// 127.a.b.c and nothing else: not 127.evil.example.org.
bool is_loopback_v4(std::string_view host) {
  int parts = 0;
  bool first = true;
  while (true) {
    const std::size_t dot = host.find('.');
    const std::string_view part = host.substr(0, dot);
    if (part.empty() || part.size() > 3 || !is_digits(part)) return false;
    if (std::stoi(std::string{part}) > 255 || (first && part != "127")) return false;
    first = false;
    ++parts;
    if (dot == std::string_view::npos) break;
    host.remove_prefix(dot + 1);
  }
  return parts == 4;
}

bool is_proxied(const net::Headers& headers) {
  for (std::size_t index = 0; index < headers.size(); ++index) {
    const std::string name = lower(headers.at(index).first);
    if (name == "forwarded" || name == "via" || name.starts_with("x-forwarded-")) return true;
  }
  return false;
}

// scheme://host[:port]; "null" is nobody.
bool is_loopback_origin(std::string_view origin) {
  const std::size_t scheme = origin.find("://");
  return scheme != std::string_view::npos && is_loopback_host(origin.substr(scheme + 3));
}

// Who reads the alerts of a path on which others report is no sender.
bool is_report(const net::Request& request) {
  return is_intake(request.path) && !(request.path == "/api/v2/alerts" && request.method == "GET");
}

std::string_view authority_of(std::string_view url) {
  const std::size_t scheme = url.find("://");
  if (scheme == std::string_view::npos) return {};
  url.remove_prefix(scheme + 3);
  return url.substr(0, url.find('/'));
}

// Why this identity may not do that; empty when it may.
std::string why_not(const Identity& identity, const net::Request& request, const Keyring& keyring) {
  constexpr std::string_view mapped = "/v1/alerts/";
  if (is_report(request)) {
    if (!identity.is_sender) return "alerts come from a sender of the `access` section, not from a user";
    if (!request.path.starts_with(mapped)) return {};
    const std::string_view source = std::string_view(request.path).substr(mapped.size());
    const bool is_owned = source != "alertmanager" && source != "grafana" && keyring.has_sender(source);
    return is_owned && identity.name != source ? "another sender reports here" : "";
  }
  if (identity.is_sender) return "a sender may only report alerts; this is for users of the `access` section";
  const config::Role needed = request.path == "/-/reload" ? config::Role::admin
                              : request.method == "GET"   ? config::Role::viewer
                                                          : config::Role::responder;
  if (identity.role >= needed) return {};
  return needed == config::Role::admin ? "this needs the role admin" : "this needs the role responder";
}

// Passwords and the proxy's sessions are sent along by browsers, whoever wrote the page.
std::optional<net::Response> refuse_forged(const net::Request& request, std::string_view public_url) {
  for (std::size_t index = 0; index < request.headers.size(); ++index) {
    const auto [name, value] = request.headers.at(index);
    if (net::equal_ignoring_case(name, "Sec-Fetch-Site") && value != "same-origin" && value != "none")
      return net::problem(403, "requests from web pages of other hosts are not served");
    if (!net::equal_ignoring_case(name, "Origin")) continue;
    const std::string_view origin = authority_of(value);
    const bool is_public = !origin.empty() && net::equal_ignoring_case(origin, authority_of(public_url));
    const bool is_host = !origin.empty() && public_url.empty() &&
                         net::equal_ignoring_case(origin, request.headers.find("Host").value_or(""));
    if (!is_public && !is_host) return net::problem(403, "requests from web pages of other hosts are not served");
  }
  const std::optional<std::string_view> type = request.headers.find("Content-Type");
  if (!request.body.empty() && (!type || !is_json_type(*type)))
    return net::problem(415, "the body must be JSON, sent with the header `Content-Type: application/json`");
  return std::nullopt;
}

net::Response refuse_unproved(const Unproved& unproved, const net::Request& request, const Keyring& keyring) {
  const bool is_busy = unproved.status == 429;
  net::Response response = net::problem(is_busy && is_report(request) ? 503 : unproved.status, unproved.why);
  if (is_busy) {
    response.headers.add("Retry-After", std::to_string(unproved.retry_after.count()));
  } else {
    response.headers.add("WWW-Authenticate", "Bearer realm=\"rouse\"");
    if (keyring.has_passwords()) response.headers.add("WWW-Authenticate", "Basic realm=\"rouse\", charset=\"UTF-8\"");
  }
  return response;
}

}  // namespace

bool is_intake(std::string_view path) {
  return path == "/api/v2/alerts" || path == "/v2/enqueue" || path == "/v2/change/enqueue" ||
         path == "/v1/customer-reports" || path.starts_with("/v1/alerts/") || path.starts_with("/v1/heartbeats/");
}

bool is_json_type(std::string_view content_type) {
  const std::string type = lower(trimmed(content_type.substr(0, content_type.find(';'))));
  return type == "application/json" || type == "text/json" || type.ends_with("+json");
}

bool is_loopback_host(std::string_view host) {
  const std::string name = lower(trimmed(host));
  std::string_view rest = name;
  if (rest.starts_with('[')) {
    const std::size_t end = rest.find(']');
    if (end == std::string_view::npos) return false;
    const std::string_view port = rest.substr(end + 1);
    return rest.substr(0, end + 1) == "[::1]" && (port.empty() || (port.front() == ':' && is_digits(port.substr(1))));
  }
  const std::size_t colon = rest.find(':');
  if (colon != std::string_view::npos) {
    if (!is_digits(rest.substr(colon + 1))) return false;
    rest = rest.substr(0, colon);
  }
  if (rest.ends_with('.')) rest.remove_suffix(1);
  return rest == "localhost" || rest.ends_with(".localhost") || is_loopback_v4(rest);
}

std::optional<net::Response> refuse_without_access(const net::Request& request) {
  if (!request.is_loopback) {
    return net::problem(403, "without an `access` section in the configuration only this machine may connect");
  }
  if (is_proxied(request.headers)) {
    return net::problem(403,
                        "the request came through a proxy (Forwarded, X-Forwarded-* or Via); that needs an `access` "
                        "section in the configuration");
  }
  if (is_report(request)) return std::nullopt;
  for (std::size_t index = 0; index < request.headers.size(); ++index) {
    const auto [name, value] = request.headers.at(index);
    const bool is_host = net::equal_ignoring_case(name, "Host");
    if (is_host && request.transport != net::Transport::unix_socket && !is_loopback_host(value)) {
      return net::problem(403,
                          "the Host of the request is not this machine's loopback name (localhost, 127.0.0.1 or "
                          "[::1]); without an `access` section no other name is served");
    }
    if (net::equal_ignoring_case(name, "Origin") && !is_loopback_origin(value)) {
      return net::problem(403, "requests from web pages of other hosts are not served");
    }
  }
  if (request.method == "POST") {
    const bool may_be_empty = request.path == "/-/reload" && request.body.empty();
    const std::optional<std::string_view> type = request.headers.find("Content-Type");
    if (!may_be_empty && (!type || !is_json_type(*type))) {
      return net::problem(415, "the body must be JSON, sent with the header `Content-Type: application/json`");
    }
  }
  return std::nullopt;
}

bool is_signed_path(std::string_view path) {
  return path.starts_with("/v1/callbacks/") || path.starts_with("/v1/links/");
}

tl::expected<Admitted, NotAdmitted> admit(const net::Request& request,
                                          rules::Instant now,
                                          const Keyring& keyring,
                                          Attempts& attempts,
                                          std::string_view public_url) {
  if (is_signed_path(request.path) || request.path == "/-/healthy" || request.path == "/-/ready") return Admitted{};
  const tl::expected<std::vector<Identity>, Unproved> found = keyring.who(request, now, attempts);
  if (!found && found.error().check != nullptr) return tl::unexpected{Prove{found.error().check}};
  if (!found) return tl::unexpected{Refusal{.response = refuse_unproved(found.error(), request, keyring), .by = {}}};
  std::string why;
  for (const Identity& identity : *found) {
    std::string refused = why_not(identity, request, keyring);
    if (!refused.empty()) {
      if (why.empty()) why = std::move(refused);
      continue;
    }
    if (identity.is_sender) return Admitted{.sender = identity.name, .user = {}, .proof = identity.proof};
    const bool is_carried = identity.proof == Proof::password || identity.proof == Proof::proxy;
    if (is_carried && request.method != "GET") {
      if (std::optional<net::Response> forged = refuse_forged(request, public_url))
        return tl::unexpected{Refusal{.response = *std::move(forged), .by = identity.by(), .proof = identity.proof}};
    }
    return Admitted{.sender = {}, .user = identity.by(), .proof = identity.proof};
  }
  const Identity& first = found->front();
  return tl::unexpected{Refusal{.response = net::problem(403, why), .by = first.by(), .proof = first.proof}};
}

}  // namespace api
