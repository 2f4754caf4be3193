#include "daemon/channels/registry.hpp"

#include <utility>

#include <fmt/format.h>

#include "daemon/channels/command.hpp"
#include "daemon/channels/log.hpp"
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
  }
  return "unknown";
}

}  // namespace

Made make_provider(const rules::Provider& provider, const Makings& makings) {
  switch (provider.kind) {
    case rules::ProviderKind::webhook:
      return make_webhook(provider, makings);
    case rules::ProviderKind::command:
      return make_command(provider, makings);
    case rules::ProviderKind::log:
      return std::make_unique<LogProvider>(makings.log_line, makings.public_url);
    case rules::ProviderKind::twilio:
    case rules::ProviderKind::smtp:
    case rules::ProviderKind::slack:
      break;
  }
  return tl::unexpected(fmt::format("this version has no provider {}", name_of(provider.kind)));
}

Providers::Providers(const std::vector<rules::Channel>& all, const Makings& makings) {
  for (const rules::Channel& channel : all) {
    std::vector<std::unique_ptr<Provider>>& made = channels_[channel.name];
    for (const rules::Provider& provider : channel.providers) {
      Made one = make_provider(provider, makings);
      if (!one) {
        problems_.push_back(fmt::format(
            "channel {}, provider {} ({}): {}", channel.name, made.size() + 1, name_of(provider.kind), one.error()));
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

}  // namespace channels
