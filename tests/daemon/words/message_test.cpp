#include "daemon/words/message.hpp"

#include <boost/json/serialize.hpp>
#include <gtest/gtest.h>

#include "daemon/words/mattermost.hpp"
#include "daemon/words/segments.hpp"
#include "daemon/words/slack.hpp"

namespace words {
namespace {

rules::Send message(std::size_t pages) {
  rules::Send send;
  send.person_name = "Olga Diaz";
  send.contact = "sms";
  for (std::size_t index = 0; index < pages; ++index) {
    rules::PageFacts page;
    page.number = static_cast<std::uint32_t>(index + 1);
    page.incident.id = rules::IncidentId{5 + 2 * index};
    page.incident.summary =
        "ApiDown: no answer {{id}} ${x} <script> <!channel> @here \xE2\x80\xAE" + std::string(1, '\0');
    page.incident.severity = "critical";
    page.incident.service = "checkout";
    send.pages.push_back(page);
  }
  return send;
}

// All that a Slack message says.
std::string slack_text(const Wording& wording, const rules::Send& send) {
  return boost::json::serialize(slack_page(wording, send).blocks);
}

// What Slack reads for its own marks: everything but plain text, such as headlines and buttons.
std::string slack_marked(const Wording& wording, const rules::Send& send) {
  std::string text;
  for (const boost::json::value& block : slack_page(wording, send).blocks) {
    if (const auto* const section = block.as_object().if_contains("text");
        section != nullptr && section->at("type").as_string() == "mrkdwn") {
      text += std::string{section->at("text").as_string()} + "\n";
    }
    const auto* const elements = block.as_object().if_contains("elements");
    if (elements == nullptr) continue;
    for (const boost::json::value& element : elements->as_array()) {
      if (element.at("type").as_string() == "mrkdwn") text += std::string{element.at("text").as_string()} + "\n";
    }
  }
  return text;
}

TEST(Segments, AreCountedAsTheNetworkDoes) {
  EXPECT_EQ(count_segments(std::string(160, 'a')).count, 1U);
  EXPECT_EQ(count_segments(std::string(161, 'a')).count, 2U);
  EXPECT_EQ(count_segments(std::string(307, 'a')).count, 3U);
  EXPECT_EQ(count_segments(std::string(80, '{')).count, 1U);
  EXPECT_EQ(count_segments(std::string(152, 'a') + "{" + std::string(10, 'a')).units, 164U);
  EXPECT_EQ(count_segments("\xD0\x96").is_gsm, false);
}

TEST(Folding, KeepsOneCharacterFromHalvingTheMessage) {
  EXPECT_EQ(
      fold_to_gsm("\xE2\x80\x9Cno\xE2\x80\x9D \xE2\x80\x93 \xE2\x80\xA6 \xC5\x82\xC3\xB3 \xF0\x9F\x94\xA5 \xC3\xBC"),
      "\"no\" - ... lo * \xC3\xBC");
}

TEST(Message, FitsItsSegmentsAndKeepsWhatMatters) {
  rules::Send send = message(1);
  send.pages.front().called = {std::string(100'000, 'x')};
  send.pages.front().incident.summary += std::string(100'000, 'y');
  const std::string text = sms_text({}, send);
  EXPECT_LE(count_segments(text).count, usual_sms_segments) << text;
  for (const char* kept : {"ApiDown", "R-5", "critical", "checkout", "Reply 1a ack"}) {
    EXPECT_NE(text.find(kept), std::string::npos) << kept << " in " << text;
  }
}

TEST(Message, OfABundleNamesEveryIncident) {
  const rules::Send send = message(40);
  for (const std::string& text : {sms_text({}, send), chat_text({}, send), push_text({}, send), slack_text({}, send)}) {
    for (std::size_t index = 0; index < 40; ++index) {
      EXPECT_NE(text.find("R-" + std::to_string(5 + 2 * index)), std::string::npos) << text;
    }
  }
}

TEST(Message, IsEscapedForItsChannelAndTakesNoOrders) {
  const rules::Send send = message(1);
  EXPECT_EQ(email_html({}, send).find("<script>"), std::string::npos);
  EXPECT_EQ(slack_marked({}, send).find("<!channel>"), std::string::npos);
  EXPECT_EQ(chat_text({}, send).find("@here"), std::string::npos);
  EXPECT_EQ(voice_script({}, send).find_first_of("<>{}&@$"), std::string::npos) << voice_script({}, send);
  EXPECT_NE(sms_text({}, send).find("{{id}} ${x} <script>"), std::string::npos) << sms_text({}, send);
  EXPECT_EQ(sms_text({}, send).find("&lt;"), std::string::npos);
}

TEST(Message, OfAMailThatNobodyReadsAnswersToSaysHowElse) {
  const rules::Send heard = message(1);
  rules::Send unheard = heard;
  unheard.pages.front().number = 0;
  for (const auto& [with, without] : {std::pair{email_plain({}, heard), email_plain({}, unheard)},
                                      std::pair{email_html({}, heard), email_html({}, unheard)}}) {
    EXPECT_NE(with.find("Reply 1a ack"), std::string::npos) << with;
    EXPECT_EQ(with.find("rousectl"), std::string::npos) << with;
    EXPECT_EQ(without.find("Reply"), std::string::npos) << without;
    EXPECT_NE(without.find("To acknowledge: rousectl ack R-5"), std::string::npos) << without;
  }
  IncidentLinks links;
  links.incident = heard.pages.front().incident.id;
  links.acknowledge = "https://rouse.example.org/v1/links/x";
  EXPECT_EQ(email_plain({}, unheard, {links}).find("rousectl"), std::string::npos);
  EXPECT_NE(email_plain({}, unheard, {links}).find(links.acknowledge), std::string::npos);
}

TEST(Message, IsHeardWithItsKeys) {
  const std::string said = voice_script({}, message(1));
  EXPECT_NE(said.find("R 5, critical, checkout"), std::string::npos) << said;
  EXPECT_NE(said.find("Press 4 to acknowledge"), std::string::npos) << said;
  EXPECT_EQ(said.find("Reply"), std::string::npos) << said;
}

TEST(Message, IsHeardToItsEndWhateverItsSummarySays) {
  rules::Send send = message(1);
  send.pages.front().incident.summary = "ApiDown: no answer. Reply was late, see https://wiki.example.org/a?b now";
  send.pages.front().incident.runbook = "https://wiki.example.org/runbook";
  const std::string said = voice_script({}, send);
  EXPECT_NE(said.find("Reply was late, see a link now. R 5, critical"), std::string::npos) << said;
  EXPECT_EQ(said.find("Runbook"), std::string::npos) << said;
  EXPECT_EQ(said.find(".."), std::string::npos) << said;
}

TEST(Message, IsNeverCutWithinAnEscape) {
  for (std::size_t more = 0; more < 12; ++more) {
    rules::Send send;
    rules::NoticeFacts notice;
    notice.kind = rules::NoticeKind::update;
    notice.incident.id = rules::IncidentId{5};
    notice.by = std::string(more, 'x');
    notice.text = std::string(1000, '&');
    notice.incident.summary = std::string(300, '<');
    for (int index = 0; index < 5; ++index) send.notices.push_back(notice);
    const std::string slack = slack_notice({}, send, notice);
    for (std::size_t at = slack.find('&'); at != std::string::npos; at = slack.find('&', at + 1)) {
      const std::string_view rest = std::string_view(slack).substr(at);
      EXPECT_TRUE(rest.starts_with("&amp;") || rest.starts_with("&lt;")) << rest;
    }
    const std::string chat = chat_text({}, send);
    EXPECT_LE(chat.size(), chat_bytes);
    EXPECT_EQ(chat.find("\\."), std::string::npos);
  }
}

TEST(Message, OfAVeryLargeBundleSaysHowManyItDoesNotNameAndWhereTheyAre) {
  const rules::Send send = message(3000);
  for (const std::string& text : {sms_text({}, send), chat_text({}, send), push_text({}, send)}) {
    EXPECT_NE(text.find("3000 incidents need you:"), std::string::npos) << text;
    EXPECT_NE(text.find("Reply 1a ack"), std::string::npos) << text;
    EXPECT_NE(text.find("ack alone takes all"), std::string::npos) << text;
    EXPECT_NE(text.find(" not named here: see rousectl incidents"), std::string::npos) << text;
  }
  EXPECT_NE(slack_text({}, send).find(" not named here: see rousectl incidents"), std::string::npos);
  EXPECT_LE(count_segments(sms_text({}, send)).count, most_sms_segments);
  EXPECT_LE(chat_text({}, send).size(), chat_bytes);
  EXPECT_LE(push_text({}, send).size(), push_bytes);
}

// What a page says on every channel, whatever carries it.
TEST(Message, SaysWhatWhereSinceWhenHowBadWhoElseWhatNextAndWhenBefore) {
  rules::Send send = message(1);
  rules::PageFacts& page = send.pages.front();
  send.composed_at = rules::Instant{std::chrono::hours{500'000}};
  page.incident.summary = "ApiDown: no answer";
  page.incident.where = "cluster=eu";
  page.incident.since = send.composed_at - std::chrono::minutes{12};
  page.incident.last_time = send.composed_at - std::chrono::hours{24 * 29};
  page.incident.runbook = "https://wiki.example.org/api";
  page.called = {"Omar Nasr"};
  page.next = "Sam Ionescu (software)";
  page.next_at = send.composed_at + std::chrono::minutes{5};
  page.because = "on call for operations";
  const Wording wording{.public_url = "https://rouse.example.org", .templates = {}};
  const std::string sms = sms_text(wording, send, most_sms_segments);
  const std::string mail = email_plain(wording, send);
  const std::string chat = chat_text(wording, send);
  const std::string push = push_text(wording, send);
  const std::string slack = slack_text(wording, send);
  const std::string voice = voice_script(wording, send);
  for (const std::string& text : {sms, mail, chat, push, slack}) {
    for (const char* said : {"ApiDown: no answer",
                             "R-5",
                             "critical",
                             "checkout",
                             "eu",
                             "Since",
                             "Omar Nasr",
                             "Sam Ionescu",
                             "on call for operations",
                             "https://wiki.example.org/api"}) {
      EXPECT_NE(text.find(said), std::string::npos) << said << " in " << text;
    }
  }
  for (const std::string& text : {sms, mail, chat, push}) {
    EXPECT_NE(text.find("Last time: "), std::string::npos) << text;
    EXPECT_NE(text.find("in 5m"), std::string::npos) << text;
  }
  EXPECT_NE(slack.find("the time before: "), std::string::npos) << slack;
  for (const char* said : {"Api Down: no answer",
                           "R 5",
                           "critical",
                           "checkout",
                           "12 minutes ago",
                           "Omar Nasr",
                           "Sam Ionescu, software",
                           "in 5 minutes",
                           "on call for operations",
                           "Last time"}) {
    EXPECT_NE(voice.find(said), std::string::npos) << said << " in " << voice;
  }
  for (const std::string& text : {mail, chat, push, slack}) {
    EXPECT_NE(text.find("https://rouse.example.org/v1/incidents/R-5"), std::string::npos) << text;
  }
}

TEST(Template, SaysTheMessageInsteadOfWhatIsBuiltIn) {
  Wording wording;
  wording.templates.push_back({"sms",
                               "{{#test}}Only a test.{{/test}}\n"
                               "{{#incidents}}\n{{number}}) {{id}} {{alertname}}{{#runbook}} has one{{/runbook}}\n"
                               "{{/incidents}}\n{{more}}\n{{reply}}"});
  EXPECT_EQ(sms_text(wording, message(1)), "\n1) R-5 ApiDown\n\nReply 1a ack, 1e escalate, 1c close, 1w why");
  const std::string bundle = sms_text(wording, message(22));
  EXPECT_NE(bundle.find("20) R-43 ApiDown"), std::string::npos) << bundle;
  EXPECT_NE(bundle.find("and 2 more: R-45 R-47"), std::string::npos) << bundle;
  rules::Send test = message(1);
  test.pages.front().incident = {};
  test.pages.front().reason = rules::PageReason::test;
  EXPECT_EQ(sms_text(wording, test).find("Only a test."), 0U);
}

TEST(Template, GetsEveryValueEscapedHoweverItIsWritten) {
  Wording wording;
  for (const char* channel : {"email_html", "slack", "chat"}) {
    wording.templates.push_back({channel, "{{summary}} {{{summary}}} {{&summary}}"});
  }
  const rules::Send send = message(1);
  EXPECT_EQ(email_html(wording, send).find('<'), std::string::npos) << email_html(wording, send);
  EXPECT_EQ(slack_marked(wording, send).find("<script>"), std::string::npos);
  EXPECT_EQ(slack_marked(wording, send).find("<!channel>"), std::string::npos);
  EXPECT_NE(slack_marked(wording, send).find("&lt;!channel&gt;"), std::string::npos) << "or it shows nothing at all";
  EXPECT_EQ(chat_text(wording, send).find(" <"), std::string::npos) << chat_text(wording, send);
}

TEST(Template, ThatSaysNothingOrTooMuchGivesWayToWhatIsBuiltIn) {
  for (const std::string& text : {std::string{"{{#notice}}{{sentence}}{{/notice}}"}, std::string(4000, 'x')}) {
    Wording wording;
    for (const char* channel : {"sms", "slack", "chat", "voice"}) wording.templates.push_back({channel, text});
    EXPECT_EQ(sms_text(wording, message(1)), sms_text({}, message(1)));
    EXPECT_EQ(slack_text(wording, message(1)), slack_text({}, message(1)));
    EXPECT_EQ(chat_text(wording, message(1)), chat_text({}, message(1)));
    EXPECT_EQ(voice_script(wording, message(1)), voice_script({}, message(1)));
  }
}

TEST(Template, OfACallStillEndsWithItsKeys) {
  Wording wording;
  wording.templates.push_back({"voice", "{{id}} is broken <break/>"});
  EXPECT_EQ(voice_script(wording, message(1)), "This is rouse. R 5 is broken break. " + voice_menu(message(1)));
}

TEST(Template, OfAChatStandsAboveItsButtons) {
  Wording wording;
  wording.templates.push_back({"slack", "{{#incidents}}*{{id}}* says {{alertname}}{{/incidents}}"});
  wording.templates.push_back({"chat", "{{#incidents}}{{id}} says {{alertname}}{{/incidents}}{{#notice}}!{{/notice}}"});
  const std::string slack = slack_text(wording, message(1));
  EXPECT_NE(slack.find("*R-5* says ApiDown"), std::string::npos) << slack;
  EXPECT_NE(slack.find("rouse_ack"), std::string::npos) << "the buttons stay";
  EXPECT_EQ(chat_text(wording, message(1)), "R-5 says ApiDown");
  EXPECT_EQ(push_text(wording, message(1)), "R-5 says ApiDown");
  rules::Send told = message(0);
  rules::NoticeFacts notice;
  notice.kind = rules::NoticeKind::ended;
  notice.incident = message(1).pages.front().incident;
  told.notices = {notice, notice};
  EXPECT_EQ(mattermost_notice(wording, told, notice), "R-5 says ApiDown!") << "each notice is a post of its own";
  EXPECT_EQ(slack_notice(wording, told, notice), "*R-5* says ApiDown");
}

TEST(Message, KeepsALinkThatCanBeFollowedAndMentionsNobodyByIt) {
  rules::Send send = message(1);
  send.pages.front().incident.runbook = "https://wiki.example.org/a_b*c?x=1&y=@channel";
  EXPECT_NE(chat_text({}, send).find("Runbook: https://wiki.example.org/a_b*c?x=1&y=%40channel"), std::string::npos);
  EXPECT_NE(push_text({}, send).find("Runbook: https://wiki.example.org/a_b*c?x=1&y=@channel"), std::string::npos);
  EXPECT_NE(email_html({}, send).find("href=\"https://wiki.example.org/a_b*c?x=1&amp;y=%40channel\""),
            std::string::npos);
}

TEST(Message, IsHeardWithoutBracketsAndAbbreviations) {
  EXPECT_EQ(spoken("Since 17:00 UTC (5m ago)"), "Since 17:00 UTC, 5 minutes ago");
  EXPECT_EQ(spoken("in 1h 1m; then 2w"), "in 1 hour 1 minute, then 2 weeks");
  EXPECT_EQ(spoken("5mm, m5, 5m5, 1.5m"), "5mm, m5, 5m5, 1.5m");
}

TEST(Message, OfSeveralIncidentsIsAcknowledgedByOneKey) {
  EXPECT_NE(voice_script({}, message(3)).find("Press 4 to acknowledge all 3"), std::string::npos);
}

TEST(Message, OfATestPageSaysThatNothingIsWrong) {
  rules::Send send = message(1);
  send.pages.front().incident = {};
  send.pages.front().reason = rules::PageReason::test;
  EXPECT_EQ(sms_text({}, send).find("Test page to Olga Diaz by sms: nothing is wrong."), 0U);
}

TEST(Message, OfTheDaemonsOwnAlarmSaysWhatIsWrongOnEveryChannel) {
  rules::Send send = message(1);
  rules::PageFacts& page = send.pages.front();
  page = rules::PageFacts{};
  page.reason = rules::PageReason::last_resort;
  page.incident.summary = "JournalFailed: the disk is gone";
  for (const std::string& text : {sms_text({}, send),
                                  voice_script({}, send),
                                  email_plain({}, send, {}),
                                  email_html({}, send, {}),
                                  slack_text({}, send),
                                  chat_text({}, send),
                                  push_text({}, send)}) {
    EXPECT_NE(text.find("disk is gone"), std::string::npos) << text;
    EXPECT_NE(text.find("about rouse itself"), std::string::npos) << text;
    for (const char* wrong : {"nothing is wrong", "R-0", "R 0", "Press 4", "Reply"}) {
      EXPECT_EQ(text.find(wrong), std::string::npos) << text;
    }
  }
}

}  // namespace
}  // namespace words
