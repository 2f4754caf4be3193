#include "daemon/channels/command.hpp"

#include <algorithm>
#include <array>
#include <condition_variable>
#include <csignal>
#include <map>
#include <mutex>
#include <set>
#include <sstream>

#include <boost/json.hpp>
#include <fcntl.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/daemon/channels/support.hpp"

namespace channels {
namespace {

using std::chrono::milliseconds;
using testing::Folder;
using testing::page;

constexpr milliseconds patience{20'000};

// The test's thread is the loop: it sleeps until the runner wakes it, then has it deliver.
class CommandTest : public ::testing::Test {
 protected:
  void restart(CommandRunnerOptions options) {
    runner.reset();
    runner = std::make_unique<CommandRunner>(clock, [this] { wake(); }, options);
  }

  void wake() {
    const std::lock_guard lock(mutex);
    is_woken = true;
    woken.notify_all();
  }

  // Until nothing is pending.
  void deliver_all() {
    while (runner->pending() > 0) deliver_some();
  }
  void deliver_some() {
    {
      std::unique_lock lock(mutex);
      if (!woken.wait_for(lock, patience, [this] { return is_woken; })) throw std::runtime_error("nothing ended");
      is_woken = false;
    }
    runner->deliver();
  }

  [[nodiscard]] static std::vector<std::string> shell(const std::string& script) { return {"/bin/sh", "-c", script}; }

  TryResult attempt(
      std::vector<std::string> run,
      const rules::Send& send = page(),
      milliseconds limit = patience,
      std::function<bool()> may_leave = [] { return true; }) {
    std::optional<TryResult> result;
    {
      // Gone before the answer, as at a reload.
      CommandProvider provider(*runner, {std::move(run), patience, "https://rouse.example.org"});
      provider.attempt(send, limit, std::move(may_leave), [&](TryResult each) {
        EXPECT_FALSE(result) << "answered twice";
        result = std::move(each);
      });
    }
    deliver_all();
    return result.value();
  }

  testing::RealClock clock;
  Folder folder;
  std::mutex mutex;
  std::condition_variable woken;
  bool is_woken = false;
  std::unique_ptr<CommandRunner> runner = std::make_unique<CommandRunner>(clock, [this] { wake(); });
};

using CommandOutcome = CommandTest;
using CommandInput = CommandTest;
using CommandHygiene = CommandTest;

TEST_F(CommandOutcome, ExitCodeZeroIsAccepted) {
  EXPECT_EQ(attempt(shell("exit 0")).outcome, TryOutcome::accepted);
  EXPECT_EQ(attempt({"true"}).outcome, TryOutcome::accepted) << "sought in PATH";
}

TEST_F(CommandOutcome, SeventyFiveIsTransient) {
  EXPECT_EQ(attempt(shell("exit 75")).outcome, TryOutcome::transient);
}

TEST_F(CommandOutcome, AnyOtherExitCodeIsARefusalWithItsLastLine) {
  const TryResult result = attempt(shell("echo trying; echo 'no such number' >&2; echo; exit 3"));
  EXPECT_EQ(result.outcome, TryOutcome::refused);
  EXPECT_EQ(result.detail, "exit code 3: no such number");
  for (const char* const code : {"1", "74", "76", "126", "127", "255"})
    EXPECT_EQ(attempt(shell(std::string("exit ") + code)).outcome, TryOutcome::refused) << code;
}

TEST_F(CommandOutcome, AProgramThatCannotBeStartedIsARefusal) {
  const TryResult result = attempt({folder / "nothing-here"});
  EXPECT_EQ(result.outcome, TryOutcome::refused);
  EXPECT_EQ(result.detail, "cannot be started: No such file or directory");
  EXPECT_EQ(attempt({folder.write("not-executable", "#!/bin/sh\nexit 0\n")}).outcome, TryOutcome::refused);
}

TEST_F(CommandOutcome, AProgramKilledByOthersIsUnanswered) {
  const TryResult result = attempt(shell("kill -TERM $$"));
  EXPECT_EQ(result.outcome, TryOutcome::unanswered);
  EXPECT_NE(result.detail.find("signal 15"), std::string::npos);
}

TEST_F(CommandOutcome, AProgramThatRunsPastItsLimitIsKilledWithItsWholeGroupAndUnanswered) {
  const std::string never = folder.fifo("never");
  const std::string alive = folder.fifo("alive");
  const int life = ::open(alive.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC);
  ASSERT_GE(life, 0);
  // The shell and its child hold `alive` open, and block on a fifo that nobody writes to.
  const std::string script = "exec 9>" + alive + "; (read line < " + never + ") & read line < " + never;
  const TryResult result = attempt(shell(script), page(), milliseconds{150});
  EXPECT_EQ(result.outcome, TryOutcome::unanswered);
  // The end of the pipe comes when the last of the group is gone.
  pollfd readable{life, POLLIN, 0};
  ASSERT_EQ(::poll(&readable, 1, static_cast<int>(patience.count())), 1);
  char byte{};
  EXPECT_EQ(::read(life, &byte, 1), 0);
  ::close(life);
}

TEST_F(CommandOutcome, AnEndThatThereIsNoDescriptorToHearByIsHeardAllTheSame) {
  // Room for both pipes, and for nothing else.
  std::array<int, 4> ends{};
  ASSERT_EQ(::pipe2(ends.data(), O_CLOEXEC), 0);
  ASSERT_EQ(::pipe2(ends.data() + 2, O_CLOEXEC), 0);
  const int last = *std::max_element(ends.begin(), ends.end());
  for (const int end : ends) ::close(end);
  rlimit before{};
  ASSERT_EQ(::getrlimit(RLIMIT_NOFILE, &before), 0);
  const rlimit scarce{.rlim_cur = static_cast<rlim_t>(last) + 1, .rlim_max = before.rlim_max};
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &scarce), 0);
  const TryResult result = attempt(shell("exit 3"));
  const TryResult late = attempt({"sleep", "1000"}, page(), milliseconds{300});
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &before), 0);
  EXPECT_EQ(result.outcome, TryOutcome::refused) << result.detail;
  EXPECT_EQ(result.detail, "exit code 3");
  EXPECT_EQ(late.outcome, TryOutcome::unanswered) << late.detail;
}

