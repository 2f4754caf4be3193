// What the engine alone costs: CPU ns of rules::apply for each new alert, repeat and resolve, and bytes for each alert
// held, at 10 thousand, 100 thousand and a million held alerts. No socket, no journal, one thread.
//
// Three shapes: `grouped` (1000 incidents, urgency none: the alert alone), `own` (each alert its own incident, urgency
// none) and `climbing` (each alert its own incident that pages one person; the sends that apply asks for are answered
// and the deadlines that fall due are fired, and that is part of the figure). Alerts come by API v2, so each has a
// deadline; ten labels, of which two have values of their own, and four annotations.
// A fourth, `held`: grouped, of high urgency, under 1000 rules of inhibition, 10 thousand services that depend on
// others and 10 thousand open silences; each alert is a target of one rule and of a service with two above it, and one
// in a hundred is silenced, one in a hundred inhibited.
//
// The limit beside it: finding the same keys in a boost::unordered_flat_map of 64-byte records, in the same process.
// Each case runs in a process of its own, so that what it holds is all that is measured.
#include <algorithm>
#include <array>
#include <charconv>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <memory>
#include <new>
#include <random>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <boost/unordered/unordered_flat_map.hpp>
#include <fmt/format.h>
#include <malloc.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "rules/apply.hpp"
#include "rules/read_ahead.hpp"

namespace {

using rules::Event;
using rules::Instant;
using rules::Key128;
using rules::Labels;
using rules::Report;
using rules::ReportsArrived;
using rules::Stamp;
using rules::State;

// The research goal, and what an Alertmanager 0.25 with a million alerts was measured to hold.
constexpr double goal_bytes = 256;
constexpr double growth_limit = 1.5;  // of the cost of an alert, from ten thousand held to a million
constexpr double alertmanager_bytes = 4400;

enum class Shape { grouped, own, climbing, held };

constexpr std::size_t rules_of_inhibition = 1000;
constexpr std::size_t services = 10'000;
constexpr std::size_t silences = 10'000;
constexpr std::size_t sources = 10;  // a million alerts, each an incident, are what so many may have open
constexpr std::size_t batch_size = 64;

struct Case {
  Shape shape{};
  std::string_view name;
  std::size_t held{};
};

std::string service_name(std::uint64_t number) {
  return fmt::format("service-{:05}", number % services);
}

rules::Matcher equal_to(std::string name, std::string value) {
  return *rules::Matcher::make(std::move(name), rules::MatchOperator::equal, std::move(value));
}

// Ten databases below a hundred backends below everything else; a rule for each alertname in each namespace.
void add_correlation(rules::Policy& policy) {
  for (std::size_t number = 0; number < services; ++number) {
    rules::Service service;
    service.id = service_name(number);
    if (number >= 10 && number < 110) service.depends_on = {service_name(number % 10)};
    if (number >= 110) service.depends_on = {service_name(10 + number % 100)};
    policy.services.push_back(std::move(service));
  }
  for (std::size_t number = 0; number < rules_of_inhibition; ++number) {
    const std::string space = fmt::format("space-{}", number / 100);
    policy.inhibit_rules.push_back(
        {fmt::format("rule-{}", number),
         {equal_to("alertname", fmt::format("ClusterDown{:03}", number % 100)), equal_to("namespace", space)},
         {equal_to("alertname", fmt::format("ServiceLatencyHigh{:03}", number % 100)), equal_to("namespace", space)},
         {"cluster"}});
  }
}

std::shared_ptr<const rules::Policy> make_policy(Shape shape) {
  auto policy = std::make_shared<rules::Policy>();
  rules::Person olga;
  olga.id = "olga";
  olga.name = "Olga Diaz";
  olga.contacts = {{"webhook", "webhook", "http://127.0.0.1:8080/olga"}};
  olga.high = {{"webhook", rules::Duration{}}};
  olga.low = olga.high;
  policy->people = {olga};
  rules::CallTree outage;
  outage.id = "outage";
  outage.steps = {{{{rules::TargetKind::person, "olga"}}, std::chrono::minutes{30}}};
  outage.last_resort.targets = {{rules::TargetKind::person, "olga"}};
  policy->call_trees = {outage};
  rules::Channel webhook;
  webhook.name = "webhook";
  webhook.providers.emplace_back();
  policy->channels = {webhook};
  policy->route.path = "root";
  policy->route.call_tree = "outage";
  policy->route.urgency =
      shape == Shape::climbing || shape == Shape::held ? rules::Urgency::high : rules::Urgency::none;
  policy->correlation.storm.incidents = 10'000'000;  // every climb is to be paid for
  if (shape == Shape::held) add_correlation(*policy);
  policy->route.group_by_all = shape == Shape::own || shape == Shape::climbing;
  policy->route.group_by = {"alertname", "cluster"};
  policy->hash = 1;
  return policy;
}

double cpu_ns() {
  timespec spent{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &spent);
  return static_cast<double>(spent.tv_sec) * 1e9 + static_cast<double>(spent.tv_nsec);
}

double resident_bytes() {
  std::FILE* file = std::fopen("/proc/self/statm", "r");
  if (file == nullptr) return 0;
  long total = 0;
  long resident = 0;
  const int fields = std::fscanf(file, "%ld %ld", &total, &resident);
  std::fclose(file);
  return fields == 2 ? static_cast<double>(resident) * static_cast<double>(sysconf(_SC_PAGESIZE)) : 0;
}

double allocated_bytes() {
  const struct mallinfo2 info = mallinfo2();
  return static_cast<double>(info.uordblks) + static_cast<double>(info.hblkhd);
}

double median(std::vector<double> values) {
  if (values.empty()) return 0;
  std::sort(values.begin(), values.end());
  return values[values.size() / 2];
}

class Engine {
 public:
  explicit Engine(Shape shape) : shape_{shape} {
    state_.store = {1, 2, 3};
    state_.seed = 0x5eed;
    const rules::Effects loaded = apply(state_, rules::PolicyLoaded{make_policy(shape)}, now());
    const rules::Effects started = apply(state_, rules::Started{1}, now());
    if (shape == Shape::held) hold_some();
  }

