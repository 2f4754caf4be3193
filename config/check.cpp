#include "config/check.hpp"

#include <algorithm>
#include <chrono>
#include <optional>
#include <set>
#include <string_view>

#include <fmt/format.h>

#include "config/keys.hpp"
#include "config/words.hpp"
#include "rules/duration.hpp"
#include "rules/roster.hpp"

namespace config {

namespace {

using rules::Instant;
using rules::Policy;

constexpr std::size_t most_spans_shown = 3;
constexpr int most_changes_looked_at = 200'000;
// A step that is empty over the whole horizon is looked at for this much longer before it is called hopeless.
constexpr std::chrono::days further_look{3 * 366};

struct Span {
  Instant from;
  Instant to;
};

std::string print_local(const rules::Zone& zone, Instant instant) {
  const rules::LocalTime local = zone.to_local(instant);
  const auto day = std::chrono::floor<std::chrono::days>(local);
  const std::chrono::year_month_day date(day);
  const std::chrono::hh_mm_ss time(local - day);
  return fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}",
                     static_cast<int>(date.year()),
                     static_cast<unsigned>(date.month()),
                     static_cast<unsigned>(date.day()),
                     time.hours().count(),
                     time.minutes().count());
}

std::string names_of(const std::vector<rules::Target>& targets) {
  std::vector<std::string_view> names;
  for (const rules::Target& target : targets) names.push_back(target.id);
  return fmt::format("{}", fmt::join(names, ", "));
}

// ---- coverage ----

class Coverage {
 public:
  Coverage(const Policy& policy, Instant from, Instant to) : policy_(policy), from_(from), to_(to) {}

  std::optional<Finding> of(const rules::Step& step) {
    // People and specialists are always on call.
    const bool is_certain = std::any_of(step.targets.begin(), step.targets.end(), [this](const rules::Target& target) {
      return target.kind != rules::TargetKind::rotation && !roster_.on_call(policy_, target, from_).empty();
    });
    if (is_certain) return std::nullopt;
    const std::vector<Span> holes = holes_of(step.targets, from_, to_);
    if (holes.empty()) return std::nullopt;
    const bool is_empty_throughout = holes.size() == 1 && holes[0].from == from_ && holes[0].to == to_;
    if (is_empty_throughout && !is_filled_later(step.targets))
      return Finding{Severity::error, {}, "nobody is ever on call for it"};
    return Finding{Severity::warning, {}, told(holes, zone_of(step.targets), is_empty_throughout)};
  }

 private:
  [[nodiscard]] std::optional<Instant> next_change(const std::vector<rules::Target>& targets, Instant at) {
    std::optional<Instant> next;
    for (const rules::Target& target : targets) {
      const std::optional<Instant> each = roster_.next_change(policy_, target, at);
      if (each && *each > at && (!next || *each < *next)) next = each;
    }
    return next;
  }

  std::vector<Span> holes_of(const std::vector<rules::Target>& targets, Instant from, Instant to) {
    std::vector<Span> holes;
    Instant at = from;
    for (int looked_at = 0; at < to && looked_at < most_changes_looked_at; ++looked_at) {
      const Instant next = std::min(next_change(targets, at).value_or(to), to);
      if (roster_.on_call(policy_, targets, at).empty()) {
        if (!holes.empty() && holes.back().to == at)
          holes.back().to = next;
        else
          holes.push_back({at, next});
      }
      at = next;
    }
    return holes;
  }

  bool is_filled_later(const std::vector<rules::Target>& targets) {
    const std::vector<Span> holes = holes_of(targets, to_, to_ + further_look);
    return holes.size() != 1 || holes[0].from != to_ || holes[0].to != to_ + further_look;
  }

  // Times are told in the zone of the step's first rotation.
  [[nodiscard]] const std::string& zone_of(const std::vector<rules::Target>& targets) const {
    static const std::string none;
    for (const rules::Target& target : targets)
      if (const rules::Rotation* const rotation = policy_.rotation(target.id)) return rotation->timezone;
    return none;
  }

  [[nodiscard]] std::string told(const std::vector<Span>& holes,
                                 const std::string& zone_name,
                                 bool is_throughout) const {
    const rules::Zone& zone = policy_.zone(zone_name);
    std::vector<std::string> spans;
    rules::Duration sum{};
    for (const Span& hole : holes) {
      sum += hole.to - hole.from;
      if (spans.size() < most_spans_shown)
        spans.push_back(fmt::format("from {} to {}", print_local(zone, hole.from), print_local(zone, hole.to)));
    }
    std::string text = fmt::format("nobody {} {}", fmt::join(spans, ", "), zone_name.empty() ? "UTC" : zone_name);
    if (holes.size() > spans.size()) text += fmt::format(", and {} times more", holes.size() - spans.size());
    if (is_throughout) return text + ": all the time that was looked at";
    if (holes.size() > 1) text += fmt::format("; {} in all", rules::print_duration(sum));
    return text;
  }

  const Policy& policy_;
  Instant from_;
  Instant to_;
  rules::Roster roster_;
};

void check_coverage(const Policy& policy, Instant from, Instant to, std::vector<Finding>& findings) {
  Coverage coverage(policy, from, to);
  for (const rules::CallTree& tree : policy.call_trees)
    for (std::size_t i = 0; i < tree.steps.size(); ++i) {
      std::optional<Finding> finding = coverage.of(tree.steps[i]);
      if (!finding) continue;
      finding->where = fmt::format("call tree {}, step {} ({})", tree.id, i + 1, names_of(tree.steps[i].targets));
      findings.push_back(*std::move(finding));
    }
}

