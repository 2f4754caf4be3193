#include "daemon/rehearse/policy_test.hpp"

#include <algorithm>
#include <chrono>
#include <fstream>
#include <functional>
#include <map>
#include <optional>
#include <sstream>
#include <utility>

#include <fmt/format.h>

#include "config/load.hpp"
#include "config/reader.hpp"
#include "config/words.hpp"
#include "daemon/rehearse/script.hpp"
#include "daemon/rehearse/world.hpp"
#include "rules/codec/codec.hpp"
#include "rules/duration.hpp"
#include "rules/rfc3339.hpp"
#include "rules/view.hpp"

namespace rehearse {
namespace {

using config::Entry;
using config::Node;
using config::NodeKind;
using config::Place;
using config::Reader;
using config::Section;

constexpr rules::Duration tolerance{std::chrono::seconds{1}};
const std::string section_path = "rehearsal";

struct ExpectedPage {
  rules::Duration at{};
  std::optional<std::string> to;
  std::optional<std::string> by;
  std::optional<std::string> incident;
  std::optional<std::string> reason;
  std::optional<std::string> address;
  std::optional<std::uint32_t> step;
  std::optional<std::uint32_t> round;
  std::optional<bool> possible_duplicate;
};

struct ExpectedIncident {
  rules::IncidentId id;
  std::optional<std::string> state, urgency, severity, service, summary, by, held;
  std::optional<std::uint32_t> alerts;
  std::optional<bool> unheard, drill, truncated;
};

struct PolicyTest {
  std::string name;
  Place place;
  std::string policy_file;  // "" = inline
  const Node* inline_policy{};
  rules::Instant start;
  rules::Instant until;
  std::vector<ScriptEvent> events;
  std::vector<ExpectedPage> pages;
  std::vector<ExpectedIncident> incidents;
};

std::string print_at(rules::Duration at) {
  return rules::print_duration(at);
}

std::string print(const ExpectedPage& page) {
  std::string text = fmt::format("at {}: page", print_at(page.at));
  if (page.to) text += " to " + *page.to;
  if (page.by) text += " by " + *page.by;
  if (page.incident) text += " for " + *page.incident;
  if (page.step) text += fmt::format(", step {}", *page.step);
  if (page.round) text += fmt::format(", round {}", *page.round);
  if (page.reason) text += ", reason " + *page.reason;
  if (page.possible_duplicate) text += *page.possible_duplicate ? ", marked" : ", not marked";
  return text;
}

std::string print(const LeftPage& page, rules::Instant start) {
  std::string text = fmt::format("at {}: page to {} by {} for R-{}, step {}, round {}, reason {}",
                                 print_at(page.at - start),
                                 page.message.person,
                                 page.message.contact,
                                 page.page.incident.id.value,
                                 page.page.step,
                                 page.page.round,
                                 rules::to_text(page.page.reason));
  if (page.message.possible_duplicate) text += ", marked";
  return text;
}

// What differs besides the time; 0 = nothing.
int differences(const ExpectedPage& expected, const LeftPage& left) {
  int count = 0;
  if (expected.to && *expected.to != left.message.person) count += 4;
  if (expected.incident && rules::parse_incident_id(*expected.incident) != left.page.incident.id) count += 4;
  if (expected.by && *expected.by != left.message.contact && *expected.by != left.message.channel) count += 2;
  if (expected.address && *expected.address != left.message.address) ++count;
  if (expected.step && *expected.step != left.page.step) ++count;
  if (expected.round && *expected.round != left.page.round) ++count;
  if (expected.reason && *expected.reason != rules::to_text(left.page.reason)) ++count;
  if (expected.possible_duplicate && *expected.possible_duplicate != left.message.possible_duplicate) ++count;
  return count;
}

bool is_in_time(const ExpectedPage& expected, const LeftPage& left, rules::Instant start) {
  const rules::Duration off = left.at - (start + expected.at);
  return off <= tolerance && -off <= tolerance;
}

// A largest matching of expectations to pages, so that a loose expectation never takes the page of a strict one.
std::vector<std::optional<std::size_t>> match(const std::vector<ExpectedPage>& expected,
                                              const std::vector<LeftPage>& left,
                                              rules::Instant start) {
  std::vector<std::optional<std::size_t>> page_of(expected.size());
  std::vector<std::optional<std::size_t>> taken_by(left.size());
  std::function<bool(std::size_t, std::vector<bool>&)> place = [&](std::size_t wanted, std::vector<bool>& seen) {
    for (std::size_t index = 0; index < left.size(); ++index) {
      if (seen[index] || !is_in_time(expected[wanted], left[index], start)) continue;
      if (differences(expected[wanted], left[index]) != 0) continue;
      seen[index] = true;
      if (taken_by[index] && !place(*taken_by[index], seen)) continue;
      taken_by[index] = wanted;
      page_of[wanted] = index;
      return true;
    }
    return false;
  };
  for (std::size_t wanted = 0; wanted < expected.size(); ++wanted) {
    std::vector<bool> seen(left.size(), false);
    place(wanted, seen);
  }
  return page_of;
}

void compare_pages(const PolicyTest& test, const World& world, std::vector<std::string>& found) {
  const std::vector<LeftPage>& left = world.pages();
  const std::vector<std::optional<std::size_t>> page_of = match(test.pages, left, test.start);
  std::set<std::size_t> used;
  for (const std::optional<std::size_t>& index : page_of) {
    if (index) used.insert(*index);
  }
  for (std::size_t wanted = 0; wanted < test.pages.size(); ++wanted) {
    if (page_of[wanted]) continue;
    // The page that was most likely meant: told together, since one wrong field is one difference and not two.
    std::optional<std::size_t> nearest;
    long nearest_score = 4000;
    for (std::size_t index = 0; index < left.size(); ++index) {
      if (used.contains(index)) continue;
      const rules::Duration off = left[index].at - (test.start + test.pages[wanted].at);
      const long seconds = std::min<long>(std::abs(off.count()) / 1000, 3000);
      const long score = 1000L * differences(test.pages[wanted], left[index]) + seconds;
      if (score < nearest_score) {
        nearest_score = score;
        nearest = index;
      }
    }
    if (nearest) {
      used.insert(*nearest);
      found.push_back(
          fmt::format("expected {}; but left {}", print(test.pages[wanted]), print(left[*nearest], test.start)));
    } else {
      found.push_back(fmt::format("expected {}; no such page left", print(test.pages[wanted])));
    }
  }
  for (std::size_t index = 0; index < left.size(); ++index) {
    if (!used.contains(index)) found.push_back(fmt::format("not expected: {}", print(left[index], test.start)));
  }
}

template <class Value>
void compare(std::vector<std::string>& found,
             const std::string& id,
             std::string_view field,
             const std::optional<Value>& expected,
             const Value& actual) {
  if (!expected || *expected == actual) return;
  found.push_back(fmt::format("{}: expected {} {}, is {}", id, field, *expected, actual));
}

// Why it is held: a part of the text will do, for ids and instants stand in it; "nothing" = it is not held.
void compare_held(std::vector<std::string>& found,
                  const std::string& id,
                  const std::optional<std::string>& expected,
                  const std::string& actual) {
  if (!expected || (*expected == "nothing" ? actual.empty() : actual.find(*expected) != std::string::npos)) return;
  found.push_back(fmt::format("{}: expected held `{}`, is `{}`", id, *expected, actual));
}

void compare_incidents(const PolicyTest& test, const World& world, std::vector<std::string>& found) {
  for (const ExpectedIncident& expected : test.incidents) {
    const std::string id = fmt::format("R-{}", expected.id.value);
    const std::optional<rules::IncidentView> view = rules::view_incident(world.state(), expected.id);
    if (!view) {
      found.push_back(fmt::format("{}: expected, but there is no such incident", id));
      continue;
    }
    compare(found, id, "state", expected.state, std::string{rules::to_text(view->facts.state)});
    compare(found, id, "urgency", expected.urgency, std::string{rules::to_text(view->facts.urgency)});
    compare(found, id, "severity", expected.severity, view->facts.severity);
    compare(found, id, "service", expected.service, view->facts.service);
    compare(found, id, "summary", expected.summary, view->facts.summary);
    compare(found, id, "by", expected.by, view->by);
    compare_held(found, id, expected.held, view->held);
    compare(found, id, "alerts", expected.alerts, static_cast<std::uint32_t>(view->facts.alerts));
    compare(found, id, "unheard", expected.unheard, view->unheard);
    compare(found, id, "drill", expected.drill, view->facts.drill);
    compare(found, id, "truncated", expected.truncated, view->truncated);
  }
}

void collect_routes(const rules::Route& route, std::set<std::string>& paths) {
  paths.insert(route.path);
  for (const rules::Route& child : route.routes) collect_routes(child, paths);
}

void note_coverage(Coverage& coverage, const rules::Policy& policy, const World& world) {
  collect_routes(policy.route, coverage.routes);
  for (const rules::CallTree& tree : policy.call_trees) {
    for (std::size_t step = 0; step < tree.steps.size(); ++step) {
      coverage.steps.insert(fmt::format("{} step {}", tree.id, step + 1));
    }
  }
  for (const auto& [id, incident] : world.state().incidents) {
    coverage.routes_reached.insert(incident.route);
    for (const rules::PageRecord& page : incident.pages) {
      if (page.step > 0) coverage.steps_reached.insert(fmt::format("{} step {}", incident.call_tree, page.step));
    }
  }
}

std::optional<bool> read_bool(Section& section, std::string_view key) {
  return section.boolean(key);
}

std::optional<ExpectedPage> read_expected(Reader& reader, const Node& node) {
  if (node.kind != NodeKind::map) {
    reader.error(node.place, "an expectation is { at: 5m, page: { to: ..., ... } }");
    return std::nullopt;
  }
  Section section{reader, node, node.place, section_path};
  ExpectedPage expected;
  const std::optional<rules::Duration> at = section.duration("at", Section::Zero::is_fine);
  if (!at && section.take("at") == nullptr) reader.error(node.place, "an expectation needs `at`");
  const Entry* page = section.need("page");
  if (page == nullptr || !at) return std::nullopt;
  expected.at = *at;
  Section fields{reader, *page->value, page->place, section_path};
  expected.to = fields.text("to");
  expected.by = fields.text("by");
  expected.incident = fields.text("incident");
  expected.reason = fields.text("reason");
  expected.address = fields.text("address");
  expected.step = fields.count("step", 0, 1'000'000);
  expected.round = fields.count("round", 0, 1'000'000);
  expected.possible_duplicate = read_bool(fields, "possible_duplicate");
  return expected;
}

std::optional<ExpectedIncident> read_expected_incident(Reader& reader, const Node& node) {
  if (node.kind != NodeKind::map) {
    reader.error(node.place, "an expected incident is { id: R-1, state: acknowledged, ... }");
    return std::nullopt;
  }
  Section section{reader, node, node.place, section_path};
  ExpectedIncident expected;
  const std::optional<std::string> id = section.needed_text("id");
  expected.state = section.text("state");
  expected.urgency = section.text("urgency");
  expected.severity = section.text("severity");
  expected.service = section.text("service");
  expected.summary = section.text("summary");
  expected.by = section.text("by");
  expected.held = section.text("held");
  expected.alerts = section.count("alerts", 0, 100'000'000);
  expected.unheard = read_bool(section, "unheard");
  expected.drill = read_bool(section, "drill");
  expected.truncated = read_bool(section, "truncated");
  if (!id) return std::nullopt;
  const std::optional<rules::IncidentId> number = rules::parse_incident_id(*id);
  if (!number) {
    reader.error(node.place, "`id` is R-1, R-2, ...");
    return std::nullopt;
  }
  expected.id = *number;
  return expected;
}

struct PolicyReference {
  std::string file;
  const Node* inlined{};
};

std::optional<PolicyReference> read_policy_reference(Reader& reader, Section& section) {
  const Entry* entry = section.take("policy");
  if (entry == nullptr) return std::nullopt;
  if (entry->value->kind == NodeKind::map) return PolicyReference{.file = {}, .inlined = entry->value};
  const std::optional<std::string> file = reader.text(*entry->value, entry->place, "policy");
  if (!file) return std::nullopt;
  return PolicyReference{.file = *file, .inlined = nullptr};
}

std::optional<PolicyTest> read_test(Reader& reader,
                                    const Node& node,
                                    const std::optional<PolicyReference>& shared,
                                    const std::string& folder) {
  if (node.kind != NodeKind::map) {
    reader.error(node.place, "a test is a map with name, events and expect");
    return std::nullopt;
  }
  Section section{reader, node, node.place, section_path};
  PolicyTest test;
  test.place = node.place;
  test.name = section.needed_text("name").value_or("");
  std::optional<PolicyReference> policy = read_policy_reference(reader, section);
  if (!policy) policy = shared;
  if (!policy) {
    reader.error(node.place, "neither the test nor the file says `policy`");
    return std::nullopt;
  }
  test.policy_file = policy->file;
  test.inline_policy = policy->inlined;
  test.start = *rules::parse_rfc3339("2026-01-01T00:00:00Z");
  if (const Entry* start = section.take("start")) {
    const std::optional<std::string> text = reader.text(*start->value, start->place, "start");
    const std::optional<rules::Instant> time = text ? rules::parse_rfc3339(*text) : std::nullopt;
    if (!time) reader.error(start->value->place, "`start` is a time as 2026-03-04T09:00:00-08:00");
    if (time) test.start = *time;
  }
  rules::Duration last{};
  const ScriptOptions options{.folder = folder, .start = test.start};
  if (const Entry* events = section.take("events")) {
    for (const Node* item : config::items(reader, *events)) {
      std::optional<ScriptEvent> event = read_event(reader, *item, options);
      if (!event) continue;
      if (!test.events.empty() && event->at < test.events.back().at) {
        reader.error(event->place, "events stand in the order of time");
      }
      last = std::max(last, event->at - test.start);
      test.events.push_back(std::move(*event));
    }
  }
  if (const Entry* expect = section.take("expect")) {
    for (const Node* item : config::items(reader, *expect)) {
      std::optional<ExpectedPage> expected = read_expected(reader, *item);
      if (!expected) continue;
      last = std::max(last, expected->at);
      test.pages.push_back(std::move(*expected));
    }
  }
  if (const Entry* expect = section.take("expect_incidents")) {
    for (const Node* item : config::items(reader, *expect)) {
      if (std::optional<ExpectedIncident> expected = read_expected_incident(reader, *item)) {
        test.incidents.push_back(std::move(*expected));
      }
    }
  }
  test.until = test.start + section.duration("until", Section::Zero::is_fine).value_or(last);
  return test;
}

struct Policies {
  std::map<std::string, std::shared_ptr<const rules::Policy>> loaded;

