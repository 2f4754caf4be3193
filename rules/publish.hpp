// Status updates: what is told to the company, and to the people who asked.
#pragma once

#include <string>
#include <string_view>

#include "rules/event.hpp"
#include "rules/moment.hpp"

namespace rules {

// The company is told of an incident of high urgency when somebody is called for it, of every update, and of its end.
// Drills, and what is held or folded into another, are not published.
void publish_outage(Moment& moment, Incident& incident);
void publish_end(Moment& moment, Incident& incident, const std::string& by);

void on_update(Moment& moment, const Update& verb);
void on_follow(Moment& moment, const Follow& verb);

[[nodiscard]] std::string_view to_word(NoticeKind kind);  // "that it has ended"

// Whether this is the pseudo-contact of a publication, and which. Messages to it have no person.
[[nodiscard]] const Publication* publication_at(const Policy& policy,
                                                std::string_view person,
                                                std::string_view contact);

}  // namespace rules
