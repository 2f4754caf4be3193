// Requests to the daemon's interface, without a socket: one byte for the method, a line "PATH?QUERY", the body.
#include <algorithm>
#include <array>

#include <boost/json/parse.hpp>

#include "tests/daemon/api/desk.hpp"
#include "tests/fuzz/claim.hpp"
#include "tests/fuzz/text.hpp"

namespace fuzz {
namespace {

void check_response(std::string_view path, const net::Response& response) {
  // A verb that is sent while the disk refuses is the only 503, and here the disk does not.
  const bool is_expected =
      response.status == 200 || response.status == 202 || (response.status >= 400 && response.status < 500);
  claim(is_expected, "status {}: {}", response.status, response.body);
  claim(is_utf8(response.body), "the answer is not UTF-8");
  if (response.content_type.find("json") == std::string::npos || response.body.empty()) return;
  boost::system::error_code error;
  const boost::json::value value = boost::json::parse(response.body, error);
  claim(!error, "the answer is no JSON: {}", response.body);
  // Programs read what people wrote as it is; whoever shows it makes it visible.
  claim(std::none_of(
            response.body.begin(), response.body.end(), [](char one) { return one >= 0 && one < 0x20 && one != '\n'; }),
        "the answer holds control characters: {}",
        response.body);
  if (response.status < 400) return;
  if (path.starts_with("/api/v2/") && value.is_string()) return;  // Alertmanager's own shape
  const boost::json::object* const problem = value.if_object();
  if (problem != nullptr && problem->contains("errors")) return;  // PagerDuty's own words
  claim(problem != nullptr && problem->contains("detail") && problem->contains("status"),
        "no problem document: {}",
        response.body);
}

}  // namespace
}  // namespace fuzz

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static constexpr std::array<const char*, 4> methods{"POST", "GET", "DELETE", ""};
  if (size == 0) return 0;
  const std::string_view rest = fuzz::text_of(data, size).substr(1);
  const std::size_t line = std::min(rest.find('\n'), rest.size());
  const std::string_view target = rest.substr(0, line);
  const std::string body{line < rest.size() ? rest.substr(line + 1) : std::string_view{}};
  const std::size_t mark = std::min(target.find('?'), target.size());
  const auto path = net::percent_decode(target.substr(0, mark));
  if (!path) return 0;
  const std::string decoded = "/" + *path + std::string{target.substr(mark)};
  if (path->find('?') != std::string::npos) return 0;

  // Only what is told changes the state: then the next request comes to a daemon of its own.
  static auto desk = std::make_unique<api::Desk>();
  const net::Request request = desk->request(methods[data[0] % methods.size()], decoded, body);
  const api::Call call = api::handle(request, desk->world.now(), desk->services, desk->parser);
  const net::Response response = desk->carry_out(call);
  fuzz::check_response(request.path, response);
  if (std::holds_alternative<api::Tell>(call)) {
    desk = std::make_unique<api::Desk>();
    const net::Request again = desk->request(methods[data[0] % methods.size()], decoded, body);
    fuzz::claim(desk->answer(again).body == response.body, "the same request, another answer");
    desk = std::make_unique<api::Desk>();
  }
  return 0;
}
