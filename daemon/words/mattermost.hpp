// A message as Mattermost shows it: Markdown, and an attachment with buttons when presses can come back. What strangers
// wrote is escaped, and mentions nobody. Pure functions, any thread.
#pragma once

#include <chrono>
#include <functional>
#include <string>
#include <string_view>

#include <boost/json/array.hpp>

#include "daemon/words/message.hpp"
#include "rules/effect.hpp"
#include "rules/time.hpp"

namespace words {

// Without control characters and without what Mattermost reads as markup or as a mention.
[[nodiscard]] std::string mattermost_escaped(std::string_view text);

inline constexpr rules::Duration mattermost_button_life{std::chrono::hours{24 * 7}};

// What makes a press provable: a signature of mattermost_signed(), and where Mattermost sends it.
struct MattermostButtons {
  std::string url;  // "" = no buttons
  std::function<std::string(std::string_view text)> sign;
  std::string person;      // whom a message to one person went to: they act, whatever is said of the presser; else ""
  rules::Instant until{};  // pressed later they do nothing
};
// What a button's context says, and its signature is over.
struct MattermostContext {
  std::string_view action, value, person, until, message;  // until: seconds since 1970
};
[[nodiscard]] std::string mattermost_signed(const MattermostContext& context);

struct MattermostMessage {
  std::string message;
  boost::json::array attachments;  // empty = none
};

[[nodiscard]] MattermostMessage mattermost_page(const Wording& wording,
                                                const rules::Send& send,
                                                const MattermostButtons& buttons);

// The first message about an incident, as it is after this notice.
[[nodiscard]] MattermostMessage mattermost_restated(const rules::NoticeFacts& notice,
                                                    std::string_view public_url,
                                                    const MattermostButtons& buttons);

// The attachments below a message whose incident is in this state now; `message` is what stands above them.
[[nodiscard]] boost::json::array mattermost_state(rules::IncidentId incident,
                                                  rules::MessageId about,
                                                  rules::IncidentState state,
                                                  std::string_view by,
                                                  std::string_view message,
                                                  const MattermostButtons& buttons);

// A notice as one line, or a few: what stands in a thread.
[[nodiscard]] std::string mattermost_notice(const rules::NoticeFacts& notice, std::string_view public_url);
// The same of a message that leaves, by the template of chats when there is one. `notice` is one of its notices.
[[nodiscard]] std::string mattermost_notice(const Wording& wording,
                                            const rules::Send& send,
                                            const rules::NoticeFacts& notice);

}  // namespace words
