// What comes after a page was taken: a telephone that is picked up, what it says and the keys that are pressed on it,
// and what Twilio calls back. Of all of it the n-th operation fails, for every n: once, or it and all behind it. Nobody
// who was not heard counts as one who was: either the answer counts or the climb moves, and the incident's trail says
// which. Each n has a daemon of its own.
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <iostream>
#include <limits>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "tests/live/guarded.hpp"
#include "tests/live/live.hpp"
#include "tests/live/sweep.hpp"
#include "tests/support/bad_luck.hpp"
#include "tests/support/figures.hpp"
#include "tests/support/telephone.hpp"
#include "tests/support/twilio.hpp"

namespace live {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using support::Twilio;
using support::TwilioCall;
using support::TwilioItem;
using support::WayOut;
using Clock = std::chrono::steady_clock;

constexpr std::string_view public_url = "https://rouse.example.org";
constexpr std::string_view olgas_number = "+16045550101";
constexpr seconds longest_run{120};
constexpr std::uint64_t every = std::numeric_limits<std::uint32_t>::max();

// What an incident says of olga's page, and of who came behind her.
struct Trail {
  std::string state;
  std::string by;
  bool is_accepted{};
  bool is_delivered{};
  bool is_unheard{};  // for a reason
  bool is_failed{};   // for a reason
  bool is_second_provider{};
  bool is_second_step{};
  bool has_sam_it{};
  std::size_t heard{};
  std::size_t acknowledged{};

  [[nodiscard]] bool is_acknowledged() const { return state == "acknowledged"; }
};

Trail trail_of(const json::object& incident) {
  Trail trail;
  trail.state = field(incident, "state");
  trail.by = field(incident, "by");
  const json::value* const timeline = incident.if_contains("timeline");
  if (timeline == nullptr || !timeline->is_array()) return trail;
  for (const json::value& one : timeline->get_array()) {
    const json::object& entry = one.as_object();
    const std::string kind = field(entry, "kind");
    const std::string rule = field(entry, "rule");
    const bool has_reason = !field(entry, "saw").empty();
    const bool is_olgas = rule.starts_with("olga by ");
    trail.is_accepted = trail.is_accepted || (is_olgas && kind == "page_accepted");
    trail.is_delivered = trail.is_delivered || (is_olgas && kind == "page_delivered");
    trail.is_unheard = trail.is_unheard || (is_olgas && has_reason && kind == "page_unheard");
    trail.is_failed = trail.is_failed || (is_olgas && has_reason && kind == "page_failed");
    trail.is_second_provider = trail.is_second_provider || kind == "next_provider";
    trail.is_second_step = trail.is_second_step || (rule == "sam" && kind == "step_entered");
    trail.has_sam_it = trail.has_sam_it || (rule.starts_with("sam by ") && kind == "page_accepted");
    trail.heard += kind == "page_heard" ? 1U : 0U;
    trail.acknowledged += kind == "acknowledged" ? 1U : 0U;
  }
  return trail;
}

// What of a life fails, besides what its kind says.
struct Fate {
  Luck luck;
  std::uint64_t mute_from{};  // of a telephone's frames of speech
};

struct Verdict {
  std::uint64_t operations{};
  std::uint64_t frames{};     // of speech
  std::string_view failed{};  // the operation that failed first; "" = none did
  bool is_acknowledged{};     // else the climb has moved
  std::string wrong{};        // "" = nothing
  seconds took{};
};

// The world of one page to olga, behind whom sam comes by a way that nothing happens to.
class World {
 public:
  explicit World(std::string_view configuration)
      : bad_luck{folder / "store"},
        roused{{.configuration = folder / "rouse.yml", .store = folder / "store"}},
        configuration_{configuration} {
    std::filesystem::create_directory(runs());
    support::write_file(folder / "bot.token", "tulip-for-bots\n");
    support::write_file(folder / "am.token", "tulip-for-senders\n");
    roused.setting().environment = bad_luck.environment();
    roused.setting().environment.emplace_back("RUNTIME_DIRECTORY", runs().string());
  }

