// What the tests of real faults share: who was paged for what, and what this machine lets a test do.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "tests/live/live.hpp"
#include "tests/support/figures.hpp"

// Whether the daemon that was built with the tests is.
#define ROUSE_IS_SANITIZED 0
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#undef ROUSE_IS_SANITIZED
#define ROUSE_IS_SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#undef ROUSE_IS_SANITIZED
#define ROUSE_IS_SANITIZED 1
#endif
#endif

namespace live {

using Clock = std::chrono::steady_clock;

// tests/run --long: more of everything.
inline bool is_long() {
  const char* const text = std::getenv("ROUSE_LONG");  // NOLINT(concurrency-mt-unsafe): nothing sets it
  return text != nullptr && *text != '\0' && *text != '0';
}

// An alert of a service of its own, hence of an incident of its own.
inline Labels outage_of(std::string_view service) {
  return Labels{{"alertname", "ApiDown"}, {"service", std::string{service}}, {"severity", "critical"}};
}

inline bool is_about(const support::Message& message, std::string_view incident) {
  return std::find(message.incidents.begin(), message.incidents.end(), incident) != message.incidents.end();
}

// The pages to `person` about `incident`, in the order of their arrival.
inline std::vector<support::Message> pages_to(const std::vector<support::Message>& messages,
                                              std::string_view person,
                                              std::string_view incident) {
  std::vector<support::Message> found;
  for (const support::Message& message : messages) {
    if (message.is_page && message.to == person && is_about(message, incident)) found.push_back(message);
  }
  return found;
}

inline bool is_paged(const support::Sink& sink,
                     std::string_view person,
                     std::string_view incident,
                     std::chrono::milliseconds limit = support::patience) {
  const auto holds = [person, incident](const std::vector<support::Message>& messages) {
    return !pages_to(messages, person, incident).empty();
  };
  return sink.wait_until(holds, limit);
}

// True when no page for `person` about `incident` comes within `limit`, which it always takes.
inline bool stays_unpaged(const support::Sink& sink,
                          std::string_view person,
                          std::string_view incident,
                          std::chrono::milliseconds limit) {
  return !is_paged(sink, person, incident, limit);
}

inline double seconds_between(Clock::time_point from, Clock::time_point to) {
  return std::chrono::duration<double>(to - from).count();
}

// When `person` was first paged about `incident`, counted from `from`; -1: never.
inline double paged_after(const support::Sink& sink,
                          Clock::time_point from,
                          std::string_view person,
                          std::string_view incident) {
  const std::vector<support::Message> pages = pages_to(sink.messages(), person, incident);
  return pages.empty() ? -1 : seconds_between(from, pages.front().at);
}

// Whether each message that was taken (2xx) came once, or came again under its key with the mark. Says how often each
// of the two happened, to the figures as well.
inline void expect_no_silent_double(const std::vector<support::Message>& messages) {
  std::map<std::string, bool> taken;  // by key
  std::map<std::string, std::string> key_of;
  std::size_t marked = 0;
  std::size_t silent = 0;
  for (const support::Message& message : messages) {
    if (!message.is_page) continue;
    if (taken[message.key]) {
      ++(message.possible_duplicate ? marked : silent);
      EXPECT_TRUE(message.possible_duplicate) << "sent again without the mark: " << message.body;
    }
    taken[message.key] = taken[message.key] || (message.answered >= 200 && message.answered < 300);
    const auto [known, is_new] = key_of.emplace(message.id, message.key);
    EXPECT_EQ(known->second, message.key) << "one page under two keys: " << message.body;
  }
  support::figure("faults", "pages that came again, marked", marked);
  support::figure("faults", "pages that came again without a mark", silent);
}

}  // namespace live
