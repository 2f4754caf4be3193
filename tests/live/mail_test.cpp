// The daemon and real mail servers, Debian's exim4 and dovecot: what is mailed, what a link and a reply do, what does
// nothing, and where the climb goes when mail does not.
#include <algorithm>
#include <chrono>
#include <string>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "daemon/net/client.hpp"
#include "tests/live/eventually.hpp"
#include "tests/live/live.hpp"
#include "tests/support/black_hole.hpp"
#include "tests/support/mail_server.hpp"

namespace live {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

constexpr std::string_view access_section = R"(server: { public_url: "https://rouse.example.org" }
access:
  senders: [ { name: prod, token_file: am.token } ]
  users: [ { name: bot, role: admin, token_file: bot.token } ]
)";

// olga first, then omar, both by mail; what `more` says besides.
constexpr std::string_view configuration = R"(rouse: 1
people:
  olga: { name: Olga Diaz, timezone: UTC, contact: { email: olga@example.org } }
  omar: { name: Omar, timezone: UTC, contact: { email: omar@example.org } }
  sam:
    name: Sam
    timezone: UTC
    contact: { email: ADDRESS, webhook: "SINK/sam" }
    notify: { high: [ { by: email }, { by: webhook, after: 1h } ] }
call_trees:
  outage: { ack_timeout: 0s, steps: [ { call: FIRST, wait: 1h } ] }
route: { call_tree: outage, group_by: [ alertname, service ] }
channels:
  email:
    - smtp:
        url: "SMTP"
        from: rouse@example.org
        username: rouse
        password_file: smtp.pw
        ca_file: "CA"
        timeout: 3s
        REPLIES
  webhook: [ { webhook: {} } ]
)";

constexpr std::string_view replies_section =
    R"(replies: { url: "IMAP", username: rouse, password_file: smtp.pw, ca_file: "CA", every: 1s })";

struct MailPlan {
  std::string first = "[ olga, omar ]";
  std::string sams_address = "sam@example.org";
  bool has_access = false;
  bool hears_replies = true;
  std::string smtp_url{};  // "" = exim's
  std::string ca_file{};   // "" = that of its certificate
  std::string more{};
};

std::string header_of(const std::string& mail, std::string_view name) {
  const std::size_t end_of_heads = mail.find("\r\n\r\n");
  const std::size_t begin = mail.find(fmt::format("\n{}: ", name));
  if (begin == std::string::npos || begin > end_of_heads) return {};
  std::string value = mail.substr(begin + name.size() + 3, mail.find("\r\n", begin + 1) - begin - name.size() - 3);
  // What is folded goes on after a blank.
  for (std::size_t at = mail.find("\r\n", begin + 1); mail[at + 2] == ' ' || mail[at + 2] == '\t';) {
    const std::size_t next = mail.find("\r\n", at + 2);
    value += mail.substr(at + 2, next - at - 2);
    at = next;
  }
  const std::size_t first = value.find_first_not_of(" \t");
  return first == std::string::npos ? "" : value.substr(first);
}

// As quoted-printable has it, which breaks lines by "=\r\n".
std::string unfolded(const std::string& mail) {
  return support::replaced(support::replaced(mail, "=\r\n", ""), "=3D", "=");
}

class MailHouse {
 public:
  explicit MailHouse(const MailPlan& plan = {})
      : roused{{.configuration = folder / "rouse.yml", .store = folder / "store"}} {
    if (!peers.why_not().empty()) return;
    support::write_file(folder / "smtp.pw", "secret\n");
    support::write_file(folder / "bot.token", "tulip-for-bots\n");
    support::write_file(folder / "am.token", "tulip-for-senders\n");
    write(plan);
    roused.start();
  }