  // What is counted, and fails, begins when it is no longer spared.
  void begin(WayOut way, const std::vector<std::pair<std::string_view, std::string>>& words) {
    std::string text{configuration_};
    for (const auto& [word, value] : words) text = support::replaced(std::move(text), word, value);
    support::write_file(folder / "rouse.yml", support::replaced(std::move(text), "<SINK>", sink.url()));
    bad_luck->is_spared.store(true);
    roused.start();
    bad_luck->way_out.store(way);
    const support::Answer answer = call_as("tulip-for-senders",
                                           "POST",
                                           roused.url() + std::string{webhook_path},
                                           webhook_of({{"alertname", "ApiDown"}, {"service", "checkout"}}));
    if (answer.status != 200) throw std::runtime_error("the alert was not taken: " + answer.body);
  }

  // Looks until that holds; false when the daemon ends, or the time does, before.
  bool wait_until(const std::function<bool(const Trail&)>& holds, seconds limit = longest_run) {
    const Clock::time_point until = Clock::now() + limit;
    while (Clock::now() < until && !roused.process().wait(milliseconds{200})) {
      incident = call_as("tulip-for-bots",
                         "GET",
                         roused.url() + "/v1/incidents/R-1",
                         {},
                         net::ClientOptions{.authority_file = lone_authority()})
                     .body;
      trail = trail_of(parse_object(incident));
      if (holds(trail)) return true;
    }
    return false;
  }

  [[nodiscard]] bool has_paged(std::string_view path) const {
    for (const support::Message& page : sink.pages())
      if (page.path == path) return true;
    return false;
  }
  [[nodiscard]] std::filesystem::path runs() const { return folder / "run"; }
  [[nodiscard]] bool is_tidied_up() const {
    for (const auto& entry : std::filesystem::directory_iterator(runs()))
      if (entry.path().filename().string().starts_with("rouse-call-")) return false;
    return true;
  }

  // What holds whatever fails. `has_answered`: olga has, so that what she said may have come. "" = nothing is wrong.
  std::string judge(bool has_answered) {
    if (!roused.process().is_alive()) return "the daemon has ended";
    for (const std::string_view path : {"/-/healthy", "/-/ready"})
      if (const support::Answer answer = roused.get(path); answer.status != 200)
        return fmt::format("{} answers {}", path, answer.status);
    if (const int code = roused.stop(); code != 0) return fmt::format("its end was {}", code);
    if (!is_tidied_up()) return "a call left its folder behind";
    if (!trail.is_accepted) return "the trail does not say that the page was taken";
    if (!has_answered && (trail.heard > 0 || trail.acknowledged > 0)) return "nobody answered, and it counts as heard";
    if (trail.heard > 1 || trail.acknowledged > 1) return "one answer counts twice";
    if (trail.is_acknowledged() != (trail.acknowledged == 1) || trail.acknowledged != trail.heard)
      return "what was heard and what is acknowledged differ";
    if (trail.is_acknowledged()) {
      if (trail.by != "olga") return "somebody else has acknowledged it";
      return has_paged("/sam") && !trail.is_second_step ? "sam was paged for no reason" : "";
    }
    if (trail.is_second_provider) return has_paged("/second") && trail.is_failed ? "" : "no second provider has it";
    const bool has_moved = trail.is_second_step && trail.has_sam_it && has_paged("/sam");
    return has_moved ? "" : "nobody has answered, and the climb has not moved";
  }

  support::TemporaryFolder folder;
  support::BadLuck bad_luck;
  support::Sink sink;
  support::Roused roused;
  std::string incident;
  Trail trail;

 private:
  const std::string_view configuration_;
};

constexpr std::string_view access_section = R"(access:
  senders: [ { name: prod, token_file: am.token } ]
  users: [ { name: bot, role: admin, token_file: bot.token } ]
)";

// ---- what Twilio calls back -----------------------------------------------------------------------------------------

constexpr std::string_view twilio_configuration = R"(rouse: 1
server: { public_url: "https://rouse.example.org" }
<ACCESS>people:
  olga: { name: Olga, timezone: UTC, contact: { <BY>: "+16045550101" }, notify: { high: [ { by: <BY> } ] } }
  sam: { name: Sam, timezone: UTC, contact: { webhook: "<SINK>/sam" } }
