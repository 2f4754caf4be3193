// Captured bodies, broken at random. Whatever comes out must be what another parser makes of the same bytes, and
// nothing may be read behind the padding. A failure prints the seed; ROUSE_SEED runs it again.
#include <cstdlib>
#include <random>
#include <string>
#include <vector>

#include <boost/json.hpp>
#include <gtest/gtest.h>

#include "daemon/intake/intake.hpp"
#include "daemon/intake/text.hpp"
#include "tests/daemon/intake/bodies.hpp"

namespace intake {
namespace {

std::uint64_t seed_of_this_run() {
  const char* const chosen = std::getenv("ROUSE_SEED");
  return chosen != nullptr ? std::strtoull(chosen, nullptr, 10) : std::random_device{}();
}

class Mutator {
 public:
  explicit Mutator(std::uint64_t seed) : random_{seed} {}

  std::size_t below(std::size_t bound) { return bound == 0 ? 0 : random_() % bound; }

  std::string mutated(std::string body) {
    for (std::size_t changes = 1 + below(4); changes > 0; --changes) change(body);
    return body;
  }

 private:
  void change(std::string& body) {
    static const std::vector<std::string> pieces{"{",
                                                 "}",
                                                 "[",
                                                 "]",
                                                 ",",
                                                 ":",
                                                 "\"",
                                                 "\\",
                                                 "\\u",
                                                 "\\ud800",
                                                 "\\udc00",
                                                 "null",
                                                 "true",
                                                 "false",
                                                 "0",
                                                 "-1.5e3",
                                                 "1e9999",
                                                 "\xFF",
                                                 "\xE2\x82",
                                                 "\xC3\xA9",
                                                 "\n",
                                                 "\t",
                                                 "{}",
                                                 "[]",
                                                 "[[[[[[[[",
                                                 "]]]]",
                                                 "{\"a\":",
                                                 "\"\":",
                                                 "\"\"",
                                                 " ",
                                                 "\\\"",
                                                 "\xEF\xBB\xBF",
                                                 "nul",
                                                 "-",
                                                 "01",
                                                 "1.",
                                                 "\"labels\":",
                                                 "\"alerts\":[",
                                                 "\"status\":",
                                                 "\\\\",
                                                 std::string(1, '\0')};
    const std::size_t place = below(body.size() + 1);
    const std::size_t length = below(2) == 0 ? below(4) : below(64);
    switch (below(7)) {
      case 0:
        if (place < body.size()) body[place] = static_cast<char>(below(256));
        break;
      case 1:
        body.insert(place, pieces[below(pieces.size())]);
        break;
      case 2:
        body.erase(std::min(place, body.size()), length);
        break;
      case 3:
        body.resize(place);
        break;
      case 4: {
        const std::string copy = body.substr(std::min(place, body.size()), length);
        body.insert(below(body.size() + 1), copy);
        break;
      }
      case 5:
        if (place < body.size()) body.replace(place, 1, pieces[below(pieces.size())]);
        break;
      default:
        if (place < body.size()) body[place] = static_cast<char>(body[place] ^ static_cast<char>(1U << below(8)));
        break;
    }
  }

