// The daemon's HTTP interface without HTTP: a request becomes an answer, or what has to happen before it can be
// answered. Nothing here opens a socket, waits or asks a clock. One thread for each Services and Parser: the I/O
// thread's own.
//
// Bad input never throws and never answers 5xx. All errors are RFC 9457 problem documents.
#pragma once

#include <cstddef>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "config/load.hpp"
#include "daemon/api/access.hpp"
#include "daemon/api/audit.hpp"
#include "daemon/api/grafana_signature.hpp"
#include "daemon/api/keyring.hpp"
#include "daemon/api/metrics.hpp"
#include "daemon/api/senders.hpp"
#include "daemon/api/slack_signature.hpp"
#include "daemon/api/twilio_signature.hpp"
#include "daemon/intake/intake.hpp"
#include "daemon/intake/map.hpp"
#include "daemon/lane.hpp"
#include "daemon/links/signer.hpp"
#include "daemon/net/client.hpp"
#include "daemon/net/http.hpp"
#include "rules/event.hpp"
#include "rules/policy.hpp"
#include "rules/view.hpp"

namespace api {

// The engine must be told this; its Reply makes the answer.
struct Tell {
  rules::Event event;
  bool people{};        // through the ring of people's verbs instead of that of reports
  std::size_t bytes{};  // what it takes in the ring
  std::function<net::Response(const roused::Reply&)> render;
};

// The engine must let this look; render() may be called once it has, and answers 503 when it never did. What would
// keep the engine for long looks in steps: again while has_more() says so, with room for other work in between.
struct Ask {
  roused::Look look;
  std::function<net::Response()> render;
  std::function<bool()> has_more{};  // may be empty: one look is enough
  // When there: what the engine is told after it has looked, or the answer when there is nothing to tell; instead of
  // render().
  std::function<std::variant<Tell, net::Response>()> then{};
};

using Call = std::variant<net::Response, Tell, Ask, Prove>;

// 32 hex digits from the system's source of randomness.
[[nodiscard]] std::string random_key();

struct Services {
  std::shared_ptr<const config::Settings> settings;  // never null
  Metrics* metrics{};                                // never null; outlives this
  rules::Instant started;                            // of the daemon, for its uptime

  // Loads the configuration again, or only says what that would do. See reloaded() and reload_refused().
  std::function<Call(bool dry_run)> reload;
  // Why the daemon is not ready to page; nothing when it is.
  std::function<std::optional<std::string>()> why_not_ready;
  // Hears of every act and of every refusal of who somebody is. May be empty.
  Audit audit;
  // How the providers do. May be empty.
  std::function<std::vector<ProviderFigures>()> providers;
  // An alert that was not taken, for whoever keeps what to inspect. May be empty.
  std::function<void(const std::string& source, const intake::Rejected&)> keep_rejected;
  // The secrets in a file, any of which is good; none when it cannot be read. May be empty: then there are none.
  std::function<std::vector<std::string>(const std::string& file)> read_secrets;
  // Makes an HTTP call to a provider, for what is written back into a chat; nobody waits for what comes of it. On this
  // thread's own loop. May be empty: then nothing is.
  std::function<void(net::ClientRequest request)> call;
  // Of the links in pages; null: there are none.
  std::shared_ptr<const links::Signer> link_signer;
  // A text that nobody can guess or has had before: a dedup_key for a sender that brings none.
  std::function<std::string()> make_key{random_key};
  std::shared_ptr<Senders> senders{std::make_shared<Senders>()};     // never null; all I/O threads have the same
  std::shared_ptr<Attempts> attempts{std::make_shared<Attempts>()};  // likewise

  // The policy in force, never null when handle() is called, and the seed of the store's keys. Reads the secrets that
  // the policy names.
  void use(std::shared_ptr<const rules::Policy> policy, std::uint64_t key_seed);
  [[nodiscard]] const std::shared_ptr<const rules::Policy>& policy() const { return policy_; }
  [[nodiscard]] const intake::Context& context() const { return context_; }
  // How the JSON of a source becomes alerts; null when the policy does not say.
  [[nodiscard]] const intake::Map* map_of(std::string_view source) const;
  [[nodiscard]] const std::vector<GrafanaSigner>& signers() const { return signers_; }
  // Of the `access` section, its files read when the policy came; null without one.
  [[nodiscard]] const std::shared_ptr<Keyring>& keyring() const { return keyring_; }
  [[nodiscard]] const std::vector<SlackApp>& slack_apps() const { return slack_apps_; }
  [[nodiscard]] const std::vector<MattermostApp>& mattermost_apps() const { return mattermost_apps_; }
  [[nodiscard]] const std::vector<TwilioAccount>& twilio_accounts() const { return twilio_accounts_; }

 private:
  void use_access();
  void use_sources();
  void use_chats();
  void use_providers();

  std::shared_ptr<const rules::Policy> policy_;
  intake::Context context_;  // for the intake of any source, whose name is filled in
  std::map<std::string, intake::Map, std::less<>> maps_;
  std::vector<GrafanaSigner> signers_;
  std::shared_ptr<Keyring> keyring_;
  std::vector<SlackApp> slack_apps_;
  std::vector<MattermostApp> mattermost_apps_;
  std::vector<TwilioAccount> twilio_accounts_;
};

// `now` is the wall clock's.
[[nodiscard]] Call handle(const net::Request& request,
                          rules::Instant now,
                          const Services& services,
                          intake::Parser& parser);

// Whether the body of a request is worth reading, by its head alone: an answer of 100 when it is, with the name of the
// sender who has proved it, if one has.
[[nodiscard]] Call gate(const net::Request& head, rules::Instant now, const Services& services);

// How long a body may be on paths where nobody is asked who they are, or where it is only believed for its signature;
// nothing: as the configuration says.
[[nodiscard]] std::optional<std::size_t> most_body_bytes(std::string_view path);

// Passwords that wait for their check are too many: try again.
[[nodiscard]] net::Response too_many_checks(const net::Request& request);

// POST paths on which a missing Content-Length is an empty body.
[[nodiscard]] bool may_lack_length(std::string_view path);

// The answer to work that found its ring full, or to a daemon that is stopping.
[[nodiscard]] net::Response overloaded();

// Answers of a reload: {"status": "ok", "text": ...}, and 422 with the reasons.
[[nodiscard]] net::Response reloaded(std::string_view text);
[[nodiscard]] net::Response reload_refused(std::string_view why);

}  // namespace api
