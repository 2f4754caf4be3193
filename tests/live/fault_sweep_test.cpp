// The n-th operation on the way to a person fails, for every n of a page's life, for each channel: once, or it and all
// behind it. Either the page is sent or the climb moves, and the incident's trail says which. Each n has a daemon of
// its own.
#include <algorithm>
#include <atomic>
#include <chrono>
#include <filesystem>
#include <functional>
#include <iostream>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "daemon/net/client.hpp"
#include "tests/daemon/channels/http_peer.hpp"
#include "tests/live/live.hpp"
#include "tests/live/sweep.hpp"
#include "tests/support/bad_luck.hpp"
#include "tests/support/certificates.hpp"
#include "tests/support/figures.hpp"
#include "tests/support/mail_drop.hpp"
#include "tests/support/mail_server.hpp"
#include "tests/support/slack.hpp"
#include "tests/support/telephone.hpp"
#include "tests/support/twilio.hpp"

namespace live {
namespace {

using channels::testing::HttpPeer;
using channels::testing::json_answer;
using channels::testing::PeerRequest;
using std::chrono::milliseconds;
using std::chrono::seconds;
using support::WayOut;
using Clock = std::chrono::steady_clock;

constexpr std::string_view home = "provider.test";
constexpr std::string_view marked = "ossible duplicate";
constexpr std::size_t at_a_time = 24;
// Longer than a message is tried for, so that the climb moves in time only because of what became of the page; what
// nobody can know the end of waits for the whole of it.
constexpr std::string_view step_wait = "18s";
constexpr seconds longest_run{60};

// olga's end of a channel: what the configuration says of it, and the pages that have come, each with whether it is
// marked as a possible duplicate.
struct Door {
  std::string by;
  std::string address;
  std::string provider;
  std::function<std::vector<bool>()> pages;
  std::string server{};  // more of this section
  std::vector<std::pair<std::string, std::string>> environment{};
};

std::string at_home(const std::string& url) {
  return support::replaced(url, "127.0.0.1", home);
}

std::vector<bool> marks_in(const std::vector<PeerRequest>& requests, std::string_view mark) {
  std::vector<bool> marks;
  for (const PeerRequest& request : requests)
    if (request.method == "POST") marks.push_back(request.body.find(mark) != std::string::npos);
  return marks;
}

Door webhook_door(const std::filesystem::path& /*folder*/) {
  const auto peer = std::make_shared<HttpPeer>([](const PeerRequest&) { return json_answer(200, ""); });
  return {"webhook", at_home(peer->url()) + "/olga", "webhook: { timeout: 5s }", [peer] {
            return marks_in(peer->requests(), "\"possible_duplicate\":true");
          }};
}

// Believed by whoever has its folder's ca.pem for the system's authorities.
const support::TemporaryFolder& certificates() {
  static const support::TemporaryFolder folder;
  static const bool is_made = [] {
    support::make_authority(folder.path(), "ca");
    support::make_server_certificate(folder.path(), "provider", "ca");
    return true;
  }();
  static_cast<void>(is_made);
  return folder;
}

// As support::get, without reading the system's authorities each time.
support::Answer look_at(const std::string& url) {
  net::ClientRequest request;
  request.method = "GET";
  request.url = url;
  request.timeout = support::patience;
  tl::expected<net::ClientResult, std::string> result =
      net::http_call(std::move(request), net::ClientOptions{.authority_file = certificates() / "ca.pem"});
  if (!result) return {0, std::move(result.error())};
  return {result->status, std::move(result->body)};
}

Door webhook_by_tls_door(const std::filesystem::path& /*folder*/) {
  const auto keys = net::TlsKeys::read(net::TlsFiles{.certificate_file = certificates() / "provider.pem",
                                                     .key_file = certificates() / "provider.key",
                                                     .client_authority_file = {}});
  if (!keys) throw std::runtime_error(keys.error());
  net::ServerOptions options;
  options.tls = *keys;
  const auto peer = std::make_shared<HttpPeer>([](const PeerRequest&) { return json_answer(200, ""); }, options);
  return {"webhook",
          peer->url() + "/olga",
          "webhook: { timeout: 5s }",
          [peer] { return marks_in(peer->requests(), "\"possible_duplicate\":true"); },
          {},
          {{"SSL_CERT_FILE", certificates() / "ca.pem"}}};
}

// It lists what it has, one message a line, as long as the topic is the same.
Door ntfy_door(const std::filesystem::path& /*folder*/) {
  const auto listed = std::make_shared<std::string>();  // of the peer's thread
  const auto peer = std::make_shared<HttpPeer>([listed](const PeerRequest& request) {
    if (request.method == "GET") return json_answer(200, *listed);
    json::object message = parse_object(request.body);
    message["id"] = "hwQ2YpKdmg";
    message["event"] = "message";
    const std::string line = json::serialize(message);
    *listed += line + "\n";
    return json_answer(200, line);
  });
  return {"push", "olgas-pager", fmt::format("ntfy: {{ url: \"{}\" }}", at_home(peer->url())), [peer] {
            return marks_in(peer->requests(), marked);
          }};
}

// It posts once what comes again under its pending_post_id, as the real one does.
Door mattermost_door(const std::filesystem::path& folder) {
  support::write_file(folder / "mm.token", "tulip\n");
  struct Posts {
    std::mutex mutex;
    std::map<std::string, std::string> answers;  // by pending_post_id
    std::vector<bool> marks;
  };
  const auto posts = std::make_shared<Posts>();
  const auto peer = std::make_shared<HttpPeer>([posts](const PeerRequest& request) {
    const auto id = [](char letter) { return std::string(26, letter); };
    const auto named = [](const std::string& name) { return fmt::format(R"({{"id":"{}"}})", name); };
    if (request.target.ends_with("/users/me")) return json_answer(200, named(id('r')));
    if (request.target.ends_with("/users/username/olga")) return json_answer(200, named(id('o')));
    if (request.target.ends_with("/channels/direct")) return json_answer(201, named(id('d')));
    const std::lock_guard lock{posts->mutex};
    const json::object post = parse_object(request.body);
    std::string& answer = posts->answers[field(post, "pending_post_id")];
    if (answer.empty()) {
      answer = fmt::format(R"({{"id":"{}","channel_id":"{}"}})", id('p'), field(post, "channel_id"));
      posts->marks.push_back(field(post, "message").find(marked) != std::string::npos);
    }
    return json_answer(201, answer);
  });
  return {"chat",
          "@olga",
          fmt::format("mattermost: {{ url: \"{}\", bot_token_file: mm.token }}", at_home(peer->url())),
          [peer, posts] {
            const std::lock_guard lock{posts->mutex};
            return posts->marks;
          }};
}

Door slack_door(const std::filesystem::path& folder) {
  support::write_file(folder / "slack.token", std::string(support::Slack::token) + "\n");
  support::write_file(folder / "slack.sign", std::string(support::Slack::secret) + "\n");
  const auto slack = std::make_shared<support::Slack>();
  slack->add_user("U02OLGA");
  return {"slack",
          "U02OLGA",
          fmt::format("slack: {{ bot_token_file: slack.token, signing_secret_file: slack.sign, api: \"{}\" }}",
                      at_home(slack->url())),
          [slack] {
            std::vector<bool> marks;
            for (const support::SlackPost& post : slack->posts())
              marks.push_back(post.all().find(marked) != std::string::npos);
            return marks;
          }};
}

Door twilio_door(const std::filesystem::path& folder, std::string by) {
  support::write_file(folder / "twilio.token", std::string(support::Twilio::token) + "\n");
  const auto twilio = std::make_shared<support::Twilio>();
  return {
      std::move(by),
      "+16045550101",
      fmt::format("twilio: {{ account_sid: {}, auth_token_file: twilio.token, from: \"+16045550100\", api: \"{}\" }}",
                  support::Twilio::account,
                  at_home(twilio->url())),
      [twilio] {
        std::vector<bool> marks;
        for (const support::TwilioItem& item : twilio->items())
          marks.push_back(item.field("Body").find(marked) != std::string::npos);
        return marks;
      },
      "public_url: \"https://rouse.example.org\""};
}

Door mail_door(const std::filesystem::path& /*folder*/) {
  const auto drop = std::make_shared<support::MailDrop>();
  return {"email",
          "olga@example.org",
          fmt::format("smtp: {{ url: \"{}\", from: rouse@example.org, tls: opportunistic, timeout: 5s }}",
                      at_home(drop->url())),
          [drop] {
            std::vector<bool> marks;
            for (const std::string& mail : drop->mails()) marks.push_back(mail.find(marked) != std::string::npos);
            return marks;
          }};
}

// exim4 is one for all lives, each of which has an address of its own.
const support::MailServer& mail_server() {
  static const support::MailServer server;
  return server;
}

// The first time from the thread that lives longest: its processes end with the thread that started them.
std::string missing_mail_server() {
  return mail_server().why_not();
}

// By STARTTLS, with a password.
Door mail_by_tls_door(const std::filesystem::path& /*folder*/) {
  static std::atomic<int> lives{0};
  const std::string address = fmt::format("olga+{}@example.org", ++lives);
  return {"email",
          address,
          fmt::format("smtp: {{ url: \"{}\", from: rouse@example.org, username: rouse, password_file: \"{}\", "
                      "ca_file: \"{}\", timeout: 5s }}",
                      mail_server().smtp_url(),
                      mail_server().password_file(),
                      mail_server().ca_file()),
          [address] {
            std::vector<bool> marks;
            for (const std::string& mail : mail_server().mails_to(address)) {
              if (mail.find("with esmtpsa") == std::string::npos)
                throw std::runtime_error("it came without STARTTLS or a password: " + mail);
              marks.push_back(mail.find(marked) != std::string::npos);
            }
            std::sort(marks.begin(), marks.end());  // of two in one second the first is the one that is not marked
            return marks;
          }};
}

// A program that says with EX_TEMPFAIL that it was given nothing.
Door command_door(const std::filesystem::path& folder) {
  const std::filesystem::path pages = folder / "pages";
  std::filesystem::create_directory(pages);
  support::write_file(folder / "page.sh",
                      fmt::format("page=$(cat)\n"
                                  "test -n \"$page\" || exit 75\n"
                                  "file=$(mktemp {0}/page-XXXXXX) && printf %s \"$page\" >\"$file\" && mv \"$file\" "
                                  "\"$file.whole\" && echo sent\n",
                                  pages.string()));
  return {
      "pager",
      "olga",
      fmt::format("command: {{ run: [ /bin/sh, \"{}\" ], timeout: 5s }}", (folder / "page.sh").string()),
      [pages] {
        std::vector<bool> marks;
        for (const auto& entry : std::filesystem::directory_iterator(pages)) {
          if (entry.path().extension() != ".whole") continue;
          marks.push_back(support::read_file(entry.path()).find("\"possible_duplicate\":true") != std::string::npos);
        }
        std::sort(marks.begin(), marks.end());  // the first one is the one that is not marked
        return marks;
      }};
}

// It rings for ever; each call is one, and says nothing before somebody picks it up.
Door sip_door(const std::filesystem::path& /*folder*/) {
  const auto exchange = std::make_shared<support::StubbornExchange>("180 Ringing");
  const std::string address = exchange->address();
  return {"voice",
          address,
          fmt::format("sip: {{ account: \"sip:rouse@{}\", interface: 127.0.0.1, ring_for: 30s }}",
                      address.substr(address.find('@') + 1)),
          [exchange] { return std::vector<bool>(exchange->calls(), false); }};
}

struct Channel {
  std::string_view name;
  WayOut way;
  std::function<Door(const std::filesystem::path&)> open;
  std::string (*missing)() = nullptr;  // why it cannot be had on this machine; "" = it can
};

const std::vector<Channel> all_channels{
    {"webhook", WayOut::network, webhook_door},
    {"webhook by TLS", WayOut::network, webhook_by_tls_door},
    {"ntfy", WayOut::network, ntfy_door},
    {"mattermost", WayOut::network, mattermost_door},
    {"slack", WayOut::network, slack_door},
    {"text by Twilio", WayOut::network, [](const auto& folder) { return twilio_door(folder, "sms"); }},
    {"call by Twilio", WayOut::network, [](const auto& folder) { return twilio_door(folder, "voice"); }},
    {"mail", WayOut::network, mail_door},
    {"mail by STARTTLS", WayOut::network, mail_by_tls_door, missing_mail_server},
    {"command", WayOut::programs, command_door},
    {"call by SIP", WayOut::programs, sip_door, support::Telephone::missing},
};

// What the incident says of olga's page, and of sam's.
struct Trail {
  bool is_accepted{};
  bool is_failed{};      // for a reason
  bool is_unanswered{};  // for a reason
  bool is_second_step{};
  bool has_sam_it{};
};

Trail trail_of(const json::object& incident) {
  Trail trail;
  const json::value* const timeline = incident.if_contains("timeline");
  if (timeline == nullptr || !timeline->is_array()) return trail;
  for (const json::value& one : timeline->get_array()) {
    const json::object& entry = one.as_object();
    const std::string kind = field(entry, "kind");
    const std::string rule = field(entry, "rule");
    const bool has_reason = !field(entry, "saw").empty();
    const bool is_olgas = rule.starts_with("olga by ");
    trail.is_accepted = trail.is_accepted || (is_olgas && kind == "page_accepted");
    trail.is_failed = trail.is_failed || (is_olgas && has_reason && kind == "page_failed");
    trail.is_unanswered = trail.is_unanswered || (is_olgas && has_reason && kind == "page_unanswered");
    trail.is_second_step = trail.is_second_step || (rule == "sam" && kind == "step_entered");
    trail.has_sam_it = trail.has_sam_it || (rule.starts_with("sam by ") && kind == "page_accepted");
  }
  return trail;
}

struct Verdict {
  std::uint64_t operations{};
  std::string_view failed;  // the operation that failed first; "" = none did
  bool is_sent{};
  bool has_moved{};
  std::size_t again{};  // pages behind the first, marked
  std::string wrong;    // "" = nothing
};

// One life of a page. sam is called by a way out that nothing happens to.
class Run {
 public:
  Run(const Channel& channel, Luck luck)
      : channel_{channel},
        luck_{luck},
        bad_luck_{folder_ / "store"},
        door_{channel.open(folder_.path())},
        roused_{{.configuration = folder_ / "rouse.yml", .store = folder_ / "store"}} {
    std::filesystem::create_directory(folder_ / "run");
    bad_luck_.call_home(home);
    support::write_file(folder_ / "rouse.yml", configuration());
    roused_.setting().environment = bad_luck_.environment();
    for (const auto& one : door_.environment) roused_.setting().environment.push_back(one);
    roused_.setting().environment.emplace_back("RUNTIME_DIRECTORY", (folder_ / "run").string());
  }

