// The ten tests of tests/policies/live.yml in real seconds: the daemon as a process, a real Alertmanager in front, the
// webhook provider behind. The pages are those of the file, and those of the virtual clock, within a second.
#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "config/document.hpp"
#include "config/load.hpp"
#include "config/reader.hpp"
#include "daemon/rehearse/policy_test.hpp"
#include "daemon/rehearse/script.hpp"
#include "daemon/rehearse/world.hpp"
#include "rules/codec/codec.hpp"
#include "rules/duration.hpp"
#include "rules/rfc3339.hpp"
#include "rules/view.hpp"
#include "tests/live/live.hpp"

namespace live {
namespace {

using config::Entry;
using config::Node;
using Clock = std::chrono::steady_clock;
using std::chrono::milliseconds;

constexpr milliseconds tolerance{1000};
constexpr milliseconds settle{400};  // after `until`: nothing is due for at least a second

using Fields = std::map<std::string, std::string>;

struct Step {
  milliseconds at;
  std::string kind;
  Labels labels;  // of an alert
  std::string incident, by;
};

struct Expectation {
  milliseconds at;
  Fields fields;
};

struct Scenario {
  std::string name;
  std::vector<Step> steps;
  milliseconds until{};
  std::vector<Expectation> pages;  // of the file
  std::vector<Fields> incidents;   // of the file
  std::vector<Expectation> rehearsed;
};

const Node* child(const Node& node, std::string_view key) {
  for (const Entry& entry : node.entries) {
    if (entry.key == key) return entry.value;
  }
  return nullptr;
}

milliseconds duration_of(const Node& node) {
  const auto duration = rules::parse_duration(node.text);
  if (!duration) throw std::runtime_error("not a duration: " + node.text);
  return std::chrono::duration_cast<milliseconds>(*duration);
}

Fields fields_of(const Node& node) {
  Fields fields;
  for (const Entry& entry : node.entries) fields[entry.key] = entry.value->text;
  return fields;
}

Step step_of(const Node& node) {
  Step step{.at = duration_of(*child(node, "at")), .kind = {}, .labels = {}, .incident = {}, .by = {}};
  for (const Entry& entry : node.entries) {
    if (entry.key == "at") continue;
    step.kind = entry.key;
    if (const Node* const labels = child(*entry.value, "labels")) step.labels = fields_of(*labels);
    if (const Node* const incident = child(*entry.value, "incident")) step.incident = incident->text;
    if (const Node* const by = child(*entry.value, "by")) step.by = by->text;
  }
  return step;
}

// The same test on the virtual clock: every page with all that it says.
std::vector<Expectation> rehearse_test(const Node& node,
                                       const std::shared_ptr<const rules::Policy>& policy,
                                       milliseconds until) {
  const rules::Instant start = *rules::parse_rfc3339("2026-01-01T00:00:00Z");
  const rehearse::ScriptOptions options{.folder = "tests/policies", .start = start};
  rehearse::World world{policy, start, 1};
  config::Reader reader{"live.yml"};
  for (const Node* const item : child(node, "events")->items) {
    const std::optional<rehearse::ScriptEvent> event = rehearse::read_event(reader, *item, options);
    if (!event) throw std::runtime_error(config::print(reader.sorted()));
    static_cast<void>(rehearse::happen(world, *event, options));
  }
  world.advance_to(start + until);
  std::vector<Expectation> pages;
  for (const rehearse::LeftPage& left : world.pages()) {
    pages.push_back({.at = std::chrono::duration_cast<milliseconds>(left.at - start),
                     .fields = {{"to", left.message.person},
                                {"by", left.message.contact},
                                {"incident", fmt::format("R-{}", left.page.incident.id.value)},
                                {"step", std::to_string(left.page.step)},
                                {"round", std::to_string(left.page.round)},
                                {"reason", std::string{rules::to_text(left.page.reason)}}}});
  }
  return pages;
}

std::vector<Scenario> scenarios() {
  const std::filesystem::path folder = support::source_folder() / "tests/policies";
  const config::Document document = config::read_document(support::read_file(folder / "live.yml"), "live.yml");
  const config::Loaded loaded = config::load_file(folder / child(*document.root, "policy")->text);
  if (!loaded) throw std::runtime_error(config::print(loaded.error()));
  auto policy = std::make_shared<rules::Policy>(loaded->policy);
  policy->hash = codec::hash_of(*policy);
  std::vector<Scenario> found;
  for (const Node* const node : child(*document.root, "tests")->items) {
    Scenario scenario;
    scenario.name = child(*node, "name")->text;
    scenario.until = duration_of(*child(*node, "until"));
    for (const Node* const item : child(*node, "events")->items) scenario.steps.push_back(step_of(*item));
    for (const Node* const item : child(*node, "expect")->items) {
      scenario.pages.push_back({.at = duration_of(*child(*item, "at")), .fields = fields_of(*child(*item, "page"))});
    }
    if (const Node* const incidents = child(*node, "expect_incidents")) {
      for (const Node* const item : incidents->items) scenario.incidents.push_back(fields_of(*item));
    }
    scenario.rehearsed = rehearse_test(*node, policy, scenario.until);
    found.push_back(std::move(scenario));
  }
  return found;
}

std::string print(const Fields& fields) {
  std::string text;
  for (const auto& [name, value] : fields) text += fmt::format(" {}={}", name, value);
  return text;
}

Fields fields_of(const support::Message& page, const std::string& incident) {
  return {{"to", page.to},
          {"by", page.by},
          {"incident", incident},
          {"step", std::to_string(page.step)},
          {"round", std::to_string(page.round)},
          {"reason", page.reason}};
}

bool matches(const Fields& expected, const Fields& page) {
  for (const auto& [name, value] : expected) {
    const auto found = page.find(name);
    if (found == page.end() || found->second != value) return false;
  }
  return true;
}

// Each expectation takes the first free page that matches and is in time; what remains on either side is told.
void compare(const std::string& from,
             const std::vector<Expectation>& expected,
             const std::vector<Expectation>& pages,
             milliseconds allowed,
             std::vector<std::string>& differences) {
  std::vector<bool> used(pages.size(), false);
  for (const Expectation& one : expected) {
    bool is_found = false;
    for (std::size_t index = 0; index < pages.size() && !is_found; ++index) {
      const milliseconds off = pages[index].at - one.at;
      if (used[index] || off > allowed || off < -tolerance || !matches(one.fields, pages[index].fields)) continue;
      used[index] = is_found = true;
    }
    if (!is_found)
      differences.push_back(fmt::format("{}: at {} ms expected{}", from, one.at.count(), print(one.fields)));
  }
  for (std::size_t index = 0; index < pages.size(); ++index) {
    if (!used[index]) {
      differences.push_back(
          fmt::format("{}: at {} ms not expected{}", from, pages[index].at.count(), print(pages[index].fields)));
    }
  }
}

// A real Alertmanager that tells the daemon, and an observer beside it, of every change at once.
class Alertmanager {
 public:
  Alertmanager(const support::TemporaryFolder& folder, const std::string& roused_url, const std::string& observer_url) {
    support::write_file(
        folder / "alertmanager.yml",
        fmt::format("route: {{ receiver: both, group_by: ['...'], group_wait: 0s, group_interval: 100ms, "
                    "repeat_interval: 1h }}\n"
                    "receivers:\n"
                    "  - name: both\n"
                    "    webhook_configs:\n"
                    "      - {{ url: '{}{}' }}\n"
                    "      - {{ url: '{}/observer' }}\n",
                    roused_url,
                    webhook_path,
                    observer_url));
    constexpr int attempts = 5;
    std::string said;
    for (int attempt = 0; attempt < attempts; ++attempt) {
      const int port = support::free_port();
      url_ = fmt::format("http://127.0.0.1:{}", port);
      process_ = std::make_unique<support::Process>(
          support::Launch{.arguments = {(support::peers().programs / "alertmanager").string(),
                                        "--config.file=" + (folder / "alertmanager.yml").string(),
                                        "--storage.path=" + (folder / "alertmanager").string(),
                                        fmt::format("--web.listen-address=127.0.0.1:{}", port),
                                        "--cluster.listen-address="}});
      if (process_->wait_for_line("Listening on") && support::get(url_ + "/-/ready").status == 200) return;
      said = process_->output();
    }
    throw std::runtime_error("Alertmanager does not start:\n" + said);
  }

