#include "daemon/words/doubts.hpp"

#include <algorithm>
#include <utility>

#include <boost/json/object.hpp>
#include <fmt/format.h>

#include "daemon/words/clean.hpp"
#include "daemon/words/fields.hpp"
#include "rules/rfc3339.hpp"

namespace words {
namespace {

namespace json = boost::json;

constexpr std::size_t why_bytes = 200;

json::value text(std::string_view string) {
  return json::value(json::string(string.data(), string.size()));
}

bool has(const std::vector<rules::OnCall>& people, std::string_view person) {
  return std::any_of(people.begin(), people.end(), [person](const rules::OnCall& one) { return one.person == person; });
}

}  // namespace

json::array doubts_array(const std::vector<rules::ContactDoubt>& doubts) {
  json::array array;
  for (const rules::ContactDoubt& one : doubts) {
    array.emplace_back(json::object{{"person", text(one.person)},
                                    {"contact", text(one.contact)},
                                    {"doubt", text(rules::to_text(one.doubt))},
                                    {"since", text(rules::print_rfc3339(one.since))},
                                    {"why", one.why.empty() ? json::value(nullptr) : text(one.why)}});
  }
  return array;
}

rules::ContactDoubt read_doubt(Fields& fields) {
  rules::ContactDoubt one;
  one.person = fields.text("person");
  one.contact = fields.text("contact");
  one.doubt =
      fields.word("doubt", rules::Doubt::test_unheard, [](rules::Doubt doubt) { return rules::to_text(doubt); });
  one.since = fields.instant("since");
  one.why = fields.text("why");
  return one;
}

tl::expected<std::vector<rules::ContactDoubt>, std::string> parse_doubts_json(std::string_view text) {
  return read_document(text, [](Fields& fields) { return fields.each("contacts_in_doubt", read_doubt); });
}

std::string doubt_text(const rules::ContactDoubt& doubt, rules::Instant now) {
  const std::string ago = print_relative(doubt.since - now);
  if (doubt.doubt == rules::Doubt::test_unheard) return fmt::format("nobody answered its test page ({})", ago);
  return fmt::format("failed {}{}", ago, doubt.why.empty() ? "" : ": " + shorten(visible(doubt.why), why_bytes));
}

std::string turn_of(const std::vector<rules::OnCallView>& views,
                    std::string_view person,
                    rules::Instant at,
                    const Drawing& drawing) {
  std::string next;
  std::string group;
  for (const rules::OnCallView& view : views) {
    if (view.kind == rules::TargetKind::specialists) {
      if (group.empty() && has(view.people, person)) group = "specialist for " + visible(view.target);
      continue;
    }
    if (has(view.people, person)) return "on call for " + visible(view.target);
    if (!next.empty() || !view.next_from || !has(view.next, person)) continue;
    const std::string clock = drawing.clock ? drawing.clock(*view.next_from) : rules::print_rfc3339(*view.next_from);
    next =
        fmt::format("on call for {} from {} ({})", visible(view.target), clock, print_relative(*view.next_from - at));
  }
  return next.empty() ? group : next;
}

std::string draw_doubts(const std::vector<rules::ContactDoubt>& doubts,
                        const std::vector<rules::OnCallView>& views,
                        rules::Instant at,
                        rules::Instant now,
                        const Drawing& drawing) {
  if (doubts.empty()) return {};
  std::vector<std::vector<std::string>> rows;
  for (const rules::ContactDoubt& one : doubts) {
    const std::string turn = turn_of(views, one.person, at, drawing);
    rows.push_back({one.person, one.contact, turn.empty() ? "-" : turn, doubt_text(one, now)});
  }
  std::stable_partition(rows.begin(), rows.end(), [](const std::vector<std::string>& row) { return row[2] != "-"; });
  return draw_table({"contact of", "by", "turn", "in doubt"}, rows, drawing.width);
}

}  // namespace words
