#include "tests/simulation/plan_file.hpp"

#include <algorithm>
#include <charconv>
#include <cstdlib>
#include <fstream>
#include <map>
#include <optional>
#include <sstream>
#include <vector>

#include <fmt/format.h>

namespace simulation {
namespace {

constexpr std::int64_t second = 1'000'000'000;

std::string in_one_word(std::string_view name) {
  std::string word{name};
  std::replace(word.begin(), word.end(), ' ', '-');
  return word;
}

std::optional<ActionKind> kind_of(std::string_view word) {
  for (std::size_t index = 0; index < action_kinds; ++index) {
    const auto kind = static_cast<ActionKind>(index);
    if (in_one_word(name_of(kind)) == word) return kind;
  }
  return std::nullopt;
}

template <class Number>
bool parse_number(std::string_view text, Number& number) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  return error == std::errc{} && end == text.data() + text.size();
}

struct Flag {
  std::string_view word;
  bool Plan::* is_set;
  bool meant;  // what the word stands for
};
constexpr Flag flags[]{{"tight-budget", &Plan::tight_budget, true},
                       {"small-backlog", &Plan::small_backlog, true},
                       {"one-thread", &Plan::one_thread, true},
                       {"nobody-reacts", &Plan::people_react, false},
                       {"correlated", &Plan::correlated, true},
                       {"hearts", &Plan::hearts, true},
                       {"reaching", &Plan::reaching, true}};

// One line of a plan: what is wrong with it, or nothing.
class Line {
 public:
  explicit Line(std::string_view text) {
    std::istringstream words{std::string{text.substr(0, text.find('#'))}};
    for (std::string word; words >> word;) {
      const std::size_t equals = word.find('=');
      if (equals == std::string::npos) {
        words_.push_back(word);
      } else {
        values_[word.substr(0, equals)] = word.substr(equals + 1);
      }
    }
  }
  [[nodiscard]] bool empty() const { return words_.empty() && values_.empty(); }
  [[nodiscard]] std::string read_into(Plan& plan) {
    if (words_.empty()) return "it begins with no word";
    const std::string first = words_.front();
    for (const Flag& flag : flags) {
      if (first != flag.word) continue;
      plan.*flag.is_set = flag.meant;
      return finish(1);
    }
    if (first == "seed") {
      if (words_.size() < 2 || !parse_number(words_[1], plan.seed)) return "no number behind seed";
      return finish(2);
    }
    return first == "group" ? read_group(plan) : read_action(plan);
  }

 private:
  std::string read_group(Plan& plan) {
    GroupPlan group;
    if (words_.size() < 2) return "a group has a service";
    group.service = words_[1];
    std::uint64_t members = 1;
    take("members", members);
    group.members = static_cast<unsigned>(members);
    take("interval", group.interval);
    take("repeats", group.repeats);
    if (const auto form = values_.extract("form"); !form.empty()) {
      if (form.mapped() != "webhook" && form.mapped() != "api-v2") return "a form is webhook or api-v2";
      group.form = form.mapped() == "webhook" ? SenderForm::webhook : SenderForm::api_v2;
    }
    group.twin = has_word("twin");
    group.warns = has_word("warns");
    plan.groups.push_back(std::move(group));
    return finish(2);
  }
  std::string read_action(Plan& plan) {
    Action action;
    const auto at = parse_exactly(words_.front());
    if (!at) return "it begins neither with a known word nor with a time";
    action.at = *at;
    const std::optional<ActionKind> kind = words_.size() < 2 ? std::nullopt : kind_of(words_[1]);
    if (!kind) return "there is no such action";
    action.kind = *kind;
    take("subject", action.subject);
    take("object", action.object);
    take("length", action.length);
    plan.actions.push_back(action);
    return finish(2);
  }
  bool has_word(std::string_view word) { return std::erase(words_, word) > 0; }
  void take(const std::string& name, std::uint64_t& value) {
    const auto found = values_.extract(name);
    if (found.empty()) return;
    if (parse_number(found.mapped(), value)) return;
    std::int64_t below_zero = 0;
    if (!parse_number(found.mapped(), below_zero)) trouble_ = name + " is no number";
    value = static_cast<std::uint64_t>(below_zero);
  }
  void take(const std::string& name, Time& value) {
    const auto found = values_.extract(name);
    if (found.empty()) return;
    const auto time = parse_exactly(found.mapped());
    if (!time) trouble_ = name + ": " + time.error();
    if (time) value = *time;
  }
  std::string finish(std::size_t words_used) {
    if (!trouble_.empty()) return trouble_;
    if (words_.size() > words_used) return words_[words_used] + " is not understood";
    return values_.empty() ? "" : values_.begin()->first + " is not understood";
  }

