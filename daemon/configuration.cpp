#include "daemon/configuration.hpp"

#include <chrono>
#include <utility>

#include <fmt/format.h>

#include "config/check.hpp"
#include "daemon/api/keyring.hpp"
#include "daemon/channels/webhook.hpp"
#include "daemon/log.hpp"
#include "rules/codec/codec.hpp"
#include "rules/rfc3339.hpp"

namespace roused {

tl::expected<InForce, std::string> load_configuration(const std::filesystem::path& file, bool log_warnings) {
  config::Loaded loaded = config::load_file(file);
  if (!loaded) return tl::unexpected{config::print(loaded.error())};
  if (log_warnings) {
    for (const config::Problem& warning : loaded->warnings) log(LogLevel::warn, config::print(warning));
  }
  if (!config::can_page_anybody(loaded->policy)) {
    return tl::unexpected{
        fmt::format("{}: no channel could page anybody: give somebody a contact on a channel with a `webhook` or "
                    "`command` provider "
                    "(`log` alone counts only in offline commands)\n",
                    file.string())};
  }
  loaded->policy.hash = codec::hash_of(loaded->policy);
  InForce result{.policy = std::make_shared<const rules::Policy>(std::move(loaded->policy)),
                 .settings = std::make_shared<const config::Settings>(std::move(loaded->settings)),
                 .tls = {}};
  const config::Settings& settings = *result.settings;
  if (settings.server.tls) {
    auto keys = net::TlsKeys::read(net::TlsFiles{.certificate_file = settings.server.tls->cert_file,
                                                 .key_file = settings.server.tls->key_file,
                                                 .client_authority_file = settings.server.tls->client_ca_file,
                                                 .needs_client_certificate = !settings.access});
    if (!keys) return tl::unexpected{keys.error() + "\n"};
    result.tls = *std::move(keys);
  }
  return result;
}

net::OutboundRules outbound_rules(const config::Settings& settings) {
  return net::OutboundRules{.is_guarded = true, .allowed = settings.server.outbound_private};
}

void log_certificate(const InForce& configuration, rules::Instant now) {
  constexpr std::chrono::hours soon{24 * 14};
  if (configuration.tls == nullptr) return;
  const rules::Instant ends{configuration.tls->ends()};
  log(ends < now + soon ? LogLevel::warn : LogLevel::info,
      ends < now          ? "the certificate of this server has ended: nobody believes it"
      : ends < now + soon ? "the certificate of this server ends soon"
                          : "the certificate of this server is read",
      {{"ends", rules::print_rfc3339(ends)}});
}

void log_unusable_access(const config::Settings& settings) {
  if (!settings.access) return;
  const api::Keyring keyring{*settings.access, [](const std::string& file) {
                               return channels::read_secrets(file).value_or(std::vector<std::string>{});
                             }};
  for (const std::string& problem : keyring.problems()) {
    log(LogLevel::error, "somebody of the `access` section cannot come in", {{"why", problem}});
  }
}

void log_what_waits(const config::Settings& started, const config::Settings& loaded) {
  const auto changed = [](std::string_view key) {
    log(LogLevel::warn, "a setting changed that takes effect at the next start", {{"key", key}});
  };
  if (started.server.listen != loaded.server.listen) changed("server.listen");
  if (started.server.max_body_bytes != loaded.server.max_body_bytes) changed("server.max_body");
  if (started.storage.folder != loaded.storage.folder) changed("storage.path");
  if (started.storage.journal != loaded.storage.journal) changed("storage.journal");
}

}  // namespace roused
