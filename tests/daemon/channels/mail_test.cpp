// Mails as bytes: what strangers wrote becomes no header and no markup, and of what comes back only a person's own
// first line, to a mail of ours, from the address that it went to, is anybody's word.
#include "daemon/channels/mail.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "daemon/channels/smtp.hpp"
#include "tests/daemon/channels/support.hpp"

namespace channels {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

constexpr rules::Instant now{std::chrono::seconds{1'790'000'000}};

std::shared_ptr<const links::Signer> signer() {
  return std::make_shared<const links::Signer>(std::vector<std::string>{std::string(32, 'k')});
}

SmtpSettings settings() {
  SmtpSettings made;
  made.server = std::make_shared<const MailServer>(MailServer{.url = "smtp://127.0.0.1"});
  made.from = "rouse@example.org";
  made.public_url = "https://rouse.example.org";
  made.signer = signer();
  made.has_links = true;
  return made;
}

rules::Send page() {
  rules::Send send = channels::testing::page();
  send.channel = send.contact = "email";
  send.address = "olga@example.org";
  send.composed_at = now;
  return send;
}

std::string reply(std::string_view heads, std::string_view body) {
  const std::string name = mail_name(*signer(), "0f3c", rules::MessageId{7}, "olga@example.org", "example.org");
  return "From: Olga <Olga@Example.org>\r\nTo: rouse@example.org\r\nMessage-ID: <a@phone>\r\nIn-Reply-To: <" + name +
         ">\r\n" + std::string(heads) + "\r\n" + std::string(body);
}

std::optional<rules::Replied> replied(std::string_view bytes) {
  const std::optional<rules::Event> event = event_of(settings(), read_mail(bytes));
  if (!event || !std::holds_alternative<rules::Replied>(*event)) return std::nullopt;
  return std::get<rules::Replied>(*event);
}

// ---- what leaves ----

TEST(Mail, IsPlainAndHtmlWithTheThreadOfItsIncident) {
  const std::string bytes = compose_mail(mail_of(settings(), page(), now).value());
  EXPECT_THAT(bytes, HasSubstr("Content-Type: multipart/alternative"));
  EXPECT_THAT(bytes, HasSubstr("Content-Type: text/plain; charset="));
  EXPECT_THAT(bytes, HasSubstr("Content-Type: text/html; charset="));
  EXPECT_THAT(bytes, HasSubstr("Auto-Submitted: auto-generated\r\n"));
  EXPECT_THAT(bytes, HasSubstr("X-Rouse-Incident: R-12\r\n"));
  EXPECT_THAT(bytes, HasSubstr("Importance: high\r\n"));
  EXPECT_THAT(bytes, HasSubstr("Message-Id: <0f3c5a7e9b1d.7."));
  EXPECT_THAT(bytes, HasSubstr("In-Reply-To: <incident."));
  EXPECT_THAT(bytes, HasSubstr("References: <incident."));
  EXPECT_THAT(bytes, HasSubstr("Date: Mon, 21 Sep 2026"));
}

TEST(Mail, KeepsItsSubjectAndThreadWhateverBecomesOfTheIncidentAndIsTheSameInEveryTry) {
  const Mail first = mail_of(settings(), page(), now).value();
  const Mail again = mail_of(settings(), page(), now).value();
  EXPECT_EQ(compose_mail(first), compose_mail(again));
  rules::Send notice = page();
  notice.key = "another";
  notice.message.value = 8;
  rules::NoticeFacts ended;
  ended.kind = rules::NoticeKind::ended;
  ended.incident = notice.pages.front().incident;
  ended.incident.state = rules::IncidentState::resolved;
  notice.pages.clear();
  notice.notices.push_back(ended);
  const Mail later = mail_of(settings(), notice, now).value();
  EXPECT_EQ(later.subject, first.subject);
  EXPECT_EQ(later.answers, first.answers);
  EXPECT_NE(later.name, first.name);
  EXPECT_FALSE(later.is_urgent);
}

TEST(Mail, HasNoFieldThatAStrangerWrote) {
  rules::Send send = page();
  send.person_name = "Olga\r\nBcc: evil@example.net\r\n";
  send.pages.front().incident.summary = "ApiDown\r\nX-Evil: 1\r\n\r\nbody\x1b[2J";
  send.pages.front().incident.service = "a\nX-Evil: 2";
  const std::string bytes = compose_mail(mail_of(settings(), send, now).value());
  EXPECT_THAT(bytes, Not(HasSubstr("\nBcc:")));
  EXPECT_THAT(bytes, Not(HasSubstr("\nX-Evil")));
  EXPECT_THAT(bytes, Not(HasSubstr("\x1b")));
}

TEST(Mail, InAnyAlphabetIsSevenBitsWideOnTheWire) {
  rules::Send send = page();
  send.person_name = "Ольга Діаз";
  send.pages.front().incident.summary = "Störung: 支払い" + std::string(300, 'x');
  const std::string bytes = compose_mail(mail_of(settings(), send, now).value());
  std::size_t line = 0;
  for (const char one : bytes) {
    ASSERT_TRUE(one >= 0x20 || one == '\r' || one == '\n') << static_cast<int>(one);
    line = one == '\n' ? 0 : line + 1;
    ASSERT_LE(line, 999U);
  }
  EXPECT_THAT(bytes, HasSubstr("Subject: [R-12] =?UTF-8?B?"));
}

TEST(Mail, HasALinkForEachThingToDoOnlyWhenLinksAreServed) {
  EXPECT_THAT(mail_of(settings(), page(), now)->plain, HasSubstr("https://rouse.example.org/v1/links/ack.12.7."));
  EXPECT_THAT(mail_of(settings(), page(), now)->html, HasSubstr("https://rouse.example.org/v1/links/close.12.7."));
  SmtpSettings without = settings();
  without.has_links = false;
  EXPECT_THAT(mail_of(without, page(), now)->plain, Not(HasSubstr("/v1/links/")));
}

TEST(Mail, SaysWhatItsTemplatesMakeOfIt) {
  SmtpSettings own = settings();
  own.templates = {{"email", "{{summary}} for {{person}}: {{{acknowledge_link}}}"},
                   {"email_html", "<b>{{summary}}</b> <a href=\"{{acknowledge_link}}\">mine</a>"},
                   {"email_subject", "{{id}} calls"}};
  rules::Send send = page();
  send.pages.front().incident.summary = "ApiDown: <b>&\"evil\"</b>";
  const Mail mail = mail_of(own, send, now).value();
  EXPECT_EQ(mail.subject, "R-12 calls");
  EXPECT_EQ(mail.answers, mail_of(settings(), send, now)->answers) << "its thread stays";
  EXPECT_THAT(mail.plain,
              ::testing::StartsWith("ApiDown: <b>&\"evil\"</b> for Olga Petrova: https://rouse.example.org/"));
  EXPECT_THAT(mail.html, HasSubstr("<b>ApiDown: &lt;b&gt;&amp;&quot;evil&quot;&lt;/b&gt;</b> <a href=\"https://rouse"));
}

TEST(Mail, AsksForAReplyOnlyWhenSomebodyReadsIt) {
  rules::Send send = page();
  send.pages.front().number = 1;
  SmtpSettings made = settings();
  EXPECT_THAT(mail_of(made, send, now)->plain, Not(HasSubstr("Reply 1a")));
  made.replies = SmtpReplies{};
  EXPECT_THAT(mail_of(made, send, now)->plain, HasSubstr("Reply 1a"));
  made.replies.reset();
  made.has_links = false;
  EXPECT_THAT(mail_of(made, send, now)->plain, HasSubstr("rousectl ack R-12"));
}

TEST(Mail, GoesToNothingThatIsNoAddress) {
  for (const std::string_view wrong : {"",
                                       "olga",
                                       "@example.org",
                                       "olga@",
                                       "a@b@c",
                                       "olga@example.org\r\nRCPT TO:<x@y>",
                                       "a b@c",
                                       "<a@b>",
                                       "a@b,c@d"}) {
    rules::Send send = page();
    send.address = wrong;
    EXPECT_FALSE(mail_of(settings(), send, now)) << wrong;
  }
}

// ---- what comes back ----

TEST(MailReply, IsTheFirstLineThatIsNotQuoted) {
  const auto heard = replied(reply("", "\r\n  1a \r\n\r\nOn Monday rouse wrote:\r\n> page\r\n"));
  ASSERT_TRUE(heard);
  EXPECT_EQ(heard->channel, "email");
  EXPECT_EQ(heard->address, "Olga@Example.org");
  EXPECT_EQ(heard->text, "1a");
  EXPECT_EQ(heard->about.value, 7U);
  EXPECT_EQ(heard->id, "a@phone");
}

TEST(MailReply, BelowTheQuotationCountsToo) {
  const auto heard =
      replied(reply("", "On Mon, 4 Mar 2026 at 09:00,\r\nrouse wrote:\r\n> page\r\n> more\r\n\r\nack\r\n"));
  ASSERT_TRUE(heard);
  EXPECT_EQ(heard->text, "ack");
  EXPECT_EQ(replied(reply("", "1a\r\nOn Monday rouse wrote:\r\n> page\r\n"))->text, "1a");
}

TEST(MailReply, IsReadInEveryDress) {
  EXPECT_EQ(replied(reply("Content-Transfer-Encoding: base64\r\nContent-Type: text/plain\r\n", "MWEK\r\n"))->text,
            "1a");
  EXPECT_EQ(
      replied(reply("Content-Transfer-Encoding: quoted-printable\r\nContent-Type: text/plain; charset=iso-8859-1\r\n",
                    "note =E9t=E9\r\n"))
          ->text,
      "note \xC3\xA9t\xC3\xA9");
  EXPECT_EQ(replied(reply("Content-Type: text/html\r\n",
                          "<html><head><style>p{}</style></head><body><div>1a</div><blockquote>ack</blockquote>"))
                ->text,
            "1a");
  EXPECT_EQ(replied(reply("Content-Type: multipart/mixed; boundary=x\r\n",
                          "--x\r\nContent-Type: multipart/alternative; boundary=y\r\n\r\n--y\r\nContent-Type: "
                          "text/html\r\n\r\n<p>2c\r\n--y\r\nContent-Type: text/plain\r\n\r\n1a\r\n--y--\r\n--x--\r\n"))
                ->text,
            "1a");
}

TEST(MailReply, OfAProgramOrAListIsNobodysWord) {
  for (const std::string_view head : {"Auto-Submitted: auto-replied\r\n",
                                      "Auto-Submitted: auto-generated\r\n",
                                      "Precedence: bulk\r\n",
                                      "Precedence: junk\r\n",
                                      "List-Id: <all.example.org>\r\n",
                                      "Return-Path: <>\r\n"})
    EXPECT_FALSE(replied(reply(head, "1a\r\n"))) << head;
  EXPECT_TRUE(replied(reply("Auto-Submitted: no\r\n", "1a\r\n")));
}

TEST(MailReply, ToNoMailOfOursOrFromAnotherAddressIsNobodysWord) {
  const std::string good = reply("", "1a\r\n");
  EXPECT_TRUE(replied(good));
  std::string stranger = good;
  stranger.replace(stranger.find("Olga@Example"), 4, "Evil");
  EXPECT_FALSE(replied(stranger));
  EXPECT_FALSE(replied("From: olga@example.org\r\n\r\n1a\r\n"));
  EXPECT_FALSE(replied("From: olga@example.org, evil@example.org\r\n" + good.substr(good.find("To:"))));
}

TEST(MailReply, WhoseNameOfOursLostAByteIsNobodysWord) {
  const std::string name = mail_name(*signer(), "0f3c", rules::MessageId{7}, "olga@example.org", "example.org");
  ASSERT_TRUE(message_of(*signer(), name, "OLGA@example.org"));
  for (std::size_t at = 0; at < name.find('@'); ++at) {
    std::string changed = name;
    changed[at] = changed[at] == '1' ? '2' : '1';
    EXPECT_FALSE(message_of(*signer(), changed, "olga@example.org")) << changed;
  }
  for (const std::string_view wrong : {"", ".", "..", "...", "a.b.c", "0f3c.7@x", "@"})
    EXPECT_FALSE(message_of(*signer(), wrong, "olga@example.org")) << wrong;
}

TEST(MailReply, WithoutANameOfItsOwnIsTheSameWhenItIsReadTwice) {
  std::string nameless = reply("", "1e\r\n");
  nameless.erase(nameless.find("Message-ID"), std::string_view("Message-ID: <a@phone>\r\n").size());
  ASSERT_TRUE(replied(nameless));
  EXPECT_NE(replied(nameless)->id, "");
  EXPECT_EQ(replied(nameless)->id, replied(nameless)->id);
  std::string other = nameless;
  other.replace(other.find("1e"), 2, "1c");
  EXPECT_NE(replied(other)->id, replied(nameless)->id);
}

TEST(MailReply, IsAnsweredInItsThreadByAMailThatNobodyAnswersByItself) {
  const IncomingMail mail = read_mail(reply("Subject: Re: [R-12] x\r\n", "1a\r\n"));
  const std::string answer = compose_mail(answer_of(settings(), mail, "R-12 is yours", now));
  EXPECT_THAT(answer, HasSubstr("Subject: Re: [R-12] x\r\n"));
  EXPECT_THAT(answer, HasSubstr("In-Reply-To: <a@phone>\r\n"));
  EXPECT_THAT(answer, HasSubstr("Auto-Submitted: auto-replied\r\n"));
  EXPECT_THAT(answer, HasSubstr("R-12 is yours"));
}

std::string bounce(std::string_view action, std::string_view recipient) {
  const std::string name = mail_name(*signer(), "0f3c", rules::MessageId{7}, "olga@example.org", "example.org");
  return "From: Mail Delivery System <MAILER-DAEMON@example.net>\r\nAuto-Submitted: auto-replied\r\nContent-Type: "
         "multipart/report; report-type=delivery-status; boundary=b\r\n\r\n--b\r\nContent-Type: "
         "text/plain\r\n\r\nsorry\r\n"
         "--b\r\nContent-Type: message/delivery-status\r\n\r\nReporting-MTA: dns; mx\r\n\r\nFinal-Recipient: rfc822; " +
         std::string(recipient) + "\r\nAction: " + std::string(action) +
         "\r\nStatus: 5.1.1\r\nDiagnostic-Code: smtp; 550 no such user\r\n\r\n--b\r\nContent-Type: "
         "message/rfc822\r\n\r\nMessage-ID: <" +
         name + ">\r\nTo: olga@example.org\r\n\r\npage\r\n--b--\r\n";
}

TEST(MailBounce, OfAMailOfOursMakesItFail) {
  const std::optional<rules::Event> event = event_of(settings(), read_mail(bounce("failed", "Olga@example.org")));
  ASSERT_TRUE(event);
  const auto& report = std::get<rules::DeliveryReported>(*event);
  EXPECT_EQ(report.message.value, 7U);
  EXPECT_EQ(report.key, "0f3c");
  EXPECT_EQ(report.delivery, rules::Delivery::failed);
  EXPECT_THAT(report.detail, HasSubstr("5.1.1 550 no such user"));
}

TEST(MailBounce, ThatIsOnlyLateOrOfAnotherRecipientChangesNothing) {
  EXPECT_FALSE(event_of(settings(), read_mail(bounce("delayed", "olga@example.org"))));
  EXPECT_FALSE(event_of(settings(), read_mail(bounce("failed", "omar@example.org"))));
}

TEST(MailReading, TakesAnyBytes) {
  for (const std::string& bytes : {std::string{},
                                   std::string(1000, '\0'),
                                   std::string("\r\n\r\n"),
                                   std::string("From:"),
                                   std::string(5000, '<'),
                                   std::string("Content-Type: multipart/mixed; boundary=x\r\n\r\n--x\r\n--x\r\n--x"),
                                   [] {
                                     std::string deep;
                                     for (int level = 0; level < 2000; ++level)
                                       deep += "Content-Type: multipart/mixed; boundary=b" + std::to_string(level) +
                                               "\r\n\r\n--b" + std::to_string(level) + "\r\n";
                                     return deep;
                                   }()})
    static_cast<void>(event_of(settings(), read_mail(bytes)));
}

}  // namespace
}  // namespace channels