TEST_F(CommandOutcome, OneThatMayNotLeaveIsNotStarted) {
  EXPECT_EQ(attempt(shell("echo started > " + (folder / "mark")), page(), patience, [] { return false; }).outcome,
            TryOutcome::withdrawn);
  EXPECT_FALSE(std::filesystem::exists(folder / "mark"));
}

TEST_F(CommandOutcome, ABackgroundProcessThatKeepsItsOutputDoesNotHoldUpTheAnswer) {
  const std::string never = folder.fifo("never");
  EXPECT_EQ(attempt(shell("(read line < " + never + ") & exit 0")).outcome, TryOutcome::accepted);
  // A writer lets the one in the background go.
  const int writer = ::open(never.c_str(), O_RDWR | O_NONBLOCK | O_CLOEXEC);
  ASSERT_GE(writer, 0);
  EXPECT_EQ(::write(writer, "\n", 1), 1);
  ::close(writer);
}

TEST_F(CommandInput, StdinIsThePageAsJson) {
  const std::string file = folder / "stdin";
  EXPECT_EQ(attempt(shell("cat > " + file)).outcome, TryOutcome::accepted);
  const boost::json::value json = boost::json::parse(folder.read("stdin"));
  EXPECT_EQ(json.at("version"), 1);
  EXPECT_EQ(json.at("page").at("to"), "olga");
  EXPECT_EQ(json.at("incident").at("id"), "R-12");
}

