#include "daemon/channels/registry.hpp"

#include <optional>
#include <utility>

#include <fmt/format.h>

#include "daemon/channels/command.hpp"
#include "daemon/channels/log.hpp"
#include "daemon/channels/mattermost.hpp"
#include "daemon/channels/ntfy.hpp"
#include "daemon/channels/sip.hpp"
#include "daemon/channels/slack.hpp"
#include "daemon/channels/smtp.hpp"
#include "daemon/channels/twilio.hpp"
#include "daemon/channels/webhook.hpp"

namespace channels {
namespace {

using Made = tl::expected<std::unique_ptr<Provider>, std::string>;

Made make_webhook(const rules::Provider& provider, const Makings& makings) {
  WebhookSettings settings{provider.url, provider.timeout, {}, makings.public_url};
  if (!provider.secret_file.empty()) {
    tl::expected<std::vector<std::string>, std::string> secrets = read_secrets(provider.secret_file);
    if (!secrets) return tl::unexpected(std::move(secrets.error()));
    settings.secrets = std::move(*secrets);
  }
  return std::make_unique<WebhookProvider>(makings.client, makings.clock, std::move(settings));
}

Made make_command(const rules::Provider& provider, const Makings& makings) {
  if (provider.run.empty()) return tl::unexpected(std::string("there is no program to run"));
  return std::make_unique<CommandProvider>(makings.commands,
                                           CommandSettings{provider.run, provider.timeout, makings.public_url});
}

Made make_twilio(const rules::Provider& provider, const Makings& makings) {
  tl::expected<TwilioSettings, std::string> settings = twilio_settings(provider, makings.public_url);
  if (!settings) return tl::unexpected(std::move(settings.error()));
  settings->templates = makings.templates;
  return std::make_unique<TwilioProvider>(makings.client, makings.clock, std::move(*settings));
}

Made make_sip(const rules::Provider& provider, const Makings& makings) {
  if (makings.telephones == nullptr) return tl::unexpected(std::string("there are no telephones here"));
  tl::expected<SipSettings, std::string> settings = sip_settings(provider);
  if (!settings) return tl::unexpected(std::move(settings.error()));
  std::string pattern;
  for (const auto& [key, value] : provider.settings)
    if (key == "dial") pattern = value;
  return std::make_unique<SipProvider>(
      *makings.telephones, std::move(*settings), std::move(pattern), makings.templates);
}

Made make_slack(const rules::Provider& provider, const Makings& makings) {
  tl::expected<SlackSettings, std::string> settings = slack_settings(provider, makings.public_url);
  if (!settings) return tl::unexpected(std::move(settings.error()));
  settings->templates = makings.templates;
  return std::make_unique<SlackProvider>(makings.client, makings.clock, std::move(*settings));
}

// Empty when links would lead nowhere.
SignLink signs_links(const Makings& makings) {
  if (!makings.has_links || makings.signer == nullptr || makings.public_url.empty()) return {};
  return [signer = makings.signer, &clock = makings.clock, url = makings.public_url](
             const std::string& person,
             rules::IncidentId incident,
             rules::MessageId message,
             std::string_view action) -> std::string {
    const std::optional<links::Action> wanted = links::action_of(action);
    if (!wanted) return {};
    links::Link link;
    link.person = person;
    link.incident = incident;
    link.message = message;
    link.action = *wanted;
    link.until = clock.read().wall + links::link_lasts;
    return fmt::format("{}/v1/links/{}", url, signer->token(link));
  };
}

Made make_ntfy(const rules::Provider& provider, const Makings& makings) {
  tl::expected<NtfySettings, std::string> settings = ntfy_settings(provider, makings.public_url);
  if (!settings) return tl::unexpected(std::move(settings.error()));
  settings->templates = makings.templates;
  settings->sign_link = signs_links(makings);
  return std::make_unique<NtfyProvider>(makings.client, makings.clock, std::move(*settings));
}

Made make_smtp(const rules::Provider& provider, const Makings& makings) {
  if (makings.mail == nullptr) return tl::unexpected(std::string("no mail is sent here"));
  tl::expected<SmtpSettings, std::string> settings = smtp_settings(provider, makings.public_url, makings.outbound);
  if (!settings) return tl::unexpected(std::move(settings.error()));
  settings->signer = makings.signer;
  settings->has_links = makings.has_links;
  settings->templates = makings.templates;
  settings->channel = makings.channel;
  return std::make_unique<SmtpProvider>(
      *makings.mail, makings.clock, std::move(*settings), makings.tell, makings.complain);
}

Made make_mattermost(const rules::Provider& provider, const Makings& makings) {
  tl::expected<MattermostSettings, std::string> settings = mattermost_settings(provider, makings.public_url);
  if (!settings) return tl::unexpected(std::move(settings.error()));
  settings->templates = makings.templates;
  return std::make_unique<MattermostProvider>(makings.client, makings.clock, std::move(*settings));
}

}  // namespace

std::string_view name_of(rules::ProviderKind kind) {
  switch (kind) {
    case rules::ProviderKind::webhook:
      return "webhook";
    case rules::ProviderKind::command:
      return "command";
    case rules::ProviderKind::log:
      return "log";
    case rules::ProviderKind::twilio:
      return "twilio";
    case rules::ProviderKind::smtp:
      return "smtp";
    case rules::ProviderKind::slack:
      return "slack";
    case rules::ProviderKind::sip:
      return "sip";
    case rules::ProviderKind::ntfy:
      return "ntfy";
    case rules::ProviderKind::mattermost:
      return "mattermost";
  }
  return "unknown";
}

Made make_provider(const rules::Provider& provider, const Makings& makings) {
  switch (provider.kind) {
    case rules::ProviderKind::webhook:
      return make_webhook(provider, makings);
    case rules::ProviderKind::command:
      return make_command(provider, makings);
    case rules::ProviderKind::log:
      return std::make_unique<LogProvider>(makings.log_line, makings.public_url);
    case rules::ProviderKind::twilio:
      return make_twilio(provider, makings);
    case rules::ProviderKind::sip:
      return make_sip(provider, makings);
    case rules::ProviderKind::slack:
      return make_slack(provider, makings);
    case rules::ProviderKind::ntfy:
      return make_ntfy(provider, makings);
    case rules::ProviderKind::mattermost:
      return make_mattermost(provider, makings);
    case rules::ProviderKind::smtp:
      return make_smtp(provider, makings);
  }
  return tl::unexpected(fmt::format("this version has no provider {}", name_of(provider.kind)));
}

Providers::Providers(const std::vector<rules::Channel>& all, const Makings& makings) {
  Makings its = makings;
  for (const rules::Channel& channel : all) {
    its.channel = channel.name;
    std::vector<std::unique_ptr<Provider>>& made = channels_[channel.name];
    for (const rules::Provider& provider : channel.providers) {
      Made one = make_provider(provider, its);
      if (!one) {
        problems_.push_back(fmt::format(
            "channel {}, provider {} ({}): {}", channel.name, made.size() + 1, name_of(provider.kind), one.error()));
        unmade_.emplace(channel.name, static_cast<std::uint32_t>(made.size()));
        one = refusing_provider(std::move(one.error()));
      }
      made.push_back(std::move(*one));
    }
  }
}

Provider* Providers::find(const std::string& channel, std::uint32_t index) const {
  const auto found = channels_.find(channel);
  if (found == channels_.end() || index >= found->second.size()) return nullptr;
  return found->second[index].get();
}

bool Providers::can_page(const rules::Policy& policy) const {
  for (const rules::Person& person : policy.people) {
    for (const rules::Contact& contact : person.contacts) {
      const rules::Channel* const channel = policy.channel(contact.channel);
      if (channel == nullptr) continue;
      for (std::uint32_t index = 0; index < channel->providers.size(); ++index) {
        if (channel->providers[index].kind != rules::ProviderKind::log && can_work(channel->name, index)) return true;
      }
    }
  }
  return false;
}

bool Providers::can_work(const std::string& channel, std::uint32_t index) const {
  return find(channel, index) != nullptr && !unmade_.contains({channel, index});
}

}  // namespace channels
