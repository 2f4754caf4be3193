// Bytes of a webhook to reports with their keys, beside Boost.JSON's DOM of the same bytes, which only parses. Both in
// one run, in alternating order; at the end the ratio for each number of alerts a body. Bodies are made of the captured
// ten thousand alerts. `--benchmark_repetitions` works: medians are compared.
#include <algorithm>
#include <cstdio>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <benchmark/benchmark.h>
#include <boost/json.hpp>

#include "daemon/intake/intake.hpp"
#include "tests/daemon/intake/bodies.hpp"

namespace {

constexpr std::int64_t all_alerts = 10'000;

// The captured body cut down to its first alerts, everything around them as it was.
std::string body_of(std::int64_t alerts) {
  static const std::string captured = intake::bodies::captured("alertmanager-0.25/24-ten-thousand-firing.json.gz");
  if (alerts == all_alerts) return captured;
  static const boost::json::value whole = boost::json::parse(captured);
  boost::json::object body = whole.as_object();
  boost::json::array& list = body["alerts"].as_array();
  list.erase(list.begin() + alerts, list.end());
  return boost::json::serialize(body);
}

double per_alert(std::int64_t alerts) {
  return static_cast<double>(alerts);
}

void report(benchmark::State& state, std::size_t body_bytes) {
  const std::int64_t alerts = state.range(0);
  state.SetItemsProcessed(state.iterations() * alerts);
  state.SetBytesProcessed(state.iterations() * static_cast<std::int64_t>(body_bytes));
}

void intake_webhook(benchmark::State& state) {
  const std::string body = body_of(state.range(0));
  std::string padded = body;
  padded.append(intake::body_padding, '\0');
  intake::Context context;
  context.source = "am-a";
  context.ignore_labels = {"__replica__", "prometheus_replica", "severity"};
  context.identity = 1;
  intake::Parser parser;
  for (auto iteration : state) {
    static_cast<void>(iteration);
    const auto parsed = parser.alertmanager({std::string_view{padded}.substr(0, body.size()), padded.size()}, context);
    if (!parsed || parsed->event.reports.size() != static_cast<std::size_t>(state.range(0))) {
      state.SkipWithError("the body was not understood");
      break;
    }
    benchmark::DoNotOptimize(parsed->event.reports.data());
  }
  report(state, body.size());
}

void boost_dom(benchmark::State& state) {
  const std::string body = body_of(state.range(0));
  for (auto iteration : state) {
    static_cast<void>(iteration);
    const boost::json::value parsed = boost::json::parse(body);
    benchmark::DoNotOptimize(&parsed);
  }
  report(state, body.size());
}

// Prints what Google Benchmark prints and remembers the CPU time of each run.
class Comparing : public benchmark::ConsoleReporter {
 public:
  void ReportRuns(const std::vector<Run>& runs) override {
    ConsoleReporter::ReportRuns(runs);
    for (const Run& run : runs) {
      const bool is_median = run.run_type == Run::RT_Aggregate && run.aggregate_name == "median";
      if (run.error_occurred || (run.run_type == Run::RT_Aggregate && !is_median)) continue;
      const double nanoseconds = run.GetAdjustedCPUTime();
      times_[run.run_name.function_name][std::stoll(run.run_name.args)].push_back(nanoseconds);
    }
  }

  void Finalize() override {
    ConsoleReporter::Finalize();
    for (auto& [alerts, times] : times_["intake_webhook"]) {
      std::vector<double>& boost_times = times_["boost_dom"][alerts];
      if (boost_times.empty()) continue;
      const double ours = median(times);
      const double theirs = median(boost_times);
      std::printf("%6lld alerts a body: intake %.0f ns an alert, Boost.JSON DOM %.0f; Boost takes %.2f times as long\n",
                  static_cast<long long>(alerts),
                  ours / per_alert(alerts),
                  theirs / per_alert(alerts),
                  theirs / ours);
    }
  }

 private:
  static double median(std::vector<double>& values) {
    const auto middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
    std::nth_element(values.begin(), middle, values.end());
    return *middle;
  }

  std::map<std::string, std::map<std::int64_t, std::vector<double>>> times_;
};

}  // namespace

int main(int count, char** arguments) {
  for (const std::int64_t alerts : {std::int64_t{1}, std::int64_t{10}, std::int64_t{64}, all_alerts}) {
    benchmark::RegisterBenchmark("intake_webhook", intake_webhook)->Arg(alerts);
    benchmark::RegisterBenchmark("boost_dom", boost_dom)->Arg(alerts);
  }
  benchmark::Initialize(&count, arguments);
  if (benchmark::ReportUnrecognizedArguments(count, arguments)) return 1;
  Comparing reporter;
  benchmark::RunSpecifiedBenchmarks(&reporter);
  benchmark::Shutdown();
  return 0;
}