  void write(const MailPlan& plan) {
    std::string text =
        plan.has_access ? std::string(configuration) + std::string(access_section) : std::string(configuration);
    text = support::replaced(text, "REPLIES", plan.hears_replies ? std::string(replies_section) : "");
    text = support::replaced(text, "SMTP", plan.smtp_url.empty() ? peers.smtp_url() : plan.smtp_url);
    text = support::replaced(text, "IMAP", peers.imap_url());
    text = support::replaced(text, "\"CA\"", plan.ca_file.empty() ? peers.ca_file() : plan.ca_file);
    text = support::replaced(text, "SINK", sink.url());
    text = support::replaced(text, "FIRST", plan.first);
    text = support::replaced(text, "ADDRESS", plan.sams_address);
    support::write_file(folder / "rouse.yml", text + plan.more);
  }

  support::Answer call(std::string method, const std::string& path, std::string body = {}) const {
    net::ClientRequest request;
    request.method = std::move(method);
    request.url = roused.url() + path;
    request.timeout = support::patience;
    request.headers.add("Authorization", path == webhook_path ? "Bearer tulip-for-senders" : "Bearer tulip-for-bots");
    if (!body.empty()) request.headers.add("Content-Type", "application/json");
    request.body = std::move(body);
    const auto result = net::http_call(std::move(request));
    if (!result) return {0, result.error()};
    return {result->status, result->body};
  }
  void report(std::string_view status = "firing", const std::string& name = "ApiDown") const {
    const support::Answer answer =
        call("POST",
             std::string(webhook_path),
             webhook_of({{"alertname", name}, {"service", "checkout"}, {"severity", "critical"}}, status));
    ASSERT_EQ(answer.status, 200U) << answer.body << roused.output();
  }
  void verb(std::string_view verb, const std::string& body) const {
    const support::Answer answer = call("POST", fmt::format("/v1/incidents/R-1/{}", verb), body);
    ASSERT_EQ(answer.status, 200U) << answer.body;
  }
  std::string state(const std::string& id = "R-1") const {
    return field(parse_object(call("GET", "/v1/incidents/" + id).body), "state");
  }
  bool becomes(std::string_view wanted) const {
    return eventually([&] { return state() == wanted; });
  }
  // The mails of somebody when there are so many.
  std::vector<std::string> mails(std::string_view whose, std::size_t count) const {
    std::vector<std::string> all = peers.wait_for_mails(whose, count);
    EXPECT_EQ(all.size(), count) << whose << "\n" << peers.output() << roused.output();
    all.resize(count);
    return all;
  }
  // Somebody's mail program answers that mail.
  void answer(const std::string& from,
              const std::string& mail,
              const std::string& line,
              const std::string& heads = {}) {
    static int number = 0;
    const std::string text = fmt::format(
        "From: {0}\nTo: rouse@example.org\nSubject: Re: {1}\nMessage-ID: <r{2}@phone>\nIn-Reply-To: {3}\n"
        "References: {4} {3}\n{5}\n{6}\n\nOn Monday rouse wrote:\n> page\n",
        from,
        header_of(mail, "Subject"),
        ++number,
        header_of(mail, "Message-Id"),
        header_of(mail, "References"),
        heads,
        line);
    ASSERT_TRUE(peers.send(from, "rouse@example.org", text)) << peers.output();
  }

  support::TemporaryFolder folder;
  support::Sink sink;
  support::MailServer peers;
  support::Roused roused;
};

#define NEEDS_MAIL(house) \
  if (!(house).peers.why_not().empty()) GTEST_SKIP() << (house).peers.why_not()

TEST(MailLive, AnIncidentIsOneThreadFromItsPageToItsEnd) {
  MailHouse house;
  NEEDS_MAIL(house);
  house.report();
  const std::string page = house.mails("olga", 1).front();
  EXPECT_THAT(page, HasSubstr("multipart/alternative"));
  EXPECT_THAT(page, HasSubstr("with esmtpsa")) << "STARTTLS and a password";
  EXPECT_THAT(page, HasSubstr("Reply 1a ack"));
  EXPECT_THAT(page, Not(HasSubstr("/v1/links/"))) << "without `access` links are not served, so there are none";
  house.verb("ack", R"({"by": "omar"})");
  const std::string news = house.mails("olga", 2).back();
  house.report("resolved");
  const std::string end = house.mails("olga", 3).back();
  for (const std::string* const later : {&news, &end}) {
    EXPECT_EQ(header_of(*later, "References"), header_of(page, "References"));
    EXPECT_EQ(header_of(*later, "In-Reply-To"), header_of(page, "In-Reply-To"));
    EXPECT_EQ(header_of(*later, "Subject"), header_of(page, "Subject"));
    EXPECT_NE(header_of(*later, "Message-Id"), header_of(page, "Message-Id"));
  }
  EXPECT_EQ(header_of(page, "Subject"), "[R-1] ApiDown");
  EXPECT_NE(header_of(page, "References"), "");
  EXPECT_THAT(news, HasSubstr("acknowledged by omar"));
  EXPECT_THAT(end, HasSubstr("has ended"));
  EXPECT_EQ(house.mails("omar", 2).size(), 2U) << "whoever acted is not told of it";
  EXPECT_EQ(house.roused.stop(), 0);
}

