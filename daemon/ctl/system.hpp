// The real Environment: this process, its terminal, the clock, the network. In a library of its own, so that what uses
// the commands alone links no Asio.
#pragma once

#include "daemon/ctl/environment.hpp"

namespace ctl {

[[nodiscard]] Environment system_environment();

// Environment::call over net's client. Blocks for at most the call's timeout.
[[nodiscard]] tl::expected<Answer, std::string> http_call(const Call& call);

// Environment::probe by the code of the channels.
[[nodiscard]] std::vector<channels::Probed> probe_providers(const std::vector<rules::Channel>& channels,
                                                            const std::vector<std::string>& allowed,
                                                            rules::Duration limit);

// The zone that TZ (as given, absent when it is not set) or /etc/localtime names; UTC when it cannot be read, as the C
// library does.
[[nodiscard]] rules::Zone reader_zone(const std::optional<std::string>& tz, const std::optional<std::string>& tzdir);

}  // namespace ctl
