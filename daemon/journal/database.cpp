#include "daemon/journal/database.hpp"

#include <algorithm>
#include <cerrno>

#include <fmt/format.h>
#include <sqlite3.h>

#include "daemon/journal/seal.hpp"

namespace journal {

namespace {

SqliteError error_of(sqlite3* handle, int code) {
  SqliteError error;
  error.code = code;
  error.text = sqlite3_errstr(code);
  if (handle != nullptr) {
    const int primary = code & 0xff;
    if (primary == SQLITE_IOERR || primary == SQLITE_CANTOPEN || primary == SQLITE_FULL) {
      error.system_error = sqlite3_system_errno(handle);
    }
    error.text = sqlite3_errmsg(handle);
  }
  error.text += fmt::format(" (SQLite {})", code);
  return error;
}

std::uint64_t checksum_of(const StoreRecord& record) {
  std::string bytes(as_bytes(record.id));
  append_number(bytes, record.base_sequence);
  append_number(bytes, record.base_chain);
  append_number(bytes, record.empty_at);
  append_number(bytes, record.repairs);
  return record_checksum(bytes);
}

}  // namespace

bool SqliteError::is_want_of_room() const {
  const int primary = code & 0xff;
  if (primary == SQLITE_FULL) return true;
  if (primary != SQLITE_IOERR) return false;
  if (code == SQLITE_IOERR_FSYNC || code == SQLITE_IOERR_DIR_FSYNC) return false;
  // The index of the write-ahead log, in shared memory, could not grow.
  if (code == SQLITE_IOERR_SHMSIZE) return true;
  return code == SQLITE_IOERR_WRITE && (system_error == ENOSPC || system_error == EDQUOT);
}

bool SqliteError::is_damage() const {
  const int primary = code & 0xff;
  // Our statements are fixed: when SQLite finds an error in one, the tables are not as we made them.
  return primary == SQLITE_CORRUPT || primary == SQLITE_NOTADB || primary == SQLITE_ERROR;
}

Statement& Statement::operator=(Statement&& other) noexcept {
  if (this != &other) {
    sqlite3_finalize(statement_);
    statement_ = std::exchange(other.statement_, nullptr);
  }
  return *this;
}

Statement::~Statement() {
  sqlite3_finalize(statement_);
}

void Statement::bind(int index, std::string_view blob) {
  // A null pointer would bind NULL.
  sqlite3_bind_blob64(statement_, index, blob.empty() ? "" : blob.data(), blob.size(), SQLITE_STATIC);
}

void Statement::bind(int index, std::uint64_t number) {
  sqlite3_bind_int64(statement_, index, static_cast<sqlite3_int64>(number));
}

tl::expected<bool, SqliteError> Statement::step() {
  const int code = sqlite3_step(statement_);
  if (code == SQLITE_ROW) return true;
  if (code == SQLITE_DONE) {
    sqlite3_reset(statement_);
    return false;
  }
  SqliteError error = error_of(sqlite3_db_handle(statement_), code);
  sqlite3_reset(statement_);
  return tl::unexpected(std::move(error));
}

void Statement::reset() {
  sqlite3_reset(statement_);
}

std::uint64_t Statement::number(int column) const {
  return static_cast<std::uint64_t>(sqlite3_column_int64(statement_, column));
}

std::string_view Statement::blob(int column) const {
  const void* const bytes = sqlite3_column_blob(statement_, column);
  if (bytes == nullptr) return {};
  return {static_cast<const char*>(bytes), static_cast<std::size_t>(sqlite3_column_bytes(statement_, column))};
}

bool Statement::is_null(int column) const {
  return sqlite3_column_type(statement_, column) == SQLITE_NULL;
}

Database& Database::operator=(Database&& other) noexcept {
  if (this != &other) {
    sqlite3_close_v2(handle_);
    handle_ = std::exchange(other.handle_, nullptr);
  }
  return *this;
}

Database::~Database() {
  sqlite3_close_v2(handle_);
}

tl::expected<Database, SqliteError> Database::open(const std::filesystem::path& path,
                                                   const std::string& vfs,
                                                   Access access) {
  int flags = SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_READWRITE;
  if (access == Access::create) flags |= SQLITE_OPEN_CREATE;
  Database database;
  const int code = sqlite3_open_v2(path.c_str(), &database.handle_, flags, vfs.empty() ? nullptr : vfs.c_str());
  if (code != SQLITE_OK) return tl::unexpected(error_of(database.handle_, code));
  sqlite3_extended_result_codes(database.handle_, 1);
  sqlite3_busy_timeout(database.handle_, 5000);
  // Close must neither move nor remove the log: after a failed sync, or under a repair, it is evidence.
  sqlite3_db_config(database.handle_, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, nullptr);
  if (access == Access::read_only) {
    if (auto done = database.run("PRAGMA query_only = ON"); !done) return tl::unexpected(std::move(done.error()));
  }
  return database;
}

tl::expected<void, SqliteError> Database::run(const std::string& sql) {
  const int code = sqlite3_exec(handle_, sql.c_str(), nullptr, nullptr, nullptr);
  if (code == SQLITE_OK) return {};
  SqliteError error = error_of(handle_, code);
  if (sqlite3_get_autocommit(handle_) == 0) sqlite3_exec(handle_, "ROLLBACK", nullptr, nullptr, nullptr);
  return tl::unexpected(std::move(error));
}

tl::expected<Statement, SqliteError> Database::prepare(std::string_view sql) {
  sqlite3_stmt* statement = nullptr;
  const int code = sqlite3_prepare_v3(
      handle_, sql.data(), static_cast<int>(sql.size()), SQLITE_PREPARE_PERSISTENT, &statement, nullptr);
  if (code != SQLITE_OK) return tl::unexpected(error_of(handle_, code));
  return Statement(statement);
}

tl::expected<std::optional<std::uint64_t>, SqliteError> Database::ask(std::string_view sql) {
  auto statement = prepare(sql);
  if (!statement) return tl::unexpected(std::move(statement.error()));
  const auto has_row = statement->step();
  if (!has_row) return tl::unexpected(has_row.error());
  if (!*has_row || statement->is_null(0)) return std::optional<std::uint64_t>();
  return std::optional<std::uint64_t>(statement->number(0));
}

bool StoredRow::is_believable() const {
  return checksum == row_checksum(sequence, behaviour_version, previous_digest, body);
}

tl::expected<void, SqliteError> create_tables(Database& database, const StoreRecord& record) {
  auto done = database.run(
      "BEGIN IMMEDIATE;"
      "CREATE TABLE store (only_one INTEGER PRIMARY KEY CHECK (only_one = 1), store_id BLOB NOT NULL,"
      " base_sequence INTEGER NOT NULL, base_chain INTEGER NOT NULL, empty_at INTEGER NOT NULL,"
      " repairs INTEGER NOT NULL, crc INTEGER NOT NULL) STRICT;"
      "CREATE TABLE journal (sequence INTEGER PRIMARY KEY, behaviour_version INTEGER NOT NULL,"
      " previous_digest INTEGER NOT NULL, chain INTEGER NOT NULL, crc INTEGER NOT NULL, body BLOB NOT NULL) STRICT;" +
      fmt::format("PRAGMA application_id = {}; PRAGMA user_version = {};", application_id, format_version));
  if (!done) return done;
  done = write_record(database, record);
  if (!done) {
    if (sqlite3_get_autocommit(database.handle()) == 0) (void)database.run("ROLLBACK");
    return done;
  }
  return database.run("COMMIT");
}

tl::expected<void, SqliteError> write_record(Database& database, const StoreRecord& record) {
  auto statement = database.prepare(
      "INSERT OR REPLACE INTO store (only_one, store_id, base_sequence, base_chain, empty_at, repairs, crc)"
      " VALUES (1, ?, ?, ?, ?, ?, ?)");
  if (!statement) return tl::unexpected(std::move(statement.error()));
  statement->bind(1, as_bytes(record.id));
  statement->bind(2, record.base_sequence);
  statement->bind(3, record.base_chain);
  statement->bind(4, record.empty_at);
  statement->bind(5, std::uint64_t{record.repairs});
  statement->bind(6, checksum_of(record));
  if (auto done = statement->step(); !done) return tl::unexpected(std::move(done.error()));
  return {};
}

tl::expected<std::optional<StoreRecord>, SqliteError> read_record(Database& database) {
  auto statement = database.prepare(
      "SELECT store_id, base_sequence, base_chain, empty_at, repairs, crc FROM store WHERE only_one = 1");
  if (!statement) return tl::unexpected(std::move(statement.error()));
  const auto has_row = statement->step();
  if (!has_row) return tl::unexpected(has_row.error());
  if (!*has_row) return std::optional<StoreRecord>();
  StoreRecord record;
  const std::string_view id = statement->blob(0);
  if (id.size() != record.id.size()) return std::optional<StoreRecord>();
  std::ranges::copy(id, reinterpret_cast<char*>(record.id.data()));
  record.base_sequence = statement->number(1);
  record.base_chain = statement->number(2);
  record.empty_at = statement->number(3);
  record.repairs = static_cast<std::uint32_t>(statement->number(4));
  if (statement->number(5) != checksum_of(record)) return std::optional<StoreRecord>();
  return std::optional<StoreRecord>(record);
}

tl::expected<Statement, SqliteError> prepare_insert(Database& database) {
  return database.prepare(
      "INSERT INTO journal (sequence, behaviour_version, previous_digest, chain, crc, body) VALUES (?, ?, ?, ?, ?, ?)");
}

tl::expected<void, SqliteError> insert(Statement& statement, const StoredRow& row) {
  statement.bind(1, row.sequence);
  statement.bind(2, std::uint64_t{row.behaviour_version});
  statement.bind(3, row.previous_digest);
  statement.bind(4, row.chain);
  statement.bind(5, row.checksum);
  statement.bind(6, row.body);
  if (auto done = statement.step(); !done) return tl::unexpected(std::move(done.error()));
  return {};
}

StoredRow read_row(const Statement& statement) {
  StoredRow row;
  row.sequence = statement.number(0);
  row.behaviour_version = static_cast<std::uint32_t>(statement.number(1));
  row.previous_digest = statement.number(2);
  row.chain = statement.number(3);
  row.checksum = statement.number(4);
  row.body = statement.blob(5);
  return row;
}

}  // namespace journal