  void push(const Labels& labels, bool firing) const {
    json::object alert{{"labels", object_of(labels)}};
    if (!firing) alert["endsAt"] = rules::print_rfc3339(wall());
    const support::Answer answer = support::post(url_ + "/api/v2/alerts", json::serialize(json::array{alert}));
    if (answer.status != 200) throw std::runtime_error("Alertmanager refuses an alert: " + answer.body);
  }

 private:
  static rules::Instant wall() {
    return std::chrono::floor<rules::Instant::duration>(std::chrono::system_clock::now());
  }

  std::string url_;
  std::unique_ptr<support::Process> process_;
};

// Everybody starts at one instant, when the last of them is ready: no scenario pays for the start of another.
class Starter {
 public:
  explicit Starter(std::size_t players) : missing_{players} {}

  // Called once by each player, ready or given up.
  Clock::time_point arrive() {
    std::unique_lock lock{mutex_};
    if (--missing_ == 0) {
      begin_ = Clock::now() + milliseconds{200};
      changed_.notify_all();
    }
    changed_.wait(lock, [this] { return missing_ == 0; });
    return begin_;
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::size_t missing_;
  Clock::time_point begin_;
};

struct Played {
  std::vector<std::string> differences;
  milliseconds slowest_alertmanager{};  // from the push to the observer
};

// The programs of one scenario.
struct Stage {
  explicit Stage(bool has_alertmanager) {
    house.roused.start();
    if (has_alertmanager) alertmanager.emplace(house.folder, house.roused.url(), house.sink.url());
  }

