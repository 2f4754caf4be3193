#include "daemon/words/terminal.hpp"

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <string_view>

#include <fmt/format.h>

#include "daemon/words/clean.hpp"
#include "daemon/words/json.hpp"
#include "daemon/words/page.hpp"
#include "rules/duration.hpp"
#include "rules/moment.hpp"
#include "rules/rfc3339.hpp"

namespace words {
namespace {

enum class Colour : std::uint8_t { plain, bold, dim, red, green, yellow, cyan };

std::string_view code_of(Colour colour) {
  switch (colour) {
    case Colour::plain:
      return "\x1b[0m";
    case Colour::bold:
      return "\x1b[1m";
    case Colour::dim:
      return "\x1b[2m";
    case Colour::red:
      return "\x1b[31m";
    case Colour::green:
      return "\x1b[32m";
    case Colour::yellow:
      return "\x1b[33m";
    case Colour::cyan:
      return "\x1b[36m";
  }
  return "";
}

// A shape for each state, so that nothing is said by colour alone.
struct Mark {
  std::string_view unicode;
  std::string_view ascii;
  Colour colour{};
};

Mark mark_of(rules::StepState state) {
  switch (state) {
    case rules::StepState::done:
      return {"●", "[x]", Colour::dim};
    case rules::StepState::current:
      return {"▶", "[>]", Colour::yellow};
    case rules::StepState::ahead:
      return {"○", "[ ]", Colour::plain};
  }
  return {};
}

Mark mark_of(rules::PageState state) {
  switch (state) {
    case rules::PageState::queued:
      return {"…", "..", Colour::dim};
    case rules::PageState::under_way:
      return {"→", "->", Colour::cyan};
    case rules::PageState::accepted:
      return {"✓", "ok", Colour::green};
    case rules::PageState::delivered:
      return {"✓", "ok", Colour::green};
    case rules::PageState::heard:
      return {"☎", "**", Colour::green};
    case rules::PageState::failed:
      return {"✗", "!!", Colour::red};
    case rules::PageState::unanswered:
      return {"?", "??", Colour::yellow};
    case rules::PageState::cancelled:
      return {"–", "--", Colour::dim};
  }
  return {};
}

Mark mark_of(rules::IncidentState state) {
  switch (state) {
    case rules::IncidentState::triggered:
      return {"▲", "(!)", Colour::red};
    case rules::IncidentState::acknowledged:
      return {"◆", "(a)", Colour::yellow};
    case rules::IncidentState::resolved:
      return {"✓", "(ok)", Colour::green};
  }
  return {};
}

class Picture {
 public:
  explicit Picture(const Drawing& drawing) : drawing_{drawing} {}

  [[nodiscard]] std::string in(Colour colour, std::string_view text) const {
    if (!drawing_.colour || colour == Colour::plain || text.empty()) return std::string{text};
    return fmt::format("{}{}{}", code_of(colour), text, code_of(Colour::plain));
  }
  [[nodiscard]] std::string mark(const Mark& mark) const {
    return in(mark.colour, drawing_.unicode ? mark.unicode : mark.ascii);
  }
  [[nodiscard]] std::string_view either(std::string_view unicode, std::string_view ascii) const {
    return drawing_.unicode ? unicode : ascii;
  }
  [[nodiscard]] std::string time(rules::Instant instant) const {
    return drawing_.clock ? drawing_.clock(instant) : rules::print_rfc3339(instant);
  }

  // `text` is already clean; it is cut to what is left of the width.
  void line(std::string_view indent, std::string_view before, std::string_view text, Colour colour = Colour::plain) {
    const std::size_t taken = columns(indent) + columns_without_codes(before);
    const std::size_t room = drawing_.width > taken + 10 ? drawing_.width - taken : 10;
    out_ += indent;
    out_ += before;
    out_ += in(colour, cut(text, room));
    out_ += '\n';
  }
  void blank() { out_ += '\n'; }
  void heading(std::string_view text) {
    blank();
    line("", "", text, Colour::bold);
  }
  [[nodiscard]] std::string take() { return std::move(out_); }

