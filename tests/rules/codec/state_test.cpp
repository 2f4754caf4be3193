#include <gtest/gtest.h>

#include "rules/apply.hpp"
#include "rules/codec/codec.hpp"
#include "tests/rules/codec/random_values.hpp"
#include "tests/rules/codec/same.hpp"

namespace codec {
namespace {

using namespace std::chrono_literals;

constexpr std::uint64_t first_seed = 20261122;

TEST(StatesAsBytes, ComeBackWhole) {
  for (std::uint64_t seed = first_seed; seed < first_seed + 200; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    const rules::State state = RandomValues{seed}.make_state();
    const std::string bytes = encode_state(state);
    const auto decoded = decode_state(bytes);
    ASSERT_TRUE(decoded) << decoded.error();
    ASSERT_TRUE((Same{*decoded, state}(*decoded, state)));
    ASSERT_EQ(encode_state(*decoded), bytes);
    ASSERT_EQ(digest(*decoded), digest(state));
  }
}

TEST(StatesAsBytes, FindAgainWhatIsLookedUp) {
  for (std::uint64_t seed = first_seed; seed < first_seed + 50; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    const rules::State state = RandomValues{seed}.make_state();
    const auto decoded = decode_state(encode_state(state));
    ASSERT_TRUE(decoded) << decoded.error();
    ASSERT_EQ(decoded->open_episodes.size(), state.open_episodes.size());
    for (const auto& [key, episode] : decoded->open_episodes) {
      ASSERT_EQ(episode->key, key);
      const auto is_it = [&](const auto& entry) { return &entry.second == episode; };
      ASSERT_TRUE(std::any_of(decoded->episodes.begin(), decoded->episodes.end(), is_it));
    }
    ASSERT_EQ(decoded->incident_by_key.size(), state.incident_by_key.size());
    for (const auto& [key, id] : state.incident_by_key) ASSERT_EQ(decoded->incident_by_key.at(key), id);
  }
}

// Other ids in the dictionary, other slots of deadlines, handles of deadlines that have gone by.
TEST(StatesAsBytes, DoNotTellTheirHistory) {
  for (std::uint64_t seed = first_seed; seed < first_seed + 50; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    const rules::State state = RandomValues{seed}.make_state();
    const std::string bytes = encode_state(state);

    rules::State other;
    const std::uint32_t early = other.dictionary.hold("held early, so that all ids are others");
    for (std::uint32_t number = 0; number < 20; ++number) {
      const std::uint32_t gone = other.dictionary.hold("gone " + std::to_string(number));
      if (number % 3 == 0) other.dictionary.release(gone);
    }
    auto decoded = decode_state(bytes);
    ASSERT_TRUE(decoded) << decoded.error();
    rules::State& twin = *decoded;

    // The dictionary is exchanged for one with a past, and all that names its texts with it.
    for (auto& [id, episode] : twin.episodes) {
      for (rules::Variant& variant : episode.variants) {
        variant.labels = other.dictionary.hold(twin.dictionary.labels(variant.labels));
        variant.source = other.dictionary.hold(twin.dictionary.text(variant.source));
      }
    }
    other.dictionary.release(early);
    twin.dictionary = std::move(other.dictionary);

    // Deadlines come and go; the handles of some stay behind.
    const std::uint64_t next_armed = twin.deadlines.next_armed();
    for (int round = 0; round < 10; ++round) {
      const rules::DeadlineId gone = twin.deadlines.arm(rules::Instant{5s}, rules::DeadlineKind::desk_flush, 1, 2);
      twin.deadlines.disarm(gone);
      for (auto& [id, incident] : twin.incidents)
        if (!twin.deadlines.find(incident.retention)) incident.retention = gone;
    }
    twin.deadlines.set_next_armed(next_armed);

    ASSERT_EQ(encode_state(twin), bytes);
  }
}

TEST(StatesAsBytes, TellApartWhatDecidesLater) {
  const rules::State before;
  rules::State after;
  after.deadlines.set_next_armed(1);
  EXPECT_NE(digest(before), digest(after));
  after = rules::State{};
  after.last_page = 1;
  EXPECT_NE(digest(before), digest(after));
}

TEST(StatesAsBytes, WithTwoDeadlinesOfOneNumberAreRefused) {
  std::string bytes;
  Writer out{bytes};
  out.number(format_version);
  out.tag(2, Wire::record);
  out.tag(1, Wire::record);  // the deadlines
  out.tag(1, Wire::number);
  out.number(1);
  out.tag(2, Wire::records);
  out.number(2);
  out.end_record();
  out.end_record();
  out.end_record();
  out.end_record();
  out.end_record();
  out.finish();
  const auto decoded = decode_state(bytes);
  ASSERT_FALSE(decoded);
  EXPECT_NE(decoded.error().find("two deadlines were armed at once"), std::string::npos) << decoded.error();
}

// Runs the engine on a random story. Every now and then it goes to bytes and back, while a twin never does: both must
// say the same, to the end.
class Story {
 public:
  explicit Story(std::uint64_t seed) : random_(seed) {}