  Verdict live() {
    roused_.start();
    bad_luck_->fail_at.store(luck_.at);
    bad_luck_->fails_from_there_on.store(luck_.from_there_on);
    bad_luck_->way_out.store(channel_.way);
    const support::Answer answer =
        roused_.post(webhook_path, webhook_of({{"alertname", "ApiDown"}, {"service", "checkout"}}));
    if (answer.status != 200) return wrong("the alert was not taken: " + answer.body);
    wait_for_an_end();
    return judge();
  }

 private:
  [[nodiscard]] std::string configuration() const {
    constexpr std::string_view text = R"(rouse: 1
server: { outbound_private: [ <HOME> ]<MORE> }
people:
  olga: { name: Olga, timezone: UTC, contact: { <BY>: "<ADDRESS>" }, notify: { high: [ { by: <BY> } ] } }
  sam: { name: Sam, timezone: UTC, contact: { <SPARED>: "<TO_SAM>" }, notify: { high: [ { by: <SPARED> } ] } }
call_trees:
  outage: { ack_timeout: 0s, steps: [ { call: olga, wait: <WAIT> }, { call: sam, wait: 1h } ] }
route: { call_tree: outage }
channels:
  <BY>: [ { <PROVIDER> } ]
  <SPARED>: [ { <TAKES> } ]
)";
    const bool is_network = channel_.way == WayOut::network;
    std::string whole{text};
    for (const auto& [word, value] : std::vector<std::pair<std::string_view, std::string>>{
             {"<HOME>", std::string{home}},
             {"<MORE>", door_.server.empty() ? "" : ", " + door_.server},
             {"<SPARED>", is_network ? "modem" : "webhook"},
             {"<TO_SAM>", is_network ? "sam" : sink_.url() + "/sam"},
             {"<TAKES>",
              is_network ? fmt::format("command: {{ run: [ /bin/sh, -c, \"cat >'{}'\" ] }}", sams_file().string())
                         : std::string{"webhook: {}"}},
             {"<WAIT>", std::string{step_wait}},
             {"<PROVIDER>", door_.provider},
             {"<BY>", door_.by},
             {"<ADDRESS>", door_.address}})
      whole = support::replaced(std::move(whole), word, value);
    return whole;
  }
  [[nodiscard]] std::string_view failed() const {
    if (bad_luck_->failed_operations.load() == 0) return {};
    return support::operation_names[static_cast<std::size_t>(bad_luck_->first_failed.load())];
  }
  [[nodiscard]] std::filesystem::path sams_file() const { return folder_ / "sams-page"; }
  [[nodiscard]] bool is_sam_reached() const {
    if (channel_.way == WayOut::programs) return !sink_.pages().empty();
    std::error_code error;
    return std::filesystem::file_size(sams_file(), error) > 0 && !error;
  }

