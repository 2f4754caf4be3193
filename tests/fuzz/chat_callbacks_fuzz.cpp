// What chats call back: one byte says which path, which type and whether it is signed; the rest is the body. Nothing
// that is not signed is told to the engine, and what is told is fit to be journaled, shown and written back.
#include <algorithm>
#include <string>

#include <boost/json/parse.hpp>

#include "daemon/api/mattermost_paths.hpp"
#include "daemon/api/slack_paths.hpp"
#include "daemon/net/hmac.hpp"
#include "daemon/words/mattermost.hpp"
#include "rules/reply.hpp"
#include "tests/daemon/api/chat_desk.hpp"
#include "tests/fuzz/claim.hpp"
#include "tests/fuzz/text.hpp"

namespace fuzz {
namespace {

bool is_clean(std::string_view text) {
  return is_utf8(text) &&
         std::none_of(text.begin(), text.end(), [](char one) { return static_cast<unsigned char>(one) < 0x20; });
}

net::Request request_of(api::ChatDesk& desk, std::uint8_t how, std::string body) {
  const bool is_slack = (how & 1U) == 0;
  const bool is_signed = (how & 2U) == 0;
  const bool is_form = (how & 4U) == 0;
  if ((how & 8U) == 0 && is_form) body = net::print_form({{"payload", body}});
  net::Request made =
      desk.request("POST", is_slack ? "/v1/callbacks/slack" : "/v1/callbacks/mattermost", std::move(body));
  const std::string timestamp =
      std::to_string(std::chrono::floor<std::chrono::seconds>(desk.world.now().time_since_epoch()).count());
  const std::string_view secret = is_signed ? api::slack_secret : std::string_view("a stranger's");
  made.headers.clear();
  made.headers.add("Content-Type", is_slack && is_form ? "application/x-www-form-urlencoded" : "application/json");
  made.headers.add("X-Slack-Request-Timestamp", timestamp);
  made.headers.add("X-Slack-Signature", api::slack_signature(secret, timestamp, made.body));
  return made;
}

void check(api::ChatDesk& desk, const net::Request& request, bool may_be_told) {
  desk.calls.clear();
  const std::optional<rules::Replied> reply = desk.told(request);
  if (!reply) {
    const unsigned status = desk.response.status;
    claim(status == 200 || (status >= 400 && status < 500), "status {}", status);
    claim(may_be_told || status >= 400, "a request that nobody signed was taken: {}", status);
    claim(desk.calls.empty(), "something was written back about nothing");
    return;
  }
  claim(may_be_told, "a request that nobody signed reaches the engine");
  claim(is_clean(reply->text) && is_clean(reply->address) && is_clean(reply->id), "a reply holds control characters");
  claim(reply->text.size() <= rules::reply_limit_bytes && reply->address.size() <= 64, "a reply is too long");
  const net::Response answer = desk.said(rules::VerdictCode::done, "R-1 <acknowledged> \x1b & more");
  claim(answer.status == 200, "status {}", answer.status);
  for (const net::ClientRequest& call : desk.calls) {
    boost::system::error_code error;
    (void)boost::json::parse(call.body, error);
    claim(!error, "what is written back is no JSON: {}", call.body);
    claim(call.url.starts_with("https://slack.test/api/chat."), "it goes to {}", call.url);
  }
}

}  // namespace
}  // namespace fuzz

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static auto desk = std::make_unique<api::ChatDesk>();
  if (size == 0) return 0;
  const std::string body{fuzz::text_of(data, size).substr(1)};
  const net::Request request = fuzz::request_of(*desk, data[0], body);
  // Mattermost signs nothing but the context of its buttons, whose token nobody finds by chance.
  const bool is_slack = (data[0] & 1U) == 0;
  fuzz::check(*desk, request, is_slack && (data[0] & 2U) == 0);
  return 0;
}
