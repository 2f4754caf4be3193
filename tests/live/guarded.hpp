// Requests to a daemon that has an `access` section.
#pragma once

#include <string>
#include <string_view>
#include <utility>

#include "daemon/net/client.hpp"
#include "tests/support/roused.hpp"

namespace live {

// A body is JSON. Without options it believes the system's authorities, which it reads each time.
inline support::Answer call_as(std::string_view token,
                               std::string method,
                               std::string url,
                               std::string body = {},
                               net::ClientOptions options = {}) {
  net::ClientRequest request;
  request.method = std::move(method);
  request.url = std::move(url);
  request.timeout = support::patience;
  request.headers.add("Authorization", "Bearer " + std::string(token));
  if (!body.empty()) request.headers.add("Content-Type", "application/json");
  request.body = std::move(body);
  tl::expected<net::ClientResult, std::string> result = net::http_call(std::move(request), std::move(options));
  if (!result) return {0, std::move(result.error())};
  return {result->status, std::move(result->body)};
}

}  // namespace live
