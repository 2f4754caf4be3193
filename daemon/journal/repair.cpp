#include "daemon/journal/repair.hpp"

#include <algorithm>
#include <cerrno>
#include <optional>
#include <system_error>
#include <utility>

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include "daemon/journal/database.hpp"
#include "daemon/journal/last_synced.hpp"
#include "daemon/journal/log_file.hpp"
#include "daemon/journal/seal.hpp"
#include "daemon/journal/snapshots.hpp"

namespace journal {

namespace {

using std::filesystem::path;

std::string rows_named(std::uint64_t from, std::uint64_t to) {
  return from == to ? fmt::format("row {}", from) : fmt::format("rows {} to {}", from, to);
}

// A run of believable rows and the state that it continues.
struct Run {
  std::uint64_t base{};
  std::uint64_t base_chain{};
  std::uint64_t end{};
  std::optional<std::uint64_t> snapshot;  // the state at base; nothing: as the journal's own beginning
};

struct Inspection {
  std::vector<std::string> findings;
  std::optional<SyncedPoint> synced;
  std::optional<StoreRecord> record;
  std::optional<StoreId> id;
  std::optional<Database> database;
  std::vector<std::uint64_t> snapshots;  // believable, newest first
  std::vector<path> bad_snapshots;
  std::uint64_t highest = 0;    // sequence that was ever heard of
  Run run;                      // the best
  bool has_state = false;       // there is a state that the run continues
  bool is_log_damaged = false;  // it had rows that nobody can count
};

class Inspector {
 public:
  explicit Inspector(path directory) : directory_(std::move(directory)), path_(directory_ / database_name) {}

  tl::expected<Inspection, std::string> look() {
    read_side_file();
    if (!error_.empty()) return tl::unexpected(error_);
    open_database();
    if (!error_.empty()) return tl::unexpected(error_);
    if (found_.record) {
      found_.id = found_.record->id;
    } else if (found_.synced) {
      found_.id = found_.synced->store;
    }
    read_snapshots();
    if (!error_.empty()) return tl::unexpected(error_);
    if (!found_.id) {
      return tl::unexpected(
          fmt::format("nothing in {} can be believed, not even which store it is; move the directory aside"
                      " and start with an empty one",
                      directory_.string()));
    }
    if (found_.record && found_.synced && found_.record->id != found_.synced->store) {
      find("{} belongs to another store", (directory_ / LastSynced::file_name).string());
    }
    choose_run();
    return std::move(found_);
  }

 private:
  template <class... Arguments>
  void find(fmt::format_string<Arguments...> format, Arguments&&... arguments) {
    found_.findings.push_back(fmt::format(format, std::forward<Arguments>(arguments)...));
  }

  void read_side_file() {
    const path side = directory_ / LastSynced::file_name;
    if (!is_there(side)) {
      if (is_there(path_) || !list_snapshots(directory_).empty()) find("{} is missing", side.string());
      return;
    }
    auto synced = LastSynced::read(directory_);
    if (synced) {
      found_.synced = *synced;
      found_.highest = synced->sequence;
    } else if (synced.error().find("newer") != std::string::npos) {
      error_ = synced.error();
    } else {
      found_.findings.push_back(std::move(synced.error()));
    }
  }