// ---- people ----

bool channel_reaches(const Policy& policy, const rules::Contact& contact) {
  const rules::Channel* const channel = policy.channel(contact.channel);
  return channel != nullptr && std::any_of(channel->providers.begin(), channel->providers.end(), reaches_somebody);
}

void check_rules_of(const Policy& policy,
                    const rules::Person& person,
                    const std::vector<rules::NotifyRule>& rules,
                    std::string_view urgency,
                    std::vector<Finding>& findings) {
  std::set<std::string> channels;
  for (const rules::NotifyRule& rule : rules) {
    const rules::Contact* const contact = person.contact(rule.contact);
    if (contact == nullptr) continue;
    if (channel_reaches(policy, *contact)) return;
    channels.insert(contact->channel);
  }
  std::string why;
  if (person.contacts.empty())
    why = "there is no contact";
  else if (channels.empty())
    why = "no contact is meant for it";
  else
    why = fmt::format("no provider of {} carries pages", fmt::join(channels, ", "));
  findings.push_back({Severity::warning,
                      fmt::format("person {}", person.id),
                      fmt::format("cannot be reached with {} urgency: {}", urgency, why)});
}

// ---- routes ----

using Matchers = std::vector<rules::Matcher>;

// Whether an alert to which all of `known` apply must also match this one. No is no proof of the contrary.
bool implies(const Matchers& known, const rules::Matcher& matcher) {
  return std::any_of(known.begin(), known.end(), [&matcher](const rules::Matcher& each) {
    if (each == matcher) return true;
    const bool says_value = each.op() == rules::MatchOperator::equal && each.name() == matcher.name();
    return says_value && matcher.matches_value(each.value());
  });
}

// Whether no alert can match all of them, as with team = a beside team = b.
bool contradicts_itself(const Matchers& known) {
  return std::any_of(known.begin(), known.end(), [&known](const rules::Matcher& each) {
    if (each.op() != rules::MatchOperator::equal) return false;
    return std::any_of(known.begin(), known.end(), [&each](const rules::Matcher& other) {
      return other.name() == each.name() && !other.matches_value(each.value());
    });
  });
}

void check_routes(const rules::Route& route, const Matchers& above, std::vector<Finding>& findings) {
  for (std::size_t i = 0; i < route.routes.size(); ++i) {
    const rules::Route& each = route.routes[i];
    Matchers known = above;
    known.insert(known.end(), each.matchers.begin(), each.matchers.end());
    const std::string where = "route " + each.path;
    if (contradicts_itself(known)) {
      findings.push_back({Severity::warning, where, "is never reached: no alert can match it and the routes above it"});
      continue;
    }
    const auto end = route.routes.begin() + static_cast<std::ptrdiff_t>(i);
    const auto before = std::find_if(route.routes.begin(), end, [&known](const rules::Route& other) {
      return !other.goes_on && std::all_of(other.matchers.begin(),
                                           other.matchers.end(),
                                           [&known](const rules::Matcher& matcher) { return implies(known, matcher); });
    });
    if (before != end) {
      findings.push_back(
          {Severity::warning,
           where,
           fmt::format("is never reached: {} before it takes all its alerts and does not continue", before->path)});
      continue;
    }
    check_routes(each, known, findings);
  }
}

void collect_trees(const rules::Route& route, std::set<std::string>& trees) {
  trees.insert(route.call_tree);
  for (const rules::Route& each : route.routes) collect_trees(each, trees);
}

}  // namespace

std::string print(const Finding& finding) {
  // A route without a name is called by its matchers, whose values may be anything.
  return fmt::format("{}: {}: {}",
                     finding.severity == Severity::error ? "error" : "warning",
                     all_seen(finding.where),
                     all_seen(finding.message));
}

std::vector<Finding> check(const Policy& policy, Instant from, rules::Duration horizon) {
  std::vector<Finding> findings;
  check_coverage(policy, from, from + horizon, findings);
  for (const rules::Person& person : policy.people) {
    check_rules_of(policy, person, person.high, "high", findings);
    check_rules_of(policy, person, person.low, "low", findings);
  }
  check_routes(policy.route, policy.route.matchers, findings);
  std::set<std::string> used;
  collect_trees(policy.route, used);
  for (const rules::CallTree& tree : policy.call_trees)
    if (!used.contains(tree.id)) findings.push_back({Severity::warning, "call tree " + tree.id, "no route uses it"});
  return findings;
}

bool reaches_somebody(const rules::Provider& provider) {
  switch (provider.kind) {
    case rules::ProviderKind::webhook:
      return acts_on("channels.webhook");
    case rules::ProviderKind::command:
      return acts_on("channels.command");
    case rules::ProviderKind::log:
      return false;
    case rules::ProviderKind::twilio:
      return acts_on("channels.twilio");
    case rules::ProviderKind::smtp:
      return acts_on("channels.smtp");
    case rules::ProviderKind::slack:
      return acts_on("channels.slack");
    case rules::ProviderKind::ntfy:
      return acts_on("channels.ntfy");
    case rules::ProviderKind::mattermost:
      return acts_on("channels.mattermost");
    case rules::ProviderKind::sip:
      return acts_on("channels.sip");
  }
  return false;
}

bool can_page_anybody(const Policy& policy) {
  return std::any_of(policy.people.begin(), policy.people.end(), [&policy](const rules::Person& person) {
    return std::any_of(person.contacts.begin(), person.contacts.end(), [&policy](const rules::Contact& contact) {
      return channel_reaches(policy, contact);
    });
  });
}

}  // namespace config
