#include "daemon/audit_log.hpp"

#include <algorithm>
#include <filesystem>
#include <optional>
#include <string>
#include <thread>

#include <gtest/gtest.h>

#include "tests/support/folder.hpp"

namespace roused {
namespace {

const rules::Instant start{std::chrono::hours{500'000}};

api::Audited act(const std::string& by, rules::Duration after = {}) {
  return {.at = start + after, .by = by, .proof = "token", .from = "192.0.2.1", .what = "POST /x", .status = 200};
}

auto lines_of(const std::string& text) {
  return std::count(text.begin(), text.end(), '\n');
}

TEST(AuditLog, IsALineOfJsonForEachAct) {
  const support::TemporaryFolder folder;
  const std::filesystem::path file = folder / "audit.log";
  {
    AuditLog log;
    log.write(act("before"));
    log.use(file.string());
    log.write(act("olga\n{\"by\":\"root\"}"));
  }
  EXPECT_EQ(support::read_file(file),
            R"({"at":"2027-01-15T08:00:00.000Z","by":"olga {\"by\":\"root\"}","proof":"token","from":"192.0.2.1",)"
            R"("what":"POST /x","status":200})"
            "\n");
}

TEST(AuditLog, StrangersDoNotFillIt) {
  const support::TemporaryFolder folder;
  const std::filesystem::path file = folder / "audit.log";
  {
    AuditLog log;
    log.use(file.string());
    for (int count = 0; count < 1000; ++count) log.write(act(""));
    log.write(act("olga"));
    log.write(act("", AuditLog::window));
  }
  const std::string text = support::read_file(file);
  EXPECT_EQ(lines_of(text), static_cast<std::ptrdiff_t>(AuditLog::most_refusals) + 3);
  EXPECT_NE(text.find("{\"lost_before\":940}"), std::string::npos) << "and what is missing is counted";
  EXPECT_NE(text.find("olga"), std::string::npos);
}

TEST(AuditLog, IsBoundedAndKeepsTheOneBefore) {
  const support::TemporaryFolder folder;
  const std::filesystem::path file = folder / "audit.log";
  {
    AuditLog log{1000};
    log.use(file.string());
    for (int count = 0; count < 100; ++count) log.write(act("user-" + std::to_string(count)));
  }
  EXPECT_LT(std::filesystem::file_size(file), 1200U);
  EXPECT_LT(std::filesystem::file_size(folder / "audit.log.1"), 1200U);
  EXPECT_NE(support::read_file(file).find("user-99"), std::string::npos);
}

TEST(AuditLog, IsMadeAnewWhenItWasMovedAway) {
  const support::TemporaryFolder folder;
  const std::filesystem::path file = folder / "audit.log";
  std::optional<AuditLog> log{std::in_place};
  log->use(file.string());
  log->write(act("olga"));
  while (!std::filesystem::exists(file) || std::filesystem::file_size(file) == 0) std::this_thread::yield();
  std::filesystem::rename(file, folder / "yesterday");
  log->write(act("omar"));
  log.reset();
  EXPECT_NE(support::read_file(folder / "yesterday").find("olga"), std::string::npos);
  EXPECT_NE(support::read_file(file).find("omar"), std::string::npos);
}

}  // namespace
}  // namespace roused
