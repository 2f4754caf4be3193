// Proof that people can be reached: test pages, by hand or every month.
#pragma once

#include <optional>
#include <string>

#include "rules/event.hpp"
#include "rules/moment.hpp"

namespace rules {

void on_test_page(Moment& moment, const TestPage& verb);

// Sends the test pages that are due at this wall-clock instant; the calendar calls it. Those of who is called for an
// incident of high urgency, or has one, wait for its end, at most six hours.
void send_due_test_pages(Moment& moment);
// When the next one is due, of the wall clock; nullopt = the policy wants none.
[[nodiscard]] std::optional<Instant> next_test_page(const State& state, const Policy& policy);

}  // namespace rules