call_trees:
  outage: { ack_timeout: 0s, steps: [ { call: olga, wait: <WAIT> }, { call: sam, wait: 1h } ] }
route: { call_tree: outage }
channels:
  <BY>:
    - twilio: { account_sid: <ACCOUNT>, auth_token_file: twilio.token, from: "+16045550100", api: "<API>" }
    - webhook: { url: "<SINK>/second" }
  webhook: [ { webhook: {} } ]
)";

// What was said to Twilio, and what it was told.
struct Said {
  bool has_answered{};      // a key was pressed or a text written, and left for the daemon
  bool is_told_taken{};     // olga was told that it counts
  bool is_told_of_it{};     // the daemon was told what became of the page, and said that it knows
  bool must_have_failed{};  // what became of it is that it failed
};

struct TwilioKind {
  std::string_view name;
  std::string_view by;
  Said (*happens)(Twilio&, const TwilioItem&);
  unsigned again = 0;  // how often a callback without an answer comes again
};

// She picks it up and presses 4; when that cannot be done Twilio says that an error has occurred, and hangs up.
Said acknowledges_by_key(Twilio& twilio, const TwilioItem& call) {
  Said said;
  const TwilioCall heard = twilio.pick_up(call);
  if (!heard.action.empty()) {
    said.has_answered = true;
    const TwilioCall done = twilio.press(call, heard, "4");
    said.is_told_taken = done.status == 200 && (done.said.find("acknowledged") != std::string::npos ||
                                                done.said.find("The key was taken") != std::string::npos);
  }
  said.is_told_of_it = twilio.report(call, "completed", {{"AnsweredBy", "human"}}).status == 204;
  return said;
}

Said acknowledges_by_text(Twilio& twilio, const TwilioItem& text) {
  Said said{.has_answered = true};
  said.is_told_of_it = twilio.report(text, "delivered").status == 204;
  const std::optional<std::string> answer = twilio.text_from(olgas_number, "1a");
  said.is_told_taken = answer && answer->find("acknowledged") != std::string::npos;
  return said;
}

Said is_busy(Twilio& twilio, const TwilioItem& call) {
  return {.is_told_of_it = twilio.report(call, "busy").status == 204};
}

Said does_not_arrive(Twilio& twilio, const TwilioItem& text) {
  twilio.report(text, "sent");
  return {.is_told_of_it = twilio.report(text, "undelivered", {{"ErrorCode", "30005"}}).status == 204,
          .must_have_failed = true};
}

const std::vector<TwilioKind> twilio_kinds{
    {"key of a call by Twilio", "voice", acknowledges_by_key},
    {"key of a call by Twilio, tried again", "voice", acknowledges_by_key, 2},
    {"text answered by Twilio", "sms", acknowledges_by_text},
    {"text answered by Twilio, tried again", "sms", acknowledges_by_text, 2},
    {"call by Twilio, busy", "voice", is_busy},
    {"text by Twilio, undelivered", "sms", does_not_arrive},
};

