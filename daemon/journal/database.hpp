// journal.db: the SQLite connection and the format of the tables. Used by the journal and by the repair, so that both
// agree on what a row is. One thread at a time.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include <tl/expected.hpp>

#include "daemon/journal/journal.hpp"

struct sqlite3;
struct sqlite3_stmt;

namespace journal {

struct SqliteError {
  int code{};          // SQLite's extended result code
  int system_error{};  // errno behind it, if any
  std::string text;

  [[nodiscard]] bool is_want_of_room() const;  // retrying later makes sense, and no sync has failed
  [[nodiscard]] bool is_damage() const;
};

class Statement {
 public:
  Statement() = default;
  explicit Statement(sqlite3_stmt* statement) : statement_(statement) {}
  Statement(Statement&& other) noexcept : statement_(std::exchange(other.statement_, nullptr)) {}
  Statement& operator=(Statement&& other) noexcept;
  ~Statement();

  // Borrowed until the statement is reset or bound anew.
  void bind(int index, std::string_view blob);
  void bind(int index, std::uint64_t number);
  // True: a row; false: done. The statement is reset when it is done or has failed.
  [[nodiscard]] tl::expected<bool, SqliteError> step();
  void reset();
  [[nodiscard]] std::uint64_t number(int column) const;
  [[nodiscard]] std::string_view blob(int column) const;  // valid until the next step or reset
  [[nodiscard]] bool is_null(int column) const;

 private:
  sqlite3_stmt* statement_ = nullptr;
};

class Database {
 public:
  enum class Access : std::uint8_t { read_write, read_only, create };

  Database() = default;
  Database(Database&& other) noexcept : handle_(std::exchange(other.handle_, nullptr)) {}
  Database& operator=(Database&& other) noexcept;
  ~Database();

  // `vfs`: the name of SQLite's file layer, empty for the usual one. Never checkpoints by itself, not at the close
  // either.
  [[nodiscard]] static tl::expected<Database, SqliteError> open(const std::filesystem::path& path,
                                                                const std::string& vfs,
                                                                Access access);

  [[nodiscard]] tl::expected<void, SqliteError> run(const std::string& sql);
  [[nodiscard]] tl::expected<Statement, SqliteError> prepare(std::string_view sql);
  // The first column of the first row; nothing when there is no row or it is NULL.
  [[nodiscard]] tl::expected<std::optional<std::uint64_t>, SqliteError> ask(std::string_view sql);
  [[nodiscard]] sqlite3* handle() const { return handle_; }

 private:
  sqlite3* handle_ = nullptr;
};

// What is known of the store as a whole; the table `store` has exactly one row, sealed by a checksum.
struct StoreRecord {
  StoreId id{};
  std::uint64_t base_sequence{};  // the rows up to here are pruned
  std::uint64_t base_chain{};     // the chain of the row base_sequence
  std::uint64_t empty_at{};  // at this sequence the state is empty, no snapshot is needed: 0 but after a hard repair
  std::uint32_t repairs{};
};

struct StoredRow {
  std::uint64_t sequence{};
  std::uint32_t behaviour_version{};
  std::uint64_t previous_digest{};
  std::uint64_t chain{};
  std::uint64_t checksum{};
  std::string body;

  [[nodiscard]] bool is_believable() const;  // in itself; the chain is judged beside its neighbour
};

inline constexpr std::string_view database_name = "journal.db";
inline constexpr std::uint32_t application_id = 0x726f7573;  // "rous", what `file journal.db` shows
inline constexpr std::uint32_t format_version = 1;

inline constexpr std::string_view select_columns =
    "SELECT sequence, behaviour_version, previous_digest, chain, crc, body FROM journal ";

// All tables and the record in one transaction, with the format numbers.
[[nodiscard]] tl::expected<void, SqliteError> create_tables(Database& database, const StoreRecord& record);

[[nodiscard]] tl::expected<void, SqliteError> write_record(Database& database, const StoreRecord& record);

// Nothing: it is not there once, or its checksum does not match.
[[nodiscard]] tl::expected<std::optional<StoreRecord>, SqliteError> read_record(Database& database);

[[nodiscard]] tl::expected<Statement, SqliteError> prepare_insert(Database& database);
[[nodiscard]] tl::expected<void, SqliteError> insert(Statement& statement, const StoredRow& row);

// Of a statement that begins with select_columns and stands on a row.
StoredRow read_row(const Statement& statement);

}  // namespace journal
