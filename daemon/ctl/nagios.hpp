// One notification of Nagios or Icinga, and what rouse is told of it. Pure: no clock, file or network.
//
// A check is host!service. Its alert has the labels alertname (the service, "Host" for the host itself), host and
// nagios_service (absent for a host problem), those that --label gives, and a severity made of the state. `service` is
// left to --label: in rouse it names what the business runs, which no check does.
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <tl/expected.hpp>

#include "rules/labels.hpp"
#include "rules/time.hpp"

namespace ctl {

// As the sender says it; "" = it does not.
struct Notification {
  std::string type;  // PROBLEM, RECOVERY, ACKNOWLEDGEMENT, ...
  std::string host;
  std::string service;  // "" = of the host itself
  std::string state;    // CRITICAL, DOWN, ...
  std::string output;
  std::string long_output;  // with \n for a new line
  std::string problem_id;
  std::string last_problem_id;
  std::string number;   // of this problem's notifications
  std::string time;     // Unix seconds or RFC 3339
  std::string author;   // of an acknowledgement or a custom notification
  std::string comment;  // theirs
};

// The environment; nothing where a variable is not set.
using Variables = std::function<std::optional<std::string>(const std::string&)>;

// What `given` leaves open is taken from the environment: NAGIOS_* (and Icinga 1's ICINGA_*) as environment macros, or,
// where NOTIFICATIONTYPE is set, the names of Icinga 2's notification scripts (HOSTNAME, SERVICENAME, ...). A macro
// that nobody expanded ("$SERVICEDESC$") counts as not said.
[[nodiscard]] Notification complete(Notification given, const Variables& variable);

struct NagiosOptions {
  std::vector<std::pair<std::string, std::string>> labels;       // besides the own
  std::vector<std::pair<std::string, std::string>> annotations;  // likewise
  std::map<std::string, std::string> severities;                 // by state, instead of severity_of_state()
};

// The severity of a state unless it is told otherwise: critical for CRITICAL and DOWN, warning for WARNING and UNKNOWN,
// no_severity for UNREACHABLE (its parent is what people are called for; should it be down itself, Nagios says DOWN as
// soon as it can tell), "" (which ranks as the highest) for a word that is no state.
[[nodiscard]] std::string_view severity_of_state(std::string_view state);
inline constexpr std::string_view no_severity = "none";  // of a state that is not told

// What to tell the daemon. The spool keeps it as text.
struct Told {
  enum class Kind {
    nothing,      // `words` say why
    alert,        // post `body`
    acknowledge,  // the open incident that has an alert with `labels`, by `by`; `text` becomes a note
    note,         // the same, only the note
  };
  Kind kind{Kind::nothing};
  std::string about;  // "db1!Disk" or "db1"
  std::string words;  // "PROBLEM of db1!Disk (CRITICAL)"
  std::string body;   // of Alertmanager's webhook: alerts that never end by themselves
  rules::Labels labels;
  std::string by;
  std::string text;

  bool operator==(const Told&) const = default;
};

// The error: what is missing or is not understood.
[[nodiscard]] tl::expected<Told, std::string> tell(const Notification& notification,
                                                   const NagiosOptions& options,
                                                   rules::Instant now);

[[nodiscard]] std::string to_spool(const Told& told);
[[nodiscard]] tl::expected<Told, std::string> from_spool(std::string_view text);

// Is it an alert of this check? Severity and whatever else was added do not count.
[[nodiscard]] bool is_of_check(const rules::Labels& alert, const rules::Labels& check);

}  // namespace ctl