  // Reports as intake hands them over: sealed, with the key computed.
  [[nodiscard]] Report report(std::uint64_t id, bool firing) const {
    const std::string group = fmt::format("{:03}", id % 100);
    const std::string unique = fmt::format("{:010}", id);
    Report made;
    made.status = firing ? rules::ReportStatus::firing : rules::ReportStatus::resolved;
    made.labels.reserve(10, 256);
    made.labels.add("alertname", "ServiceLatencyHigh" + group);
    made.labels.add("cluster", fmt::format("eu-west-{:02}", id / 100 % 10));
    made.labels.add("instance", "node-" + unique + ".prod.example.org:9100");
    made.labels.add("job", "kubernetes-pods");
    made.labels.add("namespace",
                    shape_ == Shape::held ? fmt::format("space-{}", id / 1000 % 10) : std::string{"payments"});
    made.labels.add("pod", "checkout-api-7d9f8b6c5d-" + unique);
    made.labels.add("region", "eu-west");
    made.labels.add("service", shape_ == Shape::held ? service_name(110 + id % 9890) : std::string{"checkout-api"});
    made.labels.add("severity", "critical");
    made.labels.add("team", "payments-sre");
    made.labels.seal();
    made.annotations.reserve(4, 384);
    made.annotations.add("dashboard", "https://dashboards.example.org/d/latency?var-instance=" + unique);
    made.annotations.add("description",
                         "The 99th percentile of request latency on node-" + unique +
                             " is 0.731s (threshold 0.5s). Check the upstream dependency dashboard first.");
    made.annotations.add("runbook_url", "https://runbooks.example.org/payments/latency");
    made.annotations.add("summary", "p99 latency of checkout-api is above 500ms for 5m");
    made.annotations.seal();
    made.starts_at = began_;
    made.ends_at = firing ? began_ + std::chrono::hours{2} : began_ + std::chrono::seconds{1};
    made.key = rules::key_of(made.labels, state_.policy->identity.ignore_labels, state_.seed);
    made.keyed_for = state_.identity;
    return made;
  }

  void fire(const Event& event) {
    clock_ += std::chrono::milliseconds{1};
    answer(apply(state_, event, now()));
    while (const std::optional<Instant> due = next_deadline(state_)) {
      if (*due > clock_) return;
      answer(apply(state_, rules::ClockReached{clock_}, now()));
    }
  }

