#include "daemon/api/metrics.hpp"

#include <algorithm>
#include <optional>

#include <fmt/format.h>
#include <prometheus/metric_family.h>
#include <prometheus/text_serializer.h>

namespace api {
namespace {

using prometheus::ClientMetric;
using prometheus::MetricFamily;
using prometheus::MetricType;

// A page is late after seconds, a person after minutes, a repair after hours.
constexpr double delay_bounds[] = {
    0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 15, 30, 60, 300};
constexpr double commit_bounds[] = {
    0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 5};
constexpr double answer_bounds[] = {30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400, 43200, 86400};
constexpr double repair_bounds[] = {60, 300, 900, 1800, 3600, 7200, 14400, 28800, 86400, 259200, 604800};

std::string_view word(Rejection why) {
  switch (why) {
    case Rejection::alert:
      return "alert";
    case Rejection::body:
      return "body";
    case Rejection::too_large:
      return "too_large";
    case Rejection::content_type:
      return "content_type";
    case Rejection::overloaded:
      return "overloaded";
  }
  return "";
}

using Label = std::pair<const char*, std::string>;

// One page under construction. Help texts are one line each: the serializer does not escape them.
class Page {
 public:
  Page& family(const char* name, MetricType type, const char* help) {
    families_.push_back(MetricFamily{.name = name, .help = help, .type = type, .metric = {}});
    return *this;
  }

  Page& add(double value, std::initializer_list<Label> labels = {}) {
    ClientMetric& metric = sample(labels);
    if (families_.back().type == MetricType::Counter) {
      metric.counter.value = value;
    } else {
      metric.gauge.value = value;
    }
    return *this;
  }
  Page& add(std::uint64_t value, std::initializer_list<Label> labels = {}) {
    return add(static_cast<double>(value), labels);
  }

  void histogram(const char* name, const char* help, const Histogram& histogram) {
    family(name, MetricType::Histogram, help);
    const Histogram::Snapshot snapshot = histogram.snapshot();
    ClientMetric& metric = sample({});
    metric.histogram.sample_count = snapshot.count;
    metric.histogram.sample_sum = snapshot.sum_seconds;
    for (const auto& [bound, count] : snapshot.cumulative) {
      metric.histogram.bucket.push_back(ClientMetric::Bucket{.cumulative_count = count, .upper_bound = bound});
    }
  }

  [[nodiscard]] std::string text() const {
    // A family without samples says nothing and is left out.
    std::vector<MetricFamily> filled;
    std::copy_if(families_.begin(), families_.end(), std::back_inserter(filled), [](const MetricFamily& family) {
      return !family.metric.empty();
    });
    return prometheus::TextSerializer{}.Serialize(filled);
  }

 private:
  ClientMetric& sample(std::initializer_list<Label> labels) {
    ClientMetric metric;
    for (const auto& [name, value] : labels) metric.label.push_back({.name = name, .value = value});
    families_.back().metric.push_back(std::move(metric));
    return families_.back().metric.back();
  }

