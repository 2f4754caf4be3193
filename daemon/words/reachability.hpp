// Which contact of whom can be reached, and how often a human answered, as JSON, read back, and for a terminal. Pure
// functions, any thread.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <tl/expected.hpp>

#include "daemon/words/terminal.hpp"
#include "rules/reachability.hpp"

namespace words {

struct ContactReach {
  std::string person;
  std::string contact;
  rules::Reachability known;  // of one that was never tried nothing but zeros
  std::optional<rules::ContactDoubt> doubt;
};

// {"contacts": [...]}
[[nodiscard]] std::string reachability_json(const std::vector<ContactReach>& contacts);
[[nodiscard]] tl::expected<std::vector<ContactReach>, std::string> parse_reachability_json(std::string_view text);

[[nodiscard]] std::string draw_reachability(const std::vector<ContactReach>& contacts,
                                            rules::Instant now,
                                            const Drawing& drawing);

}  // namespace words