  // What waits for a parent to fail, too, has waited.
  void rest() {
    clock_ += std::chrono::minutes{1};
    while (const std::optional<Instant> due = next_deadline(state_)) {
      if (*due > clock_) return;
      answer(apply(state_, rules::ClockReached{clock_}, now()));
    }
  }

  [[nodiscard]] const State& state() const { return state_; }

 private:
  [[nodiscard]] Stamp now() const { return {clock_, clock_}; }

  // Silences of single machines, one in a hundred of those that alert; and ten of the thousand rules have a source.
  void hold_some() {
    for (std::uint64_t number = 0; number < silences; ++number) {
      rules::SilenceSet set;
      set.matchers = {equal_to("instance", fmt::format("node-{:010}.prod.example.org:9100", number * 100))};
      set.from = clock_;
      set.to = clock_ + std::chrono::hours{24 * 7};
      set.by = "olga";
      answer(apply(state_, set, now()));
    }
    ReportsArrived down_ones;
    down_ones.source = "clusters";
    down_ones.form = rules::ReportForm::webhook;
    for (int number = 0; number < 10; ++number) {
      Report down;
      down.labels.add("alertname", fmt::format("ClusterDown{:03}", number * 10));
      down.labels.add("cluster", "eu-west-00");
      down.labels.add("namespace", "space-0");
      down.labels.seal();
      down_ones.reports.push_back(std::move(down));
    }
    answer(apply(state_, down_ones, now()));
  }

  void answer(const rules::Effects& effects) {
    std::vector<rules::SendEnded> answers;
    for (const rules::Effect& effect : effects) {
      const auto* send = std::get_if<rules::Send>(&effect);
      if (send == nullptr) continue;
      answers.push_back({send->message, send->provider, rules::SendOutcome::accepted, "200"});
    }
    for (const rules::SendEnded& ended : answers) answer(apply(state_, ended, now()));
  }