  // Until the trail says that olga's page was taken or that sam's was; the daemon's own end is one, too.
  void wait_for_an_end() {
    const Clock::time_point until = Clock::now() + longest_run;
    while (Clock::now() < until && !roused_.process().wait(milliseconds{200})) {
      incident_ = look_at(roused_.url() + "/v1/incidents/R-1").body;
      trail_ = trail_of(parse_object(incident_));
      if (trail_.is_accepted || trail_.has_sam_it) return;
    }
  }

  Verdict judge() {
    Verdict verdict;
    verdict.operations = bad_luck_->operations.load();
    verdict.failed = failed();
    if (!roused_.process().is_alive()) return wrong("the daemon has ended");
    for (const std::string_view path : {"/-/healthy", "/metrics"})
      if (const support::Answer answer = look_at(roused_.url() + std::string{path}); answer.status != 200)
        return wrong(fmt::format("{} answers {}", path, answer.status));
    if (const int code = roused_.stop(); code != 0) return wrong(fmt::format("its end was {}", code));
    const std::vector<bool> pages = door_.pages();
    const bool has_arrived = !pages.empty();
    verdict.is_sent = has_arrived && trail_.is_accepted;
    verdict.has_moved =
        is_sam_reached() && trail_.has_sam_it && trail_.is_second_step && (trail_.is_failed || trail_.is_unanswered);
    if (!verdict.is_sent && !verdict.has_moved) return wrong("the page was not sent, and the climb has not moved");
    if (trail_.is_accepted && !has_arrived) return wrong("the trail says that the page was accepted, and it was not");
    if (has_arrived && !trail_.is_accepted && !trail_.is_unanswered)
      return wrong("the page was sent, and the trail says that it was not");
    for (std::size_t number = 1; number < pages.size(); ++number)
      if (!pages[number]) return wrong("the page was sent again without a mark");
    verdict.again = has_arrived ? pages.size() - 1 : 0;
    return verdict;
  }

