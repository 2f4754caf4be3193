// The one list that makes providers from what the configuration says. A new kind of provider is one file of its own and
// one case in registry.cpp.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <tl/expected.hpp>

#include "daemon/channels/command_runner.hpp"
#include "daemon/channels/mail_runner.hpp"
#include "daemon/channels/provider.hpp"
#include "daemon/channels/telephones.hpp"
#include "daemon/channels/tell.hpp"
#include "daemon/clock.hpp"
#include "daemon/links/signer.hpp"
#include "daemon/net/client.hpp"
#include "rules/policy.hpp"

namespace channels {

// What providers are made with; all of it outlives them and every try, so that a reload can replace providers while
// tries are under way.
struct Makings {
  net::Client& client;
  CommandRunner& commands;
  const roused::Clock& clock;
  std::function<void(std::string_view line)> log_line;  // where the `log` provider writes
  std::string public_url;                               // for links in pages; "" = none
  Telephones* telephones{};                             // for the `sip` provider; null in tests that call nobody
  std::vector<rules::Template> templates{};             // of the policy: texts in place of the built-in ones
  TellEngine tell{};                              // for what comes back from people; empty in tests that hear nothing
  MailRunner* mail{};                             // for the `smtp` provider; null in tests that mail nobody
  std::shared_ptr<const links::Signer> signer{};  // of links and of the names of mails; null: neither can be made
  bool has_links{};                               // signed links are served
  std::function<void(std::string_view what, std::string_view why)> complain{};  // of what comes later, for the log
  net::OutboundRules outbound{};  // what the addresses of a mail server's name may be
  std::string channel{"email"};   // whose provider is made: by it people are found who write back
};

// Reads the provider's secrets, so it blocks on files. An error says what is wrong, in words, without secrets.
[[nodiscard]] tl::expected<std::unique_ptr<Provider>, std::string> make_provider(const rules::Provider& provider,
                                                                                 const Makings& makings);

// As the configuration calls it: "webhook".
[[nodiscard]] std::string_view name_of(rules::ProviderKind kind);

// The providers of all channels of one policy. One that cannot be made is there all the same and refuses with the
// reason, so that the order of preference stays as configured.
class Providers {
 public:
  Providers() = default;
  Providers(const std::vector<rules::Channel>& all, const Makings& makings);

  // Null when the channel or that place in its order is not configured. Lives as long as this object.
  [[nodiscard]] Provider* find(const std::string& channel, std::uint32_t index) const;

  // False when it could not be made, or is not there: it refuses everything.
  [[nodiscard]] bool can_work(const std::string& channel, std::uint32_t index) const;

  // Somebody has a contact in a channel that has a provider which could be made, and which is not the log alone.
  [[nodiscard]] bool can_page(const rules::Policy& policy) const;

  // "channel sms, provider 1 (twilio): this version has no provider twilio": for the log and for a reload's answer.
  [[nodiscard]] const std::vector<std::string>& problems() const { return problems_; }

 private:
  std::map<std::string, std::vector<std::unique_ptr<Provider>>> channels_;
  std::set<std::pair<std::string, std::uint32_t>> unmade_;
  std::vector<std::string> problems_;
};

}  // namespace channels
