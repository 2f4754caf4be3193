#include "daemon/channels/sip.hpp"

#include <algorithm>
#include <charconv>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "daemon/channels/webhook.hpp"
#include "daemon/words/message.hpp"

namespace channels {
namespace {

// baresip cuts what is longer.
constexpr std::size_t address_bytes = 200;

constexpr std::string_view placeholder = "{number}";

std::string setting(const rules::Provider& provider, std::string_view key, std::string_view otherwise = {}) {
  for (const auto& [name, value] : provider.settings)
    if (name == key) return value;
  return std::string(otherwise);
}

std::uint32_t number(const std::string& text, std::uint32_t otherwise) {
  std::uint32_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  return error == std::errc() && end == text.data() + text.size() ? value : otherwise;
}

// What stands in a command line or an account of baresip: nothing that would end it early.
bool is_plain(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char one) {
    return one > ' ' && one < '\x7f' && one != '"' && one != '<' && one != '>' && one != ';' && one != ',';
  });
}

std::string default_pattern(std::string_view account) {
  const std::size_t at = account.find('@');
  const std::string_view host = at == std::string_view::npos ? account : account.substr(at + 1);
  return fmt::format("sip:{}@{}", placeholder, host);
}

}  // namespace

tl::expected<SipSettings, std::string> sip_settings(const rules::Provider& provider) {
  SipSettings settings;
  settings.account = setting(provider, "account");
  settings.username = setting(provider, "username");
  settings.transport = setting(provider, "transport", "udp");
  settings.proxy = setting(provider, "outbound_proxy");
  settings.interface = setting(provider, "interface");
  settings.voice = setting(provider, "voice", "en");
  settings.lines = std::max<std::uint32_t>(number(setting(provider, "lines"), settings.lines), 1);
  settings.registers = setting(provider, "register") == "true";
  settings.ring_for = std::chrono::seconds{number(setting(provider, "ring_for"), 30)};
  settings.baresip = setting(provider, "baresip", "baresip");
  settings.espeak = setting(provider, "espeak_ng", "espeak-ng");
  settings.sox = setting(provider, "sox", "sox");
  for (const std::string* text :
       {&settings.account, &settings.username, &settings.transport, &settings.proxy, &settings.interface})
    if (!is_plain(*text)) return tl::unexpected(std::string("its settings have characters that SIP has no place for"));
  if (const std::string file = setting(provider, "password_file"); !file.empty()) {
    tl::expected<std::vector<std::string>, std::string> secrets = read_secrets(file);
    if (!secrets) return tl::unexpected(std::move(secrets.error()));
    settings.password = std::move(secrets->front());
    if (!is_plain(settings.password)) {
      return tl::unexpected(fmt::format(
          "{}: the password has a blank, a quote, a comma, a semicolon, an angle or a letter that is not ASCII, which "
          "baresip cannot take: choose another one",
          file));
    }
  }
  return settings;
}

tl::expected<std::string, std::string> sip_address(std::string_view contact, std::string_view pattern) {
  std::string address;
  if (contact.starts_with("sip:")) {
    address = contact;
  } else {
    std::string digits;
    for (const char one : contact) {
      if (one == ' ' || one == '-' || one == '.' || one == '(' || one == ')') continue;
      const bool is_digit = one >= '0' && one <= '9';
      const bool is_plus = one == '+' && digits.empty();
      if (!is_digit && !is_plus)
        return tl::unexpected(std::string("the contact is neither a telephone number nor a sip: address"));
      digits += one;
    }
    if (digits.size() < 2) return tl::unexpected(std::string("the contact is no telephone number"));
    address = pattern;
    if (const std::size_t place = address.find(placeholder); place != std::string::npos)
      address.replace(place, placeholder.size(), digits);
  }
  if (!is_plain(address) || address.size() > address_bytes)
    return tl::unexpected(std::string("the contact is no SIP address that can be dialled"));
  return address;
}

SipProvider::SipProvider(Telephones& telephones,
                         SipSettings settings,
                         std::string pattern,
                         std::vector<rules::Template> templates)
    : telephones_(telephones),
      settings_(std::make_shared<const SipSettings>(std::move(settings))),
      pattern_(pattern.empty() ? default_pattern(settings_->account) : std::move(pattern)),
      templates_(std::move(templates)) {}

void SipProvider::attempt(const rules::Send& send,
                          std::chrono::milliseconds limit,
                          std::function<bool()> may_leave,
                          std::function<void(TryResult)> done) {
  tl::expected<std::string, std::string> address = sip_address(send.address, pattern_);
  if (!address) return done({TryOutcome::refused, std::move(address.error()), {}});
  SipOrder order;
  order.facts.message = send.message;
  order.facts.key = send.key;
  order.facts.provider = send.provider;
  order.facts.channel = send.channel;
  order.facts.address = send.address;
  order.uri = std::move(*address);
  order.text = words::voice_script(words::Wording{{}, templates_}, send);
  if (!send.pages.empty()) order.facts.confirm_close = words::voice_confirm_close(send);
  order.limit = limit;
  order.may_leave = std::move(may_leave);
  order.done = std::move(done);
  telephones_.call(settings_, std::move(order));
}

}  // namespace channels
