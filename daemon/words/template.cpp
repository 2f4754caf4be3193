#include "daemon/words/template.hpp"

#include <algorithm>
#include <cstdint>
#include <vector>

#include <fmt/format.h>
#include <kainjow/mustache.hpp>

#include "daemon/words/clean.hpp"
#include "daemon/words/page.hpp"
#include "rules/moment.hpp"
#include "rules/view.hpp"

namespace words {
namespace {

using kainjow::mustache::data;

constexpr std::size_t most_shown = 20;
constexpr std::size_t id_bytes = 1000;

// What is absent is false: in mustache an empty text would count as there, and a word that is not there at all would be
// looked for around the section.
class Words {
 public:
  Words(data& into, Style style) : into_{into}, style_{style} {}

  void say(const std::string& name, std::string_view text, std::size_t bytes) {
    put(name, placed(style_, text, bytes));
  }
  void put(const std::string& name, const std::string& safe) {
    into_.set(name, safe.empty() ? data{data::type::bool_false} : data{safe});
  }
  void flag(const std::string& name, bool is_set) {
    into_.set(name, data{is_set ? data::type::bool_true : data::type::bool_false});
  }

 private:
  data& into_;
  Style style_;
};

void add_incident(
    data& into, Style style, std::string_view public_url, const rules::Send& send, const rules::IncidentFacts& facts) {
  Words words{into, style};
  const bool is_real = facts.id.value != 0;
  words.put("id", is_real ? rules::print_incident(facts.id) : "");
  const std::string url = is_real ? incident_url(facts.id, public_url) : "";
  words.put("url", is_link(url) ? placed_link(style, url) : placed(style, url, 500));
  words.say("alertname", facts.summary.substr(0, facts.summary.find(": ")), 100);
  words.say("summary", facts.summary, 300);
  words.say("severity", facts.severity, 20);
  words.say("service", facts.service, 40);
  words.say("where", facts.where, 120);
  std::string alerts = fmt::format("{} alert{}", facts.alerts, facts.alerts == 1 ? "" : "s");
  if (facts.firing > 0 && facts.firing < facts.alerts) alerts += fmt::format(", {} firing", facts.firing);
  words.put("alerts", is_real ? alerts : "");
  words.say("since", facts.since != rules::Instant{} ? local_time(send, facts.since) : "", 100);
  words.say("last_time", facts.last_time ? local_time(send, *facts.last_time) : "", 100);
  words.say("behind", facts.behind, 240);
  words.say("description", facts.description, 1000);
  words.put("runbook", is_link(facts.runbook) ? placed_link(style, facts.runbook) : "");
  words.say("runbook_text", is_link(facts.runbook) ? "" : facts.runbook, 500);
  words.flag("drill", facts.drill);
}

void add_page(data& into, Style style, const rules::Send& send, const rules::PageFacts& page) {
  Words words{into, style};
  words.say("reason", reason_text(page.reason), 100);
  words.put("reason_word", std::string{rules::to_text(page.reason)});
  words.put("step", page.step > 0 ? fmt::format("{}", page.step) : "");
  words.put("round", page.step > 0 ? fmt::format("{}", std::max(page.round, 1U)) : "");
  words.say("because", page.because, 200);
  std::string called;
  for (std::size_t index = 0; index < std::min<std::size_t>(page.called.size(), 8); ++index) {
    called += (index == 0 ? "" : ", ") + shorten(visible(page.called[index]), 60);
  }
  if (page.called.size() > 8) called += fmt::format(" and {} more", page.called.size() - 8);
  words.say("called", called, 600);
  std::string next = page.next;
  if (!next.empty() && page.next_at) next += ", " + local_time(send, *page.next_at);
  words.say("next", next, 240);
  words.put("number", page.number > 0 ? fmt::format("{}", page.number) : "");
}

void add_notice(data& into, Style style, const rules::NoticeFacts& notice) {
  Words words{into, style};
  words.put("sentence", notice_line(notice, style));
  words.flag("acknowledged", notice.kind == rules::NoticeKind::acknowledged);
  words.flag("ended", notice.kind == rules::NoticeKind::ended);
  words.flag("update", notice.kind == rules::NoticeKind::update);
  words.flag("outage", notice.kind == rules::NoticeKind::outage);
  words.say("by", notice.by, 60);
  words.say("text", notice.text, 1000);
}

void add_links(data& into, Style style, rules::IncidentId incident, const Links& links) {
  Words words{into, style};
  IncidentLinks found;
  for (const IncidentLinks& one : links) {
    if (one.incident == incident) found = one;
  }
  // Ours, signed: escaped for HTML, as they are everywhere else.
  const auto as_it_is = [style](const std::string& link) { return style == Style::html ? html_escaped(link) : link; };
  words.put("acknowledge_link", as_it_is(found.acknowledge));
  words.put("escalate_link", as_it_is(found.escalate));
  words.put("close_link", as_it_is(found.close));
}

const std::string* template_for(const Wording& wording, std::string_view channel) {
  for (const rules::Template& one : wording.templates) {
    if (one.channel == channel) return &one.text;
  }
  return nullptr;
}

}  // namespace

std::string placed(Style style, std::string_view text, std::size_t bytes) {
  const std::string cut = shorten(visible(text), bytes);
  switch (style) {
    case Style::html:
      return html_escaped(cut);
    case Style::slack:
      return slack_escaped(cut);
    case Style::markdown:
      return markdown_escaped(cut);
    case Style::plain:
    case Style::spoken:
      break;
  }
  return cut;
}

bool is_link(std::string_view text) {
  return (text.starts_with("https://") || text.starts_with("http://")) && text.size() <= 500 &&
         text.find_first_of(" \"'<>\\`") == std::string_view::npos && visible(text) == text;
}

std::string placed_link(Style style, std::string_view link) {
  if (style == Style::plain || style == Style::spoken) return std::string{link};
  std::string safe;
  for (const char byte : link) {
    if (byte == '@') {
      safe += "%40";
    } else if (style == Style::markdown && byte == '|') {
      safe += "%7C";  // it would part the cells of a table
    } else {
      safe += byte;
    }
  }
  return style == Style::markdown ? safe : html_escaped(safe);
}

std::string notice_line(const rules::NoticeFacts& notice, Style style) {
  const std::string id = rules::print_incident(notice.incident.id);
  const std::string by = placed(style, notice.by, 60);
  const std::string what = (notice.incident.drill ? "DRILL: " : "") + placed(style, notice.incident.summary, 300);
  switch (notice.kind) {
    case rules::NoticeKind::acknowledged:
      return fmt::format("{} is acknowledged by {}: {}", id, by.empty() ? "somebody" : by, what);
    case rules::NoticeKind::ended:
      return by.empty() ? fmt::format("{} has ended: {}", id, what)
                        : fmt::format("{} was closed by {}: {}", id, by, what);
    case rules::NoticeKind::update:
      return fmt::format("Update on {} by {}: {} ({})", id, by, placed(style, notice.text, 1000), what);
    case rules::NoticeKind::outage:
      return fmt::format("Outage, {}: {}", id, what);
    case rules::NoticeKind::turn_at_risk:
      return placed(style, notice.text, 1000);
  }
  return {};
}

std::string ids_from(const rules::Send& send, std::size_t first, std::size_t bytes) {
  std::vector<std::uint64_t> ids;
  for (std::size_t index = first; index < send.pages.size(); ++index)
    ids.push_back(send.pages[index].incident.id.value);
  for (std::size_t index = first; index < send.notices.size(); ++index) {
    ids.push_back(send.notices[index].incident.id.value);
  }
  std::erase(ids, 0U);  // those are about no incident
  const std::size_t count = ids.size();
  std::sort(ids.begin(), ids.end());
  std::string text = fmt::format("and {} more:", count);
  for (std::size_t index = 0; index < count;) {
    std::size_t last = index;
    while (last + 1 < count && ids[last + 1] <= ids[last] + 1) ++last;
    if (text.size() + 90 > bytes)
      return text + fmt::format(" and {} not named here: see rousectl incidents", count - index);
    text += fmt::format(" R-{}", ids[index]);
    if (ids[last] != ids[index]) text += fmt::format("{}R-{}", ids[last] == ids[index] + 1 ? " " : " to ", ids[last]);
    index = last + 1;
  }
  return text;
}

std::string rendered(
    const std::string& text, Style style, std::string_view public_url, const rules::Send& send, const Links& links) {
  const std::size_t count = send.pages.empty() ? send.notices.size() : send.pages.size();
  const auto fill = [&](data& into, std::size_t index) {
    const bool is_page = index < send.pages.size();
    const rules::IncidentFacts& facts = is_page ? send.pages[index].incident : send.notices[index].incident;
    add_incident(into, style, public_url, send, facts);
    add_page(into, style, send, is_page ? send.pages[index] : rules::PageFacts{});
    add_notice(into, style, is_page ? rules::NoticeFacts{} : send.notices[index]);
    add_links(into, style, facts.id, links);
    if (is_page) Words{into, style}.put("sentence", {});
    if (is_page) Words{into, style}.flag("acknowledged", false);
    if (!is_page) Words{into, style}.put("reason", {});
    if (!is_page) Words{into, style}.put("reason_word", {});
  };
  data all{data::type::object};
  if (count > 0) fill(all, 0);
  const bool is_test_page = send.pages.size() == 1 && is_test(send.pages.front());
  Words words{all, style};
  words.flag("test", is_test_page);
  words.flag("page", send.pages.size() == 1 && !is_test_page);
  words.flag("bundle", send.pages.size() > 1);
  words.flag("notice", send.pages.empty() && !send.notices.empty());
  words.put("count", fmt::format("{}", count));
  words.put("more", count > most_shown ? ids_from(send, most_shown, id_bytes) : "");
  words.say("person", send.person_name, 60);
  words.say("contact", send.contact, 40);
  words.say("time", local_time(send, send.composed_at).substr(0, local_time(send, send.composed_at).find(" (")), 60);
  words.flag("possible_duplicate", send.possible_duplicate);
  std::string reply;
  if (!send.pages.empty() && style != Style::spoken) reply = reply_hint(send.pages.front());
  if (!reply.empty() && send.pages.size() > 1) reply += "; so with every number";
  words.put("reply", reply);
  words.say("public_url", public_url, 500);
  data incidents{data::type::list};
  for (std::size_t index = 0; index < std::min(count, most_shown); ++index) {
    data one{data::type::object};
    fill(one, index);
    one.set("incidents", data{data::type::bool_false});  // a list within itself would grow without end
    if (!is_test_page) incidents.push_back(one);
  }
  all.set("incidents", incidents);
  kainjow::mustache::mustache made{text};
  if (!made.is_valid()) return {};
  made.set_custom_escape([](const std::string& safe) { return safe; });
  return made.render(all);
}

std::string by_template(const Wording& wording,
                        std::string_view channel,
                        Style style,
                        const rules::Send& send,
                        const Links& links,
                        std::size_t most) {
  const std::string* const text = template_for(wording, channel);
  if (text == nullptr) return {};
  // What the daemon says of itself, or of people, has no incident to fill a template with.
  if (!send.pages.empty() && is_own_alarm(send.pages.front())) return {};
  if (std::any_of(send.notices.begin(), send.notices.end(), is_turn_notice)) return {};
  std::string made = rendered(*text, style, wording.public_url, send, links);
  while (made.ends_with('\n') || made.ends_with(' ')) made.pop_back();
  const bool is_blank = made.find_first_not_of(" \t\n") == std::string::npos;
  return is_blank || made.size() > most ? std::string{} : made;
}

}  // namespace words