  std::shared_ptr<const rules::Policy> of(Reader& reader, const PolicyTest& test, const std::string& folder) {
    const std::string name = test.inline_policy != nullptr
                                 ? fmt::format("inline policy at line {}", test.inline_policy->place.line)
                                 : (std::filesystem::path{folder} / test.policy_file).string();
    if (const auto found = loaded.find(name); found != loaded.end()) return found->second;
    config::Loaded read =
        test.inline_policy != nullptr ? config::load(to_json(*test.inline_policy), name) : config::load_file(name);
    std::shared_ptr<const rules::Policy> policy;
    if (read) {
      auto made = std::make_shared<rules::Policy>(std::move(read->policy));
      made->hash = codec::hash_of(*made);
      policy = std::move(made);
    } else {
      for (const config::Problem& problem : read.error()) {
        if (problem.severity != config::Severity::error) continue;
        reader.error(test.place, config::print(problem));
      }
    }
    loaded.emplace(name, policy);
    return policy;
  }
};

TestResult run_test(const PolicyTest& test,
                    const std::shared_ptr<const rules::Policy>& policy,
                    const std::string& folder,
                    Coverage& coverage) {
  TestResult result;
  result.name = test.name;
  result.line = test.place.line;
  const auto began = std::chrono::steady_clock::now();
  const ScriptOptions options{.folder = folder, .start = test.start};
  for (const std::uint64_t seed : key_seeds) {
    World world{policy, test.start, seed};
    std::vector<std::string> remarks;
    for (const ScriptEvent& event : test.events) {
      if (std::optional<std::string> remark = happen(world, event, options)) remarks.push_back(std::move(*remark));
    }
    world.advance_to(test.until);
    std::vector<std::string> found;
    compare_pages(test, world, found);
    compare_incidents(test, world, found);
    note_coverage(coverage, *policy, world);
    if (seed == key_seeds[0]) {
      result.differences = std::move(found);
      result.remarks = std::move(remarks);
    } else if (found != result.differences) {
      result.differences.push_back(fmt::format("with key seed {:#x} it comes out otherwise: hash order decides", seed));
      for (const std::string& line : found) result.differences.push_back("  " + line);
    }
  }
  result.passed = result.differences.empty();
  result.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - began).count();
  return result;
}

std::string escape_xml(std::string_view text) {
  std::string escaped;
  for (const char c : text) {
    switch (c) {
      case '&':
        escaped += "&amp;";
        break;
      case '<':
        escaped += "&lt;";
        break;
      case '>':
        escaped += "&gt;";
        break;
      case '"':
        escaped += "&quot;";
        break;
      default:
        if (static_cast<unsigned char>(c) >= 0x20 || c == '\n' || c == '\t') escaped += c;
    }
  }
  return escaped;
}

}  // namespace

