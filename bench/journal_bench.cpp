// The journal beside the disk itself: each case appends the same bytes once as rows of the SQLite journal and once with
// a plain write and fdatasync to a growing file, in turns within one run, so that the ratio does not depend on the
// machine's mood. Counters: rows and syncs a second, their ratio, and the median and 99th percentile of one append in
// microseconds. The folder is ROUSE_BENCH_DIR, else the temporary one; it must be on a real disk to mean anything.
#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <memory>
#include <semaphore>
#include <stdexcept>
#include <string>
#include <vector>

#include <benchmark/benchmark.h>
#include <fcntl.h>
#include <unistd.h>

#include "daemon/journal/sqlite.hpp"

namespace {

using Clock = std::chrono::steady_clock;
using Seconds = std::chrono::duration<double>;

constexpr int rows_a_turn = 50;

class Folder {
 public:
  Folder() {
    const char* const wanted = std::getenv("ROUSE_BENCH_DIR");
    std::string pattern = (wanted != nullptr ? std::filesystem::path(wanted) : std::filesystem::temp_directory_path()) /
                          "rouse-bench-XXXXXX";
    if (::mkdtemp(pattern.data()) == nullptr) throw std::runtime_error("no folder for the benchmark");
    path_ = pattern;
  }
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;
  ~Folder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  [[nodiscard]] const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
};

double microseconds_at(std::vector<Clock::duration>& durations, double share) {
  if (durations.empty()) return 0;
  const auto rank = static_cast<std::ptrdiff_t>(share * static_cast<double>(durations.size() - 1));
  std::ranges::nth_element(durations, durations.begin() + rank);
  return std::chrono::duration<double, std::micro>(durations[static_cast<std::size_t>(rank)]).count();
}

void append_rows(benchmark::State& state) {
  const Folder folder;
  const std::string bytes(static_cast<std::size_t>(state.range(0)), 'x');

  std::binary_semaphore answered(0);
  journal::SqliteJournal::Options options;
  options.directory = folder.path() / "data";
  options.random = [](journal::StoreId& id) { id.fill(1); };
  options.wake = [&answered] { answered.release(); };
  auto opened = journal::SqliteJournal::open(std::move(options));
  if (!opened) {
    state.SkipWithError(opened.error().c_str());
    return;
  }
  journal::SqliteJournal& rows = **opened;
  const int plain = ::open((folder.path() / "plain").c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600);

  Clock::duration in_rows{};
  Clock::duration in_plain{};
  std::vector<Clock::duration> of_rows;
  std::vector<Clock::duration> of_plain;
  std::string body = bytes;
  for (auto _ : state) {
    const auto before = in_rows + in_plain;
    for (int i = 0; i < rows_a_turn; ++i) {
      const auto begin = Clock::now();
      rows.start_append(std::move(body), 1, 0);
      answered.acquire();
      auto result = rows.take_result();
      of_rows.push_back(Clock::now() - begin);
      in_rows += of_rows.back();
      if (!result || result->outcome != journal::Outcome::committed) {
        state.SkipWithError("an append was not committed");
        return;
      }
      body = std::move(result->body);
    }
    for (int i = 0; i < rows_a_turn; ++i) {
      const auto begin = Clock::now();
      if (::write(plain, bytes.data(), bytes.size()) != static_cast<ssize_t>(bytes.size()) || ::fdatasync(plain) != 0) {
        state.SkipWithError("a plain write failed");
        return;
      }
      of_plain.push_back(Clock::now() - begin);
      in_plain += of_plain.back();
    }
    state.SetIterationTime(Seconds(in_rows + in_plain - before).count());
  }
  ::close(plain);
  const auto count = static_cast<double>(of_rows.size());
  state.counters["rows/s"] = count / Seconds(in_rows).count();
  state.counters["syncs/s"] = count / Seconds(in_plain).count();
  state.counters["ratio"] = Seconds(in_plain).count() / Seconds(in_rows).count();
  state.counters["row_p50_us"] = microseconds_at(of_rows, 0.5);
  state.counters["row_p99_us"] = microseconds_at(of_rows, 0.99);
  state.counters["sync_p50_us"] = microseconds_at(of_plain, 0.5);
  state.counters["sync_p99_us"] = microseconds_at(of_plain, 0.99);
}

BENCHMARK(append_rows)
    ->ArgName("bytes")
    ->Arg(400)
    ->Arg(6'400)
    ->Arg(51'000)
    ->Iterations(40)
    ->UseManualTime()
    ->Unit(benchmark::kMillisecond);

}  // namespace

BENCHMARK_MAIN();
