// How a channel tells the engine what has come back from people: that a message arrived or nobody picked up
// (rules::DeliveryReported), that somebody pressed a key or wrote (rules::Replied).
#pragma once

#include <functional>
#include <optional>

#include "rules/effect.hpp"
#include "rules/event.hpp"

namespace channels {

// What the engine said.
struct Told {
  bool is_durable = false;                // false: it may not have been taken; ask the person to say it again
  std::optional<rules::Verdict> verdict;  // of a reply: `text` is what is said back, "" = nothing
};

// Call it on the first loop's thread; it takes every event, however busy the engine is. `heard` may be empty. Else it
// is called once on the same thread, later, when the event is on the disk and applied (or is not and never will be);
// never when the daemon ends before. It must not hold what may be gone by then.
using TellEngine = std::function<void(rules::Event event, std::function<void(const Told&)> heard)>;

}  // namespace channels
