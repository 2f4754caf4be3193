// What may happen in a rehearsal, as people write it: the events of policy tests and of simulate's event files.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "config/document.hpp"
#include "config/reader.hpp"
#include "daemon/rehearse/silences.hpp"
#include "daemon/rehearse/world.hpp"
#include "rules/event.hpp"

namespace rehearse {

// Reports as bytes of a sender, or as alerts: their times are filled in when they are told.
struct Told {
  rules::ReportsArrived reports;
  bool own_times{};  // `alert:` and `resolved:`: starts_at and ends_at default to the instant of the event
};
struct ProviderChange {
  std::string channel;
  std::uint32_t provider{};  // 0-based
  Behaviour behaviour{};
};
struct Restart {
  rules::Duration down{};
};
struct Reload {
  std::string file;  // as written, from the folder of the script
};
struct BeatCall {
  std::string heartbeat;
};

// A person writes or presses a key: as if it came from that contact of theirs; of somebody unknown from an address that
// is nobody's.
struct PersonReplies {
  std::string from;
  std::string by;  // a contact or a channel
  rules::ReplyForm form{rules::ReplyForm::text};
  std::string text;
  std::string id;
};
// What a provider says later of the last message to this contact.
struct LaterWord {
  std::string to;
  std::string by;
  rules::Delivery delivery{};
  std::optional<std::uint32_t> provider{};  // index in the channel's order; nothing: the one that has it now
};

using What = std::variant<PersonReplies,
                          LaterWord,
                          Told,
                          rules::Event,
                          ProviderChange,
                          Restart,
                          Reload,
                          BeatCall,
                          SetSilence,
                          EndSilence>;

struct ScriptEvent {
  rules::Instant at;
  What what;
  config::Place place;
  std::string text;  // "ack", "restart": how the script calls it
};

struct ScriptOptions {
  std::string folder;                   // where relative files are
  std::optional<rules::Instant> start;  // set: `at` counts from it; else `at` is an RFC 3339 time
};

// One event of a map `{ at: ..., alert: ... }`; what is wrong is told to the reader. Events of the contract that
// nothing acts on yet are refused by name.
[[nodiscard]] std::optional<ScriptEvent> read_event(config::Reader& reader,
                                                    const config::Node& node,
                                                    const ScriptOptions& options);

// Lets it happen in the world; a reload that is wrong, a beat of nothing and a silence that is refused change nothing
// and are returned as text. A verb's verdict is the world's matter: one that is refused is recorded on the incident.
[[nodiscard]] std::optional<std::string> happen(World& world, const ScriptEvent& event, const ScriptOptions& options);

// A document as JSON: for bodies that a script holds as YAML.
[[nodiscard]] std::string to_json(const config::Node& node);

}  // namespace rehearse