  std::vector<std::string> words_;
  std::map<std::string, std::string> values_;
  std::string trouble_;
};

std::string print_group(const GroupPlan& group) {
  return fmt::format("group {} members={} form={} interval={} repeats={}{}{}",
                     group.service,
                     group.members,
                     group.form == SenderForm::webhook ? "webhook" : "api-v2",
                     print_exactly(group.interval),
                     print_exactly(group.repeats),
                     group.twin ? " twin" : "",
                     group.warns ? " warns" : "");
}

std::string print_action(const Action& action) {
  std::string text = fmt::format("{:<20} {}", print_exactly(action.at), in_one_word(name_of(action.kind)));
  if (action.subject != 0) text += fmt::format(" subject={}", action.subject);
  // A drift is a signed number.
  if (action.object != 0) text += fmt::format(" object={}", static_cast<std::int64_t>(action.object));
  if (action.length != Time{}) text += fmt::format(" length={}", print_exactly(action.length));
  const std::string told = print(action);
  return fmt::format("{:<90} # {}", text, told.substr(std::min(told.size(), told.find("  ") + 2)));
}

}  // namespace

std::string print_exactly(Time time) {
  const char* const sign = time < Time{} ? "-" : "";
  const std::int64_t count = std::abs(time.count());
  std::string text = fmt::format("{}{}:{:02}:{:02}.{:09}",
                                 sign,
                                 count / second / 3600,
                                 count / second / 60 % 60,
                                 count / second % 60,
                                 count % second);
  text.erase(text.find_last_not_of('0') + 1);
  if (text.ends_with('.')) text.pop_back();
  return text;
}

tl::expected<Time, std::string> parse_exactly(std::string_view text) {
  const std::string all{text};
  const auto mistake = [&all] { return tl::unexpected{all + " is no time: h:mm:ss, or seconds"}; };
  const bool is_below_zero = text.starts_with('-');
  if (is_below_zero) text.remove_prefix(1);
  std::int64_t nanoseconds = 0;
  if (const std::size_t point = text.find('.'); point != std::string_view::npos) {
    std::string fraction{text.substr(point + 1)};
    if (fraction.empty() || fraction.size() > 9) return mistake();
    fraction.resize(9, '0');
    if (!parse_number(fraction, nanoseconds) || nanoseconds < 0) return mistake();
    text = text.substr(0, point);
  }
  std::int64_t seconds = 0;
  for (int parts = 0; parts < 3; ++parts) {
    const std::size_t colon = text.find(':');
    std::int64_t part = 0;
    if (!parse_number(text.substr(0, colon), part) || part < 0 || part > 1'000'000) return mistake();
    seconds = seconds * 60 + part;
    if (colon == std::string_view::npos) {
      const Time time{seconds * second + nanoseconds};
      return is_below_zero ? -time : time;
    }
    text.remove_prefix(colon + 1);
  }
  return mistake();
}

std::string print_plan(const Plan& plan, std::string_view comment) {
  std::string text;
  std::istringstream lines{std::string{comment}};
  for (std::string line; std::getline(lines, line);) text += line.empty() ? "#\n" : "# " + line + "\n";
  text += fmt::format("seed {}\n", plan.seed);
  for (const Flag& flag : flags) {
    if (plan.*flag.is_set == flag.meant) text += fmt::format("{}\n", flag.word);
  }
  for (const GroupPlan& group : plan.groups) text += print_group(group) + "\n";
  for (const Action& action : plan.actions) text += print_action(action) + "\n";
  return text;
}

tl::expected<Plan, std::string> parse_plan(std::string_view text) {
  Plan plan;
  std::istringstream lines{std::string{text}};
  std::size_t number = 0;
  for (std::string line; std::getline(lines, line);) {
    ++number;
    Line read{line};
    if (read.empty()) continue;
    const std::string trouble = read.read_into(plan);
    if (!trouble.empty()) return tl::unexpected{fmt::format("line {}: {}: {}", number, trouble, line)};
  }
  std::stable_sort(plan.actions.begin(), plan.actions.end(), [](const Action& left, const Action& right) {
    return left.at < right.at;
  });
  return plan;
}

tl::expected<Plan, std::string> read_plan(const std::string& path) {
  std::ifstream file{path};
  if (!file) return tl::unexpected{path + " cannot be read"};
  std::ostringstream text;
  text << file.rdbuf();
  tl::expected<Plan, std::string> plan = parse_plan(text.str());
  if (!plan) return tl::unexpected{path + ": " + plan.error()};
  return plan;
}

}  // namespace simulation
