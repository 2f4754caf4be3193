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
  // Who reads the alerts of a path on which others report is no sender.
  if (is_intake(request.path) && !(request.path == "/api/v2/alerts" && request.method == "GET")) return std::nullopt;
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

}  // namespace api
