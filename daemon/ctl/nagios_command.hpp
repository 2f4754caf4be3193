// `rousectl send --nagios` and `send --flush`.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "daemon/ctl/nagios.hpp"
#include "daemon/ctl/session.hpp"

namespace ctl {

struct NagiosArguments {
  bool is_nagios{};
  bool is_flush{};
  std::string spool;  // "" = $ROUSE_SPOOL, else one of the usual folders
  Notification notification;
  std::vector<std::string> severities;  // STATE=WORD
};

// The options of both on the command `send`; their names, so that others can exclude them.
std::vector<CLI::Option*> add_nagios_options(CLI::App& command, NagiosArguments& arguments);

// A notification: spooled, then sent with all that waited before it, within 5 s. 0 also when it waits in the spool.
int send_nagios(const Session& session, const NagiosArguments& arguments, NagiosOptions options);

// What waits in the spool, for as long as the daemon takes it. 3 when it cannot be reached, 1 when it refuses.
int flush_spool(const Session& session, const NagiosArguments& arguments);

}  // namespace ctl