TestFile run_test_file(const std::filesystem::path& file) {
  TestFile result;
  result.file = file.string();
  Reader reader{result.file};
  std::ifstream stream{file, std::ios::binary};
  if (!stream) {
    reader.error(Place{}, "cannot be read");
    result.problems = reader.sorted();
    return result;
  }
  std::ostringstream text;
  text << stream.rdbuf();
  const config::Document document = config::read_document(text.str(), result.file);
  reader.add(document.problems);
  std::vector<PolicyTest> tests;
  const std::string folder = file.has_parent_path() ? file.parent_path().string() : ".";
  if (document.root != nullptr) {
    Section section{reader, *document.root, document.root->place, section_path};
    const std::optional<PolicyReference> shared = read_policy_reference(reader, section);
    if (const Entry* list = section.need("tests")) {
      for (const Node* item : config::items(reader, *list)) {
        if (std::optional<PolicyTest> test = read_test(reader, *item, shared, folder))
          tests.push_back(std::move(*test));
      }
    }
  }
  Policies policies;
  std::vector<std::pair<const PolicyTest*, std::shared_ptr<const rules::Policy>>> runnable;
  for (const PolicyTest& test : tests) {
    if (std::shared_ptr<const rules::Policy> policy = policies.of(reader, test, folder)) {
      runnable.emplace_back(&test, std::move(policy));
    }
  }
  const bool is_sound = !reader.has_errors();
  result.problems = reader.sorted();
  if (!is_sound) return result;
  std::map<std::string, Coverage> coverage;
  for (const auto& [test, policy] : runnable) {
    const std::string name =
        test->inline_policy != nullptr ? fmt::format("inline policy at line {}", test->place.line) : test->policy_file;
    Coverage& met = coverage[name];
    met.policy = name;
    result.tests.push_back(run_test(*test, policy, folder, met));
  }
  for (auto& [name, met] : coverage) result.coverage.push_back(std::move(met));
  return result;
}

