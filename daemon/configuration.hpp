// A configuration as the daemon runs by it, and what its operator should hear of it.
#pragma once

#include <filesystem>
#include <memory>
#include <string>

#include <tl/expected.hpp>

#include "config/load.hpp"
#include "daemon/net/outbound.hpp"
#include "daemon/net/tls.hpp"
#include "rules/policy.hpp"

namespace roused {

// What the rules need, and the rest. Shared by all I/O threads; never changed, but replaced as a whole by a reload.
struct InForce {
  std::shared_ptr<const rules::Policy> policy;
  std::shared_ptr<const config::Settings> settings;
  std::shared_ptr<const net::TlsKeys> tls;  // of the settings' files; null without
};

// Reads the file, and the files of its `tls`. Otherwise everything that is wrong, in lines for people: also when nobody
// could be paged.
[[nodiscard]] tl::expected<InForce, std::string> load_configuration(const std::filesystem::path& file,
                                                                    bool log_warnings);

// Providers are called by names that others may change, so where they lead is looked at.
[[nodiscard]] net::OutboundRules outbound_rules(const config::Settings& settings);

// Until when this server's certificate is good.
void log_certificate(const InForce& configuration, rules::Instant now);
// Who cannot come in by what the configuration names, said without its secrets.
void log_unusable_access(const config::Settings& settings);
// What changed and is taken over only by a start.
void log_what_waits(const config::Settings& started, const config::Settings& loaded);

}  // namespace roused
