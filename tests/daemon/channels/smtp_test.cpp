// The mail provider against Debian's own servers, exim4 and dovecot, and against one that says what the test wants.
#include "daemon/channels/smtp.hpp"

#include <condition_variable>
#include <mutex>
#include <thread>

#include <arpa/inet.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/daemon/channels/support.hpp"
#include "tests/support/mail_server.hpp"

namespace channels {
namespace {

using std::chrono::milliseconds;
using ::testing::HasSubstr;
using ::testing::Not;

constexpr milliseconds patience{20'000};

rules::Send page_to(const std::string& address) {
  rules::Send send = testing::page();
  send.channel = send.contact = "email";
  send.address = address;
  return send;
}

// The test's thread is the loop.
class MailTest : public ::testing::Test {
 protected:
  void wake() {
    const std::lock_guard lock(mutex);
    is_woken = true;
    woken.notify_all();
  }
  template <class Holds>
  bool deliver_until(Holds holds) {
    const auto end = std::chrono::steady_clock::now() + patience;
    while (!holds()) {
      {
        std::unique_lock lock(mutex);
        if (!woken.wait_until(lock, end, [this] { return is_woken; })) return false;
        is_woken = false;
      }
      runner->deliver();
    }
    return true;
  }

  TryResult attempt(
      const SmtpSettings& settings,
      const rules::Send& send,
      milliseconds limit = patience,
      std::function<bool()> may_leave = [] { return true; }) {
    std::optional<TryResult> result;
    {
      // Gone before the answer, as at a reload.
      SmtpProvider provider(*runner, clock, settings);
      provider.attempt(send, limit, std::move(may_leave), [&](TryResult each) {
        EXPECT_FALSE(result) << "answered twice";
        result = std::move(each);
      });
    }
    EXPECT_TRUE(deliver_until([&] { return result.has_value(); }));
    return result.value_or(TryResult{});
  }

  static SmtpSettings settings_of(const std::string& url) {
    SmtpSettings settings;
    settings.server =
        std::make_shared<const channels::MailServer>(channels::MailServer{.url = url, .requires_tls = false});
    settings.from = "rouse@example.org";
    settings.timeout = patience;
    return settings;
  }

  testing::RealClock clock;
  std::mutex mutex;
  std::condition_variable woken;
  bool is_woken = false;
  std::unique_ptr<MailRunner> runner = std::make_unique<MailRunner>(clock, [this] { wake(); });
};

// ---- real servers ----

class MailPeers : public MailTest {
 protected:
  void SetUp() override {
    if (!peers.why_not().empty()) GTEST_SKIP() << peers.why_not();
  }
  [[nodiscard]] SmtpSettings settings(const std::string& password = "secret") const {
    SmtpSettings made = settings_of(peers.smtp_url());
    made.server = std::make_shared<const channels::MailServer>(channels::MailServer{
        .url = peers.smtp_url(), .username = "rouse", .password = password, .ca_file = peers.ca_file()});
    made.public_url = "https://rouse.example.org";
    made.has_links = true;
    made.signer = std::make_shared<const links::Signer>(std::vector<std::string>{std::string(32, 'k')});
    made.replies = SmtpReplies{
        .server = std::make_shared<const channels::MailServer>(channels::MailServer{
            .url = peers.imap_url() + "/INBOX", .username = "rouse", .password = "secret", .ca_file = peers.ca_file()}),
        .every = milliseconds{100}};
    return made;
  }
  support::MailServer peers;
};

TEST_F(MailPeers, TakeAPageAfterStartTlsAndAPasswordAndItIsReadByImap) {
  const TryResult result = attempt(settings(), page_to("olga@example.org"));
  EXPECT_EQ(result.outcome, TryOutcome::accepted) << result.detail << peers.output();
  EXPECT_THAT(result.reference, HasSubstr("@example.org"));
  const std::vector<std::string> mails = peers.wait_for_mails("olga", 1);
  ASSERT_EQ(mails.size(), 1U) << peers.output();
  EXPECT_THAT(mails[0], HasSubstr("multipart/alternative"));
  EXPECT_THAT(mails[0], HasSubstr("In-Reply-To: <incident."));
  EXPECT_THAT(mails[0], HasSubstr("<" + result.reference + ">"));
  EXPECT_THAT(mails[0], HasSubstr("with esmtpsa"));
}

TEST_F(MailPeers, RefuseAWrongPasswordAndItIsSaidWithoutTheWord) {
  const TryResult result = attempt(settings("tulip"), page_to("olga@example.org"));
  EXPECT_EQ(result.outcome, TryOutcome::refused);
  EXPECT_THAT(result.detail, HasSubstr("user name and password"));
  EXPECT_THAT(result.detail, HasSubstr("535"));
  EXPECT_THAT(result.detail, Not(HasSubstr("tulip")));
}

TEST_F(MailPeers, WhoseCertificateIsNotBelievedGetNothing) {
  SmtpSettings without = settings();
  without.server = std::make_shared<const channels::MailServer>(
      channels::MailServer{.url = peers.smtp_url(), .username = "rouse", .password = "secret"});
  const TryResult result = attempt(without, page_to("olga@example.org"));
  EXPECT_EQ(result.outcome, TryOutcome::refused);
  EXPECT_THAT(result.detail, HasSubstr("certificate"));
}

TEST_F(MailPeers, SayNoForGoodToAnUnknownRecipientAndForNowToABusyOne) {
  const TryResult unknown = attempt(settings(), page_to("nobody@example.org"));
  EXPECT_EQ(unknown.outcome, TryOutcome::refused);
  EXPECT_THAT(unknown.detail, HasSubstr("550 no such user"));
  const TryResult busy = attempt(settings(), page_to("busy@example.org"));
  EXPECT_EQ(busy.outcome, TryOutcome::transient);
  EXPECT_THAT(busy.detail, HasSubstr("451 come again later"));
}

TEST_F(MailPeers, ThatAreDownAreTransientAndServeAgainWhenTheyAreUp) {
  peers.stop_smtp();
  EXPECT_EQ(attempt(settings(), page_to("olga@example.org")).outcome, TryOutcome::transient);
  peers.start_smtp();
  EXPECT_EQ(attempt(settings(), page_to("olga@example.org")).outcome, TryOutcome::accepted) << peers.output();
}

TEST_F(MailPeers, GetNothingOfAPageThatIsWithdrawnBeforeItsFirstByte) {
  EXPECT_EQ(attempt(settings(), page_to("olga@example.org"), patience, [] { return false; }).outcome,
            TryOutcome::withdrawn);
  EXPECT_EQ(attempt(settings(), page_to("omar@example.org")).outcome, TryOutcome::accepted);
  EXPECT_EQ(peers.wait_for_mails("omar", 1).size(), 1U);
  EXPECT_TRUE(peers.mails_of("olga").empty());
}

TEST_F(MailPeers, BringARepliesFirstLineToTheEngineAndItsAnswerBackIntoTheThread) {
  std::vector<rules::Event> told;
  std::vector<std::string> complaints;
  SmtpProvider provider(
      *runner,
      clock,
      settings(),
      [&](rules::Event event, const std::function<void(const Told&)>& heard) {
        told.push_back(std::move(event));
        Told said;
        said.is_durable = told.size() > 1;  // the first time the disk does not take it
        said.verdict = rules::Verdict{rules::VerdictCode::done, {}, "R-12 is yours"};
        heard(said);
      },
      [&](std::string_view what, std::string_view why) { complaints.push_back(std::string(what) + std::string(why)); });
  std::optional<TryResult> sent;
  provider.attempt(page_to("olga@example.org"), patience, [] { return true; }, [&](TryResult each) { sent = each; });
  ASSERT_TRUE(deliver_until([&] { return sent.has_value(); }));
  ASSERT_EQ(sent->outcome, TryOutcome::accepted) << sent->detail;
  const std::string heads =
      "To: rouse@example.org\nSubject: Re: page\nMessage-ID: <r1@phone>\nIn-Reply-To: <" + sent->reference + ">\n\n";
  // A stranger who has seen the name, a program, and the person.
  ASSERT_TRUE(peers.send("omar@example.org", "rouse@example.org", "From: omar@example.org\n" + heads + "1c\n"));
  ASSERT_TRUE(peers.send("olga@example.org",
                         "rouse@example.org",
                         "From: olga@example.org\nAuto-Submitted: auto-replied\n" + heads + "1e\n"));
  ASSERT_TRUE(peers.send("olga@example.org",
                         "rouse@example.org",
                         "From: Olga <olga@example.org>\n" + heads + "1a\n\nOn Monday you wrote:\n> page\n"));
  ASSERT_TRUE(deliver_until([&] { return told.size() >= 2; })) << peers.output();
  for (const rules::Event& event : told) {
    const auto& reply = std::get<rules::Replied>(event);
    EXPECT_EQ(reply.text, "1a");
    EXPECT_EQ(reply.address, "olga@example.org");
    EXPECT_EQ(reply.about.value, 7U);
    EXPECT_EQ(reply.id, "r1@phone");
  }
  ASSERT_TRUE(deliver_until([&] { return runner->pending() == 0; }));
  const std::vector<std::string> mails = peers.wait_for_mails("olga", 2);
  ASSERT_EQ(mails.size(), 2U) << peers.output();
  EXPECT_THAT(mails[1], HasSubstr("R-12 is yours"));
  EXPECT_THAT(mails[1], HasSubstr("In-Reply-To: <r1@phone>"));
  EXPECT_TRUE(peers.mails_of("omar").empty());
  EXPECT_THAT(complaints, ::testing::IsEmpty());
}

TEST_F(MailPeers, ReportAMailThatCameBack) {
  std::vector<rules::Event> told;
  SmtpProvider provider(
      *runner, clock, settings(), [&](rules::Event event, const std::function<void(const Told&)>& heard) {
        told.push_back(std::move(event));
        heard(Told{.is_durable = true, .verdict = std::nullopt});
      });
  std::optional<TryResult> sent;
  provider.attempt(page_to("gone@example.org"), patience, [] { return true; }, [&](TryResult each) { sent = each; });
  ASSERT_TRUE(deliver_until([&] { return !told.empty(); })) << peers.output();
  EXPECT_EQ(sent->outcome, TryOutcome::accepted);
  const auto& report = std::get<rules::DeliveryReported>(told.front());
  EXPECT_EQ(report.message.value, 7U);
  EXPECT_EQ(report.key, "0f3c5a7e9b1d");
  EXPECT_EQ(report.delivery, rules::Delivery::failed);
}

TEST_F(MailPeers, WhoseMailboxCannotBeReadAreComplainedAboutOnce) {
  SmtpSettings wrong = settings();
  wrong.replies->server = std::make_shared<const channels::MailServer>(channels::MailServer{
      .url = peers.imap_url() + "/INBOX", .username = "rouse", .password = "tulip", .ca_file = peers.ca_file()});
  std::vector<std::string> complaints;
  SmtpProvider provider(
      *runner,
      clock,
      wrong,
      [](const rules::Event&, const std::function<void(const Told&)>&) {},
      [&](std::string_view what, std::string_view why) {
        complaints.push_back(std::string(what) + ": " + std::string(why));
      });
  ASSERT_TRUE(deliver_until([&] { return !complaints.empty(); }));
  EXPECT_THAT(complaints.front(), HasSubstr("user name and password"));
  EXPECT_THAT(complaints.front(), Not(HasSubstr("tulip")));
}

// ---- one that does what the test wants ----

// Takes connections, one at a time, and answers each command by its first word; "" = it says nothing more and waits
// until the client goes, "cut" = it goes itself.
using Answers = std::map<std::string, std::string>;

class Scripted {
 public:
  explicit Scripted(Answers answers) : answers_(std::move(answers)) {
    listener_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    ::bind(listener_, reinterpret_cast<sockaddr*>(&address), sizeof address);
    ::listen(listener_, 8);
    ::getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &size);
    port_ = ntohs(address.sin_port);
    thread_ = std::thread([this] { serve(); });
  }
  Scripted(const Scripted&) = delete;
  Scripted& operator=(const Scripted&) = delete;
  ~Scripted() {
    ::shutdown(listener_, SHUT_RDWR);
    thread_.join();
    ::close(listener_);
  }
  [[nodiscard]] std::string url() const { return "smtp://127.0.0.1:" + std::to_string(port_); }

 private:
  [[nodiscard]] std::string answer(const std::string& word, const std::string& usual) const {
    const auto found = answers_.find(word);
    return found == answers_.end() ? usual : found->second;
  }
  void serve() {
    for (;;) {
      const int client = ::accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
      if (client < 0) return;
      talk(client);
      ::close(client);
    }
  }
  static bool say(int client, const std::string& line) {
    const std::string whole = line + "\r\n";
    return ::send(client, whole.data(), whole.size(), MSG_NOSIGNAL) > 0;
  }
  static bool hear(int client, std::string& kept, std::string& line) {
    for (;;) {
      if (const std::size_t end = kept.find("\r\n"); end != std::string::npos) {
        line = kept.substr(0, end);
        kept.erase(0, end + 2);
        return true;
      }
      char bytes[4096];
      const ssize_t count = ::recv(client, bytes, sizeof bytes, 0);
      if (count <= 0) return false;
      kept.append(bytes, static_cast<std::size_t>(count));
    }
  }
  void talk(int client) {
    std::string kept;
    std::string line;
    const auto go_on = [&](const std::string& what) {
      if (what == "cut") return false;
      if (what.empty()) {
        while (hear(client, kept, line)) continue;
        return false;
      }
      return say(client, what);
    };
    if (!go_on(answer("hello", "220 here"))) return;
    while (hear(client, kept, line)) {
      const std::string word = line.substr(0, 4);
      const bool is_data = word == "DATA";
      const std::string said = answer(word, is_data ? "354 go on" : "250 good");
      if (!go_on(said)) return;
      if (!is_data || !said.starts_with("354")) continue;
      while (line != ".")
        if (!hear(client, kept, line)) return;
      if (!go_on(answer("end", "250 taken"))) return;
    }
  }

  std::map<std::string, std::string> answers_;
  int listener_{};
  int port_{};
  std::thread thread_;
};

TEST_F(MailTest, AServersWordDecidesByItsFirstDigitAndItsPlace) {
  struct Row {
    std::string at;
    std::string says;
    TryOutcome outcome;
  };
  for (const Row& row : {Row{"end", "250 taken", TryOutcome::accepted},
                         Row{"hello", "554 go away", TryOutcome::refused},
                         Row{"hello", "421 too busy", TryOutcome::transient},
                         Row{"hello", "cut", TryOutcome::transient},
                         Row{"MAIL", "550 not from you", TryOutcome::refused},
                         Row{"MAIL", "451 later", TryOutcome::transient},
                         Row{"RCPT", "550 no such user", TryOutcome::refused},
                         Row{"RCPT", "450 greylisted", TryOutcome::transient},
                         Row{"RCPT", "cut", TryOutcome::transient},
                         Row{"DATA", "452 no room", TryOutcome::transient},
                         Row{"DATA", "554 no", TryOutcome::refused},
                         Row{"DATA", "cut", TryOutcome::transient},
                         Row{"end", "550 spam", TryOutcome::refused},
                         Row{"end", "451 later", TryOutcome::transient},
                         Row{"end", "cut", TryOutcome::unanswered}}) {
    const Scripted server(Answers{{row.at, row.says}});
    const TryResult result = attempt(settings_of(server.url()), page_to("olga@example.org"));
    EXPECT_EQ(result.outcome, row.outcome) << row.at << " " << row.says << ": " << result.detail;
  }
}

TEST_F(MailTest, AServerThatFallsSilentIsTransientBeforeTheEndOfTheMessageAndUnansweredAfter) {
  const Scripted early(Answers{{"RCPT", ""}});
  EXPECT_EQ(attempt(settings_of(early.url()), page_to("olga@example.org"), milliseconds{300}).outcome,
            TryOutcome::transient);
  const Scripted late(Answers{{"end", ""}});
  EXPECT_EQ(attempt(settings_of(late.url()), page_to("olga@example.org"), milliseconds{300}).outcome,
            TryOutcome::unanswered);
}

// What ends in .localhost leads to this machine wherever one looks it up (RFC 6761, 6.3).
TEST_F(MailTest, AServerWhoseNameLeadsToThisMachineIsNotTalkedToUnlessItIsListed) {
  const Scripted server(Answers{});
  const std::string url = "smtp://mail.localhost" + server.url().substr(server.url().rfind(':'));
  const auto outcome_with = [&](net::OutboundRules rules) {
    SmtpSettings settings = settings_of(url);
    MailServer guarded = *settings.server;
    guarded.outbound = std::move(rules);
    settings.server = std::make_shared<const MailServer>(std::move(guarded));
    return attempt(std::move(settings), page_to("olga@example.org"));
  };
  const TryResult kept_out = outcome_with({.is_guarded = true, .allowed = {}});
  EXPECT_EQ(kept_out.outcome, TryOutcome::refused);
  EXPECT_THAT(kept_out.detail, HasSubstr("mail.localhost is at "));
  EXPECT_THAT(kept_out.detail, HasSubstr("a loopback address"));
  EXPECT_THAT(kept_out.detail, HasSubstr("server.outbound_private"));
  EXPECT_EQ(outcome_with({.is_guarded = true, .allowed = {"mail.localhost"}}).outcome, TryOutcome::accepted);
  EXPECT_EQ(attempt(settings_of(server.url()), page_to("olga@example.org")).outcome, TryOutcome::accepted);
}

TEST_F(MailTest, AServerThatHangsStallsNoOtherMail) {
  const Scripted silent(Answers{{"hello", ""}});
  const Scripted good(Answers{});
  SmtpProvider slow(*runner, clock, settings_of(silent.url()));
  bool is_over = false;
  for (int mail = 0; mail < 40; ++mail)
    slow.attempt(page_to("olga@example.org"), patience, [] { return true; }, [&](const TryResult&) { is_over = true; });
  EXPECT_EQ(attempt(settings_of(good.url()), page_to("olga@example.org")).outcome, TryOutcome::accepted);
  EXPECT_FALSE(is_over);
  runner.reset();  // cuts the one that hangs, else its server would wait for it for ever
}

TEST_F(MailTest, NothingIsSaidInTheOpenWhenTlsIsRequired) {
  const Scripted server(Answers{});
  SmtpSettings strict = settings_of(server.url());
  strict.server = std::make_shared<const channels::MailServer>(channels::MailServer{.url = server.url()});
  const TryResult result = attempt(strict, page_to("olga@example.org"));
  EXPECT_EQ(result.outcome, TryOutcome::refused);
  EXPECT_THAT(result.detail, HasSubstr("STARTTLS"));
}

TEST_F(MailTest, AnAddressThatIsNoneIsRefusedAtOnce) {
  EXPECT_EQ(
      attempt(settings_of("smtp://127.0.0.1:1"), page_to("olga@example.org>\r\nRCPT TO:<evil@example.org")).outcome,
      TryOutcome::refused);
}

TEST(SmtpSettings, RequireTlsUnlessTheServerIsThisMachineAndKnowsNoPassword) {
  const testing::Folder folder;
  const std::string password = folder.write("password", "secret\n");
  const auto requires_tls = [](const std::string& url, std::vector<std::pair<std::string, std::string>> more) {
    rules::Provider provider;
    provider.kind = rules::ProviderKind::smtp;
    provider.url = url;
    provider.settings = std::move(more);
    provider.settings.emplace_back("from", "rouse@example.org");
    const auto made = smtp_settings(provider, "");
    return made ? made->server->requires_tls : throw std::runtime_error(made.error());
  };
  EXPECT_TRUE(requires_tls("smtp://mail.example.org", {}));
  EXPECT_FALSE(requires_tls("smtp://mail.example.org", {{"tls", "opportunistic"}}));
  EXPECT_FALSE(requires_tls("smtp://127.0.0.1:25", {}));
  EXPECT_FALSE(requires_tls("smtp://localhost", {}));
  EXPECT_TRUE(requires_tls("smtp://localhost", {{"tls", "required"}}));
  EXPECT_TRUE(requires_tls("smtp://localhost", {{"username", "rouse"}, {"password_file", password}}));
  EXPECT_TRUE(requires_tls("smtp://127.example.org", {}));
  EXPECT_TRUE(requires_tls("smtp://x", {{"tls", "opportunistic"}, {"username", "a"}, {"password_file", password}}));
}

}  // namespace
}  // namespace channels