  const Instant began_{std::chrono::sys_days{std::chrono::year{2026} / 5 / 20}};
  Instant clock_{began_ + std::chrono::minutes{10}};
  State state_;
  Shape shape_{};
};

// Which Prometheus reports the alert: always the same one.
std::uint64_t source_of(std::uint64_t id) {
  return id / batch_size % sources;
}

std::vector<Event> events_of(const Engine& engine, std::span<const std::uint64_t> ids, std::size_t batch, bool firing) {
  std::vector<Event> events;
  for (std::size_t next = 0; next < ids.size();) {
    const std::uint64_t source = source_of(ids[next]);
    ReportsArrived arrived;
    arrived.source = fmt::format("prometheus-{}", source);
    arrived.form = rules::ReportForm::api_v2;
    while (next < ids.size() && arrived.reports.size() < batch && source_of(ids[next]) == source) {
      arrived.reports.push_back(engine.report(ids[next++], firing));
    }
    events.emplace_back(std::move(arrived));
  }
  return events;
}

// CPU ns for each alert of these. Few are made ready at a time: what has just been parsed is in the cache.
double timed(Engine& engine, const std::vector<std::uint64_t>& ids, std::size_t batch, bool firing) {
  constexpr std::size_t ready = 256;
  double spent = 0;
  for (std::size_t first = 0; first < ids.size(); first += ready) {
    const std::vector<Event> events =
        events_of(engine, std::span{ids}.subspan(first, std::min(ready, ids.size() - first)), batch, firing);
    const double begun = cpu_ns();
    rules::ReadAhead read_ahead;
    for (std::size_t index = 0; index < events.size(); ++index) {
      // As the daemon's engine does with what it takes at once.
      read_ahead.before(
          engine.state(), index, events.size(), [&](std::size_t at) -> const Event& { return events[at]; });
      engine.fire(events[index]);
    }
    spent += cpu_ns() - begun;
  }
  return spent / static_cast<double>(ids.size());
}

std::vector<std::uint64_t> consecutive(std::uint64_t first, std::size_t count) {
  std::vector<std::uint64_t> ids(count);
  for (std::size_t index = 0; index < count; ++index) ids[index] = first + index;
  return ids;
}

std::vector<std::uint64_t> any_of_held(std::size_t held, std::size_t count, std::mt19937_64& random) {
  std::uniform_int_distribution<std::uint64_t> one{0, held - 1};
  std::vector<std::uint64_t> ids(count);
  for (std::uint64_t& id : ids) id = one(random);
  // Each source repeats its own.
  std::stable_sort(ids.begin(), ids.end(), [](std::uint64_t left, std::uint64_t right) {
    return source_of(left) < source_of(right);
  });
  return ids;
}

// The floor: the same look-ups in a table of 64-byte records.
double table_ns(const Engine& engine, std::size_t held, std::mt19937_64& random) {
  boost::unordered_flat_map<Key128, std::array<std::uint64_t, 6>, rules::Key128Hash> table;
  table.reserve(held);
  for (const auto& [key, episode] : engine.state().open_episodes) table[key] = {1, 2, 3};
  std::vector<double> rounds;
  for (int round = 0; round < 5; ++round) {
    std::vector<Key128> sought;
    for (const std::uint64_t id : any_of_held(held, 4096, random)) sought.push_back(engine.report(id, true).key);
    const double begun = cpu_ns();
    for (const Key128& key : sought) {
      const auto found = table.find(key);
      if (found != table.end()) ++found->second[0];
    }
    rounds.push_back((cpu_ns() - begun) / static_cast<double>(sought.size()));
  }
  return median(rounds);
}

constexpr std::size_t chunk = 4096;

// CPU ns of one case; in the order of the columns.
struct Costs {
  double filling{};
  double fresh{};
  double repeat{};
  double batched_repeat{};
  double resolve{};
};

Costs run(const Case& one, int rounds) {
  std::mt19937_64 random{1};
  Engine& engine = *std::make_unique<Engine>(one.shape).release();  // its memory goes with the process
  // The memory that the events themselves take is there before anything is counted.
  {
    const std::vector<Event> warm = events_of(engine, consecutive(0, chunk), batch_size, true);
  }
  malloc_trim(0);
  const double resident_before = resident_bytes();
  const double allocated_before = allocated_bytes();

  double filling = 0;
  for (std::uint64_t first = 0; first < one.held; first += chunk) {
    const std::size_t count = std::min<std::size_t>(chunk, one.held - first);
    filling += timed(engine, consecutive(first, count), batch_size, true) * static_cast<double>(count);
  }
  engine.rest();
  malloc_trim(0);
  const double held = static_cast<double>(one.held);
  const double resident = (resident_bytes() - resident_before) / held;
  const double allocated = (allocated_bytes() - allocated_before) / held;

  std::vector<double> repeats;
  std::vector<double> batched_repeats;
  std::vector<double> news;
  std::vector<double> resolves;
  std::uint64_t fresh = one.held;
  for (int round = 0; round < rounds; ++round) {
    repeats.push_back(timed(engine, any_of_held(one.held, chunk, random), 1, true));
    batched_repeats.push_back(timed(engine, any_of_held(one.held, chunk, random), batch_size, true));
  }
  // After the repeats: every end is remembered for two minutes, and each report is then held against those.
  for (int round = 0; round < rounds; ++round) {
    const std::vector<std::uint64_t> ids = consecutive(fresh, 1024);
    fresh += ids.size();
    news.push_back(timed(engine, ids, 1, true));
    // Those that came are the ones that end, so that as many are held in every round; in another order.
    std::vector<std::uint64_t> ending = ids;
    std::shuffle(ending.begin(), ending.end(), random);
    resolves.push_back(timed(engine, ending, 1, false));
  }
  const double floor = table_ns(engine, one.held, random);
  const Costs costs{.filling = filling / held,
                    .fresh = median(news),
                    .repeat = median(repeats),
                    .batched_repeat = median(batched_repeats),
                    .resolve = median(resolves)};
  fmt::print(
      "{:9} {:8} {:8} | {:7.0f} {:7.0f} {:7.0f} {:7.0f} {:7.0f} | {:6.0f} {:6.1f} | {:7.0f} {:7.0f} {:7.1f} {:7.2f}\n",
      one.name,
      one.held,
      engine.state().incidents.size(),
      costs.filling,
      costs.fresh,
      costs.repeat,
      costs.batched_repeat,
      costs.resolve,
      floor,
      costs.repeat / floor,
      resident,
      allocated,
      resident / goal_bytes,
      resident / alertmanager_bytes);
  std::fflush(stdout);
  return costs;
}

// What the most alerts cost as multiples of what the fewest do.
void print_growth(std::string_view name, const Costs& fewest, const Costs& most) {
  fmt::print("{:9} {:>17} | {:7.2f} {:7.2f} {:7.2f} {:7.2f} {:7.2f} | limit {:.1f}\n",
             name,
             "last / first",
             most.filling / fewest.filling,
             most.fresh / fewest.fresh,
             most.repeat / fewest.repeat,
             most.batched_repeat / fewest.batched_repeat,
             most.resolve / fewest.resolve,
             growth_limit);
  std::fflush(stdout);
}

void usage(std::FILE* to) {
  fmt::print(to,
             "Usage: apply_bench [--held N,N,...] [--shape grouped|own|climbing|held] [--rounds N] [--help]\n"
             "CPU ns of the engine for each alert, and bytes for each alert held.\n");
}

std::vector<std::size_t> read_sizes(std::string_view text) {
  std::vector<std::size_t> sizes;
  while (!text.empty()) {
    std::size_t size = 0;
    const auto read = std::from_chars(text.data(), text.data() + text.size(), size);
    if (read.ec != std::errc{} || size == 0) return {};
    sizes.push_back(size);
    text.remove_prefix(static_cast<std::size_t>(read.ptr - text.data()));
    if (!text.empty() && text.front() != ',') return {};
    if (!text.empty()) text.remove_prefix(1);
  }
  return sizes;
}

}  // namespace

