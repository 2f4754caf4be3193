// Real calls: roused with its telephone program (baresip, espeak-ng, sox) and a second baresip as the telephone of the
// person who is called, over SIP and RTP on 127.0.0.1. What is heard is recorded there, keys are pressed there.
#include <csignal>
#include <fstream>
#include <sstream>

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "tests/live/eventually.hpp"
#include "tests/live/live.hpp"
#include "tests/support/telephone.hpp"

namespace live {
namespace {

using std::chrono::milliseconds;

// olga by telephone, then by a second provider; after an hour sam.
std::string team(const support::Sink& sink, const std::string& address, std::string_view more) {
  constexpr std::string_view text = R"(rouse: 1
people:
  olga: { name: Olga, timezone: UTC, contact: { voice: "ADDRESS" }, notify: { high: [ { by: voice } ] } }
  sam: { name: Sam, timezone: UTC, contact: { webhook: "SINK/sam" } }
call_trees:
  outage: { ack_timeout: 0s, steps: [ { call: olga, wait: 1h }, { call: sam, wait: 1h } ] }
route: { call_tree: outage }
channels:
  voice:
    - { sip: { account: "sip:rouse@HOST", interface: 127.0.0.1, MORE } }
    - { webhook: { url: "SINK/second" } }
  webhook: [ { webhook: {} } ]
)";
  const std::string host = address.substr(address.find('@') + 1);
  std::string whole{text};
  for (const auto& [word, value] : std::vector<std::pair<std::string_view, std::string>>{
           {"SINK", sink.url()}, {"ADDRESS", address}, {"HOST", host}, {"MORE", std::string{more}}})
    whole = support::replaced(std::move(whole), word, value);
  return whole;
}

// The programs that work in a folder, by what their command lines say.
std::vector<pid_t> programs_of(const std::filesystem::path& folder) {
  std::vector<pid_t> found;
  for (const auto& entry : std::filesystem::directory_iterator("/proc")) {
    const std::string name = entry.path().filename().string();
    if (name.find_first_not_of("0123456789") != std::string::npos) continue;
    std::ifstream file(entry.path() / "cmdline");
    std::stringstream words;
    words << file.rdbuf();
    if (words.str().find((folder / "rouse-call-").string()) != std::string::npos) found.push_back(std::stoi(name));
  }
  return found;
}

class Sip : public ::testing::Test {
 protected:
  void SetUp() override {
    if (const std::string why = support::Telephone::missing(); !why.empty()) GTEST_SKIP() << why;
    telephone.emplace();
  }

  void begin(const std::string& address, std::string_view more = "ring_for: 60s") {
    house.emplace([&](const support::Sink& sink) { return team(sink, address, more); });
    std::filesystem::create_directory(runs());
    house->roused.setting().environment.emplace_back("RUNTIME_DIRECTORY", runs().string());
    house->roused.start();
    const support::Answer answer =
        house->roused.post(webhook_path, webhook_of({{"alertname", "CheckoutDown"}, {"service", "checkout"}}));
    ASSERT_EQ(answer.status, 200U) << answer.body;
  }
  [[nodiscard]] std::filesystem::path runs() const { return house->folder / "run"; }

  [[nodiscard]] bool is_tidied_up() const {
    for (const auto& entry : std::filesystem::directory_iterator(runs()))
      if (entry.path().filename().string().starts_with("rouse-call-")) return false;
    return true;
  }

  // Asks for the incident until its text has `part`: each question is answered when the engine has looked.
  [[nodiscard]] bool says(std::string_view part, milliseconds limit = support::patience) const {
    return eventually([&] { return incident().find(part) != std::string::npos; }, limit);
  }
  [[nodiscard]] std::string incident() const { return house->roused.get("/v1/incidents/R-1").body; }
  [[nodiscard]] std::string story() const {
    return incident() + "\n" + house->roused.output() + "\n" + telephone->output();
  }

