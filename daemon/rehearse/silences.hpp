// Silences and maintenance in a rehearsal: `silence: {matchers, for, by}`, `maintenance: {service, for, by}`, and
// `expire: {silence: 1}`, which ends one of them by its number or by what it is about.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "config/document.hpp"
#include "config/reader.hpp"
#include "daemon/rehearse/world.hpp"
#include "rules/event.hpp"

namespace rehearse {

struct SetSilence {
  rules::SilenceSet set;               // without its span, and of maintenance without its matcher
  std::string service;                 // of maintenance
  std::optional<rules::Instant> from;  // default: the event
  std::optional<rules::Instant> to;    // else it lasts `length`
  rules::Duration length{};
};

struct EndSilence {
  std::uint32_t number{};  // 1 = the first that was set; 0 = by what follows
  std::vector<rules::Matcher> matchers;
  std::string service;
  std::string by;
};

// `start` as ScriptOptions has it. What is wrong is told to the reader.
[[nodiscard]] std::optional<SetSilence> read_silence(config::Reader& reader,
                                                     const config::Entry& entry,
                                                     const std::optional<rules::Instant>& start);
[[nodiscard]] std::optional<EndSilence> read_expire(config::Reader& reader, const config::Entry& entry);

// What was refused, in words.
[[nodiscard]] std::optional<std::string> happen(World& world, rules::Instant at, const SetSilence& event);
[[nodiscard]] std::optional<std::string> happen(World& world, rules::Instant at, const EndSilence& event);

}  // namespace rehearse
