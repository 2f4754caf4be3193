#include "rules/dictionary.hpp"

#include <map>
#include <random>

#include <gtest/gtest.h>

namespace rules {
namespace {

// Spares the compiler from wondering which constructor two braces mean.
Labels of(std::vector<std::pair<std::string, std::string>> pairs) {
  return Labels(std::move(pairs));
}

TEST(Dictionary, KeepsAStringOnce) {
  Dictionary dictionary;
  const std::uint32_t first = dictionary.hold("instance");
  EXPECT_EQ(dictionary.hold("instance"), first);
  EXPECT_EQ(dictionary.size(), 1U);
  EXPECT_EQ(dictionary.text(first), "instance");
}

TEST(Dictionary, ForgetsAStringWithItsLastReference) {
  Dictionary dictionary;
  const std::uint32_t id = dictionary.hold("instance");
  EXPECT_EQ(dictionary.hold("instance"), id);
  dictionary.release(id);
  EXPECT_EQ(dictionary.text(id), "instance");
  dictionary.release(id);
  EXPECT_EQ(dictionary.size(), 0U);
  EXPECT_EQ(dictionary.hold("job"), id);  // the place is used again
  EXPECT_EQ(dictionary.text(id), "job");
}

TEST(Dictionary, DoesNotCountTheEmptyString) {
  Dictionary dictionary;
  EXPECT_EQ(dictionary.hold(""), 0U);
  dictionary.release(0);
  dictionary.release(0);
  EXPECT_EQ(dictionary.text(0), "");
  EXPECT_EQ(dictionary.size(), 0U);
}

TEST(Dictionary, GivesLabelsBackAsTheyWere) {
  Dictionary dictionary;
  Labels labels;
  labels.add("alertname", "Down");
  labels.add("empty", "");
  labels.add("instance", "alertname");
  labels.seal(true);
  const StoredLabels stored = dictionary.hold(labels);
  EXPECT_EQ(dictionary.labels(stored), labels);
  EXPECT_EQ(dictionary.size(), 4U);
  EXPECT_EQ(dictionary.find(stored, "instance"), "alertname");
  EXPECT_EQ(dictionary.find(stored, "Down"), "");
  EXPECT_TRUE(dictionary.same(stored, labels));
  EXPECT_FALSE(dictionary.same(stored, of({{"alertname", "Down"}, {"empty", "x"}, {"instance", "alertname"}})));
  EXPECT_FALSE(dictionary.same(stored, of({{"alertname", "Down"}})));
  dictionary.release(stored);
  EXPECT_EQ(dictionary.size(), 0U);
}

TEST(Dictionary, KeepsItsStringsWhenItMoves) {
  Dictionary dictionary;
  const std::uint32_t one = dictionary.hold("one");
  Dictionary moved{std::move(dictionary)};
  EXPECT_EQ(moved.hold("one"), one);
  Dictionary assigned;
  (void)assigned.hold("other");
  assigned = std::move(moved);
  EXPECT_EQ(assigned.hold("one"), one);
  EXPECT_EQ(assigned.size(), 1U);
}

TEST(Dictionary, BehavesAsACountedMapOverALongRandomLife) {
  constexpr unsigned seed = 20261122;
  SCOPED_TRACE("seed " + std::to_string(seed));
  std::mt19937 random{seed};
  Dictionary dictionary;
  std::map<std::string, std::vector<std::uint32_t>> held;
  for (int round = 0; round < 20000; ++round) {
    std::string text = "value of some length, number " + std::to_string(random() % 300);
    auto& ids = held[text];
    if (random() % 2 == 0 || ids.empty()) {
      ids.push_back(dictionary.hold(text));
      ASSERT_EQ(ids.back(), ids.front());
    } else {
      dictionary.release(ids.back());
      ids.pop_back();
    }
    if (ids.empty()) held.erase(text);
    ASSERT_EQ(dictionary.size(), held.size());
  }
  for (const auto& [text, ids] : held) EXPECT_EQ(dictionary.text(ids.front()), text);
}

}  // namespace
}  // namespace rules
