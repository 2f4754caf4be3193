#include "daemon/words/page.hpp"

#include <gtest/gtest.h>

#include "daemon/words/clean.hpp"
#include "rules/rfc3339.hpp"

namespace words {
namespace {

rules::IncidentFacts incident(std::uint64_t number, std::string summary) {
  rules::IncidentFacts facts;
  facts.id = rules::IncidentId{number};
  facts.uid = "01KJVD8Z00000000000000000" + std::to_string(number);
  facts.state = rules::IncidentState::triggered;
  facts.urgency = rules::Urgency::high;
  facts.severity = "critical";
  facts.service = "checkout";
  facts.summary = std::move(summary);
  facts.alerts = 3;
  facts.firing = 2;
  return facts;
}

rules::Send message() {
  rules::Send send;
  send.message = rules::MessageId{4};
  send.key = "k-4";
  send.person = "olga";
  send.person_name = "Olga Diaz";
  send.contact = "sms";
  send.channel = "sms";
  send.address = "+15550100";
  return send;
}

rules::PageFacts page(std::uint64_t number, rules::IncidentFacts facts) {
  rules::PageFacts page;
  page.id = rules::PageId{number};
  page.reason = rules::PageReason::first;
  page.step = 1;
  page.round = 1;
  page.because = "on call for operations (Operations Engineer)";
  page.incident = std::move(facts);
  return page;
}

rules::Send one_page() {
  rules::Send send = message();
  send.pages.push_back(page(12, incident(5, "ApiDown: no answer")));
  return send;
}

TEST(PageJson, OfOnePageIsWhatTheContractSays) {
  EXPECT_EQ(page_json(one_page(), "https://rouse.example.org"),
            R"({"version":1,"page":{"id":"P-12","incident":"R-5","to":"olga","by":"sms","address":"+15550100",)"
            R"("step":1,"round":1,"reason":"first","text":"ApiDown: no answer\nR-5, critical, checkout, 3 alerts, 2 )"
            R"(firing\nStep 1, round 1: a new incident.\nBecause: on call for operations (Operations Engineer)\n)"
            R"(https://rouse.example.org/v1/incidents/R-5","possible_duplicate":false,"idempotency_key":"k-4"},)"
            R"("incident":{"id":"R-5","uid":"01KJVD8Z000000000000000005","state":"triggered","severity":"critical",)"
            R"("service":"checkout","summary":"ApiDown: no answer","alerts":3,)"
            R"("url":"https://rouse.example.org/v1/incidents/R-5"},"drill":false})");
}

TEST(PageJson, OfABundleListsEveryIncidentAndKeepsTheFirstInFront) {
  rules::Send send = one_page();
  send.pages.front().incident.drill = true;
  send.pages.push_back(page(13, incident(6, "DiskFull")));
  const std::string json = page_json(send, "");
  EXPECT_NE(json.find(R"("page":{"id":"P-12","incident":"R-5")"), std::string::npos) << json;
  EXPECT_NE(json.find(R"("incidents":[{"id":"R-5",)"), std::string::npos) << json;
  EXPECT_NE(json.find(R"({"id":"R-6",)"), std::string::npos) << json;
  EXPECT_NE(json.find(R"("url":null)"), std::string::npos) << json;
  EXPECT_NE(json.find(R"("drill":false)"), std::string::npos) << "one of them is real: " << json;
}

rules::Send night_page() {
  rules::Send send = one_page();
  send.composed_at = rules::parse_rfc3339("2026-03-04T11:22:00Z").value();
  send.zone_seconds = -8 * 3600;
  send.zone_name = "PST";
  rules::PageFacts& page = send.pages.front();
  page.number = 1;
  page.called = {"Ben Okri", "Mia Chen"};
  page.next = "Sam (software) is called";
  page.next_at = send.composed_at + std::chrono::minutes{5};
  page.incident.since = send.composed_at - std::chrono::minutes{12};
  page.incident.last_time = rules::parse_rfc3339("2026-02-04T01:40:00Z");
  page.incident.runbook = "https://wiki.example.org/api";
  page.incident.description = "The checkout API gives no answer.";
  page.incident.where = "cluster=eu";
  return send;
}