TEST_F(CommandInput, TheEnvironmentSaysItInShort) {
  ::setenv("ROUSE_TO", "of the daemon", 1);
  ::setenv("NOTIFY_SOCKET", "/run/systemd/notify", 1);
  ::setenv("KEPT_FOR_PROGRAMS", "yes", 1);
  rules::Send send = page();
  send.possible_duplicate = true;
  EXPECT_EQ(attempt(shell("env -0 > " + (folder / "env")), send).outcome, TryOutcome::accepted);
  ::unsetenv("ROUSE_TO");
  ::unsetenv("NOTIFY_SOCKET");
  ::unsetenv("KEPT_FOR_PROGRAMS");
  std::map<std::string, std::string> variables;
  std::istringstream all(folder.read("env"));
  for (std::string entry; std::getline(all, entry, '\0');) {
    const std::size_t equals = entry.find('=');
    EXPECT_TRUE(variables.emplace(entry.substr(0, equals), entry.substr(equals + 1)).second) << entry;
  }
  EXPECT_EQ(variables["ROUSE_TO"], "olga");
  EXPECT_EQ(variables["ROUSE_TO_NAME"], "Olga Petrova");
  EXPECT_EQ(variables["ROUSE_CONTACT"], "sms");
  EXPECT_EQ(variables["ROUSE_CHANNEL"], "sms");
  EXPECT_EQ(variables["ROUSE_ADDRESS"], "+16045550101");
  EXPECT_EQ(variables["ROUSE_INCIDENT"], "R-12");
  EXPECT_EQ(variables["ROUSE_IDEMPOTENCY_KEY"], send.key);
  EXPECT_EQ(variables["ROUSE_POSSIBLE_DUPLICATE"], "1");
  EXPECT_EQ(variables["ROUSE_REASON"], "step");
  EXPECT_EQ(variables["ROUSE_SEVERITY"], "critical");
  EXPECT_EQ(variables["ROUSE_SERVICE"], "checkout");
  EXPECT_EQ(variables["ROUSE_STATE"], "triggered");
  EXPECT_EQ(variables["ROUSE_SUMMARY"], send.pages[0].incident.summary);
  EXPECT_NE(variables["ROUSE_TEXT"].find("CheckoutDown"), std::string::npos);
  EXPECT_NE(variables["ROUSE_URL"].find("https://rouse.example.org"), std::string::npos);
  EXPECT_EQ(variables["KEPT_FOR_PROGRAMS"], "yes");
  EXPECT_FALSE(variables.contains("NOTIFY_SOCKET"));
}

TEST_F(CommandInput, NoShellLooksAtArgumentsOrAtThePage) {
  rules::Send send = page();
  send.person = "$(touch " + (folder / "pwned") + ")";
  send.address = std::string("nul\0inside", 10);
  EXPECT_EQ(attempt({"/usr/bin/test", "$HOME;*", "=", "$HOME;*"}, send).outcome, TryOutcome::accepted);
  EXPECT_FALSE(std::filesystem::exists(folder / "pwned"));
  EXPECT_EQ(attempt(shell("test \"$ROUSE_ADDRESS\" = 'nul inside'"), send).outcome, TryOutcome::accepted);
}

