// What people read and hear in the commonest situations, played through the rules and written down in docs/messages.md.
// ROUSE_WRITE_DOCS=1 writes that page; otherwise it has to be as it would be written.
#include <cstdlib>
#include <fstream>
#include <functional>
#include <sstream>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "daemon/words/message.hpp"
#include "daemon/words/segments.hpp"
#include "tests/daemon/words/scene.hpp"

namespace words {
namespace {

using namespace std::chrono_literals;
using rehearse::World;

const rules::IncidentId first{1};

rules::ReportsArrived api_down(std::string severity, std::string said = "no answer for 2 minutes") {
  return scene::firing({{"alertname", "ApiDown"}, {"service", "checkout"}, {"severity", std::move(severity)}},
                       {{"summary", std::move(said)}, {"runbook_url", "https://wiki.example.org/api"}});
}

rules::ReportsArrived api_up() {
  return scene::report(rules::ReportStatus::resolved,
                       {{"alertname", "ApiDown"}, {"service", "checkout"}, {"severity", "critical"}});
}

// The last message that left, with all its pages.
rules::Send last_of(const World& world) {
  rules::Send send = world.pages().back().message;
  send.pages.clear();
  for (const rehearse::LeftPage& left : world.pages()) {
    if (left.message.message == send.message) send.pages.push_back(left.page);
  }
  return send;
}

std::string shown(std::string_view title, const World& world) {
  EXPECT_FALSE(world.pages().empty()) << title;
  if (world.pages().empty()) return {};
  const rules::Send send = last_of(world);
  const std::string sms = sms_text({}, send);
  const Segments counted = count_segments(sms);
  return fmt::format("## {}\n\nText message, {} segment{}, {} units:\n\n```text\n{}\n```\n\nCall:\n\n> {}\n\n",
                     title,
                     counted.count,
                     counted.count == 1 ? "" : "s",
                     counted.units,
                     sms,
                     voice_script({}, send));
}

std::string played(std::string_view title, const std::function<void(World&)>& play) {
  World world{scene::policy(), scene::start, 7};
  play(world);
  return shown(title, world);
}

// Ben's turn begins on Monday; this of his contacts fails on Wednesday.
std::string shown_before_a_turn(std::string_view title, std::string_view failing) {
  std::string team{scene::team};
  const std::string_view number = "sms: \"+15550101\"";
  team.replace(team.find(number), number.size(), "sms: \"+15550101\", voice: \"+15550101\"");
  team += "  voice: [ { webhook: { url: \"http://127.0.0.1:8080/voice\" } } ]\n";
  World world{scene::policy(team), scene::start, 7};
  world.behave(std::string{failing}, 0, rehearse::Behaviour::fails);
  world.tell(scene::start, rules::TestPage{"ben", "olga"});
  world.behave(std::string{failing}, 0, rehearse::Behaviour::works);
  world.advance_to(scene::start + 120h);
  EXPECT_EQ(world.notices().size(), 1U) << title;
  if (world.notices().empty()) return {};
  const rules::Send& send = world.notices().front().message;
  return fmt::format(
      "## {}\n\nText message to {}:\n\n```text\n{}\n```\n\n", title, send.person_name, sms_text({}, send));
}

std::string page() {
  const auto t = scene::start;
  std::string text =
      "# What people read and hear\n\nPlayed through the rules, and written by a test (tests/daemon/words/"
      "messages_page_test.cpp). [templates.md](templates.md) tells how to say it otherwise.\n\n";
  text += played("A new incident", [&](World& world) { world.tell(t, api_down("critical")); });
  text += played("Nobody has acknowledged: the next step", [&](World& world) {
    world.tell(t, api_down("critical"));
    world.advance_to(t + 6min);
  });
  text += played("Nobody has acknowledged: the call tree is climbed again", [&](World& world) {
    world.tell(t, api_down("critical"));
    world.advance_to(t + 16min);
  });
  text += played("Nobody in the call tree has acknowledged", [&](World& world) {
    world.tell(t, api_down("critical"));
    world.advance_to(t + 31min);
  });
  text += played("The acknowledgement has run out", [&](World& world) {
    world.tell(t, api_down("critical"));
    world.tell(t + 1min, rules::Acknowledge{first, "olga"});
    world.advance_to(t + 32min);
  });
  text += played("The snooze is over", [&](World& world) {
    world.tell(t, api_down("critical"));
    world.tell(t + 1min, rules::Snooze{first, "olga", 1h});
    world.advance_to(t + 62min);
  });
  text += played("It came back", [&](World& world) {
    world.tell(t, api_down("critical"));
    world.tell(t + 3min, api_up());
    world.tell(t + 8min, api_down("critical"));
    world.advance_to(t + 9min);
  });
  text += played("You are called in", [&](World& world) {
    world.tell(t, api_down("critical"));
    world.tell(t + 1min, rules::CallIn{first, "olga", "mia"});
    world.advance_to(t + 2min);
  });
  text += played("Several at once", [&](World& world) {
    world.tell(t, api_down("critical"));
    for (const char* service : {"search", "basket", "payment"}) {
      world.tell(t + 200ms,
                 scene::firing({{"alertname", "ApiDown"}, {"service", service}, {"severity", "critical"}},
                               {{"summary", "no answer for 2 minutes"}}));
    }
    world.advance_to(t + 10s);
  });
  text += played("A test page", [&](World& world) {
    world.tell(t, rules::TestPage{"olga", "ben"});
    world.advance_to(t + 10s);
  });
  text += shown_before_a_turn("A day before a turn: a contact fails", "voice");
  text += shown_before_a_turn("A day before a turn: no contact works by which this could be said", "sms");
  while (text.ends_with("\n\n")) text.pop_back();
  return text;
}

TEST(MessagesPage, IsWhatTheRulesMakeOfIt) {
  const std::string path = std::string(ROUSE_SOURCE_DIR) + "/docs/messages.md";
  const std::string made = page();
  if (const char* const asked = std::getenv("ROUSE_WRITE_DOCS"); asked != nullptr && std::string_view(asked) == "1") {
    std::ofstream(path) << made;
  }
  std::ifstream file(path);
  std::stringstream text;
  text << file.rdbuf();
  EXPECT_EQ(text.str(), made) << "ROUSE_WRITE_DOCS=1 writes it anew";
}

}  // namespace
}  // namespace words
