// Providers and resolvers that do not play along, with their real times: fifteen seconds of tries for a message.
#include <atomic>
#include <chrono>
#include <cstdint>
#include <cstring>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include <arpa/inet.h>
#include <fcntl.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/live/faults.hpp"
#include "tests/support/black_hole.hpp"

namespace live {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

// Each of these people is called in the first step, by a channel whose second provider is the sink's /second.
std::string troubled_team(const support::Sink& sink, const std::string& black_hole) {
  constexpr std::string_view text = R"(rouse: 1
people:
  olga: { name: Olga, timezone: UTC, contact: { webhook: "HOLE/olga" } }
  peter: { name: Peter, timezone: UTC, contact: { webhook: "SINK/peter" } }
  maria: { name: Maria, timezone: UTC, contact: { webhook: "SINK/maria" } }
  ivan: { name: Ivan, timezone: UTC, contact: { webhook: "SINK/ivan" } }
  nora: { name: Nora, timezone: UTC, contact: { webhook: "SINK/nora" } }
  sam: { name: Sam, timezone: UTC, contact: { webhook: "SINK/sam" } }
call_trees:
  outage:
    ack_timeout: 0s
    steps:
      - { call: [olga, peter, maria, ivan, nora, sam], wait: 1h }
route:
  call_tree: outage
  group_by: [alertname, service]
budget: { per_contact: { pages: 1000000, within: 1s } }
channels:
  webhook: [ { webhook: { timeout: 2s } }, { webhook: { url: "SINK/second" } } ]
)";
  return support::replaced(support::replaced(std::string{text}, "SINK", sink.url()), "HOLE", black_hole);
}

std::vector<support::Message> sent_to(const support::Sink& sink, std::string_view path, std::string_view person) {
  std::vector<support::Message> found;
  for (support::Message& message : sink.messages()) {
    if (message.path == path && message.to == person) found.push_back(std::move(message));
  }
  return found;
}

TEST(Providers, ThatRefuseAreMuteOrUnreachableAreLeftForTheNextOneEachInItsTime) {
  const support::BlackHole hole;
  House house{[&hole](const support::Sink& phones) { return troubled_team(phones, hole.url()); }};
  std::atomic<int> asked_maria{0};
  house.sink.ask_to_retry_after(seconds{3});
  house.sink.answer([&asked_maria](const support::Message& message) -> unsigned {
    if (message.path == "/ivan") return 404;
    if (message.path == "/peter") return 500;
    if (message.path == "/nora") return support::Sink::never;
    if (message.path == "/maria") return asked_maria.fetch_add(1) == 0 ? 429 : 200;
    return 200;
  });
  house.roused.start();
  const Clock::time_point began = Clock::now();
  ASSERT_EQ(house.roused.post(webhook_path, webhook_of(outage_of("open"))).status, 200U);
  const auto second_has_four = [](const std::vector<support::Message>& messages) {
    std::set<std::string> people;
    for (const support::Message& message : messages) {
      if (message.path == "/second") people.insert(message.to);
    }
    return people.size() >= 4;
  };
  ASSERT_TRUE(house.sink.wait_until(second_has_four, seconds{30})) << house.roused.output();
  const auto first_at = [&](std::string_view path, std::string_view person) {
    const std::vector<support::Message> messages = sent_to(house.sink, path, person);
    return messages.empty() ? -1.0 : seconds_between(began, messages.front().at);
  };

  // Nothing is wrong with Sam's: the trouble of others does not reach him.
  EXPECT_LE(first_at("/sam", "sam"), 1.0);
  EXPECT_TRUE(sent_to(house.sink, "/second", "sam").empty());

  // 4xx: the next one at once, and not tried again.
  EXPECT_EQ(sent_to(house.sink, "/ivan", "ivan").size(), 1U);
  EXPECT_LE(first_at("/second", "ivan"), 2.0);

  // 429 with Retry-After: asked again when it said, under the same key, and then there is no need of the next one.
  const std::vector<support::Message> maria = sent_to(house.sink, "/maria", "maria");
  ASSERT_EQ(maria.size(), 2U);
  EXPECT_GE(seconds_between(maria[0].at, maria[1].at), 3.0);
  EXPECT_LE(seconds_between(maria[0].at, maria[1].at), 4.0);
  EXPECT_EQ(maria[0].key, maria[1].key);
  EXPECT_TRUE(sent_to(house.sink, "/second", "maria").empty());

  // 5xx: a few tries, then the next one after fifteen seconds at most.
  EXPECT_GE(sent_to(house.sink, "/peter", "peter").size(), 2U);
  EXPECT_LE(sent_to(house.sink, "/peter", "peter").size(), 12U) << "it hammers";
  EXPECT_LE(first_at("/second", "peter"), 17.0);
  EXPECT_EQ(sent_to(house.sink, "/second", "peter").front().key, sent_to(house.sink, "/peter", "peter").front().key);

  // Never answers: it may have acted, so all that follows is marked.
  const std::vector<support::Message> nora = sent_to(house.sink, "/nora", "nora");
  ASSERT_GE(nora.size(), 2U);
  EXPECT_FALSE(nora[0].possible_duplicate);
  EXPECT_TRUE(nora[1].possible_duplicate);
  EXPECT_LE(first_at("/second", "nora"), 18.0);
  EXPECT_TRUE(sent_to(house.sink, "/second", "nora").front().possible_duplicate);

  // Not even connected: certainly nothing has left, so there is no mark.
  EXPECT_GE(first_at("/second", "olga"), 2.0);
  EXPECT_LE(first_at("/second", "olga"), 18.0);
  EXPECT_FALSE(sent_to(house.sink, "/second", "olga").front().possible_duplicate);
  for (const std::string person : {"olga", "peter", "ivan", "nora"}) {
    EXPECT_EQ(sent_to(house.sink, "/second", person).size(), 1U) << person;
  }
  EXPECT_EQ(house.roused.stop(), 0);
  support::figure("faults", "providers that failed", 5);
}

