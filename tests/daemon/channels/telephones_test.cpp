// Calls with programs that play baresip, espeak-ng and sox: what is started, what it is told, what is left. Calls
// between real telephones are in tests/live/sip_test.cpp.
#include "daemon/channels/telephones.hpp"

#include <condition_variable>
#include <map>
#include <mutex>

#include <gtest/gtest.h>
#include <sys/stat.h>

#include "tests/daemon/channels/support.hpp"

namespace channels {
namespace {

using std::chrono::milliseconds;
using testing::Folder;

constexpr milliseconds patience{20'000};

// Reads commands and answers as the test's script says; notes all it was told, and its arguments, in FOLDER/told.
constexpr std::string_view telephone = R"(#!/bin/bash
set -u
private=$2
stat -c '%a' "$private" "$private/accounts" > "OUT/modes"
cp "$private/accounts" "OUT/accounts"
cp "$private/config" "OUT/config"
tr '\0' ' ' < /proc/$$/cmdline > "OUT/arguments"
echo "$private" >> "OUT/folders"
echo "begin $$" >> "OUT/told"
echo 'baresip is ready.'
while read -r command; do
  echo "$command" >> "OUT/told"
  case $command in
    /dial*) DIAL ;;
    /ausrc*) AUSRC ;;
    /hangup) echo 'sip:a: session closed' ;;
    /quit) exit 0 ;;
  esac
done
)";

// 1 s of sound and the silence behind it, whatever is asked for; its last argument but those of effects is the file.
constexpr std::string_view converter = R"(#!/bin/bash
for ((at = 1; at <= $#; at++)); do
  if [[ ${!at} == -b ]]; then at=$((at + 2)); head -c 336044 /dev/zero > "${!at}"; fi
done
)";

constexpr std::string_view speaker = R"(#!/bin/bash
cat >> "OUT/said"
)";

class TelephonesTest : public ::testing::Test {
 protected:
  TelephonesTest() {
    settings.account = "sip:rouse@127.0.0.1";
    settings.username = "rouse";
    settings.password = "hush-hush";
    settings.transport = "udp";
    settings.voice = "en";
    settings.lines = 2;
    settings.baresip = program("telephone", telephone);
    settings.sox = program("sox", converter);
    settings.espeak = program("espeak", speaker);
    behaves("true", "true");
  }

  void wake() {
    const std::lock_guard lock(mutex);
    is_woken = true;
    woken.notify_all();
  }

  std::string program(const std::string& name, std::string_view text) {
    std::string whole(text);
    std::string out = folder / "";
    out.pop_back();
    for (std::size_t place = 0; (place = whole.find("OUT", place)) != std::string::npos;) whole.replace(place, 3, out);
    const std::string file = folder / name;
    // Moved into place: a program that is open for writing cannot be run.
    std::ofstream(file + ".new") << whole;
    ::chmod((file + ".new").c_str(), S_IRWXU);
    std::filesystem::rename(file + ".new", file);
    return file;
  }
  // What it does when it is told to dial, and to play another sound.
  void behaves(const std::string& on_dial, const std::string& on_play = "true") {
    std::string text(telephone);
    text.replace(text.find("DIAL"), 4, on_dial);
    text.replace(text.find("AUSRC"), 5, on_play);
    program("telephone", text);
  }

  std::string noted(const std::string& name) const { return folder.read(name); }

  void call(const std::string& name, milliseconds limit = patience, bool may_leave = true) {
    SipOrder order;
    order.facts.message.value = 7;
    order.facts.key = name;
    order.facts.channel = "voice";
    order.facts.address = "+16045550101";
    order.uri = "sip:+16045550101@127.0.0.1";
    order.text = "Checkout is down.";
    order.limit = limit;
    order.may_leave = [may_leave] { return may_leave; };
    order.done = [this, name](TryResult result) {
      EXPECT_FALSE(results.contains(name)) << "answered twice";
      results.emplace(name, std::move(result));
    };
    telephones->call(std::make_shared<const SipSettings>(settings), std::move(order));
  }

  // Delivers what comes until `holds`.
  template <class Holds>
  void until(Holds holds) {
    while (!holds()) {
      {
        std::unique_lock lock(mutex);
        ASSERT_TRUE(woken.wait_for(lock, patience, [this] { return is_woken; })) << noted("told");
        is_woken = false;
      }
      commands.deliver();
      telephones->deliver();
    }
  }
  void until_answered(const std::string& name) {
    until([&] { return results.contains(name); });
  }
  void until_over() {
    until([&] { return telephones->pending() == 0; });
  }

  testing::RealClock clock;
  Folder folder;
  std::mutex mutex;
  std::condition_variable woken;
  bool is_woken = false;
  SipSettings settings;
  std::vector<rules::Event> events;
  rules::Verdict verdict{rules::VerdictCode::done, rules::IncidentId{12}, "R-12 is yours."};
  std::map<std::string, TryResult> results;
  CommandRunner commands{clock, [this] { wake(); }};
  std::unique_ptr<Telephones> telephones = std::make_unique<Telephones>(
      clock,
      commands,
      [this] { wake(); },
      [this](rules::Event event, const std::function<void(const Told&)>& heard) {
        events.push_back(std::move(event));
        if (heard) heard(Told{.is_durable = true, .verdict = verdict});
      });
};