int main(int argc, char** argv) {
  std::vector<std::size_t> sizes{10'000, 100'000, 1'000'000};
  std::string_view only_shape;
  int rounds = 7;
  for (int index = 1; index < argc; ++index) {
    const std::string_view option = argv[index];
    if (option == "--help" || option == "-h") {
      usage(stdout);
      return 0;
    }
    const std::string_view value = index + 1 < argc ? argv[++index] : std::string_view{};
    if (option == "--held") {
      sizes = read_sizes(value);
    } else if (option == "--shape") {
      only_shape = value;
    } else if (option == "--rounds") {
      std::from_chars(value.data(), value.data() + value.size(), rounds);
    } else {
      usage(stderr);
      return 2;
    }
  }
  const std::array<std::pair<Shape, std::string_view>, 4> shapes{
      {{Shape::grouped, "grouped"}, {Shape::own, "own"}, {Shape::climbing, "climbing"}, {Shape::held, "held"}}};
  const bool known_shape = only_shape.empty() || std::any_of(shapes.begin(), shapes.end(), [&](const auto& shape) {
                             return shape.second == only_shape;
                           });
  if (sizes.empty() || rounds < 1 || !known_shape) {
    usage(stderr);
    return 2;
  }

  fmt::print(
      "CPU ns for each alert (/64: 64 alerts an event, else one); table = the same look-up in a flat_map of 64-byte\n"
      "records; bytes = resident and allocated for each held alert, x goal of {:.0f}, x Alertmanager 0.25's {:.0f}\n",
      goal_bytes,
      alertmanager_bytes);
  fmt::print("{:9} {:>8} {:>8} | {:>7} {:>7} {:>7} {:>7} {:>7} | {:>6} {:>6} | {:>7} {:>7} {:>7} {:>7}\n",
             "shape",
             "held",
             "incid.",
             "new/64",
             "new",
             "repeat",
             "rep./64",
             "resolve",
             "table",
             "rep.x",
             "resid.",
             "alloc.",
             "x goal",
             "x AM");
  std::fflush(stdout);
  // Where a case, in its own process, leaves what it found.
  void* const shared = mmap(nullptr, sizeof(Costs), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (shared == MAP_FAILED) {
    std::perror("apply_bench: mmap");
    return 1;
  }
  auto* const costs = new (shared) Costs;
  for (const auto& [shape, name] : shapes) {
    if (!only_shape.empty() && name != only_shape) continue;
    Costs fewest;
    for (const std::size_t held : sizes) {
      const pid_t child = fork();
      if (child < 0) {
        std::perror("apply_bench: fork");
        return 1;
      }
      if (child == 0) {
        *costs = run({shape, name, held}, rounds);
        std::_Exit(0);
      }
      int status = 0;
      if (waitpid(child, &status, 0) != child || status != 0) {
        fmt::print(stderr, "apply_bench: {} with {} held ended badly\n", name, held);
        return 1;
      }
      if (held == sizes.front()) fewest = *costs;
    }
    if (sizes.size() > 1) print_growth(name, fewest, *costs);
  }
  return 0;
}
