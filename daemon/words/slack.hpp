// A message as Slack shows it: Block Kit with buttons, and the text that stands for it in notifications. Kept within
// Slack's limits, whatever the facts are: 50 blocks, 3000 characters a section, 150 a header, 75 a button, and the
// 10,000 over all of a message beyond which Slack refuses it although no page of its documentation says so.
//
// What strangers wrote is escaped, so that nobody is mentioned and nothing is linked that the facts do not link. Each
// incident has a block for its state and one for its buttons, named by it: what happens to it later changes these two.
// Pure functions, any thread.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

#include <boost/json/array.hpp>

#include "daemon/words/message.hpp"
#include "rules/effect.hpp"

namespace words {

// Without control characters, and with the three characters that Slack reads as markup written as &amp; &lt; &gt;.
[[nodiscard]] std::string escaped_for_slack(std::string_view text);

// At most `characters` characters of escaped text, with "..." at its end when something was cut; never half an entity.
[[nodiscard]] std::string slack_shortened(std::string_view escaped, std::size_t characters);

struct SlackMessage {
  std::string text;
  boost::json::array blocks;
};

// A page or a bundle of pages, with buttons.
// The template of the channel says what stands between the headline and the buttons.
[[nodiscard]] SlackMessage slack_page(const Wording& wording, const rules::Send& send);

// The first message about an incident as it is after this notice: who has it, or that it is over, then without buttons.
[[nodiscard]] SlackMessage slack_restated(const rules::NoticeFacts& notice, std::string_view public_url);

// A notice as one line, or a few: what stands in a thread.
[[nodiscard]] std::string slack_notice(const rules::NoticeFacts& notice, std::string_view public_url);
// The same of a message that leaves, by the template of the channel when there is one. `notice` is one of its notices.
[[nodiscard]] std::string slack_notice(const Wording& wording,
                                       const rules::Send& send,
                                       const rules::NoticeFacts& notice);

// What a button says when it is pressed.
struct SlackPress {
  std::string text;            // as somebody would write it: "ack R-12"; of a test page "ack"
  rules::MessageId about;      // the message it stands in; 0 = it does not say
  rules::IncidentId incident;  // 0 = a test page
};
[[nodiscard]] std::optional<SlackPress> slack_press(std::string_view action_id, std::string_view value);

// Blocks as Slack gives them back: shows the incident's state in them, in place. False when they do not have it.
bool slack_restate(boost::json::array& blocks,
                   rules::IncidentId incident,
                   rules::IncidentState state,
                   std::string_view by);

}  // namespace words
