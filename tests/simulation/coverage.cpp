#include "tests/simulation/coverage.hpp"

#include <cstring>
#include <type_traits>

#include <fmt/format.h>

#include "rules/effect.hpp"
#include "rules/view.hpp"
#include "tests/simulation/contract.hpp"

namespace simulation {
namespace {

class Packer {
 public:
  template <class Number>
    requires std::is_integral_v<Number>
  void put(Number number) {
    bytes_.append(reinterpret_cast<const char*>(&number), sizeof number);
  }
  void put(const std::string& text) {
    put(text.size());
    bytes_ += text;
  }
  void put(Time time) { put(time.count()); }
  template <class Key>
  void put(const std::map<Key, std::uint64_t>& counts) {
    put(counts.size());
    for (const auto& [key, count] : counts) {
      put(key);
      put(count);
    }
  }
  template <std::size_t Size>
  void put(const std::array<std::uint64_t, Size>& counts) {
    for (const std::uint64_t count : counts) put(count);
  }
  [[nodiscard]] std::string take() { return std::move(bytes_); }

 private:
  std::string bytes_;
};

// Of what the same program has packed.
class Unpacker {
 public:
  explicit Unpacker(std::string_view bytes) : bytes_{bytes} {}
  template <class Number>
    requires std::is_integral_v<Number>
  void get(Number& number) {
    const std::string_view raw = bytes_.substr(0, sizeof number);
    std::memcpy(&number, raw.data(), raw.size());
    bytes_.remove_prefix(raw.size());
  }
  void get(std::string& text) {
    std::size_t size = 0;
    get(size);
    text = bytes_.substr(0, size);
    bytes_.remove_prefix(text.size());
  }
  void get(Time& time) {
    Time::rep count = 0;
    get(count);
    time = Time{count};
  }
  template <class Key>
  void get(std::map<Key, std::uint64_t>& counts) {
    std::size_t size = 0;
    get(size);
    for (; size > 0; --size) {
      Key key{};
      get(key);
      get(counts[key]);
    }
  }
  template <std::size_t Size>
  void get(std::array<std::uint64_t, Size>& counts) {
    for (std::uint64_t& count : counts) get(count);
  }

