// Who may speak to a daemon that has no `access` section: programs of this machine, and nobody who was led here by a
// browser, a proxy or a forged name. Pure functions, any thread.
#pragma once

#include <optional>
#include <string_view>

#include "daemon/net/http.hpp"

namespace api {

// Where monitoring systems report: no rule about bodies, Host and Origin but the endpoint's own.
[[nodiscard]] bool is_intake(std::string_view path);

// A refusal, or nothing: the request may go on. 403 for a peer that is not of this machine, for marks of a proxy, and,
// outside of intake, for a Host or Origin that is not of this machine (a web page would otherwise reach the daemon
// through the user's browser); 415 for a POST outside of intake whose body is not JSON.
[[nodiscard]] std::optional<net::Response> refuse_without_access(const net::Request& request);

// application/json, text/json, anything/anything+json, with whatever parameters.
[[nodiscard]] bool is_json_type(std::string_view content_type);

// "localhost", "127.0.0.1:9911", "[::1]:9911", "rouse.localhost".
[[nodiscard]] bool is_loopback_host(std::string_view host);

}  // namespace api