Verdict live_with_twilio(const TwilioKind& kind, const Fate& fate, Twilio::Line line) {
  World world{twilio_configuration};
  Twilio twilio;
  support::write_file(world.folder / "twilio.token", std::string(Twilio::token) + "\n");
  world.begin(WayOut::callers,
              {{"<ACCESS>", std::string{access_section}},
               {"<BY>", std::string{kind.by}},
               {"<WAIT>", "5s"},
               {"<ACCOUNT>", std::string{Twilio::account}},
               {"<API>", twilio.url()}});
  twilio.find(std::string{public_url}, world.roused.url());
  Verdict verdict;
  Said said;
  const auto wrong = [&](std::string_view what) {
    verdict.wrong = fmt::format("{}\n{}\n{}\n", what, world.incident, world.roused.output());
    return verdict;
  };
  if (!world.wait_until([](const Trail& trail) { return trail.is_accepted; })) return wrong("Twilio was not asked");
  const TwilioItem item = twilio.newest(olgas_number, kind.by == "voice");
  twilio.line(line);
  twilio.try_again(kind.again);
  world.bad_luck->fail_at.store(fate.luck.at);
  world.bad_luck->fails_from_there_on.store(fate.luck.from_there_on);
  world.bad_luck->is_spared.store(false);
  said = kind.happens(twilio, item);
  world.bad_luck->is_spared.store(true);
  verdict.operations = world.bad_luck->operations.load();
  if (world.bad_luck->failed_operations.load() > 0)
    verdict.failed = support::operation_names[static_cast<std::size_t>(world.bad_luck->first_failed.load())];
  const bool has_ended = world.wait_until([&](const Trail& trail) {
    return trail.is_acknowledged() || trail.has_sam_it || (trail.is_second_provider && world.has_paged("/second"));
  });
  verdict.is_acknowledged = world.trail.is_acknowledged();
  if (!has_ended) return wrong("the climb stands still");
  if (std::string what = world.judge(said.has_answered); !what.empty()) return wrong(what);
  if (line != Twilio::Line::carries && world.trail.acknowledged > 0) return wrong("what never came acknowledges");
  if (said.is_told_taken && !verdict.is_acknowledged) return wrong("olga was told that it counts, and it does not");
  const bool is_known = world.trail.is_delivered || world.trail.is_unheard || world.trail.is_failed;
  // What was heard before is known to have arrived.
  if (said.is_told_of_it && !is_known && world.trail.heard == 0)
    return wrong("Twilio said what became of it, and the trail does not");
  if (world.trail.is_failed != world.trail.is_second_provider) return wrong("it failed, and nobody else has it");
  if (said.is_told_of_it && said.must_have_failed && !world.trail.is_second_provider)
    return wrong("it failed, and the next provider does not have it");
  return verdict;
}

// ---- a telephone that was picked up ---------------------------------------------------------------------------------

constexpr std::string_view sip_configuration = R"(rouse: 1
<ACCESS>people:
  olga: { name: Olga, timezone: UTC, contact: { voice: "<ADDRESS>" }, notify: { high: [ { by: voice } ] } }
  sam: { name: Sam, timezone: UTC, contact: { webhook: "<SINK>/sam" } }
call_trees:
  outage: { ack_timeout: 0s, steps: [ { call: olga, wait: <WAIT> }, { call: sam, wait: 1h } ] }
route: { call_tree: outage }
channels:
  voice:
    - sip: { account: "sip:rouse@<HOST>", interface: 127.0.0.1, ring_for: 12s, baresip: "<PROGRAM>" }
  webhook: [ { webhook: {} } ]
)";

// The daemon's own orders are not inherited by its programs.
constexpr const char* orders_variable = "ORDERS_OF_TELEPHONE";

// Starts baresip with the orders that are meant for it. The first time while there is one thread: a file that is open
// for writing in a process that is just being made cannot be executed.
const std::string& telephone_program() {
  static const support::TemporaryFolder folder;
  static const std::string program = [] {
    std::string file = folder / "baresip.sh";
    support::write_file(
        file,
        fmt::format(
            "#!/bin/sh\nexport {}=\"${}\"\nexec baresip \"$@\"\n", support::bad_luck_variable, orders_variable));
    std::filesystem::permissions(file, std::filesystem::perms::owner_all);
    return file;
  }();
  return program;
}

// Whose operations fail.
enum class End { daemon, telephone };

