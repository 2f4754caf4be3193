// What does it cost to turn a request's worth of alerts into the bytes that the journal keeps, and back?
//
// 64 alerts with 10 labels and 4 annotations each, in one event. "ns/alert" is the figure; "bytes/alert" its size. The
// peer is a memcpy of the same bytes: what any codec must pay to put them elsewhere.
#include <cstring>
#include <string>
#include <vector>

#include <benchmark/benchmark.h>

#include "rules/codec/codec.hpp"

namespace {

constexpr int alerts = 64;

rules::Event event_of_alerts() {
  rules::ReportsArrived arrived{"alertmanager-1", rules::ReportForm::webhook, {}, 0};
  for (int number = 0; number < alerts; ++number) {
    const std::string digits = std::to_string(number);
    rules::Report& report = arrived.reports.emplace_back();
    report.labels = rules::Labels{{{"alertname", "NodeFilesystemAlmostOutOfSpace"},
                                   {"cluster", "production-eu-central-1"},
                                   {"device", "/dev/nvme0n1p" + digits},
                                   {"fstype", "ext4"},
                                   {"instance", "node-" + digits + ".eu-central-1.example.org:9100"},
                                   {"job", "node-exporter"},
                                   {"mountpoint", "/var/lib/postgresql"},
                                   {"prometheus_replica", "prometheus-k8s-0"},
                                   {"service", "payments-database"},
                                   {"severity", "critical"}}};
    report.annotations = rules::Labels{
        {{"dashboard", "https://grafana.example.org/d/abcdef/node?var-instance=node-" + digits},
         {"description", "Filesystem on /dev/nvme0n1p" + digits + " at /var/lib/postgresql has only 3.02% left."},
         {"runbook_url", "https://runbooks.example.org/node/NodeFilesystemAlmostOutOfSpace"},
         {"summary", "Filesystem has less than 5% space left."}}};
    report.starts_at = rules::Instant{rules::Duration{1'772'625'600'000 + number}};
    report.generator_url = "https://prometheus.example.org/graph?g0.expr=node_filesystem_avail_bytes&g0.tab=1";
    report.key = rules::key_of(report.labels, {"prometheus_replica", "severity"}, 7);
    report.keyed_for = 0x1122'3344'5566'7788;
  }
  return arrived;
}

void report_figures(benchmark::State& state, std::size_t bytes) {
  using benchmark::Counter;
  state.counters["bytes/alert"] = static_cast<double>(bytes) / alerts;
  state.counters["s/alert"] = Counter(alerts, Counter::kIsIterationInvariantRate | Counter::kInvert);
}

// Into a buffer that is used again and again, as the engine does.
void encode_alerts(benchmark::State& state) {
  const rules::Event event = event_of_alerts();
  std::string bytes;
  for (auto _ : state) {
    bytes.clear();
    codec::append(bytes, event);
    benchmark::DoNotOptimize(bytes.data());
  }
  report_figures(state, bytes.size());
}
BENCHMARK(encode_alerts);

void decode_alerts(benchmark::State& state) {
  const std::string bytes = codec::encode(event_of_alerts());
  for (auto _ : state) {
    auto event = codec::decode_event(bytes);
    if (!event) return state.SkipWithError(event.error().c_str());
    benchmark::DoNotOptimize(event);
  }
  report_figures(state, bytes.size());
}
BENCHMARK(decode_alerts);

void copy_the_same_bytes(benchmark::State& state) {
  const std::string bytes = codec::encode(event_of_alerts());
  std::vector<char> copy(bytes.size());
  for (auto _ : state) {
    std::memcpy(copy.data(), bytes.data(), bytes.size());
    benchmark::DoNotOptimize(copy.data());
    benchmark::ClobberMemory();
  }
  report_figures(state, bytes.size());
}
BENCHMARK(copy_the_same_bytes);

void key_of_an_alert(benchmark::State& state) {
  const auto arrived = std::get<rules::ReportsArrived>(event_of_alerts());
  const std::vector<std::string> ignore{"__replica__", "prometheus_replica", "severity"};
  for (auto _ : state) {
    for (const rules::Report& report : arrived.reports)
      benchmark::DoNotOptimize(rules::key_of(report.labels, ignore, 7));
  }
  report_figures(state, 0);
}
BENCHMARK(key_of_an_alert);

}  // namespace

BENCHMARK_MAIN();