  std::vector<MetricFamily> families_;
};

// `number` is the place in the channel's order of preference.
void add_providers(Page& page, std::span<const ProviderFigures> providers) {
  page.family("rouse_provider_tries_total", MetricType::Counter, "Tries to hand over a message, by how they ended.");
  for (const ProviderFigures& one : providers) {
    const std::string number = std::to_string(one.number);
    for (std::size_t outcome = 0; outcome < try_outcomes.size(); ++outcome) {
      page.add(one.tries[outcome],
               {{"channel", one.channel},
                {"number", number},
                {"provider", one.kind},
                {"outcome", std::string{try_outcomes[outcome]}}});
    }
  }
  const auto each = [&](const auto& value) {
    for (const ProviderFigures& one : providers) {
      if (const std::optional<double> sample = value(one))
        page.add(*sample, {{"channel", one.channel}, {"number", std::to_string(one.number)}, {"provider", one.kind}});
    }
  };
  page.family("rouse_provider_circuit_open", MetricType::Gauge, "1 while it is passed over if a later one works.");
  each([](const ProviderFigures& one) { return std::optional<double>{one.is_open ? 1.0 : 0.0}; });
  page.family("rouse_provider_last_success_timestamp_seconds", MetricType::Gauge, "When it last took a message.");
  each([](const ProviderFigures& one) {
    return one.last_success ? std::optional{static_cast<double>(one.last_success->time_since_epoch().count()) / 1000.0}
                            : std::nullopt;
  });
  page.family("rouse_provider_try_seconds_total", MetricType::Counter, "How long all tries took together.");
  each([](const ProviderFigures& one) { return std::optional<double>{one.seconds_sum}; });
}

double seconds(rules::Duration duration) {
  return std::chrono::duration<double>(duration).count();
}

}  // namespace

Histogram::Histogram(std::span<const double> upper_bounds_seconds)
    : bounds_{upper_bounds_seconds},
      buckets_{std::make_unique<std::atomic<std::uint64_t>[]>(upper_bounds_seconds.size() + 1)} {}

void Histogram::observe(std::chrono::nanoseconds value) {
  const std::chrono::nanoseconds kept = std::max(value, std::chrono::nanoseconds::zero());
  const double in_seconds = std::chrono::duration<double>(kept).count();
  const auto bucket =
      static_cast<std::size_t>(std::lower_bound(bounds_.begin(), bounds_.end(), in_seconds) - bounds_.begin());
  buckets_[bucket].fetch_add(1, std::memory_order_relaxed);
  sum_nanoseconds_.fetch_add(static_cast<std::uint64_t>(kept.count()), std::memory_order_relaxed);
}

Histogram::Snapshot Histogram::snapshot() const {
  Snapshot snapshot;
  for (std::size_t index = 0; index < bounds_.size(); ++index) {
    snapshot.count += buckets_[index].load(std::memory_order_relaxed);
    snapshot.cumulative.emplace_back(bounds_[index], snapshot.count);
  }
  snapshot.count += buckets_[bounds_.size()].load(std::memory_order_relaxed);
  snapshot.sum_seconds = static_cast<double>(sum_nanoseconds_.load(std::memory_order_relaxed)) / 1e9;
  return snapshot;
}

Metrics::Metrics() : commits_{commit_bounds} {
  const auto at = [this](rules::Measure measure) -> auto& { return measures_[static_cast<std::size_t>(measure)]; };
  at(rules::Measure::time_to_acknowledge) = std::make_unique<Histogram>(answer_bounds);
  at(rules::Measure::time_to_resolve) = std::make_unique<Histogram>(repair_bounds);
  at(rules::Measure::page_delay) = std::make_unique<Histogram>(delay_bounds);
  at(rules::Measure::deadline_lateness) = std::make_unique<Histogram>(delay_bounds);
}

void Metrics::observe(const rules::Measured& measured) {
  const auto index = static_cast<std::size_t>(measured.what);
  if (index < measures_.size()) measures_[index]->observe(measured.value);
}

void Metrics::committed(std::chrono::nanoseconds took) {
  commits_.observe(took);
}

void Metrics::rejected(const std::string& source, Rejection why, std::uint64_t count) {
  if (count == 0) return;
  const std::lock_guard lock{mutex_};
  rejected_[{name_of_source(source), why}] += count;
}

std::string_view to_text(Reconciliation outcome) {
  switch (outcome) {
    case Reconciliation::done:
      return "done";
    case Reconciliation::unreachable:
      return "unreachable";
    case Reconciliation::refused:
      return "refused";
    case Reconciliation::unreadable:
      return "unreadable";
    case Reconciliation::overloaded:
      return "overloaded";
  }
  return "";
}

void Metrics::reconciled(const std::string& source, Reconciliation outcome) {
  const std::lock_guard lock{mutex_};
  ++reconciliations_[{name_of_source(source), outcome}];
}

void Metrics::refused_request(unsigned status) {
  const std::lock_guard lock{mutex_};
  ++refused_requests_[status];
}

void Metrics::reloaded(rules::Instant at) {
  reloaded_at_.store(at.time_since_epoch().count(), std::memory_order_relaxed);
  reload_successful_.store(true, std::memory_order_relaxed);
}

std::optional<rules::Instant> Metrics::reloaded_at() const {
  const std::int64_t at = reloaded_at_.load(std::memory_order_relaxed);
  return at == 0 ? std::nullopt : std::optional{rules::Instant{rules::Duration{at}}};
}

void Metrics::set_gaps(std::vector<OnCallGap> gaps) {
  const std::lock_guard lock{mutex_};
  gaps_ = std::move(gaps);
}

std::string Metrics::name_of_source(const std::string& source) {
  if (sources_.contains(source)) return source;
  if (sources_.size() >= max_sources) return "other";
  sources_.insert(source);
  return source;
}

std::string Metrics::text(const rules::StateFigures& figures,
                          rules::Instant now,
                          std::span<const ProviderFigures> providers,
                          std::span<const rules::ContactDoubt> doubts) {
  const std::lock_guard lock{mutex_};
  const rules::Counters& counters = figures.counters;
  Page page;

  page.family("rouse_build_info", MetricType::Gauge, "The version that runs; always 1.")
      .add(1.0, {{"version", ROUSE_VERSION}});

  page.family("rouse_alerts_received_total", MetricType::Counter, "Reports of alerts that were taken.");
  std::map<std::string, std::pair<std::uint64_t, std::uint64_t>> received;
  for (const auto& [source, numbers] : counters.alerts_by_source) {
    auto& sum = received[name_of_source(source)];
    sum.first += numbers.first;
    sum.second += numbers.second;
  }
  for (const auto& [source, numbers] : received) {
    page.add(numbers.first, {{"source", source}, {"status", "firing"}});
    page.add(numbers.second, {{"source", source}, {"status", "resolved"}});
  }
  page.family("rouse_alerts_duplicate_total", MetricType::Counter, "Reports that said nothing new.")
      .add(counters.duplicates);
  page.family("rouse_alerts_rejected_total", MetricType::Counter, "Alerts and bodies that were not taken, and why.");
  for (const auto& [key, count] : rejected_) {
    page.add(count, {{"source", key.first}, {"reason", std::string{word(key.second)}}});
  }
  page.family(
      "rouse_source_reconciliations_total", MetricType::Counter, "How often a source was asked, and how it went.");
  for (const auto& [key, count] : reconciliations_) {
    page.add(count, {{"source", key.first}, {"outcome", std::string{to_text(key.second)}}});
  }
  page.family("rouse_alerts_expired_total", MetricType::Counter, "Alerts that ended because their source was silent.")
      .add(counters.expired);
  page.family("rouse_alerts_unconfirmed_total", MetricType::Counter, "Alerts past their end whose source is unheard.")
      .add(counters.unconfirmed);
  page.family("rouse_alerts_set_aside_total", MetricType::Counter, "Firing reports older than a known end.")
      .add(counters.set_aside);
  page.family("rouse_alerts_unknown_severity_total",
              MetricType::Counter,
              "Reports ranked highest for want of a known severity.")
      .add(counters.unknown_severity);
  page.family("rouse_alerts_open", MetricType::Gauge, "Alerts that fire, each key once.").add(figures.open_episodes);

  page.family("rouse_incidents", MetricType::Gauge, "Incidents that are remembered, by state and urgency.");
  for (const rules::IncidentState state :
       {rules::IncidentState::triggered, rules::IncidentState::acknowledged, rules::IncidentState::resolved}) {
    for (const rules::Urgency urgency : {rules::Urgency::none, rules::Urgency::low, rules::Urgency::high}) {
      const std::pair<std::string, std::string> key{rules::to_text(state), rules::to_text(urgency)};
      const auto found = figures.incidents.find(key);
      page.add(found == figures.incidents.end() ? 0 : found->second, {{"state", key.first}, {"urgency", key.second}});
    }
  }
  page.family(
          "rouse_incidents_unheard", MetricType::Gauge, "Incidents for which the whole call tree was climbed in vain.")
      .add(figures.unheard);
  page.family("rouse_incidents_opened_total", MetricType::Counter, "Incidents that were opened.")
      .add(counters.incidents_opened);
  page.family("rouse_incidents_reopened_total", MetricType::Counter, "Incidents that came back.")
      .add(counters.incidents_reopened);
  page.family("rouse_steps_entered_total", MetricType::Counter, "Steps of call trees that were called.")
      .add(counters.steps_entered);
  page.family("rouse_steps_empty_total", MetricType::Counter, "Steps that were passed over, nobody being on call.")
      .add(counters.steps_empty);
  page.family("rouse_last_resorts_total", MetricType::Counter, "How often a last resort was called.")
      .add(counters.last_resorts);
  page.family("rouse_people_unreachable_total", MetricType::Counter, "Calls in which every page to a person failed.")
      .add(counters.unreachable);
  page.family("rouse_verbs_refused_total", MetricType::Counter, "Acknowledgements and other verbs that were refused.")
      .add(counters.verbs_refused);

  page.family("rouse_pages_total", MetricType::Counter, "Pages by channel and by what became of them.");
  for (const auto& [key, count] : counters.pages) page.add(count, {{"channel", key.first}, {"outcome", key.second}});
  page.family("rouse_pages_queued_total", MetricType::Counter, "Pages that were asked for.").add(counters.pages_queued);
  page.family("rouse_pages_cancelled_total", MetricType::Counter, "Pages that were withdrawn before they left.")
      .add(counters.pages_cancelled);
  page.family("rouse_bundles_total", MetricType::Counter, "Messages that carried more than one page.")
      .add(counters.bundles);
  page.family("rouse_pages_open", MetricType::Gauge, "Pages that wait or are under way.").add(figures.open_pages);
  page.family("rouse_messages_open", MetricType::Gauge, "Messages that no provider has answered yet.")
      .add(figures.open_messages);

  add_providers(page, providers);
  page.family("rouse_contacts_in_doubt", MetricType::Gauge, "Contacts that failed, or did not answer their test page.");
  for (const rules::Doubt doubt : {rules::Doubt::failed, rules::Doubt::test_unheard}) {
    const auto count = std::count_if(
        doubts.begin(), doubts.end(), [doubt](const rules::ContactDoubt& one) { return one.doubt == doubt; });
    page.add(static_cast<std::uint64_t>(count), {{"doubt", std::string{rules::to_text(doubt)}}});
  }
  page.family("rouse_test_pages_total", MetricType::Counter, "Test pages that were sent.").add(counters.test_pages);
  page.family("rouse_turns_at_risk_total",
              MetricType::Counter,
              "Turns before or in which contacts of whoever has them were in doubt, by whether anybody could be told.");
  page.add(counters.turns_at_risk, {{"told", "yes"}});
  page.add(counters.turns_at_risk_untold, {{"told", "no"}});

  const auto measure = [this](rules::Measure what) -> const Histogram& {
    return *measures_[static_cast<std::size_t>(what)];
  };
  page.histogram("rouse_page_delay_seconds",
                 "From the arrival of what caused a page to its acceptance by a provider.",
                 measure(rules::Measure::page_delay));
  page.histogram("rouse_commit_seconds", "How long it took to make one batch of events durable.", commits_);
  page.histogram("rouse_deadline_lateness_seconds",
                 "How much later than due a deadline was acted upon.",
                 measure(rules::Measure::deadline_lateness));
  page.histogram("rouse_time_to_acknowledge_seconds",
                 "From the opening of an incident to its first acknowledgement.",
                 measure(rules::Measure::time_to_acknowledge));
  page.histogram("rouse_time_to_resolve_seconds",
                 "From the opening of an incident to its end.",
                 measure(rules::Measure::time_to_resolve));

  page.family("rouse_deadlines", MetricType::Gauge, "Deadlines that are armed.").add(figures.deadlines);
  const rules::Duration overdue = figures.oldest_due ? now - *figures.oldest_due : rules::Duration{};
  page.family(
          "rouse_deadline_overdue_seconds", MetricType::Gauge, "How long the oldest deadline has been due; 0 is well.")
      .add(seconds(std::max(overdue, rules::Duration::zero())));

  page.family("rouse_oncall_gap_seconds",
              MetricType::Gauge,
              "For how much of the seven days after the last reload a step has nobody on call.");
  for (const OnCallGap& gap : gaps_) {
    page.add(seconds(gap.length), {{"call_tree", gap.call_tree}, {"step", fmt::format("{}", gap.step)}});
  }
  page.family("rouse_config_last_reload_successful", MetricType::Gauge, "1 when the last try to load it succeeded.")
      .add(reload_successful_.load(std::memory_order_relaxed) ? 1.0 : 0.0);
  page.family("rouse_config_last_reload_success_timestamp_seconds",
              MetricType::Gauge,
              "When the configuration in force was loaded.")
      .add(static_cast<double>(reloaded_at_.load(std::memory_order_relaxed)) / 1000.0);

  page.family("rouse_events_total", MetricType::Counter, "Events that the engine has applied.").add(counters.events);
  page.family("rouse_clock_steps_total", MetricType::Counter, "How often the wall clock was stepped.")
      .add(counters.clock_steps);
  page.family("rouse_journal_rows", MetricType::Gauge, "The number of the journal's last row.")
      .add(journal_rows_.load(std::memory_order_relaxed));
  page.family("rouse_journal_written_bytes_total", MetricType::Counter, "Bytes written to the journal since the start.")
      .add(journal_bytes_.load(std::memory_order_relaxed));
  page.family(
          "rouse_overloaded_total", MetricType::Counter, "Requests that found their ring full and were answered 503.")
      .add(rings_full_.load(std::memory_order_relaxed));
  page.family("rouse_http_requests_refused_total", MetricType::Counter, "Requests that were refused, by status code.");
  for (const auto& [status, count] : refused_requests_) page.add(count, {{"code", fmt::format("{}", status)}});
  return page.text();
}

}  // namespace api