TEST(MailLive, CheckOnlineLogsInAndMailsNobody) {
  MailHouse house;
  NEEDS_MAIL(house);
  const auto check = [&house] {
    return support::run(
        {.arguments = {support::rousectl_program(), "check", "--online", (house.folder / "rouse.yml").string()},
         .environment = {{"ROUSE_URL", house.roused.url()}}});
  };
  const support::Finished well = check();
  EXPECT_THAT(well.output, HasSubstr("email 1 (smtp): ok, "));
  EXPECT_THAT(well.output, HasSubstr("the mailbox of replies, too"));
  support::write_file(house.folder / "smtp.pw", "tulip\n");
  const support::Finished refused = check();
  EXPECT_EQ(refused.code, 1) << refused.output;
  EXPECT_THAT(refused.output, HasSubstr("email 1 (smtp): FAILED: the server does not take the user name and password"));
  EXPECT_THAT(refused.output, Not(HasSubstr("tulip")));
  house.peers.stop_smtp();
  EXPECT_THAT(check().output, HasSubstr("email 1 (smtp): FAILED: "));
  EXPECT_TRUE(house.peers.mails_of("olga").empty());
}

TEST(MailLive, AReplyAcknowledgesAndIsAnsweredInItsThread) {
  MailHouse house;
  NEEDS_MAIL(house);
  house.report();
  const std::string page = house.mails("olga", 1).front();
  house.answer("olga@example.org", page, "1a");
  EXPECT_TRUE(house.becomes("acknowledged")) << house.roused.output();
  const std::string answer = house.mails("olga", 2).back();
  EXPECT_THAT(answer, HasSubstr("acknowledged, you have it"));
  EXPECT_THAT(header_of(answer, "References"), HasSubstr(header_of(page, "Message-Id")));
  EXPECT_EQ(header_of(answer, "Auto-Submitted"), "auto-replied");
  EXPECT_EQ(house.roused.stop(), 0);
}

TEST(MailLive, AWrongReplyGetsTheGrammarAndStrangersProgramsAndBouncesGetNothing) {
  MailHouse house;
  NEEDS_MAIL(house);
  house.report();
  const std::string page = house.mails("olga", 1).front();
  house.answer("everyone@example.org", page, "1c");                                // whoever saw it
  house.answer("olga@example.org", page, "1c", "Auto-Submitted: auto-replied\n");  // out of office
  ASSERT_TRUE(house.peers.send("olga@example.org",
                               "rouse@example.org",
                               "From: olga@example.org\nSubject: hello\nMessage-ID: <x@phone>\n\nclose R-1\n"))
      << "what answers none of our mails proves nobody";
  (void)house.mails("rouse", 3);
  house.answer("olga@example.org", page, "please do something");
  const std::string answer = house.mails("olga", 2).back();
  EXPECT_THAT(answer, HasSubstr("Not understood. Write 1a"));
  EXPECT_EQ(house.state(), "triggered");
  EXPECT_TRUE(house.peers.mails_of("everyone").empty());
  // It came last, so the others have been read.
  EXPECT_EQ(house.peers.mails_of("olga").size(), 2U);
  EXPECT_EQ(house.roused.stop(), 0);
}

