// All that a command needs of the world around it, handed in so that tests can drive every command without a process,
// a terminal or a daemon. system.hpp makes the real one.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include <tl/expected.hpp>

#include "daemon/channels/probe.hpp"
#include "rules/policy.hpp"
#include "rules/time.hpp"
#include "rules/zone.hpp"

namespace ctl {

struct Call {
  std::string method;
  std::string url;    // whole: "http://127.0.0.1:9911/v1/oncall", "unix:/run/rouse.sock:/v1/oncall"
  std::string token;  // bearer; "" = none. A secret.
  std::string body;   // JSON
  rules::Duration timeout{};
  std::string authority_file{};  // PEM, for https; "" = the system's authorities
};

struct Answer {
  unsigned status{};
  std::string body;
};

struct Environment {
  std::function<std::optional<std::string>(const std::string&)> variable;  // of the process's environment
  std::function<rules::Instant()> now;                                     // the wall clock
  std::function<tl::expected<Answer, std::string>(const Call&)> call;      // the error: why no answer came
  // Each provider of these channels, all at once, for this long at most; `allowed`: server.outbound_private.
  std::function<std::vector<channels::Probed>(
      const std::vector<rules::Channel>& channels, const std::vector<std::string>& allowed, rules::Duration limit)>
      probe;
  std::function<bool(rules::Duration)> pause;  // false: interrupted, end now
  std::function<std::string()> input;          // all of standard input
  std::string login;                           // who acts when --by is not given
  rules::Zone zone;                            // the reader's
  bool out_is_terminal{};
  bool error_is_terminal{};
  std::size_t width{100};  // columns of the terminal
};

}  // namespace ctl