TEST(PageJson, TellsWhatHappensNextAndWhatIsKnownOfTheIncident) {
  const std::string json = page_json(night_page(), "");
  for (const char* told :
       {R"("number":1,"called":["Ben Okri","Mia Chen"],"next":"Sam (software) is called",)"
        R"("next_at":"2026-03-04T11:27:00.000Z"})",
        R"("since":"2026-03-04T11:10:00.000Z","last_time":"2026-02-04T01:40:00.000Z","where":"cluster=eu",)"
        R"("description":"The checkout API gives no answer.",)"
        R"("runbook":"https://wiki.example.org/api"})"}) {
    EXPECT_NE(json.find(told), std::string::npos) << told << "\nin " << json;
  }
}

TEST(PageJson, OfATestPageHasNoIncident) {
  rules::Send send = one_page();
  send.pages.front().incident = {};
  send.pages.front().reason = rules::PageReason::test;
  const std::string json = page_json(send, "https://rouse.example.org");
  EXPECT_NE(json.find(R"("page":{"id":"P-12","incident":null,)"), std::string::npos) << json;
  EXPECT_NE(json.find(R"("reason":"test","text":"Test page to Olga Diaz by sms: nothing is wrong.",)"),
            std::string::npos)
      << json;
  EXPECT_NE(json.find(R"("incident":null,"drill":false})"), std::string::npos) << json;
  EXPECT_EQ(json.find("R-0"), std::string::npos) << json;
  EXPECT_EQ(subject(send), "[test] Test page: nothing is wrong");
}

TEST(PageText, OfTheDaemonsOwnAlarmSaysWhatIsWrongAndNeverThatNothingIs) {
  rules::Send send = one_page();
  rules::PageFacts& page = send.pages.front();
  page = rules::PageFacts{};
  page.reason = rules::PageReason::last_resort;
  page.because = "the disk is gone";
  page.incident.summary = "JournalFailed: the disk is gone";
  EXPECT_EQ(page_text(send, ""), "JournalFailed: the disk is gone\nThis is about rouse itself: pages may be missing.");
  EXPECT_EQ(subject(send), "[roused] JournalFailed: the disk is gone");
  const std::string json = page_json(send, "https://rouse.example.org");
  EXPECT_NE(json.find(R"("incident":null,"to")"), std::string::npos) << json;
  EXPECT_NE(json.find("JournalFailed"), std::string::npos) << json;
  EXPECT_EQ(json.find("nothing is wrong"), std::string::npos) << json;
}

TEST(PageText, SaysWhereSinceWhenWhoWasCalledWhatIsNextAndHowToAnswer) {
  EXPECT_EQ(page_text(night_page(), ""),
            "ApiDown: no answer\n"
            "R-5, critical, checkout, cluster=eu, 3 alerts, 2 firing\n"
            "Since 03:10 PST (12m ago)\n"
            "Step 1, round 1: a new incident.\n"
            "Because: on call for operations (Operations Engineer)\n"
            "Called: Ben Okri, Mia Chen\n"
            "Next: Sam (software) is called, 03:27 PST (in 5m)\n"
            "Last time: 2026-02-03 17:40 PST (4w ago)\n"
            "Runbook: https://wiki.example.org/api\n"
            "Reply 1a ack, 1e escalate, 1c close, 1w why");
}

TEST(PageJson, OfANoticeIsNoPage) {
  rules::Send send = message();
  send.notices.push_back({.kind = rules::NoticeKind::acknowledged, .by = "ben", .incident = incident(5, "ApiDown")});
  EXPECT_EQ(page_json(send, ""),
            R"({"version":1,"notice":{"to":"olga","kind":"acknowledged","incident":"R-5",)"
            R"("text":"R-5 is acknowledged by ben: ApiDown"},)"
            R"("incident":{"id":"R-5","uid":"01KJVD8Z000000000000000005","state":"triggered","severity":"critical",)"
            R"("service":"checkout","summary":"ApiDown","alerts":3,"url":null},"drill":false})");
}

TEST(PageJson, OfATurnAtRiskIsAboutNoIncident) {
  rules::Send send = message();
  send.notices.push_back(
      {.kind = rules::NoticeKind::turn_at_risk, .by = "olga", .text = "Your sms\x1b[2J has failed."});
  EXPECT_EQ(page_json(send, "https://rouse.example.org"),
            R"({"version":1,"notice":{"to":"olga","kind":"turn_at_risk","incident":null,)"
            R"("text":"Your sms\\x1b[2J has failed."},"incident":null,"drill":false})");
  EXPECT_EQ(subject(send).find("R-0"), std::string::npos) << subject(send);
}

TEST(PageJson, OfSeveralNoticesListsTheirIncidents) {
  rules::Send send = message();
  send.notices.push_back({.kind = rules::NoticeKind::ended, .by = "", .incident = incident(5, "ApiDown")});
  send.notices.push_back({.kind = rules::NoticeKind::ended, .by = "ben", .incident = incident(6, "DiskFull")});
  const std::string json = page_json(send, "");
  EXPECT_NE(json.find(R"("incidents":[{"id":"R-5",)"), std::string::npos) << json;
  EXPECT_NE(json.find(R"(R-5 has ended: ApiDown\nR-6 was closed by ben: DiskFull)"), std::string::npos) << json;
}

TEST(PageText, OfABundleNamesEveryIncident) {
  rules::Send send = one_page();
  send.pages.push_back(page(13, incident(6, "DiskFull")));
  const std::string text = page_text(send, "");
  EXPECT_EQ(text.find("2 incidents need you:"), 0U) << text;
  EXPECT_NE(text.find("R-5, critical"), std::string::npos) << text;
  EXPECT_NE(text.find("DiskFull\nR-6, critical"), std::string::npos) << text;
}

TEST(PageText, SaysThatItMayBeADuplicate) {
  rules::Send send = one_page();
  EXPECT_EQ(page_text(send, "").find("ossible duplicate"), std::string::npos);
  send.possible_duplicate = true;
  EXPECT_NE(page_text(send, "").find("\nPossible duplicate"), std::string::npos);
}

TEST(PageText, MarksADrill) {
  rules::Send send = one_page();
  send.pages.front().incident.drill = true;
  EXPECT_EQ(page_text(send, "").find("DRILL: ApiDown"), 0U);
}

TEST(PageText, TakesNoOrdersFromALabel) {
  rules::Send send = one_page();
  send.pages.front().incident.summary = "Api\nDown \x1b[31m{{ .Secret }} {0} %s \xE2\x80\xAE";
  const std::string text = page_text(send, "");
  EXPECT_EQ(text.find("Api Down \\x1b[31m{{ .Secret }} {0} %s \\u202e\n"), 0U) << text;
}

TEST(Subject, IsOneShortLine) {
  rules::Send send = one_page();
  EXPECT_EQ(subject(send), "[R-5] ApiDown: no answer");
  send.pages.front().incident.summary = "A\nB" + std::string(4000, 'x');
  EXPECT_EQ(subject(send).size(), 200U);
  EXPECT_EQ(subject(send).find('\n'), std::string::npos);
  send.pages.push_back(page(13, incident(6, "DiskFull")));
  EXPECT_EQ(subject(send).find("[R-5 and 1 more] 2 incidents: "), 0U);
}

TEST(Clean, KeepsWhatIsHarmlessAndShowsWhatIsNot) {
  const std::pair<std::string, std::string> table[] = {
      {"plain", "plain"},
      {"gr\xC3\xBC\xC3\x9F \xF0\x9F\x94\xA5", "gr\xC3\xBC\xC3\x9F \xF0\x9F\x94\xA5"},
      {"a\r\n\tb", "a   b"},
      {std::string("nul\0!", 5), "nul\\x00!"},
      {"\x7F\x07", "\\x7f\\x07"},
      {"c1 \xC2\x9B", "c1 \\u009b"},
      {"zero width \xE2\x80\x8B", "zero width \\u200b"},
      {"bad \xFF\xC0\xAF", "bad \xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD"},
      {"cut \xE2\x82", "cut \xEF\xBF\xBD\xEF\xBF\xBD"},
      {"surrogate \xED\xA0\x80", "surrogate \xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD"},
  };
  for (const auto& [dirty, clean] : table) EXPECT_EQ(visible(dirty), clean);
}

TEST(Clean, ShortensBetweenCharacters) {
  EXPECT_EQ(shorten("abcdef", 6), "abcdef");
  EXPECT_EQ(shorten("abcdefg", 6), "abc...");
  EXPECT_EQ(shorten("a\xC3\xBC\xC3\xBC\xC3\xBC", 6), "a\xC3\xBC...");
  EXPECT_EQ(shorten("abcdef", 2), "..");
}

}  // namespace
}  // namespace words
