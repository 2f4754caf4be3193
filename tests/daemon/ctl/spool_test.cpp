// The folder in which notifications wait.
#include "daemon/ctl/spool.hpp"

#include <mutex>
#include <thread>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/support/folder.hpp"

namespace ctl::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

constexpr rules::Instant noon{std::chrono::hours{490'000}};

Spool::Deadline soon() {
  return std::chrono::steady_clock::now() + std::chrono::seconds{20};
}

Spool spool_in(const std::filesystem::path& folder) {
  tl::expected<Spool, std::string> spool = Spool::open(folder);
  if (!spool) throw std::runtime_error(spool.error());
  return *std::move(spool);
}

class Waiting : public ::testing::Test {
 protected:
  void put(const std::string& text, rules::Instant at = noon) {
    const tl::expected<std::string, std::string> name = spool.put(text, at);
    ASSERT_TRUE(name) << name.error();
  }
  Spool::Drained drain(Spool::Ending ending = Spool::Ending::delivered) {
    return spool.drain(
        [&](const std::string&, const std::string& bytes) {
          seen.push_back(bytes);
          return ending;
        },
        soon());
  }

  support::TemporaryFolder folder;
  Spool spool = spool_in(folder / "deep/spool");
  std::vector<std::string> seen;
};

TEST_F(Waiting, LeaveOldestFirstAndAreGone) {
  put("problem");
  put("acknowledgement");
  put("recovery");
  EXPECT_EQ(spool.waiting(), 3U);
  const Spool::Drained drained = drain();
  EXPECT_THAT(seen, ElementsAre("problem", "acknowledgement", "recovery"));
  EXPECT_EQ(drained.delivered, 3U);
  EXPECT_EQ(drained.waiting, 0U);
  EXPECT_EQ(drain().delivered, 0U);
}

TEST_F(Waiting, KeepTheirOrderWhenTheClockIsSetBack) {
  put("problem", noon);
  put("recovery", noon - std::chrono::hours{5});
  (void)drain();
  EXPECT_THAT(seen, ElementsAre("problem", "recovery"));
}

TEST_F(Waiting, StayBehindOneThatMustWait) {
  put("problem");
  put("recovery");
  EXPECT_EQ(drain(Spool::Ending::later).waiting, 2U);
  EXPECT_THAT(seen, ElementsAre("problem"));
  seen.clear();
  (void)drain();
  EXPECT_THAT(seen, ElementsAre("problem", "recovery"));
}

TEST_F(Waiting, OneThatIsRefusedIsSetAsideAndTheNextIsSent) {
  put("nonsense");
  put("problem");
  const Spool::Drained drained = spool.drain(
      [&](const std::string&, const std::string& bytes) {
        seen.push_back(bytes);
        return bytes == "nonsense" ? Spool::Ending::refused : Spool::Ending::delivered;
      },
      soon());
  EXPECT_EQ(drained.refused, 1U);
  EXPECT_EQ(drained.delivered, 1U);
  EXPECT_EQ(drained.waiting, 0U);
  std::vector<std::string> aside;
  for (const auto& entry : std::filesystem::directory_iterator{spool.folder() / "refused"}) {
    aside.push_back(support::read_file(entry.path()));
  }
  EXPECT_THAT(aside, ElementsAre("nonsense"));
  (void)drain();
  EXPECT_THAT(seen, ElementsAre("nonsense", "problem"));
}

TEST_F(Waiting, WhatACrashLeftHalfWrittenCountsForNothing) {
  put("problem");
  support::write_file(spool.folder() / ".new", "{\"version\":1,\"ki");
  support::write_file(spool.folder() / "00000000000000000001.json.swp", "an editor's");
  EXPECT_EQ(drain().delivered, 1U);
  put("recovery");
  (void)drain();
  EXPECT_THAT(seen, ElementsAre("problem", "recovery"));
}

TEST_F(Waiting, AProcessThatDiesWhileItSendsLosesNothingAndHoldsNothingUp) {
  put("problem");
  put("recovery");
  const pid_t child = fork();
  ASSERT_GE(child, 0);
  if (child == 0) {
    (void)spool.drain([](const std::string&, const std::string&) -> Spool::Ending { _exit(7); }, soon());
    _exit(1);
  }
  int status{};
  ASSERT_EQ(waitpid(child, &status, 0), child);
  ASSERT_TRUE(WIFEXITED(status));
  ASSERT_EQ(WEXITSTATUS(status), 7);
  EXPECT_EQ(drain().delivered, 2U);
  EXPECT_THAT(seen, ElementsAre("problem", "recovery"));
}

TEST_F(Waiting, ManyAtOnceSendEachOneOnceAndInOrder) {
  constexpr int writers = 4;
  constexpr int each = 12;
  std::mutex mutex;
  std::vector<std::string> delivered;
  std::vector<std::thread> threads;
  for (int writer = 0; writer < writers; ++writer) {
    threads.emplace_back([&, writer] {
      const Spool own = spool_in(spool.folder());
      for (int number = 0; number < each; ++number) {
        const auto name = own.put(std::string(1, static_cast<char>('a' + writer)) + std::to_string(100 + number), noon);
        if (!name) continue;
        (void)own.drain(
            [&](const std::string&, const std::string& bytes) {
              const std::lock_guard lock{mutex};
              delivered.push_back(bytes);
              return Spool::Ending::delivered;
            },
            soon());
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(spool.waiting(), 0U);
  ASSERT_EQ(delivered.size(), static_cast<std::size_t>(writers * each));
  for (int writer = 0; writer < writers; ++writer) {
    std::vector<std::string> own;
    for (const std::string& text : delivered) {
      if (text.front() == 'a' + writer) own.push_back(text);
    }
    EXPECT_EQ(own.size(), static_cast<std::size_t>(each));
    EXPECT_TRUE(std::is_sorted(own.begin(), own.end()));
  }
}

TEST_F(Waiting, WhoeverFindsAnotherSendingGivesUpAtTheDeadline) {
  put("problem");
  (void)spool.drain(
      [&](const std::string&, const std::string&) {
        const Spool other = spool_in(spool.folder());
        const Spool::Drained drained =
            other.drain([](const std::string&, const std::string&) { return Spool::Ending::delivered; },
                        std::chrono::steady_clock::now() + std::chrono::milliseconds{50});
        EXPECT_TRUE(drained.busy);
        EXPECT_EQ(drained.waiting, 1U);
        return Spool::Ending::delivered;
      },
      soon());
  EXPECT_EQ(spool.waiting(), 0U);
}

TEST(ASpool, ThatCannotBeUsedSaysWhy) {
  support::TemporaryFolder folder;
  support::write_file(folder / "file", "");
  const tl::expected<Spool, std::string> spool = Spool::open(folder / "file");
  ASSERT_FALSE(spool);
  EXPECT_THAT(spool.error(), HasSubstr("is no folder"));
  const tl::expected<Spool, std::string> below = Spool::open(folder / "file/below");
  ASSERT_FALSE(below);
  EXPECT_THAT(below.error(), HasSubstr("cannot be made"));
}

}  // namespace
}  // namespace ctl::testing
