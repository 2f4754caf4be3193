// Inhibition: an alert that matches a rule's source keeps those from paging that match its target, when both have all
// labels of `equal`, with the same values. An absent label never equals; an alert that matches both sides is not
// inhibited by another that does; a source reaches targets of its own urgency or lower, whether it is silenced or
// inhibited itself or not, but not once all its incidents were resolved by hand.
// Source: prometheus/alertmanager inhibit/inhibit.go; it equates labels that both lack, which hides everything.
#pragma once

#include "rules/hold/hold.hpp"

namespace rules {

void find_inhibitors(Moment& moment, const HeldAlert& alert, std::vector<AlertHold>& found);

// Which rules the alert is a source or a target of; when it has become a source, or is one no longer, its targets are
// looked at.
void register_sides(Moment& moment, const HeldAlert& alert);
void forget_sides(Moment& moment, const Episode& episode);

// The incident opened, ended or changed its urgency: so did what its alerts may inhibit.
void on_source_standing(Moment& moment, const Incident& incident);

// Open alerts that inhibit one with these labels, or would if there were no others: at most so many of high urgency and
// as many of lower.
[[nodiscard]] std::vector<EpisodeId> inhibitors_of(const State& state, const Labels& labels, std::size_t most);

// For make_links(): the rules, and an alert's sides without looking at anything.
void link_rules(Moment& moment);
void link_sides(Moment& moment, const HeldAlert& alert);

}  // namespace rules
