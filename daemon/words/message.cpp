#include "daemon/words/message.hpp"

#include <algorithm>
#include <cstdint>

#include <fmt/format.h>

#include "daemon/words/clean.hpp"
#include "daemon/words/page.hpp"
#include "daemon/words/segments.hpp"
#include "daemon/words/template.hpp"
#include "rules/moment.hpp"

namespace words {
namespace {

// At most so many bytes of what is escaped already: never half of an escape, which would show as what it hides.
std::string cut_escaped(Style style, const std::string& text, std::size_t bytes) {
  if (text.size() <= bytes) return text;
  std::string kept = shorten(text, bytes);
  kept.resize(kept.size() - std::min<std::size_t>(kept.size(), 3));
  if (style == Style::html || style == Style::slack) {
    const std::size_t open = kept.rfind('&');
    if (open != std::string::npos && kept.find(';', open) == std::string::npos) kept.resize(open);
  } else if (style == Style::markdown) {
    std::size_t slashes = 0;
    while (slashes < kept.size() && kept[kept.size() - 1 - slashes] == '\\') ++slashes;
    if (slashes % 2 == 1) kept.pop_back();
  }
  return kept + "...";
}

// How much of a page is said: the higher the less.
enum Detail : int {
  everything,
  no_last_time,
  no_because,
  no_called,
  no_behind,
  no_runbook,
  no_next,
  no_since,
  name_only
};

std::string summary_of(const rules::IncidentFacts& facts, int detail) {
  if (detail < name_only) return facts.summary;
  return facts.summary.substr(0, facts.summary.find(": "));
}

std::vector<std::string> page_lines(const rules::Send& send, const rules::PageFacts& page, Style style, int detail) {
  const auto put = [style](std::string_view text, std::size_t bytes) { return placed(style, text, bytes); };
  const rules::IncidentFacts& facts = page.incident;
  if (is_test(page)) {
    return {fmt::format("Test page to {} by {}: nothing is wrong.", put(send.person_name, 60), put(send.contact, 40))};
  }
  std::vector<std::string> lines;
  lines.push_back((facts.drill ? "DRILL: " : "") + put(summary_of(facts, detail), detail < name_only ? 300 : 60));
  if (is_own_alarm(page)) {
    lines.emplace_back(own_alarm_line);
    return lines;
  }
  std::string particulars = rules::print_incident(facts.id);
  if (!facts.severity.empty()) particulars += ", " + put(facts.severity, 20);
  if (!facts.service.empty()) particulars += ", " + put(facts.service, 40);
  if (!facts.where.empty() && detail < name_only) particulars += ", " + put(facts.where, 120);
  if (detail < no_since) particulars += fmt::format(", {} alert{}", facts.alerts, facts.alerts == 1 ? "" : "s");
  lines.push_back(particulars);
  if (facts.since != rules::Instant{} && detail < no_since) lines.push_back("Since " + local_time(send, facts.since));
  if (detail < no_since) lines.push_back(fmt::format("Now: {}.", reason_text(page.reason)));
  if (!facts.behind.empty() && detail < no_behind) lines.push_back(put(facts.behind, 240));
  if (!page.called.empty() && detail < no_called) {
    std::string names;
    for (std::size_t index = 0; index < std::min<std::size_t>(page.called.size(), 8); ++index) {
      names += (index == 0 ? "" : ", ") + put(page.called[index], 60);
    }
    if (page.called.size() > 8) names += fmt::format(" and {} more", page.called.size() - 8);
    lines.push_back("Called: " + names);
  }
  if (!page.next.empty() && detail < no_next) {
    lines.push_back("Next: " + put(page.next, 160) + (page.next_at ? ", " + local_time(send, *page.next_at) : ""));
  }
  if (!page.because.empty() && detail < no_because) lines.push_back("Why you: " + put(page.because, 200));
  if (facts.last_time && detail < no_last_time) lines.push_back("Last time: " + local_time(send, *facts.last_time));
  if (!facts.runbook.empty() && detail < no_runbook && style != Style::spoken) {
    const bool is_followed = is_link(facts.runbook);
    const std::string link = is_followed ? placed_link(style, facts.runbook) : put(facts.runbook, 500);
    lines.push_back("Runbook: " +
                    (is_followed && style == Style::html ? fmt::format("<a href=\"{0}\">{0}</a>", link) : link));
  }
  return lines;
}

std::string joined(const std::vector<std::string>& lines, std::string_view end) {
  std::string text;
  for (const std::string& line : lines) {
    if (line.empty()) continue;
    if (!text.empty()) text += end;
    text += line;
  }
  return text;
}

// The first `shown` of a bundle in so much detail; the others by id. What is heard is answered by keys, not by text.
std::vector<std::string> lines_of(const rules::Send& send, Style style, int detail, std::size_t shown) {
  constexpr std::size_t id_bytes = 1000;  // leaves room for a name and for how to answer in every channel
  constexpr std::size_t spoken_id_bytes = 200;
  constexpr std::size_t mail_id_bytes = 60'000;
  const bool is_mail = style == Style::html || (style == Style::plain && shown > 20);
  const std::size_t ids = is_mail ? mail_id_bytes : style == Style::spoken ? spoken_id_bytes : id_bytes;
  const auto hint = [style](const rules::PageFacts& page) {
    return style == Style::spoken ? std::string{} : reply_hint(page);
  };
  std::vector<std::string> lines;
  if (send.pages.size() == 1) {
    lines = page_lines(send, send.pages.front(), style, detail);
    lines.push_back(hint(send.pages.front()));
  } else if (!send.pages.empty()) {
    lines.push_back(fmt::format("{} incidents need you:", send.pages.size()));
    for (std::size_t index = 0; index < std::min(shown, send.pages.size()); ++index) {
      const rules::PageFacts& page = send.pages[index];
      const std::string line = joined(page_lines(send, page, style, std::max<int>(detail, no_since)), ", ");
      const std::string mark = page.number > 0 ? fmt::format("{}) ", page.number) : "- ";
      lines.push_back(style == Style::spoken ? line : mark + line);
    }
    if (shown < send.pages.size()) lines.push_back(ids_from(send, shown, ids));
    if (const std::string how = hint(send.pages.front()); !how.empty()) {
      lines.push_back(how + "; so with every number; ack alone takes all");
    }
  } else {
    for (std::size_t index = 0; index < std::min(shown, send.notices.size()); ++index) {
      lines.push_back(notice_line(send.notices[index], style));
    }
    if (shown < send.notices.size()) lines.push_back(ids_from(send, shown, ids));
  }
  if (send.possible_duplicate) lines.emplace_back("Possible duplicate.");
  return lines;
}

// The most that `fits`; when nothing does, the least there is.
template <class Fits>
std::string fitted(const rules::Send& send, Style style, std::string_view end, std::size_t most_shown, Fits fits) {
  std::string text;
  for (int detail = everything; detail <= name_only; ++detail) {
    text = joined(lines_of(send, style, detail, most_shown), end);
    if (fits(text)) return text;
  }
  for (std::size_t shown = std::min(most_shown, std::max(send.pages.size(), send.notices.size())); shown > 1;) {
    shown /= 2;
    text = joined(lines_of(send, style, name_only, shown), end);
    if (fits(text)) return text;
  }
  return text;
}

bool is_letter_or_digit(char byte) {
  return (byte >= '0' && byte <= '9') || (byte >= 'a' && byte <= 'z') || (byte >= 'A' && byte <= 'Z');
}

// "@here" calls everybody, "@olga" her: with the wide sign it is only text.
std::string without_mentions(std::string_view text) {
  std::string safe;
  for (std::size_t index = 0; index < text.size(); ++index) {
    if (text[index] == '@' && (index == 0 || !is_letter_or_digit(text[index - 1]))) {
      safe += "\xEF\xBC\xA0";
    } else {
      safe += text[index];
    }
  }
  return safe;
}

std::string link_lines(const Links& links, bool is_html) {
  std::string text;
  for (const IncidentLinks& one : links) {
    const std::string id = one.incident.value == 0 ? "the test" : rules::print_incident(one.incident);
    for (const auto& [what, link] : {std::pair<std::string_view, const std::string&>{"Acknowledge", one.acknowledge},
                                     {"Escalate", one.escalate},
                                     {"Close", one.close}}) {
      if (link.empty()) continue;
      text += is_html ? fmt::format("<p><a href=\"{}\">{} {}</a></p>\n", html_escaped(link), what, id)
                      : fmt::format("\n{} {}: {}", what, id, link);
    }
  }
  return text;
}

// How a mail is answered that has no links and whose replies nobody reads.
std::string command_line(const rules::Send& send, const Links& links) {
  if (!links.empty() || send.pages.empty()) return {};
  const rules::PageFacts& page = send.pages.front();
  if (page.number > 0 || page.incident.id.value == 0) return {};
  const std::string command = fmt::format("To acknowledge: rousectl ack {}", rules::print_incident(page.incident.id));
  return send.pages.size() == 1 ? command : command + ", and so on";
}

// "in 5m" is heard as "in 5 minutes", whoever wrote it.
std::string with_long_units(std::string_view text) {
  constexpr std::pair<char, std::string_view> units[] = {
      {'s', "second"}, {'m', "minute"}, {'h', "hour"}, {'d', "day"}, {'w', "week"}};
  std::string said;
  for (std::size_t index = 0; index < text.size();) {
    const std::size_t end = std::min(text.find_first_not_of("0123456789", index), text.size());
    const bool begins_word = index == 0 || text[index - 1] == ' ' || text[index - 1] == '(';
    const bool ends_word =
        end + 1 >= text.size() || std::string_view(" ).,;:").find(text[end + 1]) != std::string_view::npos;
    const auto* const unit =
        end == text.size()
            ? std::end(units)
            : std::find_if(std::begin(units), std::end(units), [&](const auto& one) { return one.first == text[end]; });
    if (end == index || !begins_word || !ends_word || unit == std::end(units)) {
      const std::size_t taken = std::max<std::size_t>(end - index, 1);
      said += text.substr(index, taken);
      index += taken;
      continue;
    }
    const std::string_view number = text.substr(index, end - index);
    said += fmt::format("{} {}{}", number, unit->second, number == "1" ? "" : "s");
    index = end + 1;
  }
  return said;
}

// What stands in brackets is an aside: commas are heard, brackets are not.
std::string with_pauses(std::string_view text) {
  std::string said;
  for (std::size_t index = 0; index < text.size(); ++index) {
    const char byte = text[index];
    if (byte == '(' && said.ends_with(' ') && said.size() > 1) {
      said.pop_back();
      said += ", ";
    } else if (byte == ';' || (byte == ')' && text.substr(index + 1, 1) == " ")) {
      said += ',';
    } else if (byte != ')' && byte != '(') {
      said += byte;
    }
  }
  return said;
}

// The most that goes into so many bytes; of a single page where the whole of it can be seen.
std::string with_url(const Wording& wording, const rules::Send& send, Style style, std::size_t bytes) {
  std::string url;
  if (send.pages.size() == 1 && send.pages.front().incident.id.value != 0) {
    url = incident_url(send.pages.front().incident.id, wording.public_url);
  }
  if (!url.empty()) url = "\n" + url;
  if (url.size() > bytes / 4) url.clear();
  const std::size_t room = bytes - url.size();
  const std::string text =
      fitted(send, style, "\n", 20, [room](const std::string& made) { return made.size() <= room; });
  return cut_escaped(style, text, room) + url;
}

}  // namespace

std::string sms_text(const Wording& wording, const rules::Send& send, std::size_t segments) {
  if (std::string own = fold_to_gsm(by_template(wording, "sms", Style::plain, send, {}, 20'000));
      !own.empty() && count_segments(own).count <= most_sms_segments) {
    return own;
  }
  rules::Send folded = send;
  for (rules::PageFacts& page : folded.pages) {
    page.incident.summary = fold_to_gsm(page.incident.summary);
    page.incident.service = fold_to_gsm(page.incident.service);
  }
  const auto made = [&](std::size_t most) {
    return fold_to_gsm(fitted(folded, Style::plain, "\n", 20, [most](const std::string& text) {
      return count_segments(fold_to_gsm(text)).count <= most;
    }));
  };
  std::string text = made(segments);
  if (count_segments(text).count > segments) text = made(most_sms_segments);
  while (count_segments(text).count > most_sms_segments) text = shorten(text, text.size() - text.size() / 8);
  return text;
}

std::string spoken(std::string_view text) {
  std::string clean = with_pauses(with_long_units(visible(text)));
  for (std::size_t link = clean.find("://"); link != std::string::npos; link = clean.find("://")) {
    const std::size_t begin = clean.rfind(' ', link) == std::string::npos ? 0 : clean.rfind(' ', link);
    clean.replace(begin, std::min(clean.find(' ', link), clean.size()) - begin, begin == 0 ? "a link" : " a link");
  }
  std::string said;
  for (std::size_t index = 0; index < clean.size(); ++index) {
    const char byte = clean[index];
    const bool is_plain = is_letter_or_digit(byte) || (static_cast<unsigned char>(byte) & 0x80U) != 0 ||
                          std::string_view(".,:%'?!").find(byte) != std::string_view::npos;
    const bool begins_word =
        index > 0 && byte >= 'A' && byte <= 'Z' && clean[index - 1] >= 'a' && clean[index - 1] <= 'z';
    if (begins_word || !is_plain) {
      if (!said.empty() && said.back() != ' ') said += ' ';
    }
    if (byte == '&') said += "and ";
    const bool ends = byte == '.' || byte == ',';
    if (ends && said.ends_with(' ')) said.pop_back();
    // "Now: it is over.. Next": one pause is enough.
    if (ends && !said.empty() && std::string_view(".,:?!").find(said.back()) != std::string_view::npos) continue;
    if (is_plain) said += byte;
  }
  while (said.ends_with(' ')) said.pop_back();
  return said;
}

std::string voice_menu(const rules::Send& send) {
  if (send.pages.empty()) return {};
  if (is_own_alarm(send.pages.front())) return "Press star to hear this again.";
  if (is_test(send.pages.front())) return "Press 4 to say that you heard it. Press star to hear this again.";
  if (send.pages.size() > 1) {
    return fmt::format("Press 4 to acknowledge all {}, 5 to escalate, 6 to close. Press star to hear this again.",
                       send.pages.size());
  }
  return "Press 4 to acknowledge, 5 to escalate, 6 to close. Press star to hear this again.";
}

std::string voice_confirm_close(const rules::Send& send) {
  if (send.pages.size() != 1) return fmt::format("Press 6 again to close all {} incidents.", send.pages.size());
  return fmt::format("Press 6 again to close R {}.", send.pages.front().incident.id.value);
}

std::string voice_script(const Wording& wording, const rules::Send& send) {
  std::string text = by_template(wording, "voice", Style::spoken, send, {}, 3000);
  if (text.empty())
    text = fitted(send, Style::spoken, ". ", 5, [](const std::string& made) { return made.size() <= 900; });
  const std::string menu = voice_menu(send);
  const std::string said = shorten(spoken(text), 3900 - menu.size());
  const bool is_ended = said.ends_with('.') || said.ends_with('!') || said.ends_with('?');
  return fmt::format("This is rouse. {}{} {}", said, is_ended ? "" : ".", menu);
}

std::string email_subject(const Wording& wording, const rules::Send& send) {
  const std::string own = by_template(wording, "email_subject", Style::plain, send, {}, 2000);
  return own.empty() ? subject(send) : shorten(visible(own), 200);
}

std::string email_plain(const Wording& wording, const rules::Send& send, const Links& links) {
  if (std::string own = by_template(wording, "email", Style::plain, send, links, 100'000); !own.empty()) {
    return own + "\n";
  }
  std::string text =
      fitted(send, Style::plain, "\n", 200, [](const std::string& made) { return made.size() <= 100'000; });
  if (send.pages.size() == 1 && send.pages.front().incident.id.value != 0) {
    const rules::IncidentFacts& facts = send.pages.front().incident;
    if (!facts.description.empty()) text += "\n\n" + shorten(visible(facts.description), 2000);
    if (!wording.public_url.empty()) text += "\n\n" + incident_url(facts.id, wording.public_url);
  }
  if (const std::string how = command_line(send, links); !how.empty()) text += "\n\n" + how;
  return text + (links.empty() ? "" : "\n") + link_lines(links, false) + "\n";
}

std::string email_html(const Wording& wording, const rules::Send& send, const Links& links) {
  if (std::string own = by_template(wording, "email_html", Style::html, send, links, 200'000); !own.empty()) {
    return own + "\n";
  }
  std::string text =
      fitted(send, Style::html, "<br>\n", 200, [](const std::string& made) { return made.size() <= 100'000; });
  std::string more;
  if (send.pages.size() == 1 && send.pages.front().incident.id.value != 0) {
    const rules::IncidentFacts& facts = send.pages.front().incident;
    if (!facts.description.empty()) more += fmt::format("<p>{}</p>\n", placed(Style::html, facts.description, 2000));
    if (!wording.public_url.empty()) {
      more += fmt::format("<p><a href=\"{0}\">{0}</a></p>\n", html_escaped(incident_url(facts.id, wording.public_url)));
    }
  }
  if (const std::string how = command_line(send, links); !how.empty()) more += fmt::format("<p>{}</p>\n", how);
  return fmt::format(
      "<!DOCTYPE html>\n<html><head><meta charset=\"utf-8\"></head><body>\n<p>{}</p>\n{}{}</body></html>\n",
      text,
      more,
      link_lines(links, true));
}

std::string chat_text(const Wording& wording, const rules::Send& send) {
  if (std::string own = by_template(wording, "chat", Style::markdown, send, {}, chat_bytes); !own.empty()) return own;
  return with_url(wording, send, Style::markdown, chat_bytes);
}

std::string push_text(const Wording& wording, const rules::Send& send, const Links& links) {
  if (std::string own = by_template(wording, "chat", Style::plain, send, links, push_bytes); !own.empty()) return own;
  return with_url(wording, send, Style::plain, push_bytes);
}

std::string html_escaped(std::string_view text) {
  std::string safe;
  for (const char byte : visible(text)) {
    switch (byte) {
      case '&':
        safe += "&amp;";
        break;
      case '<':
        safe += "&lt;";
        break;
      case '>':
        safe += "&gt;";
        break;
      case '"':
        safe += "&quot;";
        break;
      case '\'':
        safe += "&#39;";
        break;
      default:
        safe += byte;
    }
  }
  return safe;
}

std::string slack_escaped(std::string_view text) {
  std::string safe;
  for (const char byte : without_mentions(visible(text))) {
    if (byte == '&') {
      safe += "&amp;";
    } else if (byte == '<') {
      safe += "&lt;";
    } else if (byte == '>') {
      safe += "&gt;";
    } else {
      safe += byte == '`' ? '\'' : byte;
    }
  }
  return safe;
}

std::string markdown_escaped(std::string_view text) {
  std::string safe;
  for (const char byte : without_mentions(visible(text))) {
    if (std::string_view("\\`*_[]<>~|&#!").find(byte) != std::string_view::npos) safe += '\\';
    safe += byte;
  }
  return safe;
}

}  // namespace words