TEST(Providers, ThatWereAllDownAndComeBackGetWhatIsStillTrueAndNoStorm) {
  House house{"2s"};
  std::atomic<bool> is_down{true};
  house.sink.answer([&is_down](const support::Message&) -> unsigned { return is_down.load() ? 503 : 200; });
  house.roused.start();
  constexpr int incidents = 20;
  for (int incident = 1; incident <= incidents; ++incident) {
    ASSERT_EQ(house.roused.post(webhook_path, webhook_of(outage_of(fmt::format("service-{}", incident)))).status, 200U);
  }
  // Half of them are over, or have somebody, before anybody could be reached.
  for (int incident = 1; incident <= 5; ++incident) {
    ASSERT_EQ(house.roused.post(fmt::format("/v1/incidents/R-{}/ack", incident), R"({"by":"olga"})").status, 200U);
  }
  for (int incident = 6; incident <= 10; ++incident) {
    const Labels labels = outage_of(fmt::format("service-{}", incident));
    ASSERT_EQ(house.roused.post(webhook_path, webhook_of(labels, "resolved")).status, 200U);
  }
  // Several calls fail meanwhile, at each of the three people.
  const auto never = [](const std::vector<support::Message>&) { return false; };
  ASSERT_FALSE(house.sink.wait_until(never, is_long() ? seconds{120} : seconds{6}));
  const std::size_t before = house.sink.messages().size();
  EXPECT_GT(before, 0U);
  // Doubling waits: it must not have been hammered while it was down.
  EXPECT_LE(before, is_long() ? 1500U : 150U);
  const Clock::time_point back = Clock::now();
  is_down.store(false);
  const auto all_open_are_heard = [before](const std::vector<support::Message>& messages) {
    std::set<std::string> heard;
    for (std::size_t index = before; index < messages.size(); ++index) {
      if (messages[index].is_page && messages[index].answered == 200) {
        heard.insert(messages[index].incidents.begin(), messages[index].incidents.end());
      }
    }
    for (int incident = 11; incident <= incidents; ++incident) {
      if (!heard.contains(fmt::format("R-{}", incident))) return false;
    }
    return true;
  };
  ASSERT_TRUE(house.sink.wait_until(all_open_are_heard, support::patience));
  const double heard_after = seconds_between(back, Clock::now());
  for (int incident = 11; incident <= incidents; ++incident) {
    EXPECT_EQ(house.roused.post(fmt::format("/v1/incidents/R-{}/ack", incident), R"({"by":"olga"})").status, 200U);
  }
  const Clock::time_point acknowledged = Clock::now();
  ASSERT_FALSE(house.sink.wait_until(never, seconds{2}));

  std::size_t taken = 0;
  std::set<std::string> keys;
  for (const support::Message& message : house.sink.messages()) {
    if (message.at < back || !message.is_page || message.answered != 200) continue;
    ++taken;
    EXPECT_TRUE(keys.insert(message.key).second) << "one message twice: " << message.body;
    for (int incident = 1; incident <= 10; ++incident) {
      EXPECT_FALSE(is_about(message, fmt::format("R-{}", incident))) << "an old page was replayed: " << message.body;
    }
    EXPECT_LE(message.at, acknowledged + milliseconds{500}) << "paged after everybody was heard: " << message.body;
  }
  EXPECT_LE(taken, 24U) << "three people, a first page and a bundle for each of few steps";
  expect_no_silent_double(house.sink.messages());
  EXPECT_EQ(house.roused.stop(), 0);
  fmt::print(
      "{} tries while it was down; heard {:.1f} s after it came back, {} messages\n", before, heard_after, taken);
  support::figure("faults", "messages after all providers came back", taken);
}