Verdict live_with_telephone(End end, const Fate& fate) {
  World world{sip_configuration};
  support::Telephone telephone;
  // The daemon's telephone program has a luck of its own.
  support::BadLuck line{world.folder / "store"};
  world.roused.setting().environment.emplace_back(orders_variable, line.environment().back().second);
  line->is_spared.store(true);
  line->is_telephone.store(true);
  line->way_out.store(WayOut::network);
  const std::string address = telephone.address();
  world.begin(WayOut::programs,
              {{"<ACCESS>", std::string{access_section}},
               {"<ADDRESS>", address},
               {"<HOST>", address.substr(address.find('@') + 1)},
               {"<WAIT>", "8s"},
               {"<PROGRAM>", telephone_program()}});
  Verdict verdict;
  const auto wrong = [&](std::string_view what) {
    verdict.wrong = fmt::format("{}\n{}\n{}\n{}\n", what, world.incident, world.roused.output(), telephone.output());
    return verdict;
  };
  if (!telephone.rings()) {
    static_cast<void>(world.wait_until([](const Trail&) { return true; }));
    return wrong("it does not ring");
  }
  if (!world.wait_until([](const Trail& trail) { return trail.is_accepted; })) return wrong("it rings, unknown");
  support::BadLuck& luck = end == End::daemon ? world.bad_luck : line;
  luck->fail_at.store(fate.luck.at);
  luck->fails_from_there_on.store(fate.luck.from_there_on);
  luck->mute_from.store(fate.mute_from);
  luck->is_spared.store(false);
  telephone.pick_up();
  // Who hears nothing says hello, and hangs up.
  const bool has_heard = telephone.hears_something(seconds{4});
  if (has_heard)
    telephone.press('4');
  else
    telephone.hang_up();
  // A call that nobody has answered ends, and says so, at the latest when it has said its message for the last time.
  const bool has_ended = world.wait_until([&](const Trail& trail) {
    return trail.is_acknowledged() ? world.is_tidied_up() : trail.has_sam_it && trail.is_unheard;
  });
  luck->is_spared.store(true);
  verdict.operations = luck->operations.load();
  verdict.frames = luck->frames.load();
  if (luck->failed_operations.load() > 0)
    verdict.failed = support::operation_names[static_cast<std::size_t>(luck->first_failed.load())];
  verdict.is_acknowledged = world.trail.is_acknowledged();
  if (!has_ended)
    return wrong(verdict.is_acknowledged ? "the call goes on for ever"
                                         : "the climb stands still, or nothing is said of the call");
  if (std::string what = world.judge(has_heard); !what.empty()) return wrong(what);
  if (!verdict.is_acknowledged && !world.trail.is_unheard) return wrong("the trail does not say that nobody heard it");
  return verdict;
}

// ---- the sweeps -----------------------------------------------------------------------------------------------------

struct Life {
  std::string name;
  std::function<Verdict(const Fate&)> run;
  Fate fate{};
  Verdict verdict{};
};

Verdict live(const Life& life) {
  Verdict verdict;
  const Clock::time_point began = Clock::now();
  try {
    verdict = life.run(life.fate);
  } catch (const std::exception& error) {
    verdict.wrong = error.what();
  }
  verdict.took = std::chrono::round<seconds>(Clock::now() - began);
  if (!verdict.wrong.empty())
    verdict.wrong = fmt::format("{}, operation {}{} ({}): {}",
                                life.name,
                                life.fate.luck.at,
                                life.fate.luck.from_there_on ? " and all behind it" : "",
                                verdict.failed,
                                verdict.wrong);
  return verdict;
}

std::string told(const Life& life) {
  const std::string what =
      life.fate.mute_from > 0
          ? fmt::format("mute from frame {} on", life.fate.mute_from)
          : fmt::format("operation {}{}", life.fate.luck.at, life.fate.luck.from_there_on ? " and all behind it" : "");
  return fmt::format("{}, {}: {}, {} after {} s\n",
                     life.name,
                     what,
                     life.verdict.failed.empty() ? "did not come" : life.verdict.failed,
                     !life.verdict.wrong.empty()    ? "WRONG"
                     : life.verdict.is_acknowledged ? "acknowledged"
                                                    : "moved",
                     life.verdict.took.count());
}

// Tells of all lives, and writes down those of each name.
void settle(const std::vector<Life>& without, const std::vector<Life>& lives) {
  std::size_t all_faults = 0;
  for (const Life& life : lives) {
    std::cout << told(life);
    EXPECT_EQ(life.verdict.wrong, "");
    all_faults += life.verdict.failed.empty() ? 0U : 1U;
  }
  EXPECT_GE(all_faults * 10, lives.size() * 8) << "few of the faults came";
  for (const Life& one : without) {
    std::size_t faults = 0;
    std::size_t acknowledged = 0;
    std::size_t moved = 0;
    for (const Life& life : lives) {
      if (life.name != one.name) continue;
      faults += life.verdict.failed.empty() ? 0U : 1U;
      ++(life.verdict.is_acknowledged ? acknowledged : moved);
    }
    const auto figure = [&one](std::string_view what, std::uint64_t value) {
      support::figure("sweep", fmt::format("{}: {}", one.name, what), value);
    };
    figure("operations", one.verdict.operations);
    figure("of these failed, once or for good", faults);
    figure("the answer counted", acknowledged);
    figure("the climb moved", moved);
  }
}

