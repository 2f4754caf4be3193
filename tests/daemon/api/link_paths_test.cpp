// A link of a page: looking at it changes nothing, its button acts for whom it was made, and a forged one does nothing.
#include "daemon/api/link_paths.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/daemon/api/desk.hpp"

namespace api {
namespace {

using testing::HasSubstr;
using testing::Not;

struct LinkDesk : Desk {
  LinkDesk() {
    auto settings = std::make_shared<config::Settings>(*services.settings);
    settings->access.emplace();
    services.settings = std::move(settings);
    services.link_signer = std::make_shared<const links::Signer>(std::vector<std::string>{std::string(32, 'k')});
  }
  [[nodiscard]] links::Link link(links::Action action = links::Action::acknowledge) const {
    links::Link made;
    made.person = "olga";
    made.incident.value = 1;
    made.message.value = 7;
    made.action = action;
    made.until = world.now() + links::link_lasts;
    return made;
  }
  [[nodiscard]] std::string path_of(const links::Link& made) const {
    return "/v1/links/" + services.link_signer->token(made);
  }
  Call asked(const std::string& method, const std::string& path) {
    std::optional<Call> call = handle_links(request(method, path), world.now(), services);
    return call ? *std::move(call) : Call{net::Response{}};
  }
};

TEST(LinkPath, AGetShowsAButtonAndTellsTheEngineNothing) {
  LinkDesk desk;
  const Call call = desk.asked("GET", desk.path_of(desk.link()));
  ASSERT_TRUE(std::holds_alternative<Ask>(call));
  const net::Response page = desk.carry_out(call);
  EXPECT_EQ(page.status, 200U);
  EXPECT_THAT(page.content_type, HasSubstr("text/html"));
  EXPECT_THAT(page.body, HasSubstr("<form method=\"post\"><button type=\"submit\">Acknowledge R-1</button></form>"));
  EXPECT_THAT(page.body, HasSubstr("as Olga Diaz"));
}

TEST(LinkPath, ThePageRunsNoScriptIsKeptByNobodyAndNamesItselfToNobody) {
  LinkDesk desk;
  const net::Response page = desk.carry_out(desk.asked("GET", desk.path_of(desk.link())));
  EXPECT_THAT(
      page.headers.find("Content-Security-Policy").value_or(""),
      testing::AllOf(HasSubstr("default-src 'none'"), HasSubstr("frame-ancestors 'none'"), HasSubstr("sha256-")));
  EXPECT_THAT(page.headers.find("Content-Security-Policy").value_or(""), Not(HasSubstr("unsafe")));
  EXPECT_EQ(page.headers.find("Cache-Control").value_or(""), "no-store");
  EXPECT_EQ(page.headers.find("Referrer-Policy").value_or(""), "no-referrer");
  EXPECT_THAT(page.body, Not(HasSubstr("<script")));
}

TEST(LinkPath, APostActsForThePersonOfTheLinkAboutItsMessage) {
  for (const auto& [action, text] : {std::pair{links::Action::acknowledge, "ack R-1"},
                                     std::pair{links::Action::escalate, "escalate R-1"},
                                     std::pair{links::Action::close, "close R-1"}}) {
    LinkDesk desk;
    const Call call = desk.asked("POST", desk.path_of(desk.link(action)));
    ASSERT_TRUE(std::holds_alternative<Tell>(call));
    const auto& told = std::get<rules::Replied>(std::get<Tell>(call).event);
    EXPECT_EQ(told.channel, "link");
    EXPECT_EQ(told.person, "olga");
    EXPECT_EQ(told.text, text);
    EXPECT_EQ(told.about.value, 7U);
  }
}

TEST(LinkPath, WhatTheEngineSaysIsShownAndIsNoMarkup) {
  LinkDesk desk;
  const Call call = desk.asked("POST", desk.path_of(desk.link()));
  roused::Reply reply;
  reply.durability = roused::Durability::durable;
  reply.verdict = rules::Verdict{rules::VerdictCode::done, {}, "R-1 <b>is yours</b>"};
  const net::Response done = std::get<Tell>(call).render(reply);
  EXPECT_EQ(done.status, 200U);
  EXPECT_THAT(done.body, HasSubstr("R-1 &lt;b&gt;is yours"));
  reply.verdict->code = rules::VerdictCode::already_resolved;
  EXPECT_EQ(std::get<Tell>(call).render(reply).status, 409U);
  reply.durability = roused::Durability::refused;
  EXPECT_EQ(std::get<Tell>(call).render(reply).status, 503U);
}

TEST(LinkPath, OfWhichAnyByteWasChangedIsForbiddenAndTellsTheEngineNothing) {
  LinkDesk desk;
  const std::string path = desk.path_of(desk.link());
  for (std::size_t at = std::string_view{"/v1/links/"}.size(); at < path.size(); ++at) {
    std::string changed = path;
    changed[at] = changed[at] == '1' ? '2' : '1';
    for (const char* const method : {"GET", "POST"}) {
      const Call call = desk.asked(method, changed);
      const auto* const refused = std::get_if<net::Response>(&call);
      ASSERT_NE(refused, nullptr) << changed;
      ASSERT_EQ(refused->status, 403U) << changed;
    }
  }
}

TEST(LinkPath, IsOverAfterAWeek) {
  LinkDesk desk;
  links::Link old = desk.link();
  old.until = desk.world.now();
  const Call call = desk.asked("POST", desk.path_of(old));
  ASSERT_TRUE(std::holds_alternative<net::Response>(call));
  EXPECT_EQ(std::get<net::Response>(call).status, 403U);
  EXPECT_THAT(std::get<net::Response>(call).body, HasSubstr("older than a week"));
}

TEST(LinkPath, DoesNothingWithoutAnAccessSection) {
  LinkDesk desk;
  const std::string path = desk.path_of(desk.link());
  auto settings = std::make_shared<config::Settings>(*desk.services.settings);
  settings->access.reset();
  desk.services.settings = std::move(settings);
  const Call call = desk.asked("POST", path);
  ASSERT_TRUE(std::holds_alternative<net::Response>(call));
  EXPECT_EQ(std::get<net::Response>(call).status, 403U);
}

TEST(LinkPath, TakesNothingButGetAndPost) {
  LinkDesk desk;
  const Call call = desk.asked("DELETE", desk.path_of(desk.link()));
  EXPECT_EQ(std::get<net::Response>(call).status, 405U);
}

}  // namespace
}  // namespace api