// Names are looked up at an address that takes questions and never answers; the daemon sees it as its resolv.conf.
class DeadResolver : public testing::Test {
 protected:
  void SetUp() override {
    descriptor_ = ::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(53);  // resolv.conf has no place for another
    // Of the many addresses of this machine one that no other test has.
    const auto number = static_cast<std::uint32_t>(getpid()) & 0xffffU;
    address.sin_addr.s_addr = htonl(0x7f350000U | number);
    if (::bind(descriptor_, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
      GTEST_SKIP() << "port 53 of a loopback address cannot be had here: " << std::strerror(errno);
    }
    char text[INET_ADDRSTRLEN] = "";
    ::inet_ntop(AF_INET, &address.sin_addr, text, sizeof text);
    support::write_file(folder_ / "resolv.conf", fmt::format("nameserver {}\n", text));
    const support::Finished probe = support::run({.arguments = through({"true"})});
    if (probe.code != 0) GTEST_SKIP() << "no mount namespace can be made here: " << probe.output;
  }
  void TearDown() override { ::close(descriptor_); }

  // A program with this resolver.
  [[nodiscard]] std::vector<std::string> through(const std::vector<std::string>& program = {}) const {
    std::vector<std::string> all{
        "unshare",
        "--mount",
        "sh",
        "-c",
        fmt::format("mount --bind {} /etc/resolv.conf && exec \"$@\"", (folder_ / "resolv.conf").string()),
        "sh"};
    all.insert(all.end(), program.begin(), program.end());
    return all;
  }
  // Questions that came and were not looked at yet.
  [[nodiscard]] std::size_t questions() const {
    std::size_t count = 0;
    char bytes[2048];
    while (::recv(descriptor_, bytes, sizeof bytes, MSG_DONTWAIT) > 0) ++count;
    return count;
  }

  support::TemporaryFolder folder_;

 private:
  int descriptor_{-1};
};

TEST_F(DeadResolver, DelaysNobodyWhoseProviderIsKnownAndTheInterfaceAnswers) {
  House house{[](const support::Sink& phones) {
    const std::string port = phones.url().substr(phones.url().rfind(':'));
    std::string text = R"(rouse: 1
people:
  olga: { name: Olga, timezone: UTC, contact: { webhook: "http://olga.example.netPORT/olga" } }
  peter: { name: Peter, timezone: UTC, contact: { webhook: "http://peter.example.orgPORT/peter" } }
  maria: { name: Maria, timezone: UTC, contact: { webhook: "http://maria.example.comPORT/maria" } }
  sam: { name: Sam, timezone: UTC, contact: { webhook: "http://127.0.0.1PORT/sam" } }
  ivan: { name: Ivan, timezone: UTC, contact: { webhook: "http://localhostPORT/ivan" } }
call_trees:
  outage:
    ack_timeout: 0s
    steps:
      - { call: [olga, peter, maria], wait: 2s }
      - { call: [sam, ivan], wait: 1h }
route:
  call_tree: outage
  group_by: [alertname, service]
channels:
  webhook: [ { webhook: { timeout: 5s } } ]
)";
    return support::replaced(std::move(text), "PORT", port);
  }};
  house.roused.setting().through = through();
  house.roused.start();
  const Clock::time_point began = Clock::now();
  ASSERT_EQ(house.roused.post(webhook_path, webhook_of(outage_of("open"))).status, 200U);
  EXPECT_TRUE(is_paged(house.sink, "sam", "R-1"));
  EXPECT_LE(paged_after(house.sink, began, "sam", "R-1"), 4.0) << "a number waited for a name";
  EXPECT_TRUE(is_paged(house.sink, "ivan", "R-1", seconds{40}));
  EXPECT_LE(paged_after(house.sink, began, "ivan", "R-1"), 5.0) << "one name waited for another";
  fmt::print("sam after {:.1f} s, ivan after {:.1f} s\n",
             paged_after(house.sink, began, "sam", "R-1"),
             paged_after(house.sink, began, "ivan", "R-1"));
  EXPECT_GT(questions(), 0U) << "nobody asked the dead resolver: nothing was tried";
  const Clock::time_point asked = Clock::now();
  EXPECT_EQ(house.roused.get("/v1/incidents").status, 200U);
  EXPECT_LE(seconds_between(asked, Clock::now()), 1.0);
  const Clock::time_point stopping = Clock::now();
  EXPECT_EQ(house.roused.stop(), 0);
  EXPECT_LE(seconds_between(stopping, Clock::now()), 17.0);
  support::figure("faults", "dead resolvers", 1);
}

}  // namespace
}  // namespace live
