// What a source says it has, when it is asked: alerts that it fires and we do not know are taken, alerts of its that it
// no longer has are ended. Its word on what it lacks counts only when it has been up long enough to know.
#pragma once

#include "rules/moment.hpp"

namespace rules {

// An Alertmanager that has just started knows nothing until Prometheus has sent everything again.
inline constexpr Duration knows_after{std::chrono::minutes{5}};
// Reports that came so short before it was asked may not have been in its answer.
inline constexpr Duration answer_margin{std::chrono::seconds{1}};

void on_reconciled(Moment& moment, const Reconciled& listed);

}  // namespace rules
