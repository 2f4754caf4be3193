#include "tests/daemon/journal/crash_history.hpp"

#include <chrono>
#include <cstdlib>
#include <random>
#include <utility>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "config/load.hpp"
#include "daemon/journal/memory.hpp"
#include "daemon/recovery.hpp"
#include "rules/apply.hpp"
#include "rules/codec/codec.hpp"

namespace crash {

using namespace std::chrono_literals;
using journal::DiskStore;

bool is_long() {
  const char* const wanted = std::getenv("ROUSE_LONG");
  return wanted != nullptr && *wanted == '1';
}

bool is_slow() {
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
  return true;
#elif defined(__has_feature)
  return __has_feature(address_sanitizer) || __has_feature(thread_sanitizer);
#else
  return false;
#endif
}

std::uint64_t seed() {
  const char* const wanted = std::getenv("ROUSE_SEED");
  return wanted != nullptr ? std::strtoull(wanted, nullptr, 10) : std::random_device{}();
}

// ---- the story

namespace {

rules::Event policy_loaded() {
  const char* const text = R"(
rouse: 1
people: { olga: { name: Olga, contact: { webhook: "http://127.0.0.1:1/olga" } } }
call_trees: { outage: { steps: [ { call: olga, wait: 5m } ], last_resort: { call: [olga], every: 30m } } }
route: { call_tree: outage, urgency: high }
channels: { webhook: [ { webhook: {} } ] }
)";
  config::Loaded loaded = config::load(text, "test.yml");
  EXPECT_TRUE(loaded) << (loaded ? "" : config::print(loaded.error()));
  auto policy = std::make_shared<rules::Policy>(std::move(loaded->policy));
  policy->hash = codec::hash_of(*policy);
  return rules::PolicyLoaded{std::move(policy)};
}

rules::Event fires(std::uint64_t number, std::size_t length) {
  rules::Report report;
  report.labels = rules::Labels{{{"alertname", "ApiDown"}, {"service", fmt::format("service-{}", number)}}};
  report.annotations = rules::Labels{{{"text", std::string(length, static_cast<char>('a' + number % 26))}}};
  rules::ReportsArrived arrived;
  arrived.source = "10.0.0.1";
  arrived.reports.push_back(std::move(report));
  return arrived;
}

// The identity that DiskStore gives its stores.
journal::StoreId identity() {
  journal::StoreId id;
  for (std::size_t i = 0; i < id.size(); ++i) id[i] = static_cast<std::uint8_t>(17 * i + 1);
  return id;
}

}  // namespace

