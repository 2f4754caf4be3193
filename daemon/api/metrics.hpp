// The daemon's figures in Prometheus' text format. What the engine decides is counted in its State and comes here as
// StateFigures; what only the outside knows (how long a commit took, what was refused) is counted here.
//
// Threads: everything may be called from any thread. Histograms and plain numbers are relaxed atomics; the counters by
// source, which only a refusal touches, and what belongs to a policy are behind a mutex.
#pragma once

#include <array>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "daemon/api/gaps.hpp"
#include "daemon/api/provider_figures.hpp"
#include "rules/effect.hpp"
#include "rules/reachability.hpp"
#include "rules/time.hpp"
#include "rules/view.hpp"

namespace api {

// Counts durations into buckets. A snapshot that is taken while others observe is of some moment in between, and its
// buckets always add up.
class Histogram {
 public:
  explicit Histogram(std::span<const double> upper_bounds_seconds);

  void observe(std::chrono::nanoseconds value);  // negative counts as 0

  struct Snapshot {
    std::vector<std::pair<double, std::uint64_t>> cumulative;  // upper bound in seconds, observations up to it
    std::uint64_t count{};
    double sum_seconds{};
  };
  [[nodiscard]] Snapshot snapshot() const;

 private:
  std::span<const double> bounds_;
  std::unique_ptr<std::atomic<std::uint64_t>[]> buckets_;  // one more than bounds_: what is above them all
  std::atomic<std::uint64_t> sum_nanoseconds_{0};
};

// Why a report was not taken.
enum class Rejection : std::uint8_t {
  alert,         // one alert of a batch whose others were taken
  body,          // the whole body: 400
  too_large,     // 413
  content_type,  // 415
  overloaded,    // 503: a ring was full, memory was short, the daemon was stopping
};

// How it went to ask a sender what it has.
enum class Reconciliation : std::uint8_t {
  done,
  unreachable,  // no answer, or not a whole one
  refused,      // answered with anything but 200
  unreadable,   // not Alertmanager's list of alerts
  overloaded,   // read, but the engine had no room for it
};
[[nodiscard]] std::string_view to_text(Reconciliation outcome);

class Metrics {
 public:
  // Sources beyond this many are counted together as "other": their names come from outside.
  static constexpr std::size_t max_sources = 200;

  Metrics();

  void observe(const rules::Measured& measured);
  void committed(std::chrono::nanoseconds took);
  void rejected(const std::string& source, Rejection why, std::uint64_t count = 1);
  void reconciled(const std::string& source, Reconciliation outcome);
  // A request that the server or this API answered with a 4xx or 5xx of its own accord.
  void refused_request(unsigned status);
  // Work that found its ring full; each was answered 503.
  void ring_was_full() { rings_full_.fetch_add(1, std::memory_order_relaxed); }
  void journal_is(std::uint64_t rows, std::uint64_t bytes) {
    journal_rows_.store(rows, std::memory_order_relaxed);
    journal_bytes_.store(bytes, std::memory_order_relaxed);
  }
  [[nodiscard]] std::uint64_t journal_rows() const { return journal_rows_.load(std::memory_order_relaxed); }
  [[nodiscard]] std::uint64_t journal_bytes() const { return journal_bytes_.load(std::memory_order_relaxed); }
  // When the configuration in force was loaded; nothing before that.
  [[nodiscard]] std::optional<rules::Instant> reloaded_at() const;
  // After each try to load a configuration; when it failed the gaps stay those of the policy in force.
  void reloaded(rules::Instant at);
  void reload_failed() { reload_successful_.store(false, std::memory_order_relaxed); }
  void set_gaps(std::vector<OnCallGap> gaps);

  // The whole page. `now` is the wall clock's.
  [[nodiscard]] std::string text(const rules::StateFigures& figures,
                                 rules::Instant now,
                                 std::span<const ProviderFigures> providers = {},
                                 std::span<const rules::ContactDoubt> doubts = {});

 private:
  [[nodiscard]] std::string name_of_source(const std::string& source);  // with mutex_ held

  std::array<std::unique_ptr<Histogram>, 4> measures_;  // by rules::Measure
  Histogram commits_;
  std::atomic<std::uint64_t> rings_full_{0};
  std::atomic<std::uint64_t> journal_rows_{0};
  std::atomic<std::uint64_t> journal_bytes_{0};
  std::atomic<bool> reload_successful_{true};
  std::atomic<std::int64_t> reloaded_at_{0};  // Unix milliseconds

  std::mutex mutex_;
  std::set<std::string, std::less<>> sources_;  // those that are counted by their own name
  std::map<std::pair<std::string, Rejection>, std::uint64_t> rejected_;
  std::map<std::pair<std::string, Reconciliation>, std::uint64_t> reconciliations_;
  std::map<unsigned, std::uint64_t> refused_requests_;
  std::vector<OnCallGap> gaps_;
};

}  // namespace api