TEST_F(CommandInput, ABundleLargerThanAnEnvironmentMayBeIsWholeOnStdin) {
  rules::Send send = page();
  for (int incident = 0; incident < 5'000; ++incident) {
    send.pages.push_back(send.pages.front());
    send.pages.back().incident.summary = "Bundled: " + std::string(100, 'x');
  }
  send.pages.front().incident.summary = "Huge: " + std::string(300'000, 'y');
  EXPECT_EQ(attempt(shell("cat > " + (folder / "stdin")), send).outcome, TryOutcome::accepted);
  EXPECT_EQ(boost::json::parse(folder.read("stdin")).at("incidents").as_array().size(), 5'001U);
}

TEST_F(CommandInput, OneThatReadsNothingIsAcceptedAllTheSame) {
  rules::Send send = page();
  send.pages.front().incident.summary = std::string(300'000, 'y');  // more than a pipe holds
  EXPECT_EQ(attempt(shell("exit 0"), send).outcome, TryOutcome::accepted);
  EXPECT_EQ(attempt(shell("exec 0<&-; exit 0"), send).outcome, TryOutcome::accepted);
}

TEST_F(CommandInput, EndlessOutputIsReadAndForgotten) {
  const TryResult result = attempt(shell("yes noise | head -c 3000000; echo the end; exit 2"));
  EXPECT_EQ(result.outcome, TryOutcome::refused);
  EXPECT_EQ(result.detail, "exit code 2: the end");
  const TryResult long_line = attempt(shell("head -c 100000 /dev/zero | tr '\\0' x; exit 2"));
  EXPECT_LE(long_line.detail.size(), 220U);
}

TEST_F(CommandHygiene, ProgramsInheritNoDescriptorOfOurs) {
  const int open_to_all = ::open("/dev/null", O_RDONLY);  // without close-on-exec
  EXPECT_EQ(attempt(shell("ls /proc/self/fd > " + (folder / "open"))).outcome, TryOutcome::accepted);
  ::close(open_to_all);
  std::istringstream open(folder.read("open"));
  std::set<std::string> numbers;
  for (std::string number; open >> number;) numbers.insert(number);
  numbers.erase("3");  // the folder that ls itself reads
  EXPECT_EQ(numbers, (std::set<std::string>{"0", "1", "2"}));
}

TEST_F(CommandHygiene, ProgramsHaveNoSignalBlockedOrIgnored) {
  const auto before = std::signal(SIGPIPE, SIG_IGN);
  EXPECT_EQ(attempt({"/usr/bin/grep", "-E", "^Sig(Blk|Ign):.*([^0]0{0,6}|[^08]0{7})$", "/proc/self/status"}).detail,
            "exit code 1")
      << "of signals 1 to 31 none; 32 and 33 are the C library's own";
  std::signal(SIGPIPE, before);
}

TEST_F(CommandHygiene, ManyAtOnceAreEachAnsweredOnceAndNoneIsLeftBehind) {
  restart({.max_running = 8, .max_pending = 4096});
  std::map<int, int> answers;
  for (int number = 0; number < 200; ++number) {
    const std::string code = std::to_string(number % 3 == 0 ? 0 : 1);
    CommandProvider provider(*runner, {shell("cat > /dev/null; exit " + code), patience, ""});
    provider.attempt(
        page(),
        patience,
        [] { return true; },
        [&answers, number](TryResult result) {
          ++answers[number];
          EXPECT_EQ(result.outcome, number % 3 == 0 ? TryOutcome::accepted : TryOutcome::refused) << result.detail;
        });
  }
  EXPECT_EQ(runner->pending(), 200U);
  deliver_all();
  ASSERT_EQ(answers.size(), 200U);
  for (const auto& [number, count] : answers) EXPECT_EQ(count, 1);
  siginfo_t none{};
  EXPECT_EQ(::waitid(P_ALL, 0, &none, WEXITED | WNOHANG | WNOWAIT), -1);
  EXPECT_EQ(errno, ECHILD) << "a child that nobody waited for";
}

TEST_F(CommandHygiene, OneThatHangsDoesNotHoldUpTheOthers) {
  const std::string never = folder.fifo("never");
  bool has_hung_answered = false;
  CommandProvider hung(*runner, {shell("read line < " + never), patience, ""});
  hung.attempt(page(), patience, [] { return true; }, [&](const TryResult&) { has_hung_answered = true; });
  bool is_done = false;
  CommandProvider quick(*runner, {shell("exit 0"), patience, ""});
  quick.attempt(page(), patience, [] { return true; }, [&](const TryResult&) { is_done = true; });
  while (!is_done) deliver_some();
  EXPECT_FALSE(has_hung_answered);
  const int writer = ::open(never.c_str(), O_RDWR | O_NONBLOCK | O_CLOEXEC);
  ASSERT_GE(writer, 0);
  EXPECT_EQ(::write(writer, "\n", 1), 1);
  deliver_all();
  EXPECT_TRUE(has_hung_answered);
  ::close(writer);
}

TEST_F(CommandHygiene, HoweverManyHangOfOneProgramAnotherIsStartedAtOnce) {
  restart({.max_running = 4, .max_pending = 8, .max_running_of_one = 3, .max_pending_of_one = 7});
  const std::string never = folder.fifo("never");
  std::vector<TryResult> hung_results;
  CommandProvider hung(*runner, {shell("read line < " + never), patience, ""});
  for (int page_number = 0; page_number < 8; ++page_number)
    hung.attempt(
        page(), patience, [] { return true; }, [&](TryResult each) { hung_results.push_back(std::move(each)); });
  ASSERT_EQ(hung_results.size(), 1U) << "the eighth finds no room, which is left to others";
  EXPECT_EQ(hung_results[0].outcome, TryOutcome::transient);
  std::optional<TryResult> result;
  CommandProvider quick(*runner, {shell("exit 0"), patience, ""});
  quick.attempt(page(), patience, [] { return true; }, [&](TryResult each) { result = std::move(each); });
  while (!result) deliver_some();
  EXPECT_EQ(result->outcome, TryOutcome::accepted) << result->detail;
  EXPECT_EQ(hung_results.size(), 1U);
  runner.reset();
}

TEST_F(CommandHygiene, WhatFindsNoPlaceInItsTimeWasNotStartedAndIsTransient) {
  restart({.max_running = 1, .max_pending = 2});
  const std::string never = folder.fifo("never");
  CommandProvider hung(*runner, {shell("read line < " + never), patience, ""});
  hung.attempt(page(), patience, [] { return true; }, [](const TryResult&) {});
  std::vector<TryResult> results;
  CommandProvider next(*runner, {shell("touch " + (folder / "mark")), patience, ""});
  next.attempt(
      page(), milliseconds{60}, [] { return true; }, [&](TryResult each) { results.push_back(std::move(each)); });
  // Beyond the bound the answer is there at once.
  next.attempt(page(), patience, [] { return true; }, [&](TryResult each) { results.push_back(std::move(each)); });
  ASSERT_EQ(results.size(), 1U);
  EXPECT_EQ(results[0].outcome, TryOutcome::transient);
  while (results.size() < 2) deliver_some();
  EXPECT_EQ(results[1].outcome, TryOutcome::transient);
  EXPECT_FALSE(std::filesystem::exists(folder / "mark"));
  runner.reset();  // kills and reaps the one that hangs
  EXPECT_EQ(::waitpid(-1, nullptr, WNOHANG), -1);
}

TEST_F(CommandHygiene, TheEndOfTheRunnerKillsAndReapsWhatRuns) {
  const std::string never = folder.fifo("never");
  const std::string alive = folder.fifo("alive");
  const int life = ::open(alive.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC);
  ASSERT_GE(life, 0);
  CommandProvider hung(*runner, {shell("exec 9>" + alive + "; echo x >&9; read line < " + never), patience, ""});
  hung.attempt(page(), patience, [] { return true; }, [](const TryResult&) { ADD_FAILURE() << "answered"; });
  pollfd readable{life, POLLIN, 0};
  ASSERT_EQ(::poll(&readable, 1, static_cast<int>(patience.count())), 1) << "it never started";
  runner.reset();
  EXPECT_EQ(::waitpid(-1, nullptr, WNOHANG), -1);
  EXPECT_EQ(errno, ECHILD);
  ::close(life);
}

}  // namespace
}  // namespace channels
