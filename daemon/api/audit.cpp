#include "daemon/api/audit.hpp"

#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>
#include <fmt/format.h>

#include "daemon/words/clean.hpp"
#include "rules/rfc3339.hpp"

namespace api {
namespace {

namespace json = boost::json;

constexpr std::size_t longest_name_bytes = 256;

}  // namespace

std::string audited_path(const net::Request& request) {
  constexpr std::string_view links = "/v1/links/";
  const std::string_view path = request.path.starts_with(links) ? links : std::string_view{request.path};
  return words::shorten(words::visible(fmt::format("{} {}", request.method, path)), longest_name_bytes);
}

std::optional<std::string> actor_of(const rules::Event& event) {
  return std::visit(
      [](const auto& kind) -> std::optional<std::string> {
        if constexpr (requires { std::string{kind.by}; }) {
          return kind.by;
        } else if constexpr (requires {
                               kind.person;
                               kind.channel;
                               kind.address;
                             }) {
          return kind.person.empty() ? fmt::format("{} {}", kind.channel, kind.address) : kind.person;
        } else {
          return std::nullopt;
        }
      },
      event);
}

std::string print_audited(const Audited& audited) {
  const auto shown = [](const std::string& text) { return words::shorten(words::visible(text), longest_name_bytes); };
  json::object line;
  line["at"] = rules::print_rfc3339(audited.at);
  line["by"] = shown(audited.by);
  line["proof"] = audited.proof;
  line["from"] = shown(audited.from);
  line["what"] = shown(audited.what);
  if (audited.status != 0) line["status"] = audited.status;
  return json::serialize(line) + "\n";
}

}  // namespace api
