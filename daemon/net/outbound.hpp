// Where outbound calls may go: a name that turns out to mean this machine or a private network is refused unless the
// configuration lists it, so that whoever can change a name's addresses does not reach what only insiders can. Numbers
// and `localhost` stand in the configuration as what they are and are not asked about. Pure; any thread.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace net {

struct OutboundRules {
  bool is_guarded = false;           // false: every address is fine, as for the command line tool
  std::vector<std::string> allowed;  // names, addresses and networks: "pbx.example.org", "10.0.0.7", "10.1.0.0/16"
};

// Why a call to `host` must not go to `address` (a number as text), in words that name what it is: "a loopback
// address"; "" when it may. What is no number is refused.
[[nodiscard]] std::string_view why_not_outbound(const OutboundRules& rules,
                                                std::string_view host,
                                                std::string_view address);

// What an operator reads of it: "hooks.example.org is at 10.0.0.7, a private address: if that is meant, list ...".
[[nodiscard]] std::string not_outbound(std::string_view name, std::string_view address, std::string_view why);

}  // namespace net
