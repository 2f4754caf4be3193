// The signature of Grafana's webhook: HMAC-SHA256 of the body, or of `timestamp:body` when a header carries the time.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include <tl/expected.hpp>

#include "daemon/net/http.hpp"
#include "rules/time.hpp"

namespace api {

// A source that signs what it posts.
struct GrafanaSigner {
  std::string source;
  std::vector<std::string> secrets;  // any of them, so that a secret can be replaced; empty = they cannot be read
  std::string header{"X-Grafana-Alerting-Signature"};
  std::string timestamp_header;  // "" = the body alone is signed
};

// An answer that says why nobody's signature fits: 401, or 503 when it may be that of a source whose secrets cannot be
// read.
struct NotSigned {
  unsigned status{401};
  std::string why;
};

// A signed timestamp is believed for this long before and after its instant.
inline constexpr rules::Duration signature_age{std::chrono::minutes{5}};

// The source that signed the body. Pure; takes the same time whatever part of a signature is wrong.
[[nodiscard]] tl::expected<std::string, NotSigned> grafana_signer_of(const std::vector<GrafanaSigner>& signers,
                                                                     const net::Headers& headers,
                                                                     std::string_view body,
                                                                     rules::Instant now);

}  // namespace api