std::string to_junit(const std::vector<TestFile>& files) {
  std::string xml = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites>\n";
  for (const TestFile& file : files) {
    const auto failures =
        std::count_if(file.tests.begin(), file.tests.end(), [](const TestResult& test) { return !test.passed; });
    const auto errors = std::count_if(file.problems.begin(), file.problems.end(), [](const config::Problem& problem) {
      return problem.severity == config::Severity::error;
    });
    xml += fmt::format("  <testsuite name=\"{}\" tests=\"{}\" failures=\"{}\" errors=\"{}\">\n",
                       escape_xml(file.file),
                       file.tests.size(),
                       failures,
                       errors);
    for (const TestResult& test : file.tests) {
      xml += fmt::format("    <testcase name=\"{}\" classname=\"{}\" time=\"{:.6f}\">",
                         escape_xml(test.name),
                         escape_xml(file.file),
                         test.seconds);
      if (!test.passed) {
        std::string differences;
        for (const std::string& line : test.differences) differences += line + "\n";
        xml += fmt::format("\n      <failure message=\"{} differences\">{}</failure>\n    ",
                           test.differences.size(),
                           escape_xml(differences));
      }
      xml += "</testcase>\n";
    }
    xml += "  </testsuite>\n";
  }
  return xml + "</testsuites>\n";
}

}  // namespace rehearse
