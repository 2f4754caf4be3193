// Flapping: an alert that begins and ends again and again pages once. Counted per alert key, over its episodes; while
// it flaps its incident stays open.
#pragma once

#include "rules/moment.hpp"

namespace rules {

// The alert has begun or ended. After the episode says which.
void note_change(Moment& moment, const Episode& episode);

[[nodiscard]] bool is_flapping(const State& state, AlertKey key);
// Some alert of this incident flaps.
[[nodiscard]] bool is_flapping(const State& state, const Incident& incident);

// The last episode of an alert that flaps; 0 = it does not.
[[nodiscard]] EpisodeId flapping_episode(const State& state, AlertKey key);
// The alert has begun again, and since a reload perhaps in other incidents: those that it was in before and that
// nothing else keeps open have ended.
void leave_incidents(Moment& moment, EpisodeId before);

// Deadline: no change for long enough.
void on_flaps_over(Moment& moment, const Deadline& deadline);

}  // namespace rules
