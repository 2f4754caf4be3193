#include "daemon/api/answers.hpp"

#include <utility>

#include <fmt/format.h>

#include "daemon/api/api.hpp"

namespace api {

net::Response ok(std::string body) {
  net::Response response;
  response.body = std::move(body);
  return response;
}

net::Response plain(unsigned status, std::string text) {
  net::Response response;
  response.status = status;
  response.content_type = "text/plain; charset=utf-8";
  response.body = std::move(text);
  return response;
}

net::Response not_allowed(std::string_view allowed) {
  net::Response response = net::problem(405, fmt::format("this path takes {}", allowed));
  response.headers.add("Allow", allowed);
  return response;
}

net::Response not_here(const net::Request& request) {
  return net::problem(404, fmt::format("there is nothing at {}", request.path));
}

std::optional<net::Response> not_durable(const roused::Reply& reply) {
  switch (reply.durability) {
    case roused::Durability::durable:
      return std::nullopt;
    case roused::Durability::memory:
      return net::problem(503,
                          "it was obeyed, but in memory only, because the disk does not take it: send it again until "
                          "it is answered with 200");
    case roused::Durability::refused:
      return overloaded();
  }
  return overloaded();
}

bool is_unknown_silence(const rules::Verdict& verdict) {
  return verdict.text.starts_with("there is no silence");
}

}  // namespace api