  void open_database() {
    std::error_code ignored;
    if (!is_there(path_) || std::filesystem::file_size(path_, ignored) == 0) {
      if (found_.highest > 0 || !list_snapshots(directory_).empty()) find("{} is missing or empty", path_.string());
      return;
    }
    if (std::string damage = damage_in_log(path_.string() + "-wal"); !damage.empty()) {
      found_.findings.push_back(std::move(damage));
      found_.is_log_damaged = true;
    }
    auto opened = Database::open(path_, "", Database::Access::read_only);
    if (!opened) {
      find("{}: {}", path_.string(), opened.error().text);
      return;
    }
    const auto application = opened->ask("PRAGMA application_id");
    const auto version = opened->ask("PRAGMA user_version");
    if (!application || !version) {
      find("{}: {}", path_.string(), (!application ? application.error() : version.error()).text);
      return;
    }
    if (application->value_or(0) == application_id && version->value_or(0) > format_version) {
      error_ = fmt::format("{} has format {}, this roused reads up to {}: repair it with a newer one",
                           path_.string(),
                           version->value_or(0),
                           format_version);
      return;
    }
    const auto tables = opened->ask("SELECT count(*) FROM sqlite_schema");
    if (tables && tables->value_or(0) == 0 && found_.highest == 0 && list_snapshots(directory_).empty()) {
      return;  // a creation that was interrupted; the next start completes it
    }
    if (application->value_or(0) != application_id) find("{} is not marked as a journal of rouse", path_.string());
    if (auto check = opened->prepare("PRAGMA quick_check(5)")) {
      for (auto has_row = check->step(); has_row && *has_row; has_row = check->step()) {
        if (check->blob(0) != "ok") find("{}: {}", path_.string(), check->blob(0));
      }
    }
    if (const auto record = read_record(*opened); record && *record) {
      found_.record = **record;
    } else {
      find("{}: the record of the store cannot be believed", path_.string());
    }
    auto by_sequence = opened->prepare(std::string(select_columns) + "WHERE sequence = ?");
    if (by_sequence) {
      by_sequence_ = std::move(*by_sequence);
      can_read_rows_ = true;
    } else {
      find("{}: {}", path_.string(), by_sequence.error().text);
    }
    found_.database = std::move(*opened);
  }

  void read_snapshots() {
    for (const std::uint64_t sequence : list_snapshots(directory_)) {
      const path file = snapshot_path(directory_, sequence);
      auto stored = read_snapshot_file(file);
      if (!stored && stored.error().find("newer") != std::string::npos) {
        error_ = stored.error();
        return;
      }
      if (stored && !found_.id) found_.id = stored->store;
      if (!stored || stored->store != *found_.id) {
        found_.findings.push_back(stored ? fmt::format("{} belongs to another store", file.string()) : stored.error());
        found_.bad_snapshots.push_back(file);
        continue;
      }
      found_.snapshots.push_back(sequence);
      found_.highest = std::max(found_.highest, sequence);
    }
  }

  std::optional<StoredRow> believable_row(std::uint64_t sequence) {
    if (!can_read_rows_) return std::nullopt;
    by_sequence_.bind(1, sequence);
    const auto has_row = by_sequence_.step();
    if (!has_row || !*has_row) return std::nullopt;
    StoredRow row = read_row(by_sequence_);
    by_sequence_.reset();
    if (row.sequence != sequence || !row.is_believable()) return std::nullopt;
    return row;
  }

  // How far the rows after `base` can be believed. Without the chain before them, the first row's is taken as it is.
  std::uint64_t follow(std::uint64_t base, std::optional<std::uint64_t> chain) {
    std::uint64_t end = base;
    while (auto row = believable_row(end + 1)) {
      if (chain && row->chain != next_chain(*chain, row->checksum)) break;
      chain = row->chain;
      ++end;
    }
    return end;
  }

