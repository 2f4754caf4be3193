// What `rousectl check --online` asks of a running daemon: whether it can page, whether its providers take what they
// are given, whether people can be reached who are on call or come next.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include <tl/expected.hpp>

#include "config/check.hpp"
#include "daemon/ctl/remote.hpp"
#include "daemon/words/reachability.hpp"
#include "daemon/words/status.hpp"

namespace ctl {

// Pure. `policy_hash`: of a configuration that the daemon should have in force; "" = none was given.
[[nodiscard]] std::vector<config::Finding> judge_daemon(const words::Status& status,
                                                        const std::vector<words::ContactReach>& contacts,
                                                        const std::vector<rules::OnCallView>& on_call,
                                                        const std::string& policy_hash,
                                                        const words::Drawing& drawing);

// Asks, and judges what is answered.
[[nodiscard]] tl::expected<std::vector<config::Finding>, Failure> check_daemon(const Session& session,
                                                                               const Remote& remote,
                                                                               const std::string& policy_hash);

}  // namespace ctl