TEST(MailLive, AReplyThatCameWhileTheDaemonWasAwayCountsWhenItIsBack) {
  MailHouse house;
  NEEDS_MAIL(house);
  house.report();
  const std::string page = house.mails("olga", 1).front();
  house.roused.kill_hard();
  house.answer("olga@example.org", page, "ack");
  house.roused.start();
  EXPECT_TRUE(house.becomes("acknowledged")) << house.roused.output();
  EXPECT_EQ(house.roused.stop(), 0);
}

TEST(MailLive, ARecipientWhoIsRefusedAndOneWhoseMailComesBackAreCalledByTheirNextRuleAtOnce) {
  for (const std::string address : {"nobody@example.org", "gone@example.org"}) {
    SCOPED_TRACE(address);
    MailHouse house{{.first = "sam", .sams_address = address}};
    NEEDS_MAIL(house);
    house.report();
    EXPECT_TRUE(house.sink.wait_for_page("R-1", support::patience)) << house.roused.output() << house.peers.output();
    EXPECT_EQ(house.roused.stop(), 0);
  }
}

TEST(MailLive, ACertificateThatIsNotBelievedGetsNothingAndTheNextRuleRunsAtOnce) {
  MailHouse house{{.first = "sam",
                   .sams_address = "olga@example.org",
                   .hears_replies = false,
                   .ca_file = "/etc/ssl/certs/ca-certificates.crt"}};
  NEEDS_MAIL(house);
  house.report();
  EXPECT_TRUE(house.sink.wait_for_page("R-1", support::patience)) << house.roused.output();
  EXPECT_TRUE(house.peers.mails_of("olga").empty());
  EXPECT_THAT(house.call("GET", "/v1/incidents/R-1").body, HasSubstr("certificate"));
  EXPECT_EQ(house.roused.stop(), 0);
}

TEST(MailLive, AServerThatIsDownAndOneThatHangsMoveTheClimbWithinTheirTime) {
  const support::BlackHole hole;
  MailHouse down{{.first = "sam", .hears_replies = false, .smtp_url = "smtp://127.0.0.1:1"}};
  NEEDS_MAIL(down);
  MailHouse hangs{{.first = "sam", .hears_replies = false, .smtp_url = support::replaced(hole.url(), "http", "smtp")}};
  down.report();
  hangs.report();
  const auto began = std::chrono::steady_clock::now();
  EXPECT_TRUE(down.sink.wait_for_page("R-1", support::patience)) << down.roused.output();
  EXPECT_TRUE(hangs.sink.wait_for_page("R-1", support::patience)) << hangs.roused.output();
  EXPECT_LE(std::chrono::steady_clock::now() - began, std::chrono::seconds{19}) << "15 s of tries";
  // What hangs does not keep the daemon from stopping.
  hangs.report("firing", "DiskFull");
  EXPECT_EQ(hangs.roused.stop(), 0);
  EXPECT_EQ(down.roused.stop(), 0);
}

TEST(MailLive, AReloadChangesTheServer) {
  MailPlan plan{.hears_replies = false, .smtp_url = "smtp://127.0.0.1:1"};
  MailHouse house{plan};
  NEEDS_MAIL(house);
  plan.smtp_url.clear();
  house.write(plan);
  ASSERT_EQ(house.call("POST", "/-/reload").status, 200U);
  house.report();
  const std::string page = house.mails("olga", 1).front();
  EXPECT_THAT(unfolded(page), HasSubstr("To acknowledge: rousectl ack R-1"));
  EXPECT_THAT(page, Not(HasSubstr("Reply 1a"))) << "nobody reads replies";
  EXPECT_EQ(house.roused.stop(), 0);
}