  void choose_run() {
    std::uint64_t base = 0;
    std::optional<std::uint64_t> base_chain = first_chain(*found_.id, 0);
    std::uint64_t empty_at = 0;
    std::uint64_t highest_row = 0;
    bool has_rows = false;
    if (found_.database) {
      if (const auto last = found_.database->ask("SELECT max(sequence) FROM journal"); last && *last) {
        highest_row = **last;
        has_rows = true;
        found_.highest = std::max(found_.highest, highest_row);
      }
    }
    if (found_.record) {
      base = found_.record->base_sequence;
      base_chain = found_.record->base_chain;
      empty_at = found_.record->empty_at;
    } else if (has_rows) {
      if (const auto first = found_.database->ask("SELECT min(sequence) FROM journal");
          first && *first && **first > 1) {
        base = **first - 1;
        base_chain.reset();
      }
    }
    found_.highest = std::max(found_.highest, base);

    Run best;
    best.base = base;
    best.base_chain = base_chain.value_or(first_chain(*found_.id, base));
    best.end = follow(base, base_chain);
    const std::uint64_t end_of_rows = best.end;
    const auto continues = [&best](std::uint64_t snapshot) { return snapshot >= best.base && snapshot <= best.end; };
    found_.has_state = base == empty_at || std::ranges::any_of(found_.snapshots, continues);
    for (const std::uint64_t snapshot : found_.snapshots) {
      if (snapshot >= base && snapshot <= end_of_rows) continue;  // ends where the run does
      const auto row = believable_row(snapshot);
      Run run;
      run.base = snapshot;
      run.base_chain = row ? row->chain : first_chain(*found_.id, snapshot);
      run.end = follow(snapshot, row ? std::optional(row->chain) : std::nullopt);
      run.snapshot = snapshot;
      if (run.end > best.end) {
        best = run;
        found_.has_state = true;
      }
    }
    if (highest_row > end_of_rows) {
      find("{}: {} cannot be believed: missing, or checksum or chain do not match",
           path_.string(),
           rows_named(end_of_rows + 1, end_of_rows + 1));
    }
    if (found_.synced && found_.synced->sequence > std::max(highest_row, base)) {
      find("{} ends at row {}, but row {} was committed (it says in {})",
           path_.string(),
           std::max(highest_row, base),
           found_.synced->sequence,
           (directory_ / LastSynced::file_name).string());
    } else if (found_.synced && found_.synced->sequence >= base && found_.synced->sequence <= end_of_rows) {
      const auto row = believable_row(found_.synced->sequence);
      const std::uint64_t chain = row ? row->chain : base_chain.value_or(found_.synced->chain);
      if (chain != found_.synced->chain) {
        find("{}: row {} is not the row that {} remembers",
             path_.string(),
             found_.synced->sequence,
             (directory_ / LastSynced::file_name).string());
      }
    }
    for (const std::uint64_t snapshot : found_.snapshots) {
      if (snapshot > std::max(highest_row, base)) {
        find("{} ends before {} was made", path_.string(), snapshot_path(directory_, snapshot).string());
      }
    }
    if (!found_.has_state) find("{} begins at row {} and no snapshot reaches it", path_.string(), best.base + 1);
    found_.run = best;
  }

