// Signed links: the first byte says which method and which good link is begun with, or none; the second and third
// change one byte of it; the rest is put behind. Only a link that was signed tells the engine anything, and only by its
// button.
#include <array>
#include <string>

#include "daemon/api/link_paths.hpp"
#include "tests/daemon/api/desk.hpp"
#include "tests/fuzz/claim.hpp"
#include "tests/fuzz/input.hpp"
#include "tests/fuzz/text.hpp"

namespace fuzz {
namespace {

constexpr std::array actions{links::Action::acknowledge, links::Action::escalate, links::Action::close};

struct LinkDesk : api::Desk {
  LinkDesk() {
    auto settings = std::make_shared<config::Settings>(*services.settings);
    settings->access.emplace();
    services.settings = std::move(settings);
    services.link_signer = std::make_shared<const links::Signer>(std::vector<std::string>{std::string(32, 'k')});
  }
  [[nodiscard]] std::string token(links::Action action) const {
    links::Link made;
    made.person = "olga";
    made.incident.value = 1;
    made.message.value = 7;
    made.action = action;
    made.until = world.now() + links::link_lasts;
    return services.link_signer->token(made);
  }
};

void check(LinkDesk& desk, const net::Request& request, bool is_good) {
  std::optional<api::Call> call = api::handle_links(request, desk.world.now(), desk.services);
  claim(call.has_value(), "a link is nobody's path");
  if (const auto* const told = std::get_if<api::Tell>(&*call)) {
    claim(is_good && request.method == "POST", "{} acts", request.path);
    claim(std::get<rules::Replied>(told->event).person == "olga", "in another's name");
    return;
  }
  if (std::holds_alternative<api::Ask>(*call)) claim(is_good && request.method == "GET", "a forged link is shown");
  const net::Response answer = desk.carry_out(*call);
  claim(is_good || (answer.status >= 400 && answer.status < 500), "status {}", answer.status);
  claim(answer.body.find("<script") == std::string::npos, "a stranger's markup");
  claim_clean(answer.body, "the page", true);
}

}  // namespace
}  // namespace fuzz

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static auto desk = std::make_unique<fuzz::LinkDesk>();
  fuzz::Input input{data, size};
  const std::uint8_t how = input.byte();
  const std::size_t which = how >> 2U;
  std::string token = which < fuzz::actions.size() ? desk->token(fuzz::actions.at(which)) : std::string();
  const std::string good = token;
  const std::size_t at = input.byte();
  const std::uint8_t change = input.byte();
  if (at < token.size()) token[at] = static_cast<char>(token[at] ^ change);
  token += input.rest();
  static constexpr std::array methods{"GET", "POST", "HEAD", "PUT"};
  const net::Request request = desk->request(methods.at(how & 3U), "/v1/links/" + token);
  fuzz::check(*desk, request, !good.empty() && request.path == "/v1/links/" + good);
  return 0;
}