Story::Story(std::uint64_t rows, std::size_t longest) {
  journal::MemoryJournal memory(identity());
  const auto note_state = [&] {
    const auto recovered = roused::recover(memory);
    if (!recovered) throw std::runtime_error(recovered.error());
    states_.push_back(codec::digest(recovered->state));
    return recovered->last_digest;
  };
  note_state();
  for (std::uint64_t sequence = 1; sequence <= rows; ++sequence) {
    codec::StampedEvent one;
    one.stamp.at = rules::Instant{std::chrono::hours{490'000} + std::chrono::seconds{sequence}};
    one.stamp.wall = one.stamp.at;
    if (sequence == 1) {
      one.event = policy_loaded();
    } else if (sequence == 2) {
      one.event = rules::Started{1};
    } else {
      // Most are short, as most rows are; some do not fit on a page.
      one.event = fires(sequence, sequence % 5 == 0 ? longest : (sequence * 97) % 200 % (longest + 1));
    }
    bodies_.push_back(codec::encode_batch({&one, 1}));
    memory.start_append(bodies_.back(), rules::behaviour_version, journal::unknown_digest);
    if (!memory.take_result()) throw std::runtime_error("the journal in memory did not answer");
    digests_.push_back(note_state());
    if (states_.back() == states_[states_.size() - 2]) throw std::runtime_error("a row without effect proves nothing");
  }
}

void Story::append_to(DiskStore& store, std::uint64_t last, FileRecorder* recorder) const {
  for (std::uint64_t sequence = store.journal().last_sequence() + 1; sequence <= last; ++sequence) {
    if (recorder != nullptr) recorder->mark("begun", sequence);
    const journal::Appended appended =
        store.append(body(sequence), rules::behaviour_version, sequence == 1 ? 0 : digests_.at(sequence - 2));
    if (appended.outcome != journal::Outcome::committed) throw std::runtime_error(appended.detail);
    if (recorder != nullptr) recorder->mark("acknowledged", sequence);
  }
}

void Story::snapshot(DiskStore& store, std::uint64_t sequence, FileRecorder* recorder) {
  const auto recovered = roused::recover(store.journal(), sequence);
  if (!recovered) throw std::runtime_error(recovered.error());
  const auto written = store.journal().write_snapshot(recovered->sequence, codec::encode_state(recovered->state));
  if (!written) throw std::runtime_error(written.error());
  if (recorder != nullptr) recorder->mark("snapshot", sequence);
}

// ---- recovery and judgement

namespace {

journal::SqliteJournal::Options quiet(const std::filesystem::path& directory) {
  journal::SqliteJournal::Options options;
  options.directory = directory;
  options.reserve_bytes = 0;
  options.idle_after = 1h;
  options.sync = [](int) { return 0; };
  return options;
}

std::string go_on(const std::filesystem::path& directory, const Story& story, std::uint64_t last) {
  if (last >= story.rows()) return {};
  try {
    DiskStore store(quiet(directory));
    story.append_to(store, last + 1);
    store.reopen();
    if (store.journal().last_sequence() != last + 1) return "the row added after it was lost by an orderly end";
    std::string added;
    const auto replayed = store.journal().replay(last + 1, [&](const journal::Row& row) {
      added = row.body;
      return true;
    });
    if (!replayed) return replayed.error();
    if (added != story.body(last + 1)) return "the row added after it has other bytes";
  } catch (const std::exception& error) {
    return error.what();
  }
  return {};
}

void look(const std::filesystem::path& directory, const Story& story, Found& found) {
  journal::SqliteJournal::Options options = quiet(directory);
  options.random = [&found](journal::StoreId& id) {
    found.is_new_identity = true;
    id = identity();
  };
  const auto opened = journal::SqliteJournal::open(std::move(options));
  if (!opened) {
    found.refusal = opened.error();
    return;
  }
  journal::Journal& rows = **opened;
  found.last = rows.last_sequence();
  found.repairs = rows.repairs();
  const auto recovered = roused::recover(rows);
  if (!recovered) {
    found.refusal = recovered.error();
    return;
  }
  found.complaints = recovered->complaints;
  found.snapshot = recovered->sequence - recovered->rows;
  found.is_state_right = recovered->sequence == found.last && found.last <= story.rows() &&
                         codec::digest(recovered->state) == story.state_after(found.last);
  std::uint64_t next = rows.first_sequence();
  const auto replayed = rows.replay(0, [&](const journal::Row& row) {
    if (row.sequence != next || row.sequence > story.rows() || row.body != story.body(row.sequence) ||
        row.behaviour_version != rules::behaviour_version) {
      ++found.wrong_rows;
    }
    ++next;
    ++found.rows;
    return true;
  });
  if (!replayed) {
    found.refused_history = replayed.error();
  } else if (next != found.last + 1) {
    ++found.wrong_rows;
  }
}

}  // namespace

Found recover_in(const std::filesystem::path& directory, const Story& story, Then then) {
  Found found;
  look(directory, story, found);
  if (then == Then::go_on && found.refusal.empty()) found.cannot_go_on = go_on(directory, story, found.last);
  return found;
}

void Promise::note(const Operation& mark) {
  if (mark.kind != Operation::Kind::mark) return;
  if (mark.path == "opened") is_open = true;
  if (mark.path == "acknowledged") acknowledged = mark.offset;
  if (mark.path == "begun") begun = mark.offset;
  if (mark.path == "snapshot") snapshot = mark.offset;
}

std::string trouble_of(const Found& found, const Promise& promise) {
  if (!found.refusal.empty()) return "refused: " + found.refusal;
  if (found.wrong_rows > 0) return fmt::format("{} rows are believed that nobody wrote", found.wrong_rows);
  if (found.last < promise.acknowledged) {
    return fmt::format("row {} was acknowledged, the journal ends at {}", promise.acknowledged, found.last);
  }
  if (found.last > promise.begun) return fmt::format("row {} was never begun", found.last);
  if (!found.refused_history.empty()) return "the history cannot be read: " + found.refused_history;
  if (!found.is_state_right) return fmt::format("the state is not that of row {}", found.last);
  if (found.snapshot < promise.snapshot) {
    return fmt::format("the snapshot of row {} was durable, that of {} is used", promise.snapshot, found.snapshot);
  }
  if (promise.is_open && found.is_new_identity) return "the store was made anew";
  if (found.repairs != 0) return "a repair is counted";
  if (!found.complaints.empty()) return "a false alarm: " + found.complaints.front();
  if (!found.cannot_go_on.empty()) return "it cannot go on: " + found.cannot_go_on;
  return {};
}

void Tally::add(const Tally& other) {
  points += other.points;
  possible += other.possible;
  recovered += other.recovered;
  lost += other.lost;
  wrong += other.wrong;
  refused += other.refused;
  if (troubles == 0 && other.troubles > 0) {
    first = other.first;
    first_at = tried + other.first_at;
  }
  tried += other.tried;
  troubles += other.troubles;
}

const Found& Explorer::recover(const Image& image) {
  const auto [known, is_new] = known_.try_emplace(image.digest());
  if (is_new) {
    image.put_into(folder_.path());
    // Whatever was in SQLite's shared memory, it is not believed after a power cut.
    if (random_() % 8 == 0 && image.files.contains(store + "/journal.db")) {
      std::string remains(32'768, '\0');
      for (char& byte : remains) byte = static_cast<char>(random_());
      journal::put_bytes(folder_.path() / store / "journal.db-shm", remains);
    }
    known->second = recover_in(folder_.path() / store, story_, random_() % 8 == 0 ? Then::go_on : Then::stop);
  }
  return known->second;
}

Tally Explorer::explore(const Record& record, const Promise& promise, std::size_t from) {
  Tally tally;
  Promise promised = promise;
  Disk disk(record);
  for (std::size_t point = 0; point <= record.operations.size(); ++point) {
    if (point > 0) {
      disk.apply(record.operations[point - 1]);
      promised.note(record.operations[point - 1]);
    }
    if (point < from) continue;
    ++tally.points;
    const Selection selection = images_of(disk, choice_, random_);
    tally.possible += selection.possible;
    for (const Image& image : selection.images) {
      const std::size_t known = known_.size();
      const Found& found = recover(image);
      ++tally.tried;
      if (known_.size() > known) ++tally.recovered;
      const std::string trouble = trouble_of(found, promised);
      if (trouble.empty()) continue;
      if (!found.refusal.empty()) {
        ++tally.refused;
        tally.lost += promised.acknowledged;
      } else if (found.last < promised.acknowledged) {
        tally.lost += promised.acknowledged - found.last;
      }
      tally.wrong += found.wrong_rows;
      if (tally.troubles++ == 0) {
        tally.first_at = tally.tried;
        tally.first = fmt::format(
            "image {}, power cut after operation {} of {}: {}", tally.tried, point, record.operations.size(), trouble);
      }
      if (stops_at_first_trouble) return tally;
    }
  }
  return tally;
}

// ---- records

Record record_life(const std::filesystem::path& root, const Story& story) {
  FileRecorder recorder(root);
  journal::SqliteJournal::Options options;
  options.directory = root / "data";
  options.idle_after = 1ms;
  options.checkpoint_bytes = 40'000;
  DiskStore store(std::move(options));
  recorder.mark("opened", 0);
  const auto prune_to = [&](std::uint64_t sequence) {
    store.journal().prune(sequence);
    store.await_prune(sequence + 1);
    recorder.mark("pruned", sequence);
  };
  story.append_to(store, 6, &recorder);
  Story::snapshot(store, 4, &recorder);
  story.append_to(store, 10, &recorder);
  Story::snapshot(store, 9, &recorder);
  prune_to(4);
  story.append_to(store, 14, &recorder);
  Story::snapshot(store, 14, &recorder);
  prune_to(9);
  story.append_to(store, 16, &recorder);
  store.close();
  recorder.mark("closed", 0);
  store.open();
  story.append_to(store, 20, &recorder);
  Story::snapshot(store, 19, &recorder);
  prune_to(14);
  story.append_to(store, 23, &recorder);
  Record record = recorder.stop();
  store.close();
  return record;
}

Record continued(const Record& record, std::size_t length, const Record& next) {
  Record both;
  both.start = record.start;
  both.start_numbers = record.start_numbers;
  both.operations.assign(record.operations.begin(), record.operations.begin() + static_cast<std::ptrdiff_t>(length));
  std::map<std::string, std::uint64_t> names = record.start_numbers;
  std::uint64_t highest = 0;
  for (const auto& [name, file] : names) highest = std::max(highest, file);
  for (const Operation& operation : both.operations) {
    highest = std::max(highest, operation.file);
    if (operation.kind == Operation::Kind::create) names[operation.path] = operation.file;
    if (operation.kind == Operation::Kind::remove || operation.kind == Operation::Kind::rename) {
      names.erase(operation.path);
    }
    if (operation.kind == Operation::Kind::rename) names[operation.target] = operation.file;
  }
  std::map<std::uint64_t, std::uint64_t> numbers;
  for (const auto& [name, file] : next.start_numbers) numbers[file] = names.at(name);
  for (Operation operation : next.operations) {
    if (operation.file != 0) operation.file = numbers.try_emplace(operation.file, ++highest).first->second;
    both.operations.push_back(std::move(operation));
  }
  return both;
}

}  // namespace crash
