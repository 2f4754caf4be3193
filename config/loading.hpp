// The parts of load(): each reads the sections of one concern into a Configuration. Internal to config/.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "config/load.hpp"
#include "config/reader.hpp"

namespace config {

/// Everything in the file that can be named elsewhere in it; known before any section is read, so that sections may
/// stand in any order.
struct Names {
  std::vector<std::string> people;
  std::vector<std::string> rotations;
  std::vector<std::string> specialists;
  std::vector<std::string> call_trees;
  std::vector<std::string> services;
  std::vector<std::string> time_intervals;
  std::vector<std::string> channels;
  std::vector<std::string> senders;  // access.senders and sources

  [[nodiscard]] std::vector<std::string> targets() const;  // people, rotations, specialists
  [[nodiscard]] std::optional<rules::Target> target(std::string_view name) const;
};

[[nodiscard]] bool contains(const std::vector<std::string>& names, std::string_view name);

struct Loading {
  Reader& reader;
  const LoadOptions& options;
  Names names;
  Configuration& result;
  std::map<std::string, bool, std::less<>> zones{};  // whether it could be read
  std::vector<std::string> zone_names{};             // of the system, once somebody needs a suggestion

  /// Reports a name that is not there; `what` as in "no call tree".
  bool check_name(std::string_view name,
                  Place place,
                  const std::vector<std::string>& names_there,
                  std::string_view what);
  /// The zone's name, read into the policy's zones; nothing when there is none.
  std::optional<std::string> zone(Section& section);
  [[nodiscard]] std::string secret(std::optional<std::string> file) const;
  std::optional<rules::Target> target(std::string_view name, Place place);
  /// `call`: one name or a list of them.
  std::vector<rules::Target> targets(const Entry& entry);
  std::vector<rules::Matcher> matchers(const Entry& entry);
  /// A list whose items are all different; a doubled one is reported.
  std::optional<std::vector<std::string>> distinct(Section& section, std::string_view key);
};

/// Reports a name that is among `names`, and adds it to them.
void check_unique(Loading& loading, std::vector<std::string>& names, const std::string& name, Place place);
/// A list of texts; nothing when it is absent or wrong.
[[nodiscard]] std::optional<std::vector<std::string>> words_of(Section& section, std::string_view key);
/// A setting that only its provider knows; of a file where it lies. Nothing is kept of what is absent.
void keep(rules::Provider& provider, std::string_view key, std::optional<std::string> value);
void keep_file(const Loading& loading,
               rules::Provider& provider,
               std::string_view key,
               std::optional<std::string> file);

void read_channels(Loading& loading, Section& top);  // channels, budget; before people
void read_smtp(Loading& loading, Section& section, Place place, rules::Provider& provider);  // of read_channels
void read_people(Loading& loading, Section& top);  // people, rotations, specialists
void read_rules(Loading& loading, Section& top);   // identity, severity, call trees, services, route, correlation, ...
void read_settings(Loading& loading, Section& top);  // server, storage, access, sources, publish, audit
void read_sources(Loading& loading, Section& top);   // of read_settings
void read_templates(Loading& loading, Section& top);

/// The daily span of an `hours` item or of a time interval: days, from, to.
[[nodiscard]] rules::Hours read_hours(Section& section, Loading& loading);

}  // namespace config