TEST_F(TelephonesTest, AKeyIsToldAndItsAnswerSpokenBeforeItHangsUp) {
  behaves(
      "echo 'call: SIP Progress: 180 Ringing (/)'; echo 'a: Call established: b'; "
      "echo \"received event: '4' (end=0)\"");
  call("one");
  until_over();
  EXPECT_EQ(results.at("one").outcome, TryOutcome::accepted);
  ASSERT_EQ(events.size(), 2U);
  EXPECT_EQ(std::get<rules::DeliveryReported>(events[0]).delivery, rules::Delivery::delivered);
  EXPECT_EQ(std::get<rules::Replied>(events[1]).text, "4");
  const std::string told = noted("told");
  EXPECT_NE(told.find("/dial sip:+16045550101@127.0.0.1\n/ausrc aufile,"), std::string::npos) << told;
  EXPECT_NE(told.find("answer-1.wav\n/hangup\n/quit\n"), std::string::npos) << told;
  EXPECT_EQ(noted("said"), "Checkout is down.R 12 is yours.");
}

TEST_F(TelephonesTest, ItsFolderIsPrivateAndGoneAfterwardsAndThePasswordInNoArgument) {
  behaves("echo 'x: session closed: 486 Busy Here'");
  call("one");
  until_over();
  EXPECT_EQ(noted("modes"), "700\n600\n");
  EXPECT_NE(noted("accounts").find(";auth_pass=hush-hush;"), std::string::npos);
  EXPECT_EQ(noted("arguments").find("hush"), std::string::npos);
  EXPECT_EQ(noted("config").find("@FOLDER@"), std::string::npos) << "it names its own folder";
  EXPECT_EQ(noted("config").find("ctrl_tcp"), std::string::npos) << "nobody else may tell it what to do";
  telephones.reset();
  std::string its = noted("folders");
  its.pop_back();
  EXPECT_FALSE(std::filesystem::exists(its)) << its;
}

TEST_F(TelephonesTest, WithdrawnRightBeforeItNothingIsDialled) {
  call("one", patience, false);
  until_over();
  EXPECT_EQ(results.at("one").outcome, TryOutcome::withdrawn);
  EXPECT_EQ(noted("told").find("/dial"), std::string::npos);
}

TEST_F(TelephonesTest, ThereAreAsManyCallsAtATimeAsLinesAndTheNextWaits) {
  settings.lines = 1;
  behaves(
      "echo 'call: SIP Progress: 180 Ringing (/)'; read -r _ < OUT/hang_up;"
      " echo 'x: session closed: 486 Busy Here'");
  const std::string hang_up = folder.fifo("hang_up");
  call("one");
  until_answered("one");
  call("two");
  call("three", milliseconds{300});
  until_answered("three");
  EXPECT_EQ(results.at("three").outcome, TryOutcome::transient);
  EXPECT_EQ(results.at("three").detail, "all 1 lines are in use");
  EXPECT_FALSE(results.contains("two"));
  std::ofstream(hang_up) << "now\n";
  until_answered("two");
  EXPECT_EQ(results.at("two").outcome, TryOutcome::accepted);
  std::ofstream(hang_up) << "now\n";
  until_over();
}

TEST_F(TelephonesTest, AProgramThatIsNotThereRefusesSayingWhich) {
  settings.espeak = "/nonexistent/espeak-ng";
  call("no voice");
  until_over();
  EXPECT_EQ(results.at("no voice").outcome, TryOutcome::refused);
  EXPECT_NE(results.at("no voice").detail.find("/nonexistent/espeak-ng"), std::string::npos);
  settings.espeak = folder / "espeak";
  settings.baresip = "/nonexistent/baresip";
  call("no telephone");
  until_over();
  EXPECT_EQ(results.at("no telephone").outcome, TryOutcome::refused);
  EXPECT_NE(results.at("no telephone").detail.find("/nonexistent/baresip"), std::string::npos)
      << results.at("no telephone").detail;
}

TEST_F(TelephonesTest, AProgramThatTheMachineCannotExecuteNowMayWorkLater) {
  {
    const std::ofstream written(settings.baresip, std::ios::app);  // "Text file busy"
    call("busy");
    until_over();
  }
  EXPECT_EQ(results.at("busy").outcome, TryOutcome::transient) << results.at("busy").detail;
  ::chmod(settings.baresip.c_str(), S_IRUSR);
  call("forbidden");
  until_over();
  EXPECT_EQ(results.at("forbidden").outcome, TryOutcome::refused) << results.at("forbidden").detail;
}

TEST_F(TelephonesTest, ASpeakerThatIsKilledMaySpeakLater) {
  settings.espeak = program("espeak-that-is-killed", "#!/bin/bash\nkill -9 $$\n");
  call("no voice");
  until_over();
  EXPECT_EQ(results.at("no voice").outcome, TryOutcome::transient) << "nobody was called yet";
}

TEST_F(TelephonesTest, ATelephoneThatDiesWhileItDialsIsUnansweredAndItsLineIsFree) {
  settings.lines = 1;
  behaves("kill -9 $$");
  call("one");
  until_over();
  EXPECT_EQ(results.at("one").outcome, TryOutcome::unanswered);
  behaves("echo 'x: session closed: 404 Not Found'");
  call("two");
  until_over();
  EXPECT_EQ(results.at("two").outcome, TryOutcome::refused);
  EXPECT_EQ(results.at("two").detail, "SIP 404 Not Found");
}

TEST_F(TelephonesTest, AStopCutsEveryCallAndLeavesNoProgram) {
  behaves("echo 'call: SIP Progress: 180 Ringing (/)'");
  call("one");
  until_answered("one");
  telephones->stop();
  ASSERT_EQ(events.size(), 1U);
  EXPECT_EQ(std::get<rules::DeliveryReported>(events[0]).delivery, rules::Delivery::unheard);
  call("two");
  EXPECT_EQ(results.at("two").outcome, TryOutcome::transient);
  telephones.reset();
  const std::string told = noted("told");
  const pid_t process = std::stoi(told.substr(told.find(' ') + 1));
  EXPECT_NE(::kill(process, 0), 0) << "it is reaped";
}

}  // namespace
}  // namespace channels
