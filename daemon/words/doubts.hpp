// Contacts in doubt as people and programs read them: shown with whoever is on call, before the turn in which they are
// needed. Pure functions, any thread.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include <boost/json/array.hpp>
#include <tl/expected.hpp>

#include "daemon/words/terminal.hpp"
#include "rules/reachability.hpp"
#include "rules/view.hpp"

namespace words {

class Fields;

// [{"person", "contact", "doubt", "since", "why"}]
[[nodiscard]] boost::json::array doubts_array(const std::vector<rules::ContactDoubt>& doubts);
[[nodiscard]] rules::ContactDoubt read_doubt(Fields& fields);
// Of the field "contacts_in_doubt" of any document; none when it is not there.
[[nodiscard]] tl::expected<std::vector<rules::ContactDoubt>, std::string> parse_doubts_json(std::string_view text);

// "failed 2h ago: the number is not in service"; "nobody answered its test page (2d ago)"
[[nodiscard]] std::string doubt_text(const rules::ContactDoubt& doubt, rules::Instant now);

// When this person is needed, seen from `at`: "on call for operations", "on call for operations from 09:00:00 (in 4d
// 16h)", "specialist for database"; "" when for nothing.
[[nodiscard]] std::string turn_of(const std::vector<rules::OnCallView>& views,
                                  std::string_view person,
                                  rules::Instant at,
                                  const Drawing& drawing);

// A line each, those first who are on call or come next, seen from `at`, with when that is; nothing when there is no
// doubt.
[[nodiscard]] std::string draw_doubts(const std::vector<rules::ContactDoubt>& doubts,
                                      const std::vector<rules::OnCallView>& views,
                                      rules::Instant at,
                                      rules::Instant now,
                                      const Drawing& drawing);

}  // namespace words
