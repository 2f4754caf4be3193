// The words that templates of messages may use: which channels have one, and which facts can stand in it. They belong
// to the configuration as its keys do: config/ refuses what is not here, words/ fills in what is. docs/templates.md
// tells what each of them holds.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <string_view>

namespace rules {

// Sorted. What has no template of its own says what is built in.
inline constexpr std::array<std::string_view, 7> template_channels{
    "chat", "email", "email_html", "email_subject", "slack", "sms", "voice"};

inline constexpr std::size_t template_limit_bytes = std::size_t{64} << 10;
inline constexpr std::size_t template_depth = 8;  // of sections within sections

struct TemplateWord {
  std::string_view name;
  std::string_view holds;  // for people
  bool is_flag{};          // stands in {{#...}} and {{^...}} only
};

inline constexpr std::array template_words{
    // Which kind of message it is: exactly one of these four.
    TemplateWord{"page", "set when one incident needs the person", true},
    TemplateWord{"bundle", "set when several incidents do", true},
    TemplateWord{"notice", "set when it is only news: acknowledged, ended, an update, an outage", true},
    TemplateWord{"test", "set in a test page", true},
    // Of the message.
    TemplateWord{"incidents",
                 "the first 20 incidents of the message, one after the other; the words below are then of each",
                 true},
    TemplateWord{"count", "how many incidents the message is about: 5"},
    TemplateWord{"more", "those that did not fit, by id: and 7 more: R-5, R-8 to R-13"},
    TemplateWord{"person", "who is called: Olga Diaz"},
    TemplateWord{"contact", "by which of their contacts: sms, voice.home"},
    TemplateWord{"time", "when it was written: 03:22 PST"},
    TemplateWord{"possible_duplicate", "set when the person may have had this message before", true},
    TemplateWord{"reply", "how to answer: Reply 1a ack, 1e escalate, 1c close, 1w why"},
    TemplateWord{"public_url", "server.public_url"},
    // Of an incident; outside of {{#incidents}} of the first one.
    TemplateWord{"id", "R-12"},
    TemplateWord{"url", "the incident's page; absent without server.public_url"},
    TemplateWord{"alertname", "what the summary begins with: ApiDown"},
    TemplateWord{"summary", "the alertname and what the sender says of it: ApiDown: no answer for 2 minutes"},
    TemplateWord{"severity", "critical"},
    TemplateWord{"service", "checkout"},
    TemplateWord{"where", "the other values that the incident is grouped by: cluster=eu"},
    TemplateWord{"alerts", "3 alerts, 2 firing"},
    TemplateWord{"since", "when it began, in the person's zone: 03:10 PST (12m ago)"},
    TemplateWord{"last_time", "when the one before it of the same kind began: 2026-02-03 17:40 PST (4w 1d ago)"},
    TemplateWord{"behind", "what it keeps back: 4 alerts behind it are held (R-2 on checkout)"},
    TemplateWord{"description", "the annotation description of its first alert"},
    TemplateWord{"runbook", "an http or https link"},
    TemplateWord{"runbook_text", "what stands in its place when it is no such link"},
    TemplateWord{"drill", "set when it is a drill", true},
    TemplateWord{"acknowledge_link", "e-mail and chat: a link to acknowledge"},
    TemplateWord{"escalate_link", "e-mail and chat: a link to escalate"},
    TemplateWord{"close_link", "e-mail and chat: a link to close"},
    // Of a page about it.
    TemplateWord{"reason", "why now: Nobody has acknowledged yet"},
    TemplateWord{"reason_word", "the same for programs: first, step, repeat, last_resort, ..."},
    TemplateWord{"step", "2; absent beside the call tree"},
    TemplateWord{"round", "1; absent beside the call tree"},
    TemplateWord{"because", "why this person: on call for operations (Operations Engineer)"},
    TemplateWord{"called", "who else has been called: Olga, Omar"},
    TemplateWord{"next", "what happens when nobody answers: Sam (software) is called at 03:15 PST (in 5m)"},
    TemplateWord{"number", "what stands for the incident in replies: 1"},
    // Of a notice about it.
    TemplateWord{"sentence", "all of it: R-12 is acknowledged by Olga: ApiDown"},
    TemplateWord{"acknowledged", "set when somebody has it", true},
    TemplateWord{"ended", "set when it is over", true},
    TemplateWord{"update", "set when somebody wrote an update", true},
    TemplateWord{"outage", "set when the company is told that it has begun", true},
    TemplateWord{"by", "who acted"},
    TemplateWord{"text", "what the update says"},
};

[[nodiscard]] constexpr bool is_template_channel(std::string_view name) {
  return std::find(template_channels.begin(), template_channels.end(), name) != template_channels.end();
}

[[nodiscard]] constexpr const TemplateWord* template_word(std::string_view name) {
  const auto found = std::find_if(
      template_words.begin(), template_words.end(), [name](const TemplateWord& word) { return word.name == name; });
  return found == template_words.end() ? nullptr : &*found;
}

}  // namespace rules