  path directory_;
  path path_;
  std::string error_;
  Inspection found_;
  Statement by_sequence_;
  bool can_read_rows_ = false;
};

Done move_file(const path& from, const path& to) {
  if (::rename(from.c_str(), to.c_str()) != 0)
    return tl::unexpected(cannot("move " + from.string() + " to", to, errno));
  return {};
}

// The old files back in their places, as if the interrupted repair had not begun.
Done undo_interrupted_repair(const path& directory, const SyncFile& sync) {
  const path marker = directory / repair_marker_name;
  if (!is_there(marker)) return {};
  auto name = read_file(marker);
  if (!name) return tl::unexpected(name.error());
  while (!name->empty() && name->back() == '\n') name->pop_back();
  if (!name->starts_with("damaged-") || name->find('/') != std::string::npos) {
    return tl::unexpected(marker.string() +
                          " does not name the folder of the interrupted repair; it was left as it is");
  }
  const path backup = directory / *name;
  std::error_code error;
  std::vector<path> files;
  for (const auto& entry : std::filesystem::directory_iterator(backup, error)) files.push_back(entry.path());
  if (error) return tl::unexpected(cannot("read", backup, error.value()));
  for (const path& file : files) {
    if (Done moved = move_file(file, directory / file.filename()); !moved) return moved;
  }
  if (Done synced = sync_directory(directory, sync); !synced) return synced;
  std::filesystem::remove(backup, error);
  std::filesystem::remove(marker, error);
  return sync_directory(directory, sync);
}

bool gives_up_rows(const Inspection& found) {
  return found.highest > found.run.end || found.is_log_damaged || !found.has_state;
}

// The kept rows, chained anew, in a database of their own.
tl::expected<SyncedPoint, std::string> write_database(const path& target,
                                                      Inspection& found,
                                                      const StoreRecord& record) {
  std::error_code ignored;
  std::filesystem::remove(target, ignored);
  {
    const Descriptor file(::open(target.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
    if (!file.is_open()) return tl::unexpected(cannot("create", target, errno));
  }
  const auto explain = [&target](const SqliteError& error) {
    return tl::unexpected(fmt::format("cannot write {}: {}", target.string(), error.text));
  };
  auto database = Database::open(target, "", Database::Access::create);
  if (!database) return explain(database.error());
  if (auto done = database->run("PRAGMA synchronous = FULL"); !done) return explain(done.error());
  if (auto done = create_tables(*database, record); !done) return explain(done.error());
  SyncedPoint point{record.id, record.base_sequence, record.base_chain};
  if (found.run.end == found.run.base) return point;

  auto rows = found.database->prepare(std::string(select_columns) + "WHERE sequence = ?");
  if (!rows) return explain(rows.error());
  auto insertion = prepare_insert(*database);
  if (!insertion) return explain(insertion.error());
  if (auto done = database->run("BEGIN IMMEDIATE"); !done) return explain(done.error());
  for (std::uint64_t sequence = found.run.base + 1; sequence <= found.run.end; ++sequence) {
    rows->bind(1, sequence);
    const auto has_row = rows->step();
    if (!has_row) return explain(has_row.error());
    StoredRow row = read_row(*rows);
    rows->reset();
    // Effects on a state that is given up will differ, and so will message keys once rows are given up (see
    // Journal::repairs): neither digest must stop the recovery.
    if (gives_up_rows(found)) row.previous_digest = unknown_digest;
    row.checksum = row_checksum(row.sequence, row.behaviour_version, row.previous_digest, row.body);
    row.chain = next_chain(point.chain, row.checksum);
    if (auto done = insert(*insertion, row); !done) return explain(done.error());
    point.sequence = sequence;
    point.chain = row.chain;
  }
  if (auto done = database->run("COMMIT"); !done) return explain(done.error());
  return point;
}

void say_what_is_given_up(const path& directory, Inspection& found, RepairReport& report) {
  const Run& run = found.run;
  if (found.highest > run.end) {
    std::string sentence = rows_named(run.end + 1, found.highest);
    if (found.database) {
      const std::string where = fmt::format(" FROM journal WHERE sequence > {}", run.end);
      const auto count = found.database->ask("SELECT count(*)" + where);
      const auto bytes = found.database->ask("SELECT sum(length(body))" + where);
      if (count && bytes && *count) {
        sentence += fmt::format(" ({} of them still in the damaged file, with {} bytes)", **count, bytes->value_or(0));
      }
    }
    report.given_up.push_back(sentence + ": alerts and acknowledgements in them are forgotten");
  }
  if (found.is_log_damaged) {
    report.given_up.push_back(
        fmt::format("rows after row {} that were in the damaged part of the log, if any: nobody can tell how many",
                    std::max(found.highest, run.end)));
  }
  const std::uint64_t old_base = found.record ? found.record->base_sequence : 0;
  if (run.snapshot && run.base > old_base) {
    report.given_up.push_back(fmt::format("{} as history only: {} has their effect",
                                          rows_named(old_base + 1, run.base),
                                          snapshot_path(directory, *run.snapshot).filename().string()));
  }
  for (const path& snapshot : found.bad_snapshots)
    report.given_up.push_back("the snapshot " + snapshot.filename().string());
  if (!found.has_state) {
    report.given_up.push_back(
        fmt::format("the state before row {}: no snapshot of it can be believed; alerts that are still"
                    " firing open anew",
                    run.base + 1));
  }
}

}  // namespace

std::string damage_message(const path& directory, std::string_view what) {
  return fmt::format(
      "{}. The store is damaged and was left as it is. To keep what can be believed, run: roused --repair {}",
      what,
      directory.string());
}

std::string RepairReport::to_text() const {
  if (!is_damaged) {
    return last_sequence < first_sequence
               ? std::string("nothing to repair: the store is sound and has no rows\n")
               : fmt::format("nothing to repair: {} are sound\n", rows_named(first_sequence, last_sequence));
  }
  std::string text;
  for (const std::string& finding : findings) text += fmt::format("found: {}\n", finding);
  text += last_sequence < first_sequence ? std::string("kept: no rows\n")
                                         : fmt::format("kept: {}\n", rows_named(first_sequence, last_sequence));
  for (const std::string& loss : given_up) text += fmt::format("given up: {}\n", loss);
  if (given_up.empty()) text += "given up: nothing\n";
  text += fmt::format("the damaged files are in {}\n", backup.string());
  return text;
}

tl::expected<RepairReport, std::string> repair(const path& directory, SyncFile sync) {
  if (!sync) sync = ::fsync;
  std::error_code ignored;
  if (!std::filesystem::is_directory(directory, ignored)) {
    return tl::unexpected(directory.string() + " is not a directory: there is nothing to repair");
  }
  const auto lock = lock_directory(directory);
  if (!lock) return tl::unexpected(lock.error());
  if (Done undone = undo_interrupted_repair(directory, sync); !undone) return tl::unexpected(std::move(undone.error()));

  const path database_path = directory / database_name;
  const path side_path = directory / LastSynced::file_name;
  if (!is_there(database_path) && !is_there(side_path) && list_snapshots(directory).empty()) {
    return tl::unexpected(directory.string() + " has no store in it: there is nothing to repair");
  }
  auto looked = Inspector(directory).look();
  if (!looked) return tl::unexpected(std::move(looked.error()));
  Inspection& found = *looked;
  RepairReport report;
  report.findings = found.findings;
  report.is_damaged = !found.findings.empty();

  const bool is_all_lost = found.run.end == found.run.base && found.highest > found.run.end && !found.run.snapshot &&
                           std::ranges::count(found.snapshots, found.run.base) == 0;
  if (is_all_lost) {
    report.given_up.push_back(fmt::format("everything, {}: neither a row nor a snapshot can be believed",
                                          rows_named(found.run.base + 1, found.highest)));
    // With no row and no state left, at least no sequence is used twice.
    found.run = Run{found.highest, first_chain(*found.id, found.highest), found.highest, std::nullopt};
    found.has_state = false;
  }
  report.first_sequence = found.run.base + 1;
  report.last_sequence = found.run.end;
  if (!report.is_damaged) return report;

  StoreRecord record = found.record.value_or(StoreRecord{});
  record.id = *found.id;
  record.base_sequence = found.run.base;
  record.base_chain = found.run.base_chain;
  if (!found.has_state) record.empty_at = record.base_sequence;
  if (gives_up_rows(found)) ++record.repairs;
  if (!is_all_lost) say_what_is_given_up(directory, found, report);

  const path rebuilt = directory / "journal.db.repaired";
  const auto point = write_database(rebuilt, found, record);
  if (!point) {
    std::filesystem::remove(rebuilt, ignored);
    return tl::unexpected(point.error());
  }
  const std::vector<path> bad_snapshots = found.bad_snapshots;
  looked = tl::unexpected(std::string("closed"));  // the old database, before its files move

  int number = 1;
  while (is_there(directory / fmt::format("damaged-{}", number))) ++number;
  report.backup = directory / fmt::format("damaged-{}", number);
  if (Done made = make_directory(report.backup, sync); !made) return tl::unexpected(std::move(made.error()));
  const std::string marker = fmt::format("{}\n", report.backup.filename().string());
  if (Done marked = replace_file(directory / repair_marker_name, {marker}, sync); !marked) {
    return tl::unexpected(std::move(marked.error()));
  }

  path log_path = database_path;
  log_path += "-wal";
  path index_path = database_path;
  index_path += "-shm";
  std::vector<path> aside{database_path, log_path, side_path};
  aside.insert(aside.end(), bad_snapshots.begin(), bad_snapshots.end());
  for (const path& file : aside) {
    if (!is_there(file)) continue;
    if (Done moved = move_file(file, report.backup / file.filename()); !moved)
      return tl::unexpected(std::move(moved.error()));
  }
  std::filesystem::remove(index_path, ignored);
  for (const path& folder : {report.backup, directory}) {
    if (Done synced = sync_directory(folder, sync); !synced) return tl::unexpected(std::move(synced.error()));
  }
  if (Done moved = move_file(rebuilt, database_path); !moved) return tl::unexpected(std::move(moved.error()));
  if (Done made = LastSynced::create(directory, *point, sync); !made) return tl::unexpected(std::move(made.error()));

  const auto again = Inspector(directory).look();
  if (!again || !again->findings.empty()) {
    return tl::unexpected(fmt::format("{} is still damaged after the repair: {}; the old files are in {}",
                                      directory.string(),
                                      again ? again->findings.front() : again.error(),
                                      report.backup.string()));
  }
  std::filesystem::remove(directory / repair_marker_name, ignored);
  if (Done synced = sync_directory(directory, sync); !synced) return tl::unexpected(std::move(synced.error()));
  const std::string text = report.to_text();
  if (Done written = replace_file(report.backup / "report", {text}, sync); !written) {
    return tl::unexpected(std::move(written.error()));
  }
  return report;
}

}  // namespace journal