  std::mt19937_64 random_;
};

enum class Json { valid, invalid, unclear };

// The other opinion. Boost refuses numbers whose exponent it cannot hold, which the format allows.
Json opinion_of_boost(std::string_view body) {
  if (body.starts_with("\xEF\xBB\xBF")) body.remove_prefix(3);
  std::string repaired;
  static_cast<void>(repair(body, repaired));
  boost::json::parse_options options;
  options.max_depth = 32;
  boost::json::error_code error;
  static_cast<void>(boost::json::parse(repaired, error, {}, options));
  if (error == boost::json::error::exponent_overflow) return Json::unclear;
  return error ? Json::invalid : Json::valid;
}

bool is_about_json(const std::string& why) {
  return why.find("not JSON") != std::string::npos || why.find("nested deeper") != std::string::npos;
}

TEST(Mutations, OfCapturedBodiesAreReadAsAnotherParserReadsThem) {
  const std::uint64_t seed = seed_of_this_run();
  std::printf("seed %llu\n", static_cast<unsigned long long>(seed));
  Mutator mutator{seed};
  const std::vector<std::string> webhooks{
      bodies::captured("alertmanager-0.25/01-firing-single.json"),
      bodies::captured("alertmanager-0.25/05-group-one-resolved-two-firing.json"),
      bodies::captured("alertmanager-0.25/15-startsat-with-offset-and-nanoseconds.json")};
  const std::vector<std::string> lists{bodies::captured("prometheus-2.42/01-first-post-no-annotations.json"),
                                       bodies::captured("prometheus-2.42/07-next-firing-episode.json")};
  bodies::Fenced memory{8192};
  Parser parser;
  std::size_t taken = 0;
  std::size_t refused = 0;
  constexpr int rounds = 30'000;
  for (int round = 0; round < rounds; ++round) {
    const bool is_webhook = mutator.below(3) != 0;
    const std::vector<std::string>& originals = is_webhook ? webhooks : lists;
    const std::string body = mutator.mutated(originals[mutator.below(originals.size())]);
    const Body held = memory.hold(body);
    const auto parsed = is_webhook ? parser.alertmanager(held, {}) : parser.api_v2(held, {});
    const Json opinion = opinion_of_boost(body);
    if (parsed) {
      ++taken;
      ASSERT_NE(opinion, Json::invalid) << "seed " << seed << ", round " << round << "\n" << body;
      ASSERT_EQ(parsed->event.reports.size() + parsed->rejected_count, parsed->total);
      for (const rules::Report& report : parsed->event.reports) {
        ASSERT_FALSE(report.labels.empty()) << "seed " << seed << ", round " << round << "\n" << body;
        ASSERT_EQ(report.key, rules::key_of(report.labels, {}, 0));
        std::string same;
        for (std::size_t index = 0; index < report.labels.size(); ++index) {
          // Repair would double the backslashes' meaning; only bytes are judged here.
          std::string value{report.labels[index].value};
          std::erase(value, '\\');
          ASSERT_EQ(repair(value, same), 0U) << "not UTF-8: seed " << seed << ", round " << round << "\n" << body;
        }
      }
    } else {
      ++refused;
      ASSERT_EQ(parsed.error().status, 400);
      if (is_about_json(parsed.error().why)) {
        ASSERT_NE(opinion, Json::valid) << "seed " << seed << ", round " << round << ": " << parsed.error().why << "\n"
                                        << body;
      }
    }
  }
  // Both ways through must have been walked for the test to mean anything.
  EXPECT_GT(taken, rounds / 20);
  EXPECT_GT(refused, rounds / 20);
}

TEST(Mutations, OfLargeBodiesReadNothingBehindThePadding) {
  const std::uint64_t seed = seed_of_this_run();
  std::printf("seed %llu\n", static_cast<unsigned long long>(seed));
  Mutator mutator{seed};
  const std::string original = bodies::captured("alertmanager-0.25/11-unicode-control-chars-20k-label.json");
  bodies::Fenced memory{original.size() + 4096};
  Parser parser;
  for (int round = 0; round < 300; ++round) {
    const std::string body = mutator.mutated(original);
    const auto parsed = parser.alertmanager(memory.hold(body), {});
    const int status = parsed ? 200 : parsed.error().status;
    ASSERT_TRUE(status == 200 || status == 400) << status << ", seed " << seed << ", round " << round;
  }
}

// Cut at each byte, so that every state of the parser meets the end of the body.
TEST(Mutations, ThatCutABodyAnywhereAreRefused) {
  const std::string whole = bodies::captured("alertmanager-0.25/05-group-one-resolved-two-firing.json");
  const std::string body = whole.substr(0, whole.find_last_of('}') + 1);
  bodies::Fenced memory{body.size()};
  Parser parser;
  ASSERT_TRUE(parser.alertmanager(memory.hold(body), {}));
  for (std::size_t length = 0; length < body.size(); ++length) {
    ASSERT_FALSE(parser.alertmanager(memory.hold(std::string_view{body}.substr(0, length)), {})) << length;
  }
}

}  // namespace
}  // namespace intake
