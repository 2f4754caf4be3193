// What a message says on each channel: facts of a rules::Send as text for SMS, voice, mail and chat. Values of
// strangers are cut, cleaned and escaped for the channel one by one. Every text is bounded, has no control character
// but line feeds and no mark of direction. Pure functions, any thread.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "rules/effect.hpp"

namespace words {

// What texts need beside the facts. Made once for each policy.
struct Wording {
  std::string public_url;                  // for links; "" = none
  std::vector<rules::Template> templates;  // of the policy: they have been read without an error
};

// Links that act on one incident, for mail and chat; "" = none. A test page has incident 0 and at most `acknowledge`.
struct IncidentLinks {
  rules::IncidentId incident;
  std::string acknowledge;
  std::string escalate;
  std::string close;
};
using Links = std::vector<IncidentLinks>;

// Each of the functions that take a Wording says what the template of its channel makes of the message; what is built
// in when there is none, or when what it makes is empty or too long for the channel.

// Plain text, folded to the GSM alphabet as far as it goes. What is least important is left out until it fits into so
// many segments; incident ids, alertname, severity, service and how to reply never are, though the longest of them are
// cut. A bundle whose ids alone need more gets up to `most_sms_segments`.
inline constexpr std::size_t usual_sms_segments = 3;
inline constexpr std::size_t most_sms_segments = 10;
[[nodiscard]] std::string sms_text(const Wording& wording,
                                   const rules::Send& send,
                                   std::size_t segments = usual_sms_segments);

// What is spoken: short sentences in one line, no link, no character that a speech program could take for markup; at
// its end which keys there are. Still to be escaped where it becomes part of XML. At most 4,000 bytes.
[[nodiscard]] std::string voice_script(const Wording& wording, const rules::Send& send);
// "Press 4 to acknowledge, 5 to escalate, 6 to close. Press star to hear this again.": alone, after a wrong key.
[[nodiscard]] std::string voice_menu(const rules::Send& send);
// The same after a key that does nothing, whatever the call is about.
inline constexpr std::string_view voice_keys =
    "Press 4 to acknowledge, 5 to escalate, 6 to close, star to hear this again.";
// "Press 6 again to close R 12.": asked before a key closes.
[[nodiscard]] std::string voice_confirm_close(const rules::Send& send);
// Any other text, such as the answer to a key, as voice_script would say it.
[[nodiscard]] std::string spoken(std::string_view text);

[[nodiscard]] std::string email_subject(const Wording& wording, const rules::Send& send);  // one line, 200 bytes
[[nodiscard]] std::string email_plain(const Wording& wording, const rules::Send& send, const Links& links = {});
[[nodiscard]] std::string email_html(const Wording& wording, const rules::Send& send, const Links& links = {});

// Markdown for Mattermost. Slack's blocks are made in slack.hpp.
inline constexpr std::size_t chat_bytes = 3'400;
[[nodiscard]] std::string chat_text(const Wording& wording, const rules::Send& send);

// Plain text for ntfy, by the same template.
inline constexpr std::size_t push_bytes = 3'000;
[[nodiscard]] std::string push_text(const Wording& wording, const rules::Send& send, const Links& links = {});

// Text of strangers in one line, made safe for its place: no markup, no mention of everybody.
[[nodiscard]] std::string html_escaped(std::string_view text);
[[nodiscard]] std::string slack_escaped(std::string_view text);
[[nodiscard]] std::string markdown_escaped(std::string_view text);

}  // namespace words