  std::optional<support::Telephone> telephone;
  std::optional<House> house;
};

TEST_F(Sip, ThePhoneRingsSpeaksAndAKeyAcknowledges) {
  begin(telephone->address());
  ASSERT_TRUE(telephone->rings()) << story();
  telephone->pick_up();
  ASSERT_TRUE(telephone->hears_something()) << "it speaks: " << story();
  telephone->press('4');
  EXPECT_TRUE(says("\"acknowledged\"")) << story();
  EXPECT_EQ(field(house->incident("R-1"), "by"), "olga") << story();
  EXPECT_TRUE(telephone->is_silent_again()) << "it says so, and hangs up: " << story();
  EXPECT_TRUE(house->sink.pages().empty()) << "nobody else was needed";
  EXPECT_EQ(house->roused.stop(), 0);
}

TEST_F(Sip, ToCloseTakesTheKeyTwice) {
  begin(telephone->address());
  ASSERT_TRUE(telephone->rings()) << story();
  telephone->pick_up();
  ASSERT_TRUE(telephone->hears_something()) << story();
  telephone->press('6');
  EXPECT_EQ(field(house->incident("R-1"), "state"), "triggered") << "once is not enough";
  telephone->press('6');
  EXPECT_TRUE(says("\"resolved\"")) << story();
}

TEST_F(Sip, ARefusalGoesToTheNextProviderAtOnce) {
  const support::StubbornExchange exchange("603 Decline");
  begin(exchange.address());
  EXPECT_TRUE(house->sink.wait_for_page("R-1", support::patience)) << story();
  EXPECT_EQ(exchange.invites(), 1) << "a refusal for good is not tried again";
}

TEST_F(Sip, ItRegistersAndSaysWhoItIsWithItsPassword) {
  const support::StubbornExchange exchange("404 Not Found", true);
  const support::TemporaryFolder secrets;
  support::write_file(secrets / "pbx.password", "s3cret-word\n");
  begin(exchange.address(),
        fmt::format("register: true, username: caller, password_file: \"{}\"", (secrets / "pbx.password").string()));
  EXPECT_TRUE(house->sink.wait_for_page("R-1", support::patience)) << story();
  EXPECT_GT(exchange.registrations(), 0);
  EXPECT_EQ(exchange.invites(), 2) << "once without, once with credentials";
  EXPECT_NE(exchange.credentials().find("username=\"caller\""), std::string::npos) << exchange.credentials();
  EXPECT_EQ(house->roused.output().find("s3cret-word"), std::string::npos);
}

TEST_F(Sip, AnExchangeThatKeepsMumIsUnansweredAndTheNextProviderCalls) {
  const support::StubbornExchange exchange("");
  begin(exchange.address());
  EXPECT_TRUE(house->sink.wait_for_page("R-1", support::patience + std::chrono::seconds{20})) << story();
  EXPECT_GT(exchange.invites(), 0);
}

TEST_F(Sip, WhoDeclinesHasNotHeardIt) {
  begin(telephone->address());
  ASSERT_TRUE(telephone->rings()) << story();
  telephone->hang_up();
  EXPECT_TRUE(says("declined")) << story();
  EXPECT_EQ(field(house->incident("R-1"), "state"), "triggered");
}

TEST_F(Sip, WhoDoesNotAnswerHasNotHeardItAndItStopsRinging) {
  begin(telephone->address(), "ring_for: 1s");
  ASSERT_TRUE(telephone->rings()) << story();
  EXPECT_TRUE(telephone->is_silent_again()) << story();
  EXPECT_TRUE(says("nobody answered")) << story();
  EXPECT_EQ(field(house->incident("R-1"), "state"), "triggered");
}

TEST_F(Sip, AStopEndsTheCallAndLeavesNoProgramAndNoFile) {
  begin(telephone->address());
  ASSERT_TRUE(telephone->rings()) << story();
  EXPECT_FALSE(programs_of(runs()).empty());
  EXPECT_EQ(house->roused.stop(), 0) << story();
  EXPECT_TRUE(programs_of(runs()).empty());
  EXPECT_TRUE(telephone->is_silent_again()) << "the other side was told: " << telephone->output();
  EXPECT_TRUE(is_tidied_up());
}

TEST_F(Sip, ADaemonThatIsKilledTakesItsCallsAlongAndTheNextOneCleansUp) {
  begin(telephone->address());
  ASSERT_TRUE(telephone->rings()) << story();
  const std::vector<pid_t> programs = programs_of(runs());
  ASSERT_FALSE(programs.empty());
  const int program = static_cast<int>(::syscall(SYS_pidfd_open, programs.front(), 0));
  ASSERT_GE(program, 0);
  house->roused.kill_hard();
  pollfd ended{.fd = program, .events = POLLIN, .revents = 0};
  EXPECT_EQ(::poll(&ended, 1, static_cast<int>(support::patience.count())), 1) << "it goes on ringing";
  ::close(program);
  EXPECT_FALSE(is_tidied_up());
  house->roused.start();
  EXPECT_EQ(house->roused.stop(), 0);
  EXPECT_TRUE(is_tidied_up()) << "a password was left behind";
}

}  // namespace
}  // namespace live