 private:
  std::string_view bytes_;
};

template <class Archive, class Report>
void pass(Archive&& each, Report& report) {
  each(report.violated_at);
  each(report.simulated);
  each(report.rows);
  each(report.marked);
  each(report.trace);
  each(report.coverage.incidents);
  each(report.coverage.requests);
  each(report.coverage.broken_requests);
  each(report.coverage.starts);
  each(report.coverage.messages_rung);
  each(report.coverage.happened);
  each(report.coverage.crashes);
  each(report.coverage.tries);
  each(report.coverage.reasons);
  each(report.coverage.outcomes);
  each(report.coverage.verbs);
  each(report.coverage.ends);
  each(report.coverage.statuses);
  each(report.coverage.holds);
}

// What was met, by headings, each with all that there is of its kind.
template <class Section, class Line>
void walk(const Coverage& coverage, Section section, Line line) {
  section("what befell the daemon and its world");
  // Plans in which services depend on each other have a few more.
  const bool correlates = coverage.happened.at(static_cast<std::size_t>(ActionKind::silence_set)) > 0;
  for (std::size_t index = 0; index < action_kinds; ++index) {
    const auto kind = static_cast<ActionKind>(index);
    const bool is_of_correlation = kind >= ActionKind::silence_set && kind <= ActionKind::batch_refused;
    if (correlates || !is_of_correlation) line(std::string{name_of(kind)}, coverage.happened.at(index));
  }
  section("crashes and stalls at an awkward place");
  for (std::size_t index = 0; index < places; ++index)
    line(std::string{name_of(static_cast<Place>(index))}, coverage.crashes.at(index));
  section("tries, by how the provider was");
  for (std::size_t index = 0; index < moods; ++index)
    line(std::string{name_of(static_cast<Mood>(index))}, coverage.tries.at(index));
  const auto all_of = [&](const auto& counts, const std::vector<std::string>& known) {
    for (const std::string& name : known) {
      const auto found = counts.find(name);
      line(name, found == counts.end() ? 0 : found->second);
    }
  };
  section("how tries ended");
  all_of(coverage.outcomes, {"accepted", "refused", "transient", "unanswered", "withdrawn"});
  section("why it rang");
  std::vector<std::string> reasons;
  for (const rules::PageReason reason : {rules::PageReason::first,
                                         rules::PageReason::step,
                                         rules::PageReason::repeat,
                                         rules::PageReason::last_resort,
                                         rules::PageReason::ack_timeout,
                                         rules::PageReason::snooze_end,
                                         rules::PageReason::severity_rise,
                                         rules::PageReason::reopened,
                                         rules::PageReason::called}) {
    reasons.emplace_back(rules::to_text(reason));
  }
  if (correlates) reasons.emplace_back(rules::to_text(rules::PageReason::hold_end));
  all_of(coverage.reasons, reasons);
  if (std::any_of(
          coverage.holds.begin(), coverage.holds.end(), [](const auto& one) { return one.first == "silence"; })) {
    section("what kept incidents back, and what else ties them together");
    std::vector<std::string> holds;
    for (std::size_t kind = 0; kind < hold_kinds; ++kind) holds.emplace_back(name_of(static_cast<HoldKind>(kind)));
    for (const char* what : {"a ring",
                             "an hour uncalled",
                             "waived",
                             "flapping",
                             "resolved when calm",
                             "a storm",
                             "severe and new in a storm",
                             "out of a storm by its severity",
                             "a storm that folds no more",
                             "a storm that doubled",
                             "a storm resolved by hand",
                             "a storm without members",
                             "an interval that began",
                             "a heartbeat missed",
                             "reports refused"}) {
      holds.emplace_back(what);
    }
    all_of(coverage.holds, holds);
  }
  section("what became of pages later, what people wrote, and what they were told");
  all_of(coverage.holds,
         {"a report before the answer",
          "a report under a foreign key",
          "delivered",
          "rang unheard",
          "failed after all",
          "to the next provider after all",
          "passed over: a circuit is open",
          "acknowledged by a reply",
          "a reply too late",
          "a reply before the answer",
          "a reply by its number",
          "a reply by a wrong number",
          "a reply to a bundle",
          "a reply about what never was",
          "a reply came twice",
          "a reply was not understood",
          "escalated when the climb had moved on",
          "a stranger wrote",
          "a test page",
          "a test page too soon",
          "a test page was heard",
          "published",
          "a follower was told",
          "a turn at risk was told",
          "who hands over was told",
          "a turn at risk of which nobody could be told"});
  section("what people did");
  std::vector<std::string> verbs;
  for (const Verb verb : {Verb::acknowledge, Verb::snooze, Verb::escalate, Verb::resolve, Verb::call, Verb::note})
    verbs.emplace_back(name_of(verb));
  all_of(coverage.verbs, verbs);
  section("what requests were answered");
  for (const int status : {200, 404, 409, 503}) {
    const auto found = coverage.statuses.find(status);
    line(std::to_string(status), found == coverage.statuses.end() ? 0 : found->second);
  }
  line("nothing: the connection broke", coverage.broken_requests);
}

}  // namespace

SeedReport report_of(const RunResult& result, bool hashes_rows) {
  SeedReport report;
  report.violation = result.violation;
  if (result.violation && result.violation->row < result.rows.size())
    report.violated_at = result.rows[result.violation->row].time;
  report.simulated = result.simulated;
  report.rows = result.figures.rows;
  report.marked = result.figures.marked;
  report.coverage = result.coverage;
  for (std::size_t index = 0; hashes_rows && index < result.rows.size(); ++index)
    report.trace = scramble(report.trace ^ number_of(print(result.rows[index])));
  return report;
}

std::string pack(const SeedReport& report) {
  Packer packer;
  packer.put(static_cast<std::uint8_t>(report.violation ? 1 : 0));
  if (report.violation) {
    packer.put(report.violation->invariant);
    packer.put(report.violation->text);
    packer.put(report.violation->row);
  }
  pass([&packer](const auto& value) { packer.put(value); }, report);
  return packer.take();
}

SeedReport unpack(std::string_view bytes) {
  SeedReport report;
  Unpacker unpacker{bytes};
  std::uint8_t is_violated = 0;
  unpacker.get(is_violated);
  if (is_violated != 0) {
    report.violation.emplace();
    unpacker.get(report.violation->invariant);
    unpacker.get(report.violation->text);
    unpacker.get(report.violation->row);
  }
  pass([&unpacker](auto& value) { unpacker.get(value); }, report);
  return report;
}

std::string print(const Coverage& coverage) {
  std::string text;
  std::string row;
  const auto end_row = [&] {
    if (!row.empty()) text += row + "\n";
    row.clear();
  };
  walk(
      coverage,
      [&](const char* heading) {
        end_row();
        text += fmt::format("{}\n", heading);
      },
      [&](const std::string& name, std::uint64_t count) {
        row += fmt::format("  {:<30}{:>10}", name, count);
        if (row.size() > 80) end_row();
      });
  end_row();
  text += "how the daemon's lives ended\n";
  for (const auto& [how, count] : coverage.ends) text += fmt::format("  {:<52}{:>10}\n", how, count);
  return text;
}

std::vector<std::string> never_met(const Coverage& coverage) {
  std::vector<std::string> missing;
  std::string section;
  walk(
      coverage,
      [&](const char* heading) { section = heading; },
      [&](const std::string& name, std::uint64_t count) {
        if (count == 0) missing.push_back(fmt::format("{}: {}", section, name));
      });
  return missing;
}

}  // namespace simulation
