// The engine's loop body, turned by hand over a journal in memory and a clock that stands still until told.
#include "daemon/engine.hpp"

#include <gtest/gtest.h>

#include "config/load.hpp"
#include "daemon/journal/memory.hpp"
#include "daemon/recovery.hpp"
#include "rules/codec/codec.hpp"

namespace roused {
namespace {

class StandingClock final : public Clock {
 public:
  [[nodiscard]] ClockReading read() const override { return reading; }
  void advance(std::chrono::milliseconds by) {
    reading.boot += by;
    reading.wall += by;
  }
  ClockReading reading{.boot = std::chrono::hours{5}, .wall = rules::Instant{std::chrono::hours{490'000}}};
};

std::shared_ptr<const rules::Policy> small_policy() {
  const char* text = R"(
rouse: 1
people:
  olga: { name: Olga, contact: { webhook: "http://127.0.0.1:1/olga" } }
  sam: { name: Sam, contact: { webhook: "http://127.0.0.1:1/sam" } }
call_trees:
  outage: { steps: [ { call: olga, wait: 5m }, { call: sam, wait: 5m } ], last_resort: { call: [sam], every: 30m } }
route: { call_tree: outage, urgency: high }
channels: { webhook: [ { webhook: {} } ] }
)";
  config::Loaded loaded = config::load(text, "test.yml");
  EXPECT_TRUE(loaded) << (loaded ? "" : config::print(loaded.error()));
  auto policy = std::make_shared<rules::Policy>(std::move(loaded->policy));
  policy->hash = codec::hash_of(*policy);
  return policy;
}

rules::Event fires(const std::string& service) {
  rules::Report report;
  report.labels = rules::Labels{{{"alertname", "ApiDown"}, {"service", service}, {"severity", "critical"}}};
  rules::ReportsArrived arrived;
  arrived.source = "10.0.0.1";
  arrived.reports.push_back(std::move(report));
  return arrived;
}

// The engine between a lane and a journal, and what came out of it.
class Bench : public ::testing::Test {
 protected:
  explicit Bench(LaneSizes sizes = {}) : lane{sizes} { make(journal, {}); }

  void make(journal::MemoryJournal& on, EngineOptions options) {
    auto recovered = recover(on);
    ASSERT_TRUE(recovered) << recovered.error();
    EngineHooks hooks;
    hooks.alarm = [this](const std::string& text) { alarms.push_back(text); };
    hooks.failed = [this] { ++marks; };
    engine = std::make_unique<Engine>(std::move(recovered->state),
                                      recovered->last_digest,
                                      on,
                                      clock,
                                      std::vector<Lane*>{&lane},
                                      options,
                                      std::move(hooks));
    engine->start(policy);
  }

  void settle() {
    for (int turns = 0; turns < 100; ++turns) engine->turn();
    while (std::optional<Command> command = lane.pop_command()) {
      if (auto* reply = std::get_if<Reply>(&*command)) {
        replies.push_back(std::move(*reply));
      } else {
        sends.push_back(std::move(std::get<SendOrder>(*command)));
      }
    }
  }

  bool report(rules::Event event, Ticket ticket) {
    return lane.push_reports(Work{.what = std::move(event), .ticket = ticket}, 300);
  }
  bool say(rules::Event event, Ticket ticket = 0) {
    return lane.push_people(Work{.what = std::move(event), .ticket = ticket}, 100);
  }

  StandingClock clock;
  std::shared_ptr<const rules::Policy> policy = small_policy();
  journal::MemoryJournal journal;
  Lane lane;
  std::unique_ptr<Engine> engine;
  std::vector<Reply> replies;
  std::vector<SendOrder> sends;
  std::vector<std::string> alarms;
  int marks = 0;
};

class SmallRings : public Bench {
 protected:
  SmallRings() : Bench{LaneSizes{.report_slots = 8, .people_slots = 64}} {}
};

using EngineDurability = Bench;
using FullRing = SmallRings;

TEST_F(EngineDurability, NeitherAReplyNorAPageLeavesBeforeItsEventIsCommitted) {
  settle();
  journal.plan(journal::DiskPlan{.polls = 50});
  ASSERT_TRUE(report(fires("checkout"), 1));
  for (int turns = 0; turns < 40; ++turns) engine->turn();
  EXPECT_FALSE(lane.pop_command()) << "the append is still in flight";
  settle();
  ASSERT_EQ(replies.size(), 1U);
  EXPECT_EQ(replies[0].durability, Durability::durable);
  ASSERT_EQ(sends.size(), 1U);
  EXPECT_EQ(sends[0].send.person, "olga");
}

TEST_F(EngineDurability, WhatArrivesWhileAnAppendIsInFlightIsTheNextRow) {
  settle();
  const std::uint64_t before = journal.last_sequence();
  journal.plan(journal::DiskPlan{.polls = 3});
  ASSERT_TRUE(report(fires("one"), 1));
  engine->turn();
  ASSERT_TRUE(report(fires("two"), 2));
  ASSERT_TRUE(report(fires("three"), 3));
  settle();
  EXPECT_EQ(journal.last_sequence(), before + 2) << "two rows: the first alone, the others together";
  EXPECT_EQ(replies.size(), 3U);
}

TEST_F(EngineDurability, AnAcknowledgementSetsTheFlagOfAPageUnderWayBeforeItIsAnswered) {
  settle();
  ASSERT_TRUE(report(fires("checkout"), 1));
  settle();
  ASSERT_EQ(sends.size(), 1U);
  EXPECT_FALSE(sends[0].withdrawn->load());
  ASSERT_TRUE(say(rules::Acknowledge{rules::IncidentId{1}, "olga"}, 2));
  settle();
  EXPECT_TRUE(sends[0].withdrawn->load());
  ASSERT_EQ(replies.size(), 2U);
  ASSERT_TRUE(replies[1].verdict);
  EXPECT_EQ(replies[1].verdict->code, rules::VerdictCode::done);
  ASSERT_TRUE(replies[1].incident);
  EXPECT_EQ(replies[1].incident->facts.state, rules::IncidentState::acknowledged);
}

TEST_F(EngineDurability, AFullDiskPagesMarkedAnswersNotDurableAndObeysPeople) {
  settle();
  const journal::DiskPlan full{.outcome = journal::Outcome::full};
  journal.plan_usually(full);
  ASSERT_TRUE(report(fires("checkout"), 1));
  settle();
  ASSERT_EQ(replies.size(), 1U);
  EXPECT_EQ(replies[0].durability, Durability::memory) << "the sender must say it again";
  ASSERT_EQ(sends.size(), 1U);
  EXPECT_TRUE(sends[0].send.possible_duplicate);
  EXPECT_TRUE(engine->is_disk_full());
  ASSERT_TRUE(say(rules::Acknowledge{rules::IncidentId{1}, "olga"}, 2));
  settle();
  EXPECT_EQ(rules::view_incident(engine->state(), rules::IncidentId{1})->facts.state,
            rules::IncidentState::acknowledged);

  // Room again: what was taken in memory goes to the disk first, in order, and a recovery finds it.
  journal.plan_usually(journal::DiskPlan{});
  clock.advance(std::chrono::seconds{2});
  settle();
  EXPECT_FALSE(engine->is_disk_full());
  const auto recovered = recover(journal);
  ASSERT_TRUE(recovered) << recovered.error();
  EXPECT_EQ(codec::digest(recovered->state), codec::digest(engine->state()));
}

TEST_F(EngineDurability, AFullBacklogRefusesReportsAndStillObeysPeople) {
  settle();
  make(journal, EngineOptions{.backlog_bytes = 1});
  settle();
  journal.plan_usually(journal::DiskPlan{.outcome = journal::Outcome::full});
  ASSERT_TRUE(report(fires("one"), 1));
  settle();
  ASSERT_TRUE(report(fires("two"), 2));
  ASSERT_TRUE(say(rules::Acknowledge{rules::IncidentId{1}, "olga"}, 3));
  settle();
  ASSERT_EQ(replies.size(), 3U);
  const auto durability_of = [this](Ticket ticket) {
    for (const Reply& reply : replies) {
      if (reply.ticket == ticket) return reply.durability;
    }
    return Durability::durable;
  };
  EXPECT_EQ(durability_of(2), Durability::refused);
  EXPECT_EQ(durability_of(3), Durability::memory);
  EXPECT_EQ(rules::view_incident(engine->state(), rules::IncidentId{1})->by, "olga");
  EXPECT_FALSE(rules::view_incident(engine->state(), rules::IncidentId{2}));
}

TEST_F(EngineDurability, AFailedSyncPagesOnceMarkedTellsTheLastResortAndAcknowledgesNothingMore) {
  settle();
  journal.plan_usually(journal::DiskPlan{.outcome = journal::Outcome::failed});
  ASSERT_TRUE(report(fires("checkout"), 1));
  settle();
  ASSERT_EQ(replies.size(), 1U);
  EXPECT_EQ(replies[0].durability, Durability::refused);
  ASSERT_EQ(sends.size(), 2U);
  EXPECT_EQ(sends[0].send.person, "olga");
  EXPECT_TRUE(sends[0].send.possible_duplicate);
  EXPECT_EQ(sends[1].send.person, "sam") << "last_resort";
  EXPECT_NE(sends[1].send.pages.at(0).incident.summary.find("JournalFailed"), std::string::npos);
  EXPECT_TRUE(engine->has_failed());
  EXPECT_EQ(marks, 1);
  ASSERT_TRUE(report(fires("search"), 2));
  settle();
  ASSERT_EQ(replies.size(), 2U);
  EXPECT_EQ(replies[1].durability, Durability::refused);
  EXPECT_EQ(sends.size(), 2U);
}

TEST_F(EngineDurability, AFailedSyncKeepsNoPageBackThatWaitsForTheEndOfItsSecond) {
  settle();
  ASSERT_TRUE(report(fires("checkout"), 1));
  settle();
  ASSERT_EQ(sends.size(), 1U);
  journal.plan_usually(journal::DiskPlan{.outcome = journal::Outcome::failed});
  ASSERT_TRUE(report(fires("search"), 2));  // olga has just had a message: this one is gathered
  settle();
  ASSERT_TRUE(engine->has_failed());
  ASSERT_EQ(sends.size(), 3U);
  EXPECT_EQ(sends[1].send.person, "olga");
  EXPECT_EQ(sends[1].send.pages.at(0).incident.service, "search");
  EXPECT_TRUE(sends[1].send.possible_duplicate);
  EXPECT_EQ(sends[2].send.person, "sam") << "last_resort";
}

TEST_F(EngineDurability, AfterAFailedSyncWhatIsDueDoesNotKeepTheThreadTurning) {
  settle();
  ASSERT_TRUE(report(fires("checkout"), 1));
  settle();
  journal.plan_usually(journal::DiskPlan{.outcome = journal::Outcome::failed});
  ASSERT_TRUE(report(fires("search"), 2));
  settle();
  ASSERT_TRUE(engine->has_failed());
  clock.advance(std::chrono::minutes{6});  // step 2 was due after 5, and nothing will ever apply it
  EXPECT_FALSE(engine->turn());
  EXPECT_FALSE(engine->next_timer());
}

// Found by the simulation: the number of the message was given again, and with it the key.
TEST_F(EngineDurability, APageThatWasSentFromMemoryOnlySharesItsKeyWithNoLaterOne) {
  settle();
  journal.plan_usually(journal::DiskPlan{.outcome = journal::Outcome::full});
  ASSERT_TRUE(report(fires("checkout"), 1));
  settle();
  ASSERT_EQ(sends.size(), 1U);
  engine.reset();
  const std::unique_ptr<journal::MemoryJournal> found = journal.crash(0);
  clock.advance(std::chrono::seconds{10});
  make(*found, {});
  settle();
  ASSERT_TRUE(report(fires("search"), 2));
  settle();
  ASSERT_EQ(sends.size(), 2U);
  EXPECT_EQ(sends[1].send.message, sends[0].send.message) << "what gave the first its number is gone";
  EXPECT_NE(sends[1].send.key, sends[0].send.key) << "a provider would take the second for the first";
}

TEST_F(EngineDurability, AJournalThatFailsAgainWithinHalfAnHourTellsNobodyTwice) {
  settle();
  make(journal, EngineOptions{.told_lately = true});
  settle();
  journal.plan_usually(journal::DiskPlan{.outcome = journal::Outcome::failed});
  ASSERT_TRUE(report(fires("checkout"), 1));
  settle();
  EXPECT_TRUE(engine->has_failed());
  EXPECT_TRUE(sends.empty());
  EXPECT_EQ(marks, 0);
}

TEST_F(EngineDurability, AfterARestartTheWaitGoesOnAndAnOverdueStepIsCalledAtOnce) {
  settle();
  ASSERT_TRUE(report(fires("checkout"), 1));
  settle();
  ASSERT_EQ(sends.size(), 1U);
  ASSERT_TRUE(say(rules::SendEnded{.message = sends[0].send.message, .outcome = rules::SendOutcome::accepted}));
  settle();
  const std::string first_key = sends[0].send.key;
  engine.reset();
  clock.advance(std::chrono::minutes{7});  // step 2 was due after 5
  make(journal, {});
  settle();
  ASSERT_EQ(sends.size(), 2U);
  EXPECT_EQ(sends[1].send.person, "sam");
  EXPECT_NE(sends[1].send.key, first_key);
  EXPECT_EQ(rules::view_incident(engine->state(), rules::IncidentId{1})->next.front().at,
            engine->state().last.at + std::chrono::minutes{5})
      << "its wait runs from when it was called";
}

// What a later version makes of the last row of the one before it is not what that one decided.
TEST_F(EngineDurability, AVersionThatComesBackBelievesTheRowsThatItWroteBeforeAnother) {
  ASSERT_TRUE(report(fires("checkout"), 1));
  settle();
  const std::uint64_t last_of_the_first = journal.last_sequence();
  // The other version recovers, finds its own digest for that row, and goes on.
  constexpr std::uint32_t other_version = rules::behaviour_version + 1;
  journal::MemoryJournal read_by_the_other;
  ASSERT_TRUE(journal.replay(0, [&](const journal::Row& row) {
    read_by_the_other.start_append(row.body, other_version, row.sequence == 1 ? journal::unknown_digest : 4711);
    return read_by_the_other.take_result().has_value();
  }));
  const auto found = recover(read_by_the_other);
  ASSERT_TRUE(found) << found.error();
  EXPECT_EQ(found->other_version, last_of_the_first);
  EXPECT_EQ(found->last_digest, journal::unknown_digest);
  const std::vector<codec::StampedEvent> started{{found->state.last, rules::Started{.run = 2}}};
  journal.start_append(codec::encode_batch(started), other_version, found->last_digest);
  ASSERT_EQ(journal.take_result()->outcome, journal::Outcome::committed);
  const auto recovered = recover(journal);
  ASSERT_TRUE(recovered) << recovered.error();
  EXPECT_EQ(recovered->sequence, last_of_the_first + 1);
}

TEST_F(EngineDurability, AfterACrashAPageWithoutAnOutcomeIsSentAgainUnderItsKeyAndMarked) {
  settle();
  ASSERT_TRUE(report(fires("checkout"), 1));
  settle();
  ASSERT_EQ(sends.size(), 1U);
  engine.reset();
  make(journal, {});
  settle();
  ASSERT_EQ(sends.size(), 2U);
  EXPECT_EQ(sends[1].send.key, sends[0].send.key);
  EXPECT_FALSE(sends[0].send.possible_duplicate);
  EXPECT_TRUE(sends[1].send.possible_duplicate);
}

// Found by the simulation: the start re-issued the page under a flag of its own, and the first order kept the old one.
TEST_F(EngineDurability, APageOfAPolicyLoadedAtTheStartIsWithdrawnByAnAcknowledgement) {
  settle();
  ASSERT_TRUE(report(fires("checkout"), 1));
  settle();
  ASSERT_EQ(sends.size(), 1U);
  ASSERT_TRUE(say(rules::SendEnded{.message = sends[0].send.message, .outcome = rules::SendOutcome::accepted}));
  settle();
  auto other = std::make_shared<rules::Policy>(*policy);
  other->call_trees.front().id = "other";
  other->route.call_tree = "other";
  other->hash = codec::hash_of(*other);
  policy = other;
  engine.reset();
  sends.clear();
  clock.advance(std::chrono::seconds{2});
  make(journal, {});
  settle();
  ASSERT_EQ(sends.size(), 2U) << "the new tree begins at step 1, and the start issues that page again";
  const std::vector<SendOrder> pages = sends;
  ASSERT_TRUE(say(rules::Acknowledge{rules::IncidentId{1}, "sam"}, 2));
  settle();
  for (const SendOrder& order : pages) EXPECT_TRUE(order.withdrawn->load());
}

// Found by the simulation: two orders of one message report its end twice, and the second report took away the flag of
// the order to the next provider.
TEST_F(EngineDurability, AnEndThatIsReportedTwiceLeavesTheNextOrderItsFlag) {
  auto with_a_spare = std::make_shared<rules::Policy>(*policy);
  with_a_spare->channels.front().providers.push_back(with_a_spare->channels.front().providers.front());
  with_a_spare->hash = codec::hash_of(*with_a_spare);
  ASSERT_TRUE(say(rules::PolicyLoaded{with_a_spare}));
  settle();
  ASSERT_TRUE(report(fires("checkout"), 1));
  settle();
  ASSERT_EQ(sends.size(), 1U);
  const rules::SendEnded refused{.message = sends[0].send.message, .outcome = rules::SendOutcome::refused};
  ASSERT_TRUE(say(refused));
  ASSERT_TRUE(say(refused));
  settle();
  ASSERT_EQ(sends.size(), 2U);
  EXPECT_EQ(sends[1].send.provider, 1U);
  EXPECT_FALSE(sends[1].withdrawn->load());
  ASSERT_TRUE(say(rules::Acknowledge{rules::IncidentId{1}, "sam"}, 2));
  settle();
  EXPECT_TRUE(sends[1].withdrawn->load());
}

TEST_F(EngineDurability, AStepOfTheWallClockChangesNoWait) {
  settle();
  ASSERT_TRUE(report(fires("checkout"), 1));
  settle();
  ASSERT_TRUE(say(rules::SendEnded{.message = sends[0].send.message, .outcome = rules::SendOutcome::accepted}));
  settle();
  clock.reading.wall += std::chrono::hours{1};
  settle();
  clock.advance(std::chrono::minutes{4});
  settle();
  EXPECT_EQ(sends.size(), 1U) << "an hour forward fires nothing";
  clock.reading.wall -= std::chrono::hours{3};
  clock.advance(std::chrono::minutes{1});
  settle();
  EXPECT_EQ(sends.size(), 2U) << "three hours back freeze nothing";
  EXPECT_EQ(engine->state().counters.clock_steps, 2U);
}

TEST_F(FullRing, RefusesReportsWhileAcknowledgementsAndOutcomesStillGetThrough) {
  settle();
  ASSERT_TRUE(report(fires("checkout"), 1));
  settle();
  ASSERT_EQ(sends.size(), 1U);
  int taken = 0;
  while (report(fires("flood"), 100)) ++taken;
  EXPECT_EQ(taken, 7) << "one eighth of eight slots is kept";
  EXPECT_TRUE(say(rules::SendEnded{.message = sends[0].send.message, .outcome = rules::SendOutcome::accepted}));
  EXPECT_TRUE(say(rules::Acknowledge{rules::IncidentId{1}, "olga"}, 2));
  settle();
  EXPECT_EQ(rules::view_incident(engine->state(), rules::IncidentId{1})->facts.state,
            rules::IncidentState::acknowledged);
  EXPECT_TRUE(report(fires("after"), 3)) << "there is room again";
}

}  // namespace
}  // namespace roused