  static std::string team(const support::Sink& sink) {
    return support::replaced(support::read_file(support::source_folder() / "tests/policies/teams/live.yml"),
                             "http://127.0.0.1:8080",
                             sink.url());
  }

  House house{team};
  std::optional<Alertmanager> alertmanager;
};

Played play(const Scenario& scenario, Stage& stage, Clock::time_point begin) {
  Played played;
  House& house = stage.house;
  const std::optional<Alertmanager>& alertmanager = stage.alertmanager;
  std::size_t observed = 0;
  for (const Step& step : scenario.steps) {
    std::this_thread::sleep_until(begin + step.at);
    if (step.kind == "alert" || step.kind == "resolved") {
      if (alertmanager) {
        const Clock::time_point pushed = Clock::now();
        alertmanager->push(step.labels, step.kind == "alert");
        ++observed;
        const auto told = [observed](const std::vector<support::Message>& messages) {
          return static_cast<std::size_t>(std::count_if(messages.begin(), messages.end(), [](const auto& message) {
                   return message.path == "/observer";
                 })) >= observed;
        };
        if (!house.sink.wait_until(told, std::chrono::seconds{5})) {
          played.differences.push_back(
              fmt::format("Alertmanager told nobody of the {} at {} ms", step.kind, step.at.count()));
        }
        played.slowest_alertmanager =
            std::max(played.slowest_alertmanager, std::chrono::duration_cast<milliseconds>(Clock::now() - pushed));
      } else {
        const support::Answer answer =
            house.roused.post(webhook_path, webhook_of(step.labels, step.kind == "alert" ? "firing" : "resolved"));
        if (answer.status != 200)
          played.differences.push_back(fmt::format("{} for an alert: {}", answer.status, answer.body));
      }
    } else {
      const support::Answer answer = house.roused.post(fmt::format("/v1/incidents/{}/{}", step.incident, step.kind),
                                                       json::serialize(json::object{{"by", step.by}}));
      if (answer.status != 200) {
        played.differences.push_back(
            fmt::format("{} for {} {}: {}", answer.status, step.kind, step.incident, answer.body));
      }
    }
  }
  std::this_thread::sleep_until(begin + scenario.until + settle);
  std::vector<Expectation> pages;
  for (const support::Message& page : house.sink.pages()) {
    for (const std::string& incident : page.incidents) {
      pages.push_back(
          {.at = std::chrono::duration_cast<milliseconds>(page.at - begin), .fields = fields_of(page, incident)});
    }
    if (page.header_key != page.key || page.key.empty())
      played.differences.push_back("a page without its key: " + page.body);
    if (page.possible_duplicate) played.differences.push_back("a page is marked that was sent once: " + page.body);
  }
  const milliseconds allowed = tolerance + played.slowest_alertmanager;
  compare("the file", scenario.pages, pages, allowed, played.differences);
  compare("the virtual clock", scenario.rehearsed, pages, allowed, played.differences);
  for (const Fields& expected : scenario.incidents) {
    const json::object incident = house.incident(expected.at("id"));
    for (const auto& [name, value] : expected) {
      if (field(incident, name) != value) {
        played.differences.push_back(
            fmt::format("{}: expected {} {}, is {}", expected.at("id"), name, value, field(incident, name)));
      }
    }
  }
  if (house.roused.stop() != 0) played.differences.push_back("roused did not end with 0");
  if (!played.differences.empty()) played.differences.push_back("roused said:\n" + house.roused.output());
  return played;
}

void play_all(bool has_alertmanager) {
  const std::vector<Scenario> all = scenarios();
  ASSERT_GE(all.size(), 10U);
  Starter starter{all.size()};
  std::vector<Played> played(all.size());
  std::vector<std::thread> threads;
  for (std::size_t index = 0; index < all.size(); ++index) {
    threads.emplace_back([&, index] {
      std::unique_ptr<Stage> stage;
      try {
        stage = std::make_unique<Stage>(has_alertmanager);
      } catch (const std::exception& error) {
        played[index].differences.emplace_back(error.what());
      }
      const Clock::time_point begin = starter.arrive();
      if (stage == nullptr) return;
      try {
        played[index] = play(all[index], *stage, begin);
      } catch (const std::exception& error) {
        played[index].differences.emplace_back(error.what());
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  for (std::size_t index = 0; index < all.size(); ++index) {
    for (const std::string& difference : played[index].differences) {
      ADD_FAILURE() << all[index].name << ": " << difference;
    }
    if (has_alertmanager) {
      fmt::print("{}: Alertmanager took at most {} ms\n", all[index].name, played[index].slowest_alertmanager.count());
    }
  }
}

TEST(LivePolicies, AreKeptOnTheVirtualClock) {
  const rehearse::TestFile file = rehearse::run_test_file(support::source_folder() / "tests/policies/live.yml");
  EXPECT_TRUE(file.problems.empty()) << config::print(file.problems);
  EXPECT_GE(file.tests.size(), 10U);
  for (const rehearse::TestResult& test : file.tests) {
    for (const std::string& difference : test.differences) ADD_FAILURE() << test.name << ": " << difference;
  }
}

TEST(LivePolicies, AreKeptInRealSecondsWithARealAlertmanagerInFront) {
  if (support::peers().programs.empty()) GTEST_SKIP() << support::peers().why;
  play_all(true);
}

TEST(LivePolicies, AreKeptInRealSecondsByTheDaemonAlone) {
  play_all(false);
}

}  // namespace
}  // namespace live