  rules::Event next_event() {
    switch (random_.below(12)) {
      case 0:
        return rules::Acknowledge{incident(), "asha"};
      case 1:
        return rules::Resolve{incident(), "ben"};
      case 2:
        return rules::Snooze{incident(), "asha", std::chrono::minutes{1 + random_.below(30)}};
      case 3:
        return rules::Escalate{incident(), "asha"};
      case 4:
        return rules::SendEnded{rules::MessageId{1 + random_.below(20)}, 0, random_.make<rules::SendOutcome>(), "said"};
      case 5:
        return rules::Note{incident(), "ben", "looking"};
      case 6:
      case 7:
        return rules::ClockReached{now_};
      default:
        return reports();
    }
  }

  rules::Stamp stamp() {
    now_ += std::chrono::milliseconds{random_.below(4) == 0 ? random_.below(600'000) : random_.below(3000)};
    return {now_, now_};
  }

 private:
  rules::IncidentId incident() { return rules::IncidentId{1 + random_.below(6)}; }

  rules::ReportsArrived reports() {
    rules::ReportsArrived arrived{"prometheus", random_.make<rules::ReportForm>(), {}, 0};
    for (std::uint64_t left = 1 + random_.below(4); left > 0; --left) {
      rules::Report& report = arrived.reports.emplace_back();
      report.status = random_.below(3) == 0 ? rules::ReportStatus::resolved : rules::ReportStatus::firing;
      report.labels = rules::Labels{{{"alertname", "Down" + std::to_string(random_.below(3))},
                                     {"instance", std::to_string(random_.below(4))},
                                     {"severity", random_.below(2) == 0 ? "warning" : "critical"}}};
      report.annotations = rules::Labels{{{"summary", "It is down"}}};
      report.starts_at = now_ - std::chrono::minutes{random_.below(5)};
      if (report.status == rules::ReportStatus::resolved || arrived.form == rules::ReportForm::api_v2)
        report.ends_at = *report.starts_at + std::chrono::minutes{random_.below(10)};
    }
    return arrived;
  }

  RandomValues random_;
  rules::Instant now_{std::chrono::sys_days{std::chrono::year{2026} / 3 / 4}};
};

rules::PolicyLoaded policy() {
  rules::Policy policy;
  policy.people.push_back({"asha",
                           "Asha",
                           "",
                           {{"sms", "sms", "+15550100"}, {"email", "email", "asha@example.org"}},
                           {{"sms", 0s}, {"email", 2min}},
                           {{"email", 0s}}});
  policy.people.push_back({"ben", "Ben", "", {{"sms", "sms", "+15550101"}}, {{"sms", 0s}}, {{"sms", 0s}}});
  rules::CallTree tree;
  tree.id = "operations";
  tree.steps.push_back({{{rules::TargetKind::person, "asha"}}, 5min});
  tree.steps.push_back({{{rules::TargetKind::person, "ben"}}, 5min});
  tree.repeat = 2;
  tree.last_resort.targets = {{rules::TargetKind::person, "ben"}};
  policy.call_trees.push_back(tree);
  policy.route.path = "root";
  policy.route.call_tree = "operations";
  policy.route.group_wait = 10s;
  policy.channels.push_back({"email", {{}}});
  policy.channels.push_back({"sms", {{}, {}}});
  policy.hash = hash_of(policy);
  return {std::make_shared<const rules::Policy>(policy)};
}

TEST(StatesAsBytes, DecideAsTheStateDoesThatNeverWasBytes) {
  std::size_t effects_seen = 0;
  for (std::uint64_t seed = first_seed; seed < first_seed + 12; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    Story story{seed};
    rules::State live;
    live.seed = seed;
    rules::State restored;
    restored.seed = seed;
    for (int round = 0; round < 250; ++round) {
      const rules::Stamp stamp = story.stamp();
      const rules::Event event = round == 0   ? rules::Event{policy()}
                                 : round == 1 ? rules::Event{rules::Started{1}}
                                              : story.next_event();
      const StampedEvent stamped{stamp, event};
      auto read = decode_batch(encode_batch({&stamped, 1}));
      ASSERT_TRUE(read) << read.error();
      const rules::Effects effects = rules::apply(live, event, stamp);
      effects_seen += effects.size();
      ASSERT_EQ(digest(rules::apply(restored, read->front().event, read->front().stamp)), digest(effects)) << round;
      if (round % 7 == 0) {
        auto decoded = decode_state(encode_state(restored));
        ASSERT_TRUE(decoded) << decoded.error();
        restored = *std::move(decoded);
      }
      ASSERT_EQ(digest(restored), digest(live)) << round;
    }
    ASSERT_FALSE(live.incidents.empty());
  }
  EXPECT_GT(effects_seen, 1000U);
}

}  // namespace
}  // namespace codec
