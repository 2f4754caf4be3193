#include "daemon/journal/sqlite.hpp"

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <system_error>
#include <utility>
#include <vector>

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <sqlite3.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "daemon/journal/log_file.hpp"
#include "daemon/journal/repair.hpp"
#include "daemon/journal/seal.hpp"
#include "daemon/journal/snapshots.hpp"

namespace journal {

namespace {

using namespace std::chrono_literals;
using SteadyClock = std::chrono::steady_clock;

constexpr auto tidy_at_least_every = 1s;
constexpr std::uint64_t prune_rows_at_once = 64;  // keeps a prune shorter than a few commits
constexpr std::size_t replay_bytes_at_once =
    1U << 20;  // a read transaction keeps the log from starting over: keep it short
constexpr std::size_t replay_rows_at_once = 256;

[[noreturn]] void die(const char* why) {
  std::fputs(why, stderr);
  std::abort();
}

int note_log_size(void* pages, sqlite3* /*database*/, const char* /*schema*/, int count) {
  *static_cast<std::uint64_t*>(pages) = static_cast<std::uint64_t>(count);
  return SQLITE_OK;
}

}  // namespace

tl::expected<std::unique_ptr<SqliteJournal>, std::string> SqliteJournal::open(Options options) {
  if (!options.sync) options.sync = ::fsync;
  std::unique_ptr<SqliteJournal> opened(new SqliteJournal(std::move(options)));
  if (Done done = opened->open_store(); !done) return tl::unexpected(std::move(done.error()));
  opened->thread_ = std::thread([journal = opened.get()] { journal->run(); });
  return opened;
}

SqliteJournal::SqliteJournal(Options options)
    : options_(std::move(options)),
      path_(options_.directory / database_name),
      reserve_(options_.directory / "reserve", options_.reserve_bytes),
      tidied_(SteadyClock::now()) {}

SqliteJournal::~SqliteJournal() {
  if (!thread_.joinable()) return;
  is_stopping_.store(true, std::memory_order_release);
  kick();
  thread_.join();
}

std::string SqliteJournal::damage(std::string_view what) const {
  return damage_message(options_.directory, what);
}

std::string SqliteJournal::explain(const SqliteError& error) const {
  std::string text = fmt::format("{}: {}", path_.string(), error.text);
  if (error.system_error != 0) text += ": " + std::generic_category().message(error.system_error);
  if (error.is_damage()) return damage(text);
  return text;
}

// ---- opening

Done SqliteJournal::open_store() {
  const std::filesystem::path& directory = options_.directory;
  if (Done made = make_directory(directory, options_.sync); !made) return made;
  auto locked = lock_directory(directory);
  if (!locked) return tl::unexpected(std::move(locked.error()));
  lock_ = std::move(*locked);
  if (is_there(directory / repair_marker_name)) return tl::unexpected(damage("a repair of it was interrupted"));
  doorbell_ = Descriptor(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  if (!doorbell_.is_open()) return tl::unexpected(cannot("make an eventfd for", directory, errno));

  const auto synced = open_last_synced();
  if (!synced) return tl::unexpected(synced.error());
  if (Done done = open_database(*synced); !done) return done;
  if (Done done = check_end(*synced); !done) return done;
  // The note may be older than the last rows; then the log itself is asked, before it is emptied.
  if (const std::string found = damage_in_log(path_.string() + "-wal"); !found.empty()) {
    return tl::unexpected(damage(found));
  }
  if (Done done = settle_log(); !done) return done;

  auto side = LastSynced::open(directory);
  if (!side) return tl::unexpected(std::move(side.error()));
  last_synced_ = std::move(*side);
  note_synced();
  sync_last_synced();
  if (!failure_.empty()) return tl::unexpected(failure_);
  reserve_.fill_if_there_is_room();
  if (Done done = sync_directory(directory, options_.sync); !done) return done;
  return {};
}

tl::expected<SyncedPoint, std::string> SqliteJournal::open_last_synced() {
  const std::filesystem::path& directory = options_.directory;
  std::error_code ignored;
  const bool has_rows = is_there(path_) && std::filesystem::file_size(path_, ignored) > 0;
  if (is_there(directory / LastSynced::file_name)) {
    auto synced = LastSynced::read(directory);
    if (!synced) return tl::unexpected(damage(synced.error()));
    if (!has_rows && (synced->sequence > 0 || !list_snapshots(directory).empty())) {
      return tl::unexpected(
          damage(fmt::format("{} is missing or empty, though row {} was committed", path_.string(), synced->sequence)));
    }
    return synced;
  }
  // It is made before the database, so a store without it has lost it.
  if (has_rows || !list_snapshots(directory).empty()) {
    return tl::unexpected(damage(fmt::format("{} is missing, so nobody can tell whether rows were lost",
                                             (directory / LastSynced::file_name).string())));
  }
  SyncedPoint point;
  if (!options_.random)
    return tl::unexpected("a new store in " + directory.string() + " needs a source of random bytes");
  options_.random(point.store);
  point.chain = first_chain(point.store, 0);
  if (Done done = LastSynced::create(directory, point, options_.sync); !done)
    return tl::unexpected(std::move(done.error()));
  return point;
}

tl::expected<StoreRecord, std::string> SqliteJournal::read_store_record(Database& database) {
  const auto application = database.ask("PRAGMA application_id");
  if (!application) return tl::unexpected(explain(application.error()));
  const auto version = database.ask("PRAGMA user_version");
  if (!version) return tl::unexpected(explain(version.error()));
  if (application->value_or(0) != application_id) {
    return tl::unexpected(damage(fmt::format("{} is a database, but not a journal of rouse", path_.string())));
  }
  if (version->value_or(0) > format_version) {
    return tl::unexpected(
        fmt::format("{} has format {}, this roused reads up to {}: run a newer roused, nothing was changed",
                    path_.string(),
                    version->value_or(0),
                    format_version));
  }
  const auto record = read_record(database);
  if (!record) return tl::unexpected(explain(record.error()));
  if (!*record)
    return tl::unexpected(
        damage(fmt::format("{}: the record of the store does not match its checksum", path_.string())));
  return **record;
}

tl::expected<void, SqliteError> SqliteJournal::run_with_reserve(
    const std::function<tl::expected<void, SqliteError>()>& action) {
  auto done = action();
  if (!done && done.error().is_want_of_room() && reserve_.release()) done = action();
  return done;
}

Done SqliteJournal::settle_log() {
  // The log may hold what an earlier process wrote and then failed to sync: readable from the page cache, not on the
  // disk. Moving it into the database writes it anew and syncs it; building on it before that could lose it with what
  // follows.
  const auto empty_log = [this]() -> tl::expected<void, SqliteError> {
    return database_.run("PRAGMA wal_checkpoint(TRUNCATE)");
  };
  if (const auto done = run_with_reserve(empty_log); !done && !done.error().is_want_of_room()) {
    return tl::unexpected(explain(done.error()));
  }
  log_pages_ = 0;
  return {};
}

Done SqliteJournal::open_database(const SyncedPoint& synced) {
  // Made here, so that it is owner-only from its first moment; SQLite gives the same mode to the files beside it.
  {
    const Descriptor file(::open(path_.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
    if (!file.is_open()) return tl::unexpected(cannot("open", path_, errno));
  }
  // With a full disk not even the shared memory of the log may have room: then the reserve is what it is for.
  auto opened = Database::open(path_, options_.vfs, Database::Access::create);
  if (!opened) return tl::unexpected(explain(opened.error()));
  database_ = std::move(*opened);
  const auto configure = [this] {
    return database_.run("PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA secure_delete = OFF;");
  };
  if (const auto done = run_with_reserve(configure); !done) return tl::unexpected(explain(done.error()));
  sqlite3_wal_hook(database_.handle(), note_log_size, &log_pages_);  // and no automatic checkpoint
  int keep = 1;
  sqlite3_file_control(database_.handle(), "main", SQLITE_FCNTL_PERSIST_WAL, &keep);

  {
    auto mode = database_.prepare("PRAGMA journal_mode");
    if (!mode) return tl::unexpected(explain(mode.error()));
    const auto has_row = mode->step();
    if (!has_row) return tl::unexpected(explain(has_row.error()));
    if (mode->blob(0) != "wal") {
      return tl::unexpected(
          fmt::format("{}: this file system cannot hold a write-ahead log (a network file system?): use a local disk",
                      path_.string()));
    }
  }
  const auto tables = database_.ask("SELECT count(*) FROM sqlite_schema");
  if (!tables) return tl::unexpected(explain(tables.error()));
  if (tables->value_or(0) == 0 && synced.sequence == 0) {
    StoreRecord record;
    record.id = synced.store;
    record.base_chain = synced.chain;
    const auto create = [this, &record] { return create_tables(database_, record); };
    if (const auto done = run_with_reserve(create); !done) return tl::unexpected(explain(done.error()));
  }
  auto record = read_store_record(database_);
  if (!record) return tl::unexpected(std::move(record.error()));
  record_ = *record;
  repairs_ = record_.repairs;
  if (record_.id != synced.store) {
    return tl::unexpected(damage(fmt::format("{} and {} belong to different stores",
                                             path_.string(),
                                             (options_.directory / LastSynced::file_name).string())));
  }
  if (const auto size = database_.ask("PRAGMA page_size"); size && *size) page_size_ = **size;

  auto insert = prepare_insert(database_);
  if (!insert) return tl::unexpected(explain(insert.error()));
  insert_ = std::move(*insert);
  return {};
}

Done SqliteJournal::check_end(const SyncedPoint& synced) {
  chain_ = record_.base_chain;
  std::uint64_t last = record_.base_sequence;
  const std::string columns(select_columns);
  auto newest = database_.prepare(columns + "ORDER BY sequence DESC LIMIT 1");
  if (!newest) return tl::unexpected(explain(newest.error()));
  const auto has_row = newest->step();
  if (!has_row) return tl::unexpected(explain(has_row.error()));
  if (*has_row) {
    const StoredRow row = read_row(*newest);
    if (!row.is_believable() || row.sequence <= record_.base_sequence) {
      return tl::unexpected(
          damage(fmt::format("{}: row {} does not match its checksum", path_.string(), row.sequence)));
    }
    last = row.sequence;
    chain_ = row.chain;
  }
  newest->reset();
  if (last < synced.sequence) {
    return tl::unexpected(damage(
        fmt::format("{} ends at row {}, but row {} was committed (it says in {}): {} lost",
                    path_.string(),
                    last,
                    synced.sequence,
                    (options_.directory / LastSynced::file_name).string(),
                    synced.sequence - last == 1 ? "1 row is" : fmt::format("{} rows are", synced.sequence - last))));
  }
  std::optional<std::uint64_t> chain_there;
  if (synced.sequence == record_.base_sequence) chain_there = record_.base_chain;
  if (synced.sequence > record_.base_sequence) {
    const auto found = database_.ask(fmt::format("SELECT chain FROM journal WHERE sequence = {}", synced.sequence));
    if (!found) return tl::unexpected(explain(found.error()));
    chain_there = found->value_or(~synced.chain);
  }
  if (chain_there && *chain_there != synced.chain) {
    return tl::unexpected(
        damage(fmt::format("{}: row {} is not the row that was committed: the file is damaged, or another"
                           " one was put in its place",
                           path_.string(),
                           synced.sequence)));
  }
  last_.store(last, std::memory_order_release);
  base_.store(record_.base_sequence, std::memory_order_release);
  return {};
}

// ---- the owner's side

void SqliteJournal::start_append(std::string body, std::uint32_t behaviour_version, std::uint64_t previous_digest) {
  if (slot_.load(std::memory_order_acquire) != Slot::idle)
    die("journal: an append was started before the last was taken\n");
  request_.body = std::move(body);
  request_.behaviour_version = behaviour_version;
  request_.previous_digest = previous_digest;
  slot_.store(Slot::requested, std::memory_order_release);
  kick();
}

std::optional<Appended> SqliteJournal::take_result() {
  if (slot_.load(std::memory_order_acquire) != Slot::answered) return std::nullopt;
  std::optional<Appended> result(std::move(result_));
  slot_.store(Slot::idle, std::memory_order_release);
  return result;
}

void SqliteJournal::prune(std::uint64_t up_to_sequence) {
  prune_wanted_.store(up_to_sequence, std::memory_order_release);
  kick();
}

void SqliteJournal::kick() {
  const std::uint64_t one = 1;
  // Fails only when the counter is full, and then it rings already.
  [[maybe_unused]] const ssize_t written = ::write(doorbell_.number(), &one, sizeof one);
}

// ---- reading, on the caller's thread

tl::expected<void, std::string> SqliteJournal::replay(std::uint64_t from_sequence,
                                                      const std::function<bool(const Row&)>& callback) {
  const std::uint64_t last = last_sequence();
  std::uint64_t next = from_sequence == 0 ? first_sequence() : from_sequence;
  const auto pruned = [this](std::uint64_t sequence) {
    return tl::unexpected(
        fmt::format("{}: row {} is pruned, the oldest is {}", path_.string(), sequence, first_sequence()));
  };
  if (next < first_sequence()) return pruned(next);
  if (next > last) return {};

  auto database = Database::open(path_, options_.vfs, Database::Access::read_only);
  if (!database) return tl::unexpected(explain(database.error()));
  const std::string columns(select_columns);

  // The chain before the first row wanted: from its neighbour, or from the record when that is pruned.
  std::uint64_t chain = 0;
  {
    if (auto begun = database->run("BEGIN"); !begun) return tl::unexpected(explain(begun.error()));
    const auto record = read_store_record(*database);
    if (!record) return tl::unexpected(record.error());
    if (next <= record->base_sequence) return pruned(next);
    if (next == record->base_sequence + 1) {
      chain = record->base_chain;
    } else {
      auto before = database->prepare(columns + "WHERE sequence = ?");
      if (!before) return tl::unexpected(explain(before.error()));
      before->bind(1, next - 1);
      const auto has_row = before->step();
      if (!has_row) return tl::unexpected(explain(has_row.error()));
      if (!*has_row) return tl::unexpected(damage(fmt::format("{}: row {} is missing", path_.string(), next - 1)));
      chain = read_row(*before).chain;
    }
    if (auto ended = database->run("COMMIT"); !ended) return tl::unexpected(explain(ended.error()));
  }

  auto rows = database->prepare(columns + "WHERE sequence >= ? AND sequence <= ? ORDER BY sequence");
  if (!rows) return tl::unexpected(explain(rows.error()));
  std::optional<Row> waiting;  // for the row after it, which has its digest
  std::vector<StoredRow> chunk;
  while (next <= last) {
    chunk.clear();
    std::size_t bytes = 0;
    rows->bind(1, next);
    rows->bind(2, last);
    while (chunk.size() < replay_rows_at_once && bytes < replay_bytes_at_once) {
      const auto has_row = rows->step();
      if (!has_row) return tl::unexpected(explain(has_row.error()));
      if (!*has_row) break;
      chunk.push_back(read_row(*rows));
      bytes += chunk.back().body.size();
    }
    rows->reset();
    if (chunk.empty()) {
      if (next < first_sequence()) return pruned(next);
      return tl::unexpected(damage(fmt::format("{}: row {} is missing", path_.string(), next)));
    }
    for (StoredRow& row : chunk) {
      if (row.sequence != next) {
        if (next < first_sequence()) return pruned(next);
        return tl::unexpected(damage(fmt::format("{}: row {} is missing", path_.string(), next)));
      }
      if (!row.is_believable()) {
        return tl::unexpected(damage(fmt::format("{}: row {} does not match its checksum", path_.string(), next)));
      }
      chain = next_chain(chain, row.checksum);
      if (row.chain != chain) {
        return tl::unexpected(
            damage(fmt::format("{}: row {} does not follow the row before it", path_.string(), next)));
      }
      if (waiting) {
        if (row.previous_digest != unknown_digest) waiting->digest = row.previous_digest;
        if (!callback(*waiting)) return {};
      }
      waiting = Row{row.sequence, std::move(row.body), row.behaviour_version, std::nullopt};
      ++next;
    }
  }
  if (waiting) callback(*waiting);
  return {};
}

tl::expected<void, std::string> SqliteJournal::write_snapshot(std::uint64_t sequence, std::string_view bytes) {
  const std::filesystem::path& directory = options_.directory;
  if (sequence > last_sequence()) {
    return tl::unexpected(fmt::format("a snapshot at row {} of a journal that ends at {}", sequence, last_sequence()));
  }
  for (const std::uint64_t newest : list_snapshots(directory)) {
    // A damaged one does not count: what replaces it may be older.
    if (newest <= sequence || !read_snapshot_file(snapshot_path(directory, newest))) continue;
    return tl::unexpected(fmt::format("a snapshot at row {} is older than the newest, at {}", sequence, newest));
  }
  if (Done done = write_snapshot_file(directory, record_.id, sequence, bytes, options_.sync); !done) return done;
  for (const std::uint64_t damaged : list_snapshots(directory)) {
    std::error_code ignored;
    if (damaged > sequence) std::filesystem::remove(snapshot_path(directory, damaged), ignored);
  }
  prune_allowed_.store(drop_old_snapshots(directory, record_.id, sequence), std::memory_order_release);
  return {};
}

tl::expected<RecoveryStart, std::string> SqliteJournal::read_snapshot() {
  RecoveryStart start;
  const std::uint64_t base = first_sequence() - 1;
  for (const std::uint64_t sequence : list_snapshots(options_.directory)) {
    const std::filesystem::path path = snapshot_path(options_.directory, sequence);
    auto stored = read_snapshot_file(path);
    if (!stored) {
      start.complaints.push_back(std::move(stored.error()));
      continue;
    }
    if (stored->store != record_.id) {
      start.complaints.push_back(fmt::format("{} belongs to another store", path.string()));
      continue;
    }
    if (sequence > last_sequence()) {
      return tl::unexpected(damage(fmt::format("{} ends at row {}, but {} was made after row {}",
                                               path_.string(),
                                               last_sequence(),
                                               path.string(),
                                               sequence)));
    }
    if (sequence < base) {
      start.complaints.push_back(
          fmt::format("{} is older than the journal, which begins at row {}", path.string(), base + 1));
      continue;
    }
    start.replay_from = sequence + 1;
    start.snapshot = std::move(stored->snapshot);
    return start;
  }
  if (base != record_.empty_at) {
    std::string why = fmt::format("{} begins at row {} and no snapshot reaches it", path_.string(), base + 1);
    for (const std::string& complaint : start.complaints) why += "; " + complaint;
    return tl::unexpected(damage(why));
  }
  start.replay_from = base + 1;
  return start;
}

// ---- the journal thread

void SqliteJournal::run() {
  for (;;) {
    progress_.fetch_add(1, std::memory_order_relaxed);
    if (is_requested()) {
      result_ = append(std::move(request_));
      request_.body.clear();
      slot_.store(Slot::answered, std::memory_order_release);
      if (options_.wake) options_.wake();
      // Under a load without a pause the log would grow for ever; then the next append waits for the checkpoint.
      const bool is_far_too_long = log_pages_ * page_size_ >= 4 * options_.checkpoint_bytes;
      if (is_log_long() && (is_far_too_long || !is_requested())) checkpoint(false);
      if (SteadyClock::now() - tidied_ >= tidy_at_least_every && !is_requested()) {
        tidied_ = SteadyClock::now();
        tidy(false);
      }
      continue;
    }
    if (is_stopping_.load(std::memory_order_acquire)) break;
    if (sleep(options_.idle_after)) continue;
    bool did_something = true;
    while (did_something && !is_requested()) {
      progress_.fetch_add(1, std::memory_order_relaxed);
      did_something = tidy(true);
    }
    tidied_ = SteadyClock::now();
    if (!is_requested() && !is_stopping_.load(std::memory_order_acquire)) {
      // A second at most, so that progress() shows life and the reserve comes back when there is room again.
      sleep(tidy_at_least_every);
    }
  }
  if (failure_.empty()) {
    checkpoint(true);
    sync_last_synced();
  }
}

bool SqliteJournal::sleep(std::chrono::milliseconds at_most) {
  pollfd waiting{doorbell_.number(), POLLIN, 0};
  ::poll(&waiting, 1, static_cast<int>(at_most.count()));
  std::uint64_t rings = 0;
  // Emptied before the slot is looked at: a ring after that look wakes the next poll.
  return ::read(doorbell_.number(), &rings, sizeof rings) > 0;
}

bool SqliteJournal::is_requested() const {
  return slot_.load(std::memory_order_acquire) == Slot::requested;
}

Appended SqliteJournal::append(Request request) {
  const auto started = SteadyClock::now();
  Appended result;
  StoredRow row;
  row.sequence = last_.load(std::memory_order_relaxed) + 1;
  row.behaviour_version = request.behaviour_version;
  row.previous_digest = request.previous_digest;
  row.body = std::move(request.body);
  result.sequence = row.sequence;
  result.outcome = Outcome::failed;
  if (failure_.empty()) {
    row.checksum = row_checksum(row.sequence, row.behaviour_version, row.previous_digest, row.body);
    row.chain = next_chain(chain_, row.checksum);
    auto done = insert(insert_, row);
    if (!done && done.error().is_want_of_room() && reserve_.release()) done = insert(insert_, row);
    if (done) {
      result.outcome = Outcome::committed;
      chain_ = row.chain;
      last_.store(row.sequence, std::memory_order_release);
      // If this note fails the row is committed all the same; what comes after it is not believed.
      note_synced();
    } else if (done.error().is_want_of_room()) {
      result.outcome = Outcome::full;
      result.detail = explain(done.error());
    } else {
      fail(explain(done.error()));
    }
  }
  if (result.outcome == Outcome::failed) result.detail = failure_;
  result.body = std::move(row.body);
  result.commit_duration = SteadyClock::now() - started;
  return result;
}

void SqliteJournal::note_synced() {
  const int error = last_synced_.write({record_.id, last_.load(std::memory_order_relaxed), chain_});
  // Without room (on a file system that copies on write) the file lags, as it may; the next commit writes it again.
  if (error != 0 && error != ENOSPC && error != EDQUOT) {
    fail(cannot("write", options_.directory / LastSynced::file_name, error));
  }
}

void SqliteJournal::sync_last_synced() {
  if (!last_synced_.is_dirty()) return;
  if (const int error = last_synced_.sync(options_.sync)) {
    fail(cannot("sync", options_.directory / LastSynced::file_name, error));
  }
}

void SqliteJournal::fail(std::string why) {
  if (failure_.empty()) failure_ = std::move(why);
}

bool SqliteJournal::is_log_long() const {
  const std::uint64_t limit = std::max<std::uint64_t>(1, options_.checkpoint_bytes / page_size_);
  if (log_pages_ < limit || log_pages_ <= moved_pages_) return false;
  // A reader may keep pages from being moved: do not try again at every commit.
  return log_pages_ < checkpoint_tried_ || log_pages_ >= checkpoint_tried_ + limit / 4;
}

void SqliteJournal::checkpoint(bool truncate) {
  if (!failure_.empty()) return;
  int in_log = 0;
  int moved = 0;
  checkpoint_tried_ = log_pages_;
  const int code = sqlite3_wal_checkpoint_v2(
      database_.handle(), "main", truncate ? SQLITE_CHECKPOINT_TRUNCATE : SQLITE_CHECKPOINT_PASSIVE, &in_log, &moved);
  if (code == SQLITE_OK || (code & 0xff) == SQLITE_BUSY) {
    if (moved >= 0) moved_pages_ = static_cast<std::uint64_t>(moved);
    if (moved >= in_log) {
      // All is moved: the next commit begins the log anew, over the blocks it already has.
      log_pages_ = 0;
      moved_pages_ = 0;
      checkpoint_tried_ = 0;
    }
    return;
  }
  SqliteError error;
  error.code = code;
  error.system_error = sqlite3_system_errno(database_.handle());
  error.text = sqlite3_errmsg(database_.handle());
  if (!error.is_want_of_room()) fail(explain(error));
}

bool SqliteJournal::tidy(bool is_idle) {
  if (!failure_.empty()) return false;
  if (is_idle && log_pages_ > moved_pages_ && log_pages_ != checkpoint_tried_) {
    checkpoint(false);
    return true;
  }
  if (last_synced_.is_dirty()) {
    sync_last_synced();
    return true;
  }
  if (prune_some()) return true;
  if (is_idle) reserve_.fill_if_there_is_room();
  return false;
}

bool SqliteJournal::prune_some() {
  const std::uint64_t allowed = std::min({prune_wanted_.load(std::memory_order_acquire),
                                          prune_allowed_.load(std::memory_order_acquire),
                                          last_.load(std::memory_order_relaxed)});
  if (allowed <= record_.base_sequence) return false;
  StoreRecord pruned = record_;
  pruned.base_sequence = std::min(allowed, record_.base_sequence + prune_rows_at_once);
  const auto chain = database_.ask(fmt::format("SELECT chain FROM journal WHERE sequence = {}", pruned.base_sequence));
  if (!chain || !*chain) {
    // Damage in old rows is for replay and repair to tell; not pruning is safe.
    prune_wanted_.store(0, std::memory_order_release);
    return false;
  }
  pruned.base_chain = **chain;
  auto done =
      database_.run(fmt::format("BEGIN IMMEDIATE; DELETE FROM journal WHERE sequence <= {}", pruned.base_sequence));
  if (done) {
    done = write_record(database_, pruned);
    if (done) {
      done = database_.run("COMMIT");
    } else if (sqlite3_get_autocommit(database_.handle()) == 0) {
      (void)database_.run("ROLLBACK");
    }
  }
  if (!done) {
    if (!done.error().is_want_of_room()) fail(explain(done.error()));
    prune_wanted_.store(0, std::memory_order_release);  // the owner asks again
    return false;
  }
  record_.base_sequence = pruned.base_sequence;
  record_.base_chain = pruned.base_chain;
  base_.store(record_.base_sequence, std::memory_order_release);
  return true;
}

}  // namespace journal