 private:
  static std::size_t columns_without_codes(std::string_view text) {
    std::size_t codes = 0;
    for (std::size_t begin = text.find('\x1b'); begin != std::string_view::npos; begin = text.find('\x1b', begin + 1)) {
      const std::size_t end = text.find('m', begin);
      if (end == std::string_view::npos) break;
      codes += end - begin + 1;
    }
    return columns(text) - codes;
  }
  static std::string cut(std::string_view text, std::size_t room) {
    if (columns(text) <= room) return std::string{text};
    std::size_t bytes = 0;
    for (std::size_t seen = 0; bytes < text.size(); ++bytes) {
      if ((static_cast<unsigned char>(text[bytes]) & 0xC0U) != 0x80U && seen++ == room) break;
    }
    return shorten(text, bytes);
  }

  const Drawing& drawing_;
  std::string out_;
};

std::string joined(const std::vector<std::string>& texts) {
  std::string all;
  for (const std::string& text : texts) {
    if (!all.empty()) all += ", ";
    all += visible(text);
  }
  return all;
}

std::string people_text(const std::vector<rules::OnCall>& people) {
  if (people.empty()) return "nobody is on call";
  std::string text;
  for (const rules::OnCall& one : people) {
    if (!text.empty()) text += ", ";
    text += visible(one.person);
    if (!one.role.empty()) text += fmt::format(" ({})", visible(one.role));
  }
  return text;
}

void draw_holds(Picture& picture, const rules::IncidentView& view, rules::Instant now) {
  if (view.holds.empty()) return;
  picture.heading(view.pages_at ? fmt::format("Held back; as things stand until {} ({})",
                                              picture.time(*view.pages_at),
                                              print_relative(std::max(*view.pages_at - now, rules::Duration::zero())))
                                : "Held back; time alone does not end it");
  for (const rules::HoldView& hold : view.holds) {
    std::string text = visible(hold.text);
    if (hold.until) text += fmt::format(" (until {})", picture.time(*hold.until));
    picture.line("  ", "", text);
    picture.line("    ", "", fmt::format("ends {}", visible(hold.ends)), Colour::dim);
  }
}

void draw_head(Picture& picture, const rules::IncidentView& view, rules::Instant now) {
  const rules::IncidentFacts& facts = view.facts;
  const std::string id = fmt::format("{} {}  ", picture.mark(mark_of(facts.state)), rules::print_incident(facts.id));
  picture.line("", id, (facts.drill ? "DRILL: " : "") + visible(facts.summary), Colour::bold);

  std::string state{rules::to_text(facts.state)};
  if (!view.by.empty()) state += " by " + visible(view.by);
  if (view.snoozed) state += ", snoozed";
  if (view.unheard) state += ", UNHEARD: nobody has answered";
  if (!view.held.empty()) state += view.holds.empty() ? ", held back: " + visible(view.held) : ", held back";
  picture.line("  ", "", state, view.unheard ? Colour::red : Colour::plain);

  std::string particulars = fmt::format("urgency {}", rules::to_text(facts.urgency));
  if (!facts.severity.empty()) particulars += ", severity " + visible(facts.severity);
  if (!facts.service.empty()) particulars += ", service " + visible(facts.service);
  particulars += fmt::format(", {} alert{}", facts.alerts, facts.alerts == 1 ? "" : "s");
  if (view.truncated && view.left_out > 0) {
    particulars += fmt::format(" (the sender left {} out)", view.left_out);
  } else if (view.truncated) {
    particulars += " (the sender left some out)";
  }
  picture.line("  ", "", particulars);
  if (!view.facts.behind.empty()) picture.line("  ", "", visible(view.facts.behind));

  std::string times = fmt::format("opened {} ({})", picture.time(view.opened_at), print_relative(view.opened_at - now));
  if (view.acknowledged_at) times += fmt::format(", acknowledged {}", print_relative(*view.acknowledged_at - now));
  if (view.resolved_at) times += fmt::format(", resolved {}", print_relative(*view.resolved_at - now));
  picture.line("  ", "", times);
}

std::string page_line(const Picture& picture, const rules::PageRecord& page, rules::Instant now) {
  std::string text =
      fmt::format("{} by {}: {}", visible(page.person), visible(page.contact), rules::to_text(page.state));
  const rules::Instant at = page.left_at == rules::Instant{} ? page.queued_at : page.left_at;
  text += fmt::format(", {} ({})", picture.time(at), print_relative(at - now));
  if (page.possible_duplicate) text += ", possible duplicate";
  return text;
}

// The newest pages of a step, of every round; older ones are counted.
void draw_pages(Picture& picture,
                const rules::IncidentView& view,
                std::uint32_t step,
                std::string_view indent,
                rules::Instant now) {
  constexpr std::size_t shown = 6;
  std::vector<const rules::PageRecord*> pages;
  for (const rules::PageRecord& page : view.pages) {
    if (page.step == step) pages.push_back(&page);
  }
  const std::size_t first = pages.size() > shown ? pages.size() - shown : 0;
  if (first > 0) picture.line(indent, "", fmt::format("{} earlier pages", first), Colour::dim);
  for (std::size_t index = first; index < pages.size(); ++index) {
    const rules::PageRecord& page = *pages[index];
    picture.line(indent, picture.mark(mark_of(page.state)) + " ", page_line(picture, page, now));
  }
}

void draw_tree(Picture& picture, const rules::IncidentView& view, rules::Instant now) {
  if (view.steps.empty()) return;
  std::string title = "Call tree " + visible(view.call_tree);
  if (view.round > 0) title += fmt::format(", round {} of {}", view.round, view.rounds);
  if (view.phase == rules::ClimbPhase::idle) title += ", not climbed";
  if (!view.climbing && view.phase != rules::ClimbPhase::idle) title += ", the climb has stopped";
  picture.heading(title);
  for (std::size_t index = 0; index < view.steps.size(); ++index) {
    const rules::StepView& step = view.steps[index];
    const bool is_last = index + 1 == view.steps.size();
    const std::string branch = fmt::format(
        "{}{} ", picture.either(is_last ? "└─ " : "├─ ", is_last ? "`- " : "|- "), picture.mark(mark_of(step.state)));
    std::string text = fmt::format("{} {}", step.number, joined(step.targets));
    if (step.wait > rules::Duration::zero()) text += fmt::format(", waits {}", rules::print_duration(step.wait));
    picture.line("  ", branch, text, step.state == rules::StepState::current ? Colour::bold : Colour::plain);
    const std::string indent = fmt::format("  {}    ", picture.either(is_last ? " " : "│", is_last ? " " : "|"));
    picture.line(indent, "", people_text(step.on_call), step.on_call.empty() ? Colour::red : Colour::dim);
    draw_pages(picture, view, step.number, indent, now);
  }
  const bool is_last_resort = view.phase == rules::ClimbPhase::last_resort;
  const bool has_beside =
      std::any_of(view.pages.begin(), view.pages.end(), [](const rules::PageRecord& page) { return page.step == 0; });
  if (is_last_resort)
    picture.line("  ", picture.mark(mark_of(rules::StepState::current)) + " ", "last resort", Colour::bold);
  if (has_beside) {
    if (!is_last_resort) picture.line("  ", "", "beside the steps: last resort, or called in");
    draw_pages(picture, view, 0, "    ", now);
  }
}

std::string next_text(const rules::NextView& next) {
  const std::string who = visible(next.who);
  switch (next.kind) {
    case rules::NextKind::next_step:
      return fmt::format("the next step: {}", who);
    case rules::NextKind::next_round:
      return fmt::format("the next round begins: {}", who);
    case rules::NextKind::last_resort:
      return who.empty() ? "the last resort is called" : fmt::format("the last resort is called: {}", who);
    case rules::NextKind::climb_begins_again:
      return fmt::format("the climb begins again: {}", who);
    case rules::NextKind::personal_rule:
      return fmt::format("{} is paged by {}", who, visible(next.contact));
    case rules::NextKind::climb_starts:
      return "the climb starts";
    case rules::NextKind::acknowledgement_ends:
      return fmt::format("the acknowledgement of {} runs out", who);
    case rules::NextKind::snooze_ends:
      return fmt::format("the snooze of {} ends", who);
    case rules::NextKind::holds_end:
      return "what holds it back is over, and people are called";
  }
  return {};
}

void draw_next(Picture& picture, const rules::IncidentView& view, rules::Instant now) {
  if (view.next.empty()) return;
  picture.heading(view.facts.state == rules::IncidentState::triggered ? "Next, unless somebody acknowledges" : "Next");
  for (const rules::NextView& next : view.next) {
    const rules::Duration until = std::max(next.at - now, rules::Duration::zero());
    picture.line("  ", fmt::format("{:<11} ", print_relative(until)), next_text(next));
  }
}

void draw_timeline(Picture& picture, const rules::IncidentView& view, std::size_t shown) {
  if (view.timeline.empty() || shown == 0) return;
  picture.heading("Because");
  const std::size_t first = view.timeline.size() > shown ? view.timeline.size() - shown : 0;
  if (first > 0) picture.line("  ", "", fmt::format("{} earlier entries", first), Colour::dim);
  for (std::size_t index = first; index < view.timeline.size(); ++index) {
    const rules::Reason& reason = view.timeline[index];
    picture.line("  ", picture.in(Colour::dim, picture.time(reason.at)) + "  ", because_text(reason));
  }
}

void draw_alerts(Picture& picture, const rules::IncidentView& view, std::size_t shown) {
  if (view.alerts.empty() || shown == 0) return;
  picture.heading("Alerts");
  for (std::size_t index = 0; index < std::min(shown, view.alerts.size()); ++index) {
    const rules::AlertView& alert = view.alerts[index];
    std::string text{alert.firing ? "firing  " : "resolved"};
    for (std::size_t label = 0; label < alert.labels.size(); ++label) {
      text += fmt::format(" {}={}", visible(alert.labels[label].name), visible(alert.labels[label].value));
    }
    if (alert.unconfirmed) text += " (in doubt: its source is silent)";
    picture.line("  ", picture.in(Colour::dim, rules::hex(alert.fingerprint)) + "  ", text);
    for (const rules::HoldView& hold : alert.held) {
      picture.line("      ", "", fmt::format("held: {}", visible(hold.text)), Colour::dim);
    }
  }
  if (view.alerts.size() > shown) {
    picture.line("  ", "", fmt::format("and {} more", view.alerts.size() - shown), Colour::dim);
  }
}

}  // namespace

std::string print_relative(rules::Duration from_now) {
  using namespace std::chrono_literals;
  struct Unit {
    std::chrono::seconds length;
    char letter;
  };
  constexpr Unit units[] = {{7 * 24h, 'w'}, {24h, 'd'}, {1h, 'h'}, {1min, 'm'}, {1s, 's'}};
  const bool is_past = from_now < rules::Duration::zero();
  // Rounded up ahead and down behind: "in 0s" would be a lie, and so would "2s ago" after one and a half.
  std::chrono::seconds left =
      is_past ? std::chrono::floor<std::chrono::seconds>(-from_now) : std::chrono::ceil<std::chrono::seconds>(from_now);
  if (left == 0s) return "now";
  std::string text;
  int parts = 0;
  for (const Unit& unit : units) {
    const auto number = left / unit.length;
    if (number == 0) {
      if (parts > 0) break;
      continue;
    }
    if (parts++ > 0) text += ' ';
    text += fmt::format("{}{}", number, unit.letter);
    left %= unit.length;
    if (parts == 2) break;
  }
  return is_past ? text + " ago" : "in " + text;
}

std::string draw_incident(const rules::IncidentView& view, rules::Instant now, const Drawing& drawing) {
  Picture picture{drawing};
  draw_head(picture, view, now);
  draw_holds(picture, view, now);
  draw_tree(picture, view, now);
  draw_next(picture, view, now);
  draw_timeline(picture, view, drawing.timeline);
  draw_alerts(picture, view, drawing.alerts);
  return picture.take();
}

std::string draw_list(const rules::IncidentList& list, rules::Instant now, const Drawing& drawing) {
  if (list.incidents.empty()) return "no incidents\n";
  std::vector<std::vector<std::string>> rows;
  for (const rules::IncidentView& view : list.incidents) {
    const Mark mark = mark_of(view.facts.state);
    std::string state{rules::to_text(view.facts.state)};
    if (!view.by.empty()) state += " by " + view.by;
    if (view.unheard) state += ", UNHEARD";
    if (!view.held.empty()) state += ", held";
    rows.push_back(
        {fmt::format("{} {}", drawing.unicode ? mark.unicode : mark.ascii, rules::print_incident(view.facts.id)),
         state,
         std::string{rules::to_text(view.facts.urgency)},
         view.facts.severity,
         view.facts.service,
         fmt::format("{}", view.facts.alerts),
         print_relative(view.opened_at - now),
         (view.facts.drill ? "DRILL: " : "") + view.facts.summary});
  }
  std::string text = draw_table(
      {"incident", "state", "urgency", "severity", "service", "alerts", "opened", "summary"}, rows, drawing.width);
  if (list.next) text += fmt::format("there are older ones: --after {}\n", rules::print_incident(*list.next));
  return text;
}

std::string draw_on_call(const std::vector<rules::OnCallView>& views, rules::Instant at, const Drawing& drawing) {
  const Picture picture{drawing};
  std::vector<std::vector<std::string>> rows;
  for (const rules::OnCallView& view : views) {
    std::vector<std::string> people;
    std::vector<std::string> why;
    for (const rules::OnCall& one : view.people) {
      people.push_back(one.person);
      if (std::find(why.begin(), why.end(), one.because) == why.end()) why.push_back(one.because);
    }
    std::vector<std::string> next;
    for (const rules::OnCall& one : view.next) next.push_back(one.person);
    const auto moment = [&](rules::Instant instant) {
      return fmt::format("{} ({})", picture.time(instant), print_relative(instant - at));
    };
    rows.push_back({view.target,
                    view.role.empty() ? std::string{to_text(view.kind)} : view.role,
                    people.empty() ? "NOBODY" : joined(people),
                    view.until ? moment(*view.until) : "",
                    view.next_from && view.next_from == view.until ? joined(next)
                    : view.next_from ? fmt::format("{} {}", joined(next), moment(*view.next_from))
                                     : "",
                    joined(why)});
  }
  if (rows.empty()) return "no rotations and no specialists\n";
  return draw_table({"target", "role", "on call", "until", "then", "because"}, rows, drawing.width);
}

std::string draw_table(const std::vector<std::string>& heads,
                       const std::vector<std::vector<std::string>>& rows,
                       std::size_t width) {
  std::vector<std::vector<std::string>> cells;
  cells.push_back(heads);
  for (const std::vector<std::string>& row : rows) {
    std::vector<std::string> clean;
    for (const std::string& cell : row) {
      std::string& shown = clean.emplace_back(visible(cell));
      shown.erase(shown.find_last_not_of(' ') + 1);
    }
    clean.resize(heads.size());
    cells.push_back(std::move(clean));
  }
  std::vector<std::size_t> widths(heads.size(), 0);
  for (const std::vector<std::string>& row : cells) {
    for (std::size_t column = 0; column < row.size(); ++column) {
      widths[column] = std::max(widths[column], columns(row[column]));
    }
  }
  std::string text;
  for (const std::vector<std::string>& row : cells) {
    std::string line;
    for (std::size_t column = 0; column < row.size(); ++column) {
      if (column > 0) line += "  ";
      line += row[column];
      if (column + 1 < row.size()) line.append(widths[column] - columns(row[column]), ' ');
    }
    const std::size_t too_wide = columns(line) > width ? columns(line) - width : 0;
    if (too_wide > 0 && !row.empty()) {
      // Only the last column gives way; the others are what people search for.
      const std::size_t last = columns(row.back());
      const std::size_t room = last > too_wide + 8 ? last - too_wide : std::min<std::size_t>(last, 8);
      line.resize(line.size() - row.back().size());
      line += shorten(row.back(), room);
    }
    while (line.ends_with(' ')) line.pop_back();
    text += line;
    text += '\n';
  }
  return text;
}

}  // namespace words
