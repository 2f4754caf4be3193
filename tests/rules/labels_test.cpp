#include "rules/labels.hpp"

#include <algorithm>
#include <random>

#include <gtest/gtest.h>

namespace rules {
namespace {

using Pairs = std::vector<std::pair<std::string, std::string>>;

// Spares the compiler from wondering which constructor two braces mean.
Labels of(Pairs pairs) {
  return Labels(std::move(pairs));
}

Pairs pairs_of(const Labels& labels) {
  Pairs pairs;
  for (std::size_t index = 0; index < labels.size(); ++index)
    pairs.emplace_back(labels[index].name, labels[index].value);
  return pairs;
}

TEST(Labels, AreSortedByNameWhateverTheOrderTheyCameIn) {
  const Labels labels = of({{"severity", "critical"}, {"alertname", "Down"}, {"job", "node"}});
  EXPECT_EQ(pairs_of(labels), (Pairs{{"alertname", "Down"}, {"job", "node"}, {"severity", "critical"}}));
}

TEST(Labels, OfANameThatComesTwiceKeepTheLast) {
  const Labels labels = of({{"b", "1"}, {"a", "1"}, {"b", "2"}, {"a", "2"}, {"b", "3"}});
  EXPECT_EQ(pairs_of(labels), (Pairs{{"a", "2"}, {"b", "3"}}));
  EXPECT_EQ(labels.bytes(), 4U);
}

TEST(Labels, TreatAnEmptyValueAsAMissingLabel) {
  const Labels labels = of({{"a", "1"}, {"b", ""}});
  EXPECT_EQ(labels, of({{"a", "1"}}));
  EXPECT_FALSE(labels.contains("b"));
  EXPECT_EQ(labels.find("b"), "");
}

TEST(Labels, AreGoneWhenTheLastOfTheirNameIsEmpty) {
  EXPECT_TRUE(of({{"a", "1"}, {"a", ""}}).empty());
}

TEST(Labels, KeepEmptyValuesWhenAsked) {
  Labels annotations;
  annotations.add("summary", "");
  annotations.add("runbook", "x");
  annotations.seal(true);
  EXPECT_EQ(pairs_of(annotations), (Pairs{{"runbook", "x"}, {"summary", ""}}));
  EXPECT_TRUE(annotations.contains("summary"));
}

TEST(Labels, TakeMoreAfterTheyWereSealed) {
  Labels labels = of({{"b", "1"}, {"c", "1"}});
  labels.add("b", "2");
  labels.add("a", "1");
  labels.seal();
  EXPECT_EQ(pairs_of(labels), (Pairs{{"a", "1"}, {"b", "2"}, {"c", "1"}}));
}

TEST(Labels, DoNotMindAnEmptyNameOrZeroBytes) {
  const Labels labels = of({{std::string("a\0b", 3), "1"}, {"", "2"}, {"a", std::string("\0", 1)}});
  EXPECT_EQ(labels.find(""), "2");
  EXPECT_EQ(labels.find("a"), std::string_view("\0", 1));
  EXPECT_EQ(labels.find(std::string_view("a\0b", 3)), "1");
}

TEST(Labels, KeepTheLastEvenOfAnEmptyName) {
  for (const std::string value : {"x", ""}) {
    Labels labels;
    labels.add("", value == "x" ? "" : "x");
    labels.add("", value);
    labels.seal(true);
    EXPECT_EQ(pairs_of(labels), (Pairs{{"", value}}));
  }
}

TEST(Labels, AreFoundAmongFewAndAmongMany) {
  for (const int count : {0, 1, 15, 16, 17, 40, 1000}) {
    Labels labels;
    for (int number = count; number > 0; --number) labels.add("n" + std::to_string(number), std::to_string(number));
    labels.seal();
    ASSERT_EQ(labels.size(), static_cast<std::size_t>(count));
    for (int number = 1; number <= count; ++number)
      EXPECT_EQ(labels.find("n" + std::to_string(number)), std::to_string(number));
    EXPECT_FALSE(labels.contains("n"));
    EXPECT_FALSE(labels.contains("n0"));
    EXPECT_FALSE(labels.contains("z"));
  }
}

TEST(Labels, AreEqualByWhatTheySayAndNotByHowTheyWereBuilt) {
  EXPECT_EQ(of({{"a", "1"}, {"b", "2"}}), of({{"b", "2"}, {"a", "0"}, {"a", "1"}}));
  EXPECT_FALSE(of({{"a", "bc"}}) == of({{"ab", "c"}}));
}

// The three fingerprints are Alertmanager's own, from bodies that it sent.
TEST(Fingerprint, IsAlertmanagersOwn) {
  EXPECT_EQ(hex(fingerprint_of(of({{"alertname", "InstanceDown"},
                                   {"instance", "web-1:9100"},
                                   {"job", "node"},
                                   {"scenario", "single"},
                                   {"severity", "critical"}}))),
            "b559886cf27f8c57");
  EXPECT_EQ(hex(fingerprint_of(of({{"severity", "warning"},
                                   {"alertname", "DiskWillFill"},
                                   {"datacenter", "fra1"},
                                   {"device", "sda"},
                                   {"instance", "db-1:9100"},
                                   {"job", "node"},
                                   {"scenario", "several"}}))),
            "8c3c71ff4b1c1fde");
  EXPECT_EQ(hex(fingerprint_of(of({{"alertname", "Überlast"},
                                   {"bs", "C:\\path\\\"q\""},
                                   {"city", "東京"},
                                   {"ctl", "tab\there\nnewline\abell\u2028ls"},
                                   {"emoji", "🔥🧯"},
                                   {"html", "<b>&\"'</b>"},
                                   {"instance", "höst-Ω:9100"},
                                   {"longlabel", std::string(20000, 'x')},
                                   {"rtl", "\u202Eevil"},
                                   {"scenario", "unicode"},
                                   {"severity", "critical"},
                                   {"zero", std::string("nul\0byte", 8)}}))),
            "0455b3371dad266a");
}

TEST(Fingerprint, HasSixteenDigits) {
  EXPECT_EQ(hex(Fingerprint{0}), "0000000000000000");
  EXPECT_EQ(hex(Fingerprint{0x455'b337'1dad'266a}), "0455b3371dad266a");
}

TEST(AlertKeys, DoNotDependOnTheOrderOfLabels) {
  Pairs pairs{{"alertname", "Down"}, {"cluster", "eu"}, {"instance", "web-1"}, {"job", "node"}, {"zone", "a"}};
  const AlertKey expected = key_of(Labels{pairs}, {}, 7);
  std::minstd_rand random{1};
  for (int round = 0; round < 20; ++round) {
    std::shuffle(pairs.begin(), pairs.end(), random);
    EXPECT_EQ(key_of(Labels{pairs}, {}, 7), expected);
  }
}

TEST(AlertKeys, LeaveOutWhatIdentityIgnores) {
  const std::vector<std::string> ignore{"__replica__", "severity"};
  const AlertKey key = key_of(of({{"alertname", "Down"}}), ignore, 7);
  EXPECT_EQ(key_of(of({{"alertname", "Down"}, {"severity", "warning"}, {"__replica__", "2"}}), ignore, 7), key);
  EXPECT_NE(key_of(of({{"alertname", "Down"}, {"severity", "warning"}}), {}, 7), key);
}

TEST(AlertKeys, TellApartWhereTheNameEnds) {
  EXPECT_NE(key_of(of({{"ab", "c"}}), {}, 7), key_of(of({{"a", "bc"}}), {}, 7));
}

TEST(AlertKeys, TellApartValuesThatChangedPlaces) {
  EXPECT_NE(key_of(of({{"a", "1"}, {"b", "2"}}), {}, 7), key_of(of({{"a", "2"}, {"b", "1"}}), {}, 7));
}

TEST(AlertKeys, DependOnTheSeedInBothHalves) {
  const Labels labels = of({{"alertname", "Down"}});
  EXPECT_NE(key_of(labels, {}, 7).low, key_of(labels, {}, 8).low);
  EXPECT_NE(key_of(labels, {}, 7).high, key_of(labels, {}, 8).high);
}

// Keys are kept in journals: a change of the function is a change of the format.
TEST(AlertKeys, StayWhatTheyWere) {
  const AlertKey key = key_of(of({{"alertname", "Down"}, {"instance", std::string(300, 'x')}}), {}, 7);
  EXPECT_EQ(key.high ^ key.low, 6456879747181409228U);
}

}  // namespace
}  // namespace rules