  Verdict wrong(const std::string& what) {
    Verdict verdict;
    verdict.failed = failed();
    verdict.wrong = fmt::format("{}, operation {} of {} failed{} ({}): {}\npages that came: {}\n{}\n{}\n",
                                channel_.name,
                                luck_.at,
                                bad_luck_->operations.load(),
                                luck_.from_there_on ? " and all behind it" : "",
                                failed(),
                                what,
                                door_.pages().size(),
                                incident_,
                                roused_.output());
    return verdict;
  }

  const Channel& channel_;
  const Luck luck_;
  support::TemporaryFolder folder_;
  support::BadLuck bad_luck_;
  Door door_;
  support::Sink sink_;
  support::Roused roused_;
  std::string incident_;
  Trail trail_;
};

struct Life {
  const Channel* channel{};
  Luck luck;
  Verdict verdict{};
};

Verdict live(const Life& life) {
  try {
    return Run{*life.channel, life.luck}.live();
  } catch (const std::exception& error) {
    Verdict verdict;
    verdict.wrong = fmt::format("{}, operation {}: {}", life.channel->name, life.luck.at, error.what());
    return verdict;
  }
}

// All channels with what takes longest first.
std::vector<Life> sweep_of(const std::vector<Life>& without) {
  std::vector<Life> lives;
  for (const bool from_there_on : {true, false})
    for (const Life& life : without)
      for (const Luck& luck : lucks_of(life.verdict.operations))
        if (luck.from_there_on == from_there_on) lives.push_back({life.channel, luck});
  return lives;
}

std::string told(const Life& life) {
  const Verdict& verdict = life.verdict;
  return fmt::format("{}, operation {}{}: {}, {}{}\n",
                     life.channel->name,
                     life.luck.at,
                     life.luck.from_there_on ? " and all behind it" : "",
                     verdict.failed.empty() ? "did not come" : verdict.failed,
                     !verdict.wrong.empty() ? "WRONG"
                     : verdict.is_sent      ? "sent"
                                            : "moved",
                     verdict.again > 0 ? fmt::format(", {} more, marked", verdict.again) : "");
}

void write_down(const Life& without, const std::vector<Life>& lives) {
  std::size_t faults = 0;
  std::size_t sent = 0;
  std::size_t moved = 0;
  std::size_t again = 0;
  for (const Life& life : lives) {
    if (life.channel != without.channel) continue;
    faults += life.verdict.failed.empty() ? 0U : 1U;
    sent += life.verdict.is_sent ? 1U : 0U;
    moved += life.verdict.is_sent ? 0U : 1U;
    again += life.verdict.again;
  }
  const auto figure = [&without](std::string_view what, std::uint64_t value) {
    support::figure("sweep", fmt::format("{}: {}", without.channel->name, what), value);
  };
  figure("operations of a page", without.verdict.operations);
  figure("of these failed, once or for good", faults);
  figure("the page was sent", sent);
  figure("the climb moved", moved);
  figure("pages that came again, marked", again);
}

void sweep(WayOut way) {
  std::vector<Life> without;
  for (const Channel& channel : all_channels) {
    if (channel.way != way) continue;
    const std::string why = channel.missing == nullptr ? "" : channel.missing();
    if (why.empty())
      without.push_back({&channel, {}});
    else
      std::cout << channel.name << " is left out: " << why << '\n';
  }
  live_all(without, at_a_time, live);
  for (const Life& life : without) {
    ASSERT_EQ(life.verdict.wrong, "");
    ASSERT_TRUE(life.verdict.is_sent) << "without a fault it is sent";
    ASSERT_GT(life.verdict.operations, 0U) << life.channel->name;
  }

  std::vector<Life> lives = sweep_of(without);
  live_all(lives, at_a_time, live);
  std::size_t faults = 0;
  for (const Life& life : lives) {
    std::cout << told(life);
    EXPECT_EQ(life.verdict.wrong, "");
    faults += life.verdict.failed.empty() ? 0U : 1U;
  }
  // What a provider or a program says may come in fewer pieces than it did the first time, so the last may be missing.
  EXPECT_GE(faults * 10, lives.size() * 9) << "few of the faults came";
  for (const Life& life : without) write_down(life, lives);
}

TEST(FaultSweep, WhicheverOperationOnTheNetworkFailsThePageIsSentOrTheClimbMovesAndTheTrailSaysWhich) {
  sweep(WayOut::network);
}

TEST(FaultSweep, WhicheverOperationWithAProgramFailsThePageIsSentOrTheClimbMovesAndTheTrailSaysWhich) {
  sweep(WayOut::programs);
}

}  // namespace
}  // namespace live
