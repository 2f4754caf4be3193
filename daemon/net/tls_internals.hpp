// OpenSSL as the sources of daemon/net share it; nobody else includes this.
#pragma once

#include <string>
#include <vector>

#include <boost/asio/ssl/context.hpp>
#include <boost/asio/ssl/stream.hpp>

#include "daemon/net/internals.hpp"
#include "daemon/net/tls.hpp"

namespace net {

struct TlsKeys::Internals {
  asio::ssl::context context;
};

// Common name and DNS names of the certificate that the other side has shown and that was found good; none without.
[[nodiscard]] std::vector<std::string> peer_names(SSL* connection);

// Whether the handshake failed because HTTP was spoken without TLS.
[[nodiscard]] bool is_plain_http(const error_code& error);

}  // namespace net
