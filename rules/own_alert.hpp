// Alerts of the router's own: a storm, a heartbeat that was missed, reports that were refused or not taken. They are
// episodes and incidents like any other, that no sender's report can touch, of high urgency, on a call tree of their
// own choosing.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "rules/moment.hpp"

namespace rules {

// What renews itself and ends when nothing does: reports refused, too many alerts.
inline constexpr Duration own_alert_calms_after{std::chrono::minutes{10}};

// {alertname, more..., severity: the highest}
[[nodiscard]] Labels own_labels(const Policy& policy,
                                std::string_view alertname,
                                const std::vector<std::pair<std::string, std::string>>& more);

// "rouse/Storm": where such incidents are found whatever the configuration's routes say.
[[nodiscard]] std::string own_route_path(std::string_view alertname);
// The route of an own alert. An unknown tree becomes the root route's.
[[nodiscard]] Route own_route(const Policy& policy, const Labels& labels, const std::string& call_tree);

// Raises it, or finds the one that is raised already.
EpisodeId raise_own_alert(Moment& moment,
                          const Labels& labels,
                          const Labels& annotations,
                          const std::string& call_tree);
void end_own_alert(Moment& moment, EpisodeId id, const std::string& why);

// A batch of this source was refused.
void on_batch_refused(Moment& moment, const BatchRefused& refused);
// A report of this source was not taken, because there are too many.
void on_overflow(Moment& moment, const std::string& source, std::string_view of_what, std::uint64_t limit);

// Deadline: nothing has renewed it.
void on_own_calm(Moment& moment, EpisodeId id);

}  // namespace rules
