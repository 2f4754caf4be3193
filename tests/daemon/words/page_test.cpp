#include "daemon/words/page.hpp"

#include <gtest/gtest.h>

#include "daemon/words/clean.hpp"

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

TEST(PageJson, OfANoticeIsNoPage) {
  rules::Send send = message();
  send.notices.push_back({.kind = rules::NoticeKind::acknowledged, .by = "ben", .incident = incident(5, "ApiDown")});
  EXPECT_EQ(page_json(send, ""),
            R"({"version":1,"notice":{"to":"olga","kind":"acknowledged","incident":"R-5",)"
            R"("text":"R-5 is acknowledged by ben: ApiDown"},)"
            R"("incident":{"id":"R-5","uid":"01KJVD8Z000000000000000005","state":"triggered","severity":"critical",)"
            R"("service":"checkout","summary":"ApiDown","alerts":3,"url":null},"drill":false})");
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
