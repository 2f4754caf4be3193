// Who may speak to the daemon. Without an `access` section: programs of this machine, and nobody who was led here by a
// browser, a proxy or a forged name. With one: whoever proves to be in it, on the paths of their role.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <variant>

#include <tl/expected.hpp>

#include "daemon/api/keyring.hpp"
#include "daemon/net/http.hpp"

namespace api {

// Where monitoring systems report: no rule about bodies, Host and Origin but the endpoint's own.
[[nodiscard]] bool is_intake(std::string_view path);

// A refusal, or nothing: the request may go on. 403 for a peer that is not of this machine, for marks of a proxy, and,
// outside of intake, for a Host or Origin that is not of this machine (a web page would otherwise reach the daemon
// through the user's browser); 415 for a POST outside of intake whose body is not JSON.
[[nodiscard]] std::optional<net::Response> refuse_without_access(const net::Request& request);

// Callbacks of providers and signed links: admitted by their signatures alone, and only with an `access` section.
[[nodiscard]] bool is_signed_path(std::string_view path);

// One of them, or neither on the paths that are open to all.
struct Admitted {
  std::string sender;  // its name
  std::string user;    // the person, or the name
  Proof proof{Proof::token};
};

// The password has to be checked: learn() what comes of it, and ask again.
struct Prove {
  std::shared_ptr<const PasswordCheck> check;
};

struct Refusal {
  net::Response response;
  std::string by;  // whose it is all the same; "" = nobody has proved to be anybody
  Proof proof{Proof::token};
};
using NotAdmitted = std::variant<Refusal, Prove>;

// With an `access` section: whose request it is, or the refusal, or what has to be proved first. 401 for nobody, 403
// for somebody on a path that is not theirs and for what a web page of others may have sent, 415 for a browser's body
// that is not JSON, 429 after too many failures (503 where alerts are taken: their senders would not repeat what is
// answered with 429).
[[nodiscard]] tl::expected<Admitted, NotAdmitted> admit(const net::Request& request,
                                                        rules::Instant now,
                                                        const Keyring& keyring,
                                                        Attempts& attempts,
                                                        std::string_view public_url);

// application/json, text/json, anything/anything+json, with whatever parameters.
[[nodiscard]] bool is_json_type(std::string_view content_type);

// "localhost", "127.0.0.1:9911", "[::1]:9911", "rouse.localhost".
[[nodiscard]] bool is_loopback_host(std::string_view host);

}  // namespace api