TEST(MailLive, OutagesAndUpdatesGoToTheCompanyAndToWhoAskedUntilItIsOver) {
  MailHouse house{{.first = "olga", .more = "publish: [ { email: { to: everyone@example.org } } ]\n"}};
  NEEDS_MAIL(house);
  house.report();
  EXPECT_THAT(house.mails("everyone", 1).back(), HasSubstr("Outage, R-1: ApiDown"));
  house.verb("follow", R"({"by": "omar"})");
  house.verb("update", R"({"by": "olga", "text": "the database is back, the rest follows"})");
  const std::vector<std::string> told = house.mails("everyone", 2);
  EXPECT_THAT(unfolded(told.back()), HasSubstr("the database is back, the rest follows"));
  EXPECT_EQ(header_of(told.front(), "References"), header_of(told.back(), "References"));
  EXPECT_THAT(unfolded(house.mails("omar", 1).back()), HasSubstr("the database is back"));
  house.verb("update", R"({"by": "omar", "text": "nearly there"})");
  (void)house.mails("everyone", 3);
  house.report("resolved");
  EXPECT_THAT(house.mails("everyone", 4).back(), HasSubstr("has ended"));
  EXPECT_THAT(house.mails("omar", 2).back(), HasSubstr("has ended"));
  for (const std::string& mail : house.peers.mails_of("omar")) EXPECT_THAT(mail, Not(HasSubstr("nearly there")));
  const std::string feed = house.call("GET", "/v1/outages.atom").body;
  EXPECT_THAT(feed, HasSubstr("the database is back")) << "what is over stays in the feed";
  EXPECT_THAT(feed, HasSubstr("Over: "));
  EXPECT_EQ(house.roused.stop(), 0);
}

// ---- links ----

std::string link_in(const std::string& mail, std::string_view action) {
  const std::string text = unfolded(mail);
  const std::string begin = fmt::format("https://rouse.example.org/v1/links/{}.", action);
  const std::size_t at = text.find(begin);
  if (at == std::string::npos) return {};
  const std::size_t end = text.find_first_of(" \r\n\"<", at);
  return text.substr(at + std::string_view("https://rouse.example.org").size(),
                     end - at - std::string_view("https://rouse.example.org").size());
}

TEST(MailLive, ALinkAsksBeforeItActsAndItsButtonAcknowledges) {
  MailHouse house{{.has_access = true, .hears_replies = false}};
  NEEDS_MAIL(house);
  house.report();
  const std::string page = house.mails("olga", 1).front();
  EXPECT_THAT(page, Not(HasSubstr("Reply 1a"))) << "nobody reads replies";
  const std::string link = link_in(page, "ack");
  ASSERT_NE(link, "") << page;
  for (int scanner = 0; scanner < 3; ++scanner) {
    const support::Answer shown = support::get(house.roused.url() + link);
    EXPECT_EQ(shown.status, 200U);
    EXPECT_THAT(shown.body, HasSubstr("<button type=\"submit\">Acknowledge R-1</button>"));
    EXPECT_THAT(shown.body, HasSubstr("You do this as Olga Diaz."));
  }
  EXPECT_EQ(house.state(), "triggered");
  const std::string form = "application/x-www-form-urlencoded";
  // Any other byte, and it is nobody's link.
  for (std::size_t at = std::string_view("/v1/links/").size(); at < link.size(); ++at) {
    std::string odd = link;
    odd[at] = odd[at] == '1' ? '2' : '1';
    const support::Answer answer = support::post(house.roused.url() + odd, "", support::patience, form);
    ASSERT_EQ(answer.status, 403U) << odd << answer.body;
  }
  EXPECT_EQ(house.state(), "triggered");
  const support::Answer done = support::post(house.roused.url() + link, "", support::patience, form);
  EXPECT_EQ(done.status, 200U) << done.body;
  EXPECT_EQ(house.state(), "acknowledged") << "200 means that it is on the disk";
  EXPECT_THAT(done.body, HasSubstr("you have it"));
  EXPECT_EQ(field(parse_object(house.call("GET", "/v1/incidents/R-1").body), "by"), "olga");
  const std::string closing = link_in(page, "close");
  ASSERT_NE(closing, "");
  EXPECT_EQ(support::post(house.roused.url() + closing, "", support::patience, form).status, 200U);
  EXPECT_EQ(support::post(house.roused.url() + closing, "", support::patience, form).status, 409U);
  EXPECT_EQ(house.state(), "resolved");
  EXPECT_EQ(house.roused.stop(), 0);
}

}  // namespace
}  // namespace live
