#include <limits>
#include <random>

#include <gtest/gtest.h>

#include "rules/codec/codec.hpp"
#include "tests/rules/codec/random_values.hpp"
#include "tests/rules/codec/same.hpp"

namespace codec {
namespace {

constexpr std::uint64_t first_seed = 20261122;

template <class Type, class Encode, class Decode>
void expect_round_trips(int rounds, const Encode& encode_one, const Decode& decode_one) {
  for (std::uint64_t seed = first_seed; seed < first_seed + static_cast<std::uint64_t>(rounds); ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    RandomValues random{seed};
    const auto value = random.make<Type>();
    const std::string bytes = encode_one(value);
    const auto decoded = decode_one(bytes);
    ASSERT_TRUE(decoded) << decoded.error();
    ASSERT_TRUE(Same{}(*decoded, value));
    ASSERT_EQ(encode_one(*decoded), bytes);
  }
}

TEST(EventsAsBytes, ComeBackWhole) {
  expect_round_trips<rules::Event>(2000, [](const rules::Event& event) { return encode(event); }, decode_event);
}

TEST(EventsAsBytes, ComeBackWholeInBatches) {
  for (std::uint64_t seed = first_seed; seed < first_seed + 300; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    RandomValues random{seed};
    std::vector<StampedEvent> batch(random.below(5));
    for (StampedEvent& stamped : batch) {
      random.fill(stamped.stamp);
      random.fill(stamped.event);
    }
    const std::string bytes = encode_batch(batch);
    const auto decoded = decode_batch(bytes);
    ASSERT_TRUE(decoded) << decoded.error();
    ASSERT_EQ(decoded->size(), batch.size());
    for (std::size_t index = 0; index < batch.size(); ++index) {
      EXPECT_EQ((*decoded)[index].stamp, batch[index].stamp);
      EXPECT_TRUE(Same{}((*decoded)[index].event, batch[index].event));
    }
  }
}

TEST(EventsAsBytes, AreAppendedToWhatIsThere) {
  const rules::Event event = rules::Note{rules::IncidentId{7}, "asha", "disk swapped"};
  std::string bytes = "before";
  append(bytes, event);
  EXPECT_EQ(bytes, "before" + encode(event));
  const StampedEvent stamped{{}, event};
  bytes = "before";
  append_batch(bytes, {&stamped, 1});
  EXPECT_EQ(bytes, "before" + encode_batch({&stamped, 1}));
}

TEST(PoliciesAsBytes, ComeBackWhole) {
  expect_round_trips<rules::Policy>(300, encode_policy, decode_policy);
}

TEST(PoliciesAsBytes, CompileTheirPatterns) {
  rules::Policy policy;
  policy.route.matchers.push_back(rules::Matcher::make("team", rules::MatchOperator::matches, "pay.*").value());
  const auto decoded = decode_policy(encode_policy(policy));
  ASSERT_TRUE(decoded) << decoded.error();
  ASSERT_EQ(decoded->route.matchers.size(), 1U);
  EXPECT_TRUE(decoded->route.matchers[0].matches_value("payments"));
  EXPECT_FALSE(decoded->route.matchers[0].matches_value("search"));
}

TEST(PoliciesAsBytes, ComeBackEmptyWhereTheDefaultIsNot) {
  rules::Policy policy;
  policy.identity.ignore_labels.clear();
  policy.severity.order.clear();
  policy.service_label.clear();
  policy.route.group_by.clear();
  policy.budget.pages = 0;
  policy.correlation.hold = {};
  const auto decoded = decode_policy(encode_policy(policy));
  ASSERT_TRUE(decoded) << decoded.error();
  EXPECT_EQ(*decoded, policy);
}

TEST(PoliciesAsBytes, ReadWhatIsZeroInsideOfWhatIsNot) {
  rules::Policy policy;
  policy.rotations.emplace_back().turn = {1, rules::TurnUnit::hours};  // a rotation begins with weeks
  const auto decoded = decode_policy(encode_policy(policy));
  ASSERT_TRUE(decoded) << decoded.error();
  EXPECT_EQ(*decoded, policy);
}

TEST(PoliciesAsBytes, HaveAHashOfAllButTheHash) {
  rules::Policy policy;
  const std::uint64_t hash = hash_of(policy);
  policy.hash = hash;
  EXPECT_EQ(hash_of(policy), hash);
  policy.public_url = "https://pager.example.org";
  EXPECT_NE(hash_of(policy), hash);
  const auto decoded = decode_policy(encode_policy(policy));
  ASSERT_TRUE(decoded);
  EXPECT_EQ(decoded->hash, hash);
}

rules::Policy nested(int depth) {
  rules::Policy policy;
  rules::Route* route = &policy.route;
  for (int level = 1; level < depth; ++level) route = &route->routes.emplace_back();
  route->matchers.push_back(rules::Matcher::make("a", rules::MatchOperator::equal, "b").value());
  return policy;
}

TEST(PoliciesAsBytes, NestRoutesAsDeepAsPromisedInTheDeepestPlaceThatHoldsThem) {
  const auto policy = std::make_shared<const rules::Policy>(nested(max_route_depth));
  const StampedEvent stamped{{}, rules::PolicyLoaded{policy}};
  const auto batch = decode_batch(encode_batch({&stamped, 1}));
  ASSERT_TRUE(batch) << batch.error();
  rules::State state;
  state.policy = policy;
  const auto decoded = decode_state(encode_state(state));
  ASSERT_TRUE(decoded) << decoded.error();
  EXPECT_EQ(*decoded->policy, *policy);
}

TEST(PoliciesAsBytes, NestedTooDeeplyAreRefused) {
  const auto decoded = decode_policy(encode_policy(nested(1000)));
  ASSERT_FALSE(decoded);
  EXPECT_NE(decoded.error().find("nest too deeply"), std::string::npos) << decoded.error();
}

TEST(PoliciesAsBytes, AreRefusedWhenTheRulesCouldNotRelyOnThem) {
  rules::Policy no_steps;
  no_steps.call_trees.emplace_back();
  rules::Policy no_turns;
  no_turns.rotations.emplace_back().turn.count = 0;
  rules::Policy bad_zone;
  bad_zone.zones.push_back({"Nowhere", {}, {{0, 3}}, {}});
  for (const rules::Policy& policy : {no_steps, no_turns, bad_zone}) {
    const auto decoded = decode_policy(encode_policy(policy));
    EXPECT_FALSE(decoded);
  }
}

TEST(PoliciesAsBytes, WithAPatternThatDoesNotCompileAreRefused) {
  rules::Policy policy;
  policy.route.matchers.push_back(rules::Matcher::make("a", rules::MatchOperator::matches, "(x)").value());
  std::string bytes = encode_policy(policy);
  bytes.replace(bytes.find("(x)"), 3, "(((");
  EXPECT_FALSE(decode_policy(bytes));
}

TEST(TimesAsBytes, AreBroughtIntoTheRangeInWhichTheyCanBeReckonedWith) {
  constexpr rules::Instant latest{rules::Duration{std::int64_t{1} << 52U}};
  const auto decoded = decode_event(encode(rules::ClockReached{rules::Instant::max()}));
  ASSERT_TRUE(decoded);
  EXPECT_EQ(std::get<rules::ClockReached>(*decoded).until, latest);

  // Bytes that no encoder of ours writes.
  std::string bytes;
  Writer out{bytes};
  out.number(format_version);
  out.tag(number_of_alternative<rules::ClockReached>, Wire::record);
  out.tag(1, Wire::number);
  out.number(zigzag(std::numeric_limits<std::int64_t>::min()));
  out.end_record();
  out.end_record();
  out.finish();
  const auto hostile = decode_event(bytes);
  ASSERT_TRUE(hostile) << hostile.error();
  EXPECT_EQ(std::get<rules::ClockReached>(*hostile).until, -latest.time_since_epoch() + rules::Instant{});
}

TEST(EventsAsBytes, WithNumbersThatDoNotFitAreRefused) {
  const auto with_field = [](std::uint32_t alternative, std::uint32_t field, std::uint64_t number) {
    std::string bytes;
    Writer out{bytes};
    out.number(format_version);
    out.tag(alternative, Wire::record);
    out.tag(field, Wire::number);
    out.number(number);
    out.end_record();
    out.end_record();
    out.finish();
    return bytes;
  };
  constexpr std::uint32_t send_ended = number_of_alternative<rules::SendEnded>;
  EXPECT_TRUE(decode_event(with_field(send_ended, 2, 0xFFFF'FFFF)));
  EXPECT_FALSE(decode_event(with_field(send_ended, 2, 0x1'0000'0000)));
  EXPECT_TRUE(decode_event(with_field(send_ended, 3, 3)));
  EXPECT_FALSE(decode_event(with_field(send_ended, 3, 4)));  // no such outcome
  EXPECT_FALSE(decode_event(with_field(send_ended, 4, 0)));  // a text written as a number
  EXPECT_TRUE(decode_event(with_field(send_ended, 400, 0)));
  EXPECT_FALSE(decode_event(with_field(4000, 1, 0)));  // an event of a later build
}

TEST(EventsAsBytes, OfAnotherFormatAreRefusedInWords) {
  std::string bytes = encode(rules::Started{1});
  bytes[0] = 2;
  const auto decoded = decode_event(bytes);
  ASSERT_FALSE(decoded);
  EXPECT_EQ(decoded.error(), "it is in format 2, and this build reads format 1 (at byte 1 of 6)");
}

TEST(EventsAsBytes, WithMoreBehindThemAreRefused) {
  EXPECT_FALSE(decode_event(encode(rules::Started{1}) + '\0'));
  EXPECT_FALSE(decode_batch(encode_batch({}) + '\0'));
  EXPECT_FALSE(decode_policy(encode_policy({}) + '\0'));
  EXPECT_FALSE(decode_event(""));
  EXPECT_FALSE(decode_batch(""));
  EXPECT_FALSE(decode_policy(""));
}

TEST(EventsAsBytes, WithoutAPolicyWhereOneIsPromisedAreRefused) {
  rules::Event event = rules::PolicyLoaded{};
  const auto decoded = decode_event(encode(event));
  ASSERT_FALSE(decoded);
  EXPECT_NE(decoded.error().find("a policy is missing"), std::string::npos);
}

// What a later build writes into the records of a report: before, between and after the fields of today.
// A row of one stamp and no event: the default of an event is a policy that is missing, which the rules never look for.
TEST(EventsAsBytes, ThatAreMissingBehindTheirStampAreRefused) {
  const auto batch = decode_batch(std::string_view{"\x01\x01\x10\x01\x08\x08\x00", 7});
  ASSERT_FALSE(batch);
  EXPECT_NE(batch.error().find("half of a pair is missing"), std::string::npos) << batch.error();
}

TEST(EventsAsBytes, OfALaterBuildAreReadWithoutWhatIsNew) {
  rules::Report report;
  report.labels = rules::Labels{{{"alertname", "Down"}, {"instance", "web-1"}}};
  report.generator_url = "http://prometheus";
  const auto unknown = [](Writer& out) {
    out.tag(200, Wire::record);
    out.tag(1, Wire::texts);
    out.number(2);
    out.texts("new", "newer");
    out.tag(2, Wire::numbers);
    out.number(1);
    out.number(5);
    out.end_record();
    out.tag(201, Wire::fixed);
    out.fixed(1);
  };
  std::string bytes;
  Writer out{bytes};
  out.number(format_version);
  out.tag(number_of_alternative<rules::ReportsArrived>, Wire::record);
  unknown(out);
  out.tag(1, Wire::text);
  out.text("prometheus");
  out.tag(3, Wire::records);
  out.number(1);
  unknown(out);
  out.tag(2, Wire::texts);
  out.number(4);
  out.texts("alertname", "Down");
  out.texts("instance", "web-1");
  unknown(out);
  out.tag(6, Wire::text);
  out.text(report.generator_url);
  unknown(out);
  out.end_record();
  unknown(out);
  out.end_record();
  out.end_record();
  out.finish();
  const auto decoded = decode_event(bytes);
  ASSERT_TRUE(decoded) << decoded.error();
  EXPECT_TRUE(Same{}(*decoded, rules::Event{rules::ReportsArrived{"prometheus", {}, {report}, 0}}));
}

TEST(EventsAsBytes, OfSendersThatDoNotSortComeBackSorted) {
  std::string bytes;
  Writer out{bytes};
  out.number(format_version);
  out.tag(number_of_alternative<rules::ReportsArrived>, Wire::record);
  out.tag(3, Wire::records);
  out.number(1);
  out.tag(2, Wire::texts);
  out.number(6);
  out.texts("b", "1");
  out.texts("a", "1");
  out.texts("b", "2");
  out.end_record();
  out.end_record();
  out.end_record();
  out.finish();
  const auto decoded = decode_event(bytes);
  ASSERT_TRUE(decoded) << decoded.error();
  EXPECT_EQ(std::get<rules::ReportsArrived>(*decoded).reports.at(0).labels, (rules::Labels{{{"a", "1"}, {"b", "2"}}}));
}

// Cut anywhere, with any byte another, with bytes put in, taken out and copied around: a value or words, never more.
template <class Decode>
void expect_survives(std::uint64_t seed, const std::string& bytes, const Decode& decode_one) {
  std::mt19937_64 random{seed};
  for (std::size_t length = 0; length < bytes.size(); length += 1 + bytes.size() / 60) {
    const auto decoded = decode_one(std::string{bytes, 0, length});
    ASSERT_FALSE(decoded) << "seed " << seed << ", cut at " << length;
    ASSERT_FALSE(decoded.error().empty());
  }
  for (int round = 0; round < 30; ++round) {
    std::string changed = bytes;
    for (std::uint64_t left = 1 + random() % 4; left > 0 && !changed.empty(); --left) {
      const std::size_t at = random() % changed.size();
      const std::size_t from = random() % changed.size();
      switch (random() % 5) {
        case 0:
          changed[at] = static_cast<char>(random());
          break;
        case 1:
          changed[at] = static_cast<char>(changed[at] ^ (1 << random() % 8));
          break;
        case 2:
          changed.erase(at, 1 + random() % 8);
          break;
        case 3:
          changed.insert(at, std::string(1 + random() % 8, static_cast<char>(random())));
          break;
        default:
          changed.insert(at, std::string{changed, from, random() % 40});
          break;
      }
    }
    const auto decoded = decode_one(changed);
    ASSERT_TRUE(decoded || !decoded.error().empty()) << "seed " << seed;
  }
}

TEST(AnyBytes, GiveAnEventOrWords) {
  for (std::uint64_t seed = first_seed; seed < first_seed + 150; ++seed)
    expect_survives(seed, encode(RandomValues{seed}.make<rules::Event>()), [](const std::string& bytes) {
      auto decoded = decode_event(bytes);
      if (decoded) (void)encode(*decoded);
      return decoded;
    });
}

TEST(AnyBytes, GiveAPolicyOrWords) {
  for (std::uint64_t seed = first_seed; seed < first_seed + 15; ++seed)
    expect_survives(seed, encode_policy(RandomValues{seed}.make<rules::Policy>()), [](const std::string& bytes) {
      auto decoded = decode_policy(bytes);
      if (decoded) (void)encode_policy(*decoded);
      return decoded;
    });
}

TEST(AnyBytes, GiveAStateOrWords) {
  for (std::uint64_t seed = first_seed; seed < first_seed + 15; ++seed)
    expect_survives(seed, encode_state(RandomValues{seed}.make_state()), [](const std::string& bytes) {
      auto decoded = decode_state(bytes);
      if (decoded) (void)encode_state(*decoded);
      return decoded;
    });
}

TEST(AnyBytes, OfNoMeaningAtAllGiveWords) {
  std::mt19937_64 random{first_seed};
  for (int round = 0; round < 5000; ++round) {
    std::string bytes(random() % 200, '\0');
    for (char& byte : bytes) byte = static_cast<char>(random());
    bytes.insert(bytes.begin(), static_cast<char>(format_version));
    (void)decode_event(bytes);
    (void)decode_batch(bytes);
    (void)decode_policy(bytes);
    (void)decode_state(bytes);
  }
}

TEST(EffectsAsBytes, HaveADigestOfEverythingInThem) {
  rules::Send send;
  send.message = rules::MessageId{1};
  send.pages.emplace_back().because = "on call";
  const rules::Effects effects{send, rules::Withdraw{rules::MessageId{1}}};
  const std::uint64_t digest_of_both = digest(effects);
  EXPECT_EQ(digest(rules::Effects{effects}), digest_of_both);

  EXPECT_NE(digest(rules::Effects{effects[0]}), digest_of_both);
  EXPECT_NE(digest(rules::Effects{effects[1], effects[0]}), digest_of_both);
  send.pages[0].because = "on leave";
  EXPECT_NE(digest(rules::Effects{send, effects[1]}), digest_of_both);
  EXPECT_NE(digest(rules::Effects{}), digest_of_both);
}

}  // namespace
}  // namespace codec
