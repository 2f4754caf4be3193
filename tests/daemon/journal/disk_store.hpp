// A SQLite journal in a folder of its own, for tests.
#pragma once

#include <chrono>
#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <memory>
#include <semaphore>
#include <stdexcept>
#include <string>
#include <string_view>
#include <thread>

#include <gtest/gtest.h>
#include <sqlite3.h>
#include <unistd.h>

#include "daemon/journal/snapshots.hpp"
#include "daemon/journal/sqlite.hpp"

namespace journal {

class TemporaryFolder {
 public:
  TemporaryFolder() {
    // In memory where there is such a folder: the tests judge what is written when, not how long a disk takes.
    const bool has_memory = std::getenv("TEST_TMPDIR") == nullptr && ::access("/dev/shm", W_OK) == 0;
    std::string pattern = (has_memory ? std::string("/dev/shm/") : testing::TempDir()) + "rouse-journal-XXXXXX";
    if (::mkdtemp(pattern.data()) == nullptr) throw std::runtime_error("no temporary folder");
    path_ = pattern;
  }
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;
  ~TemporaryFolder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  [[nodiscard]] const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
};

inline std::string bytes_of(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

inline void put_bytes(const std::filesystem::path& path, std::string_view bytes) {
  std::ofstream file(path, std::ios::binary | std::ios::trunc);
  file.write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
}

inline void flip_bit(const std::filesystem::path& path, std::size_t byte, unsigned bit = 0) {
  std::string bytes = bytes_of(path);
  bytes.at(byte) = static_cast<char>(static_cast<unsigned char>(bytes.at(byte)) ^ (1U << bit));
  put_bytes(path, bytes);
}

// As an operator with the sqlite3 program would.
inline void run_sql(const std::filesystem::path& database, const std::string& sql) {
  sqlite3* handle = nullptr;
  char* message = nullptr;
  sqlite3_open(database.c_str(), &handle);
  const int code = sqlite3_exec(handle, sql.c_str(), nullptr, nullptr, &message);
  EXPECT_EQ(code, SQLITE_OK) << (message != nullptr ? message : "");
  sqlite3_free(message);
  sqlite3_close(handle);
}

class DiskStore {
 public:
  DiskStore() : DiskStore(SqliteJournal::Options{}) {}
  explicit DiskStore(SqliteJournal::Options options) : options_(std::move(options)) {
    if (options_.directory.empty()) options_.directory = folder_.path() / "data";
    // A quiet store by default: what a test does not do does not happen.
    options_.reserve_bytes = std::min<std::uint64_t>(options_.reserve_bytes, 64 * 1024);
    options_.random = [this](StoreId& id) {
      ++random_asked;
      for (std::size_t i = 0; i < id.size(); ++i) id[i] = static_cast<std::uint8_t>(17 * i + 1);
    };
    options_.wake = [this] { answered_.release(); };
    open();
  }

  void open() {
    error.clear();
    auto opened = SqliteJournal::open(options_);
    if (opened) {
      journal_ = std::move(*opened);
    } else {
      error = opened.error();
    }
  }
  void close() { journal_.reset(); }
  void reopen() {
    close();
    open();
  }
  [[nodiscard]] bool is_open() const { return journal_ != nullptr; }
  Journal& journal() {
    if (!journal_) throw std::runtime_error("the journal is not open: " + error);
    return *journal_;
  }
  Appended append(std::string body, std::uint32_t behaviour_version = 1, std::uint64_t previous_digest = 0) {
    journal().start_append(std::move(body), behaviour_version, previous_digest);
    answered_.acquire();
    return journal().take_result().value();
  }
  void append_numbered(std::uint64_t count) {
    for (std::uint64_t i = 0; i < count; ++i) {
      const Appended appended = append("row " + std::to_string(journal().last_sequence() + 1));
      ASSERT_EQ(appended.outcome, Outcome::committed) << appended.detail;
    }
  }
  void damage_newest_snapshot() {
    const std::filesystem::path path = snapshot_path(directory(), list_snapshots(directory()).front());
    flip_bit(path, bytes_of(path).size() - 1, 3);
  }
  void await_prune(std::uint64_t first_sequence) {
    await([&] { return journal().first_sequence() == first_sequence; });
    EXPECT_EQ(journal().first_sequence(), first_sequence);
  }
  template <class Condition>
  static void await(const Condition& condition) {
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(60);
    while (!condition() && std::chrono::steady_clock::now() < deadline) std::this_thread::yield();
  }

  // The files as they are at this moment: what the death of the process would leave.
  void copy_to(const std::filesystem::path& target) {
    std::filesystem::remove_all(target);
    std::filesystem::create_directories(target);
    for (const auto& entry : std::filesystem::directory_iterator(directory())) {
      const std::string name = entry.path().filename();
      if (name != "lock" && name != "reserve" && !name.ends_with("-shm")) {
        std::filesystem::copy_file(entry.path(), target / name);
      }
    }
  }

  [[nodiscard]] const std::filesystem::path& directory() const { return options_.directory; }
  [[nodiscard]] std::filesystem::path database() const { return directory() / "journal.db"; }
  [[nodiscard]] const std::filesystem::path& folder() const { return folder_.path(); }

  int random_asked = 0;
  std::string error;  // of the last open

 private:
  TemporaryFolder folder_;
  SqliteJournal::Options options_;
  std::counting_semaphore<> answered_{0};
  std::unique_ptr<SqliteJournal> journal_;
};

}  // namespace journal