std::vector<Life> all_lucks(const std::vector<Life>& without, std::uint64_t most) {
  std::vector<Life> lives;
  for (const bool from_there_on : {true, false})
    for (const Life& life : without)
      for (const Luck& luck : lucks_of(life.verdict.operations, most))
        if (luck.from_there_on == from_there_on) lives.push_back({life.name, life.run, {luck, 0}});
  return lives;
}

TEST(FaultSweep, WhicheverOperationOfACallbackFailsTheAnswerCountsOrTheClimbMovesAndTheTrailSaysWhich) {
  constexpr std::size_t at_a_time = 24;
  std::vector<Life> without;
  for (const TwilioKind& kind : twilio_kinds) {
    without.push_back({std::string{kind.name},
                       [&kind](const Fate& fate) { return live_with_twilio(kind, fate, Twilio::Line::carries); }});
  }
  live_all(without, at_a_time, live);
  for (std::size_t number = 0; number < without.size(); ++number) {
    ASSERT_EQ(without[number].verdict.wrong, "");
    ASSERT_GT(without[number].verdict.operations, 0U) << without[number].name;
    const bool is_answered =
        twilio_kinds[number].happens == acknowledges_by_key || twilio_kinds[number].happens == acknowledges_by_text;
    ASSERT_EQ(without[number].verdict.is_acknowledged, is_answered) << without[number].name;
  }
  std::vector<Life> lives = all_lucks(without, every);
  live_all(lives, at_a_time, live);
  settle(without, lives);
}

TEST(FaultSweep, CallbacksThatNeverComeOrAreCutOffLeaveThePageUnheardAndTheClimbMoves) {
  std::vector<Life> lives;
  for (const TwilioKind& kind : twilio_kinds)
    for (const Twilio::Line line : {Twilio::Line::is_dead, Twilio::Line::is_cut})
      lives.push_back({fmt::format("{}, {}", kind.name, line == Twilio::Line::is_dead ? "never comes" : "is cut off"),
                       [&kind, line](const Fate& fate) { return live_with_twilio(kind, fate, line); }});
  live_all(lives, lives.size(), live);
  for (const Life& life : lives) {
    EXPECT_EQ(life.verdict.wrong, "");
    EXPECT_FALSE(life.verdict.is_acknowledged) << life.name;
  }
}

TEST(FaultSweep, WhicheverOperationOfACallThatWasPickedUpFailsAKeyCountsOrTheClimbMovesAndTheTrailSaysWhich) {
  if (const std::string why = support::Telephone::missing(); !why.empty()) GTEST_SKIP() << why;
  constexpr std::size_t at_a_time = 24;
  static_cast<void>(telephone_program());
  const auto run = [](End end) { return [end](const Fate& fate) { return live_with_telephone(end, fate); }; };
  std::vector<Life> without{{"call by SIP, picked up: the daemon", run(End::daemon)},
                            {"call by SIP, picked up: its telephone", run(End::telephone)}};
  live_all(without, at_a_time, live);
  for (const Life& life : without) {
    ASSERT_EQ(life.verdict.wrong, "");
    ASSERT_TRUE(life.verdict.is_acknowledged) << life.name;
    ASSERT_GT(life.verdict.operations, 0U) << life.name;
  }
  constexpr std::uint64_t most = 14;  // each takes seconds; most are lines that a program writes
  std::vector<Life> lives = all_lucks(without, most);
  const std::uint64_t frames = without[1].verdict.frames;
  ASSERT_GT(frames, 0U) << "it speaks";
  for (const std::uint64_t from : {std::uint64_t{1}, std::uint64_t{10}, frames / 2})
    lives.push_back({without[1].name, without[1].run, {{}, from}});
  live_all(lives, at_a_time, live);
  settle(without, lives);
}

}  // namespace
}  // namespace live
