// One run of rousectl as its commands see it: where output goes, how it should look, and what the arguments said that
// every command takes.
#pragma once

#include <functional>
#include <optional>
#include <ostream>
#include <string>
#include <string_view>

#include <CLI/App.hpp>

#include "daemon/ctl/environment.hpp"
#include "daemon/ctl/run.hpp"
#include "daemon/words/terminal.hpp"

namespace ctl {

struct Session {
  std::ostream& out;
  std::ostream& error;
  const Environment& environment;

  std::string output{"table"};   // or "json"
  std::string url;               // of the daemon; "" = ROUSE_URL, else the default
  std::function<int()> command;  // what the arguments asked for; set while they are read

  [[nodiscard]] bool is_json() const { return output == "json"; }
  [[nodiscard]] rules::Instant now() const { return environment.now(); }
  // "14:03:20" on the reader's day, else "2026-03-04 14:03:20".
  [[nodiscard]] std::string print_time(rules::Instant instant) const;
  // As it should be drawn on `out`: colour only on a terminal and not against NO_COLOR.
  [[nodiscard]] words::Drawing drawing() const;
  // An error line, "rousectl: ...", and the exit code to return.
  int fail(ExitCode code, std::string_view message) const;
};

// A whole date and time in the reader's zone: "2026-03-04 14:03:20 PST".
[[nodiscard]] std::string print_date(const rules::Zone& zone, rules::Instant instant);

// "1 page", "3 pages"
[[nodiscard]] std::string counted(std::size_t number, std::string_view what);

// What people write for an instant: RFC 3339; "2026-03-04T09:00" (seconds are optional, a blank may stand for the T) in
// the reader's zone; "now".
[[nodiscard]] std::optional<rules::Instant> parse_time(std::string_view text,
                                                       const rules::Zone& zone,
                                                       rules::Instant now);

// The options of several commands.
void add_output(CLI::App& command, Session& session);

// Each declares its command on the app; run() calls them all.
void add_check(CLI::App& app, Session& session);
void add_test(CLI::App& app, Session& session);
void add_simulate(CLI::App& app, Session& session);
void add_explain(CLI::App& app, Session& session);
void add_status(CLI::App& app, Session& session);
void add_incidents(CLI::App& app, Session& session);
void add_show(CLI::App& app, Session& session);
void add_verbs(CLI::App& app, Session& session);  // ack, escalate, snooze, resolve, call, note, update, follow
void add_page(CLI::App& app, Session& session);   // page test
void add_on_call(CLI::App& app, Session& session);
void add_reachability(CLI::App& app, Session& session);
void add_silence(CLI::App& app, Session& session);
void add_maintenance(CLI::App& app, Session& session);
void add_send(CLI::App& app, Session& session);
void add_reload(CLI::App& app, Session& session);

inline constexpr const char* offline_group = "From a configuration alone";
inline constexpr const char* reading_group = "Ask the daemon";
inline constexpr const char* acting_group = "Act";

}  // namespace ctl
