#include <algorithm>
#include <array>
#include <utility>

#include <fmt/format.h>

#include "config/loading.hpp"

namespace config {

void check_unique(Loading& loading, std::vector<std::string>& names, const std::string& name, Place place) {
  if (contains(names, name)) loading.reader.error(place, fmt::format("{} stands here twice", shown(name)));
  names.push_back(name);
}

std::optional<std::vector<std::string>> words_of(Section& section, std::string_view key) {
  const auto found = section.texts(key);
  if (!found) return std::nullopt;
  std::vector<std::string> words;
  for (const Placed<std::string>& each : *found) words.push_back(each.value);
  return words;
}

void keep(rules::Provider& provider, std::string_view key, std::optional<std::string> value) {
  if (value) provider.settings.emplace_back(key, *std::move(value));
}

void keep_file(const Loading& loading,
               rules::Provider& provider,
               std::string_view key,
               std::optional<std::string> file) {
  if (file) provider.settings.emplace_back(key, loading.secret(std::move(file)));
}

namespace {

using Zero = Section::Zero;

// ---- server and storage ----

void read_listen(Loading& loading, const Entry& entry, Server& server) {
  std::vector<Endpoint> endpoints;
  const auto add = [&](const Node& node) {
    const std::optional<std::string> text = loading.reader.text(node, entry.place, "listen");
    if (!text) return;
    const Result<Endpoint> endpoint = parse_endpoint(*text);
    if (!endpoint) return loading.reader.error(node.place, fmt::format("`listen`: {}", endpoint.error()));
    if (!endpoint->is_loopback() && !loading.result.settings.access)
      loading.reader.error(
          node.place,
          fmt::format("{} is not loopback: without an `access` section only this machine is served", shown(*text)));
    endpoints.push_back(*endpoint);
  };
  if (entry.value->kind == NodeKind::list) {
    if (entry.value->items.empty()) loading.reader.error(entry.value->place, "`listen` is empty");
    for (const Node* const item : entry.value->items) add(*item);
  } else {
    add(*entry.value);
  }
  if (!endpoints.empty()) server.listen = std::move(endpoints);
}

void read_tls(Loading& loading, const Entry& entry, Server& server) {
  Section section(loading.reader, *entry.value, entry.place, "server.tls");
  Tls tls;
  tls.cert_file = loading.secret(section.needed_text("cert_file"));
  tls.key_file = loading.secret(section.needed_text("key_file"));
  tls.client_ca_file = loading.secret(section.text("client_ca_file"));
  server.tls = std::move(tls);
}

// A name stands for itself; what begins like a number is an address or a network.
void read_outbound(Loading& loading, const Placed<std::string>& written, Server& server) {
  const std::string& text = written.value;
  const bool is_name = text.find_first_not_of("0123456789.") != std::string::npos &&
                       text.find('/') == std::string::npos && text.find(':') == std::string::npos;
  const Result<std::string> parsed = is_name ? parse_name(text) : parse_network(text);
  if (parsed)
    server.outbound_private.push_back(*parsed);
  else
    loading.reader.error(written.place, parsed.error());
}

void read_server(Loading& loading, Section& top) {
  constexpr std::uint64_t least_body = 1024;
  constexpr std::uint64_t largest_body = 1024ULL * 1024 * 1024;
  const Entry* const entry = top.take("server");
  if (entry == nullptr) return;
  Server& server = loading.result.settings.server;
  Section section(loading.reader, *entry->value, entry->place, "server");
  if (const Entry* const listen = section.take("listen")) read_listen(loading, *listen, server);
  if (const Entry* const tls = section.take("tls")) read_tls(loading, *tls, server);
  const auto parse_public_url = [](std::string_view text) { return parse_url(text, {"https", "http"}); };
  server.public_url = section.parsed("public_url", parse_public_url).value_or("");
  while (server.public_url.ends_with('/')) server.public_url.pop_back();
  const auto parse_body = [](std::string_view text) -> Result<std::uint64_t> {
    Result<std::uint64_t> size = parse_size(text);
    if (size && (*size < least_body || *size > largest_body))
      return tl::make_unexpected(fmt::format("from 1KiB to 1GiB, not {}", shown(text)));
    return size;
  };
  server.max_body_bytes = section.parsed("max_body", parse_body).value_or(server.max_body_bytes);
  if (const auto allowed = section.texts("outbound_private")) {
    for (const Placed<std::string>& each : *allowed) read_outbound(loading, each, server);
  }
  const std::optional<Access>& access = loading.result.settings.access;
  const bool is_open = std::any_of(
      server.listen.begin(), server.listen.end(), [](const Endpoint& endpoint) { return !endpoint.is_loopback(); });
  if (is_open && access && !access->proxy && !server.tls)
    loading.reader.warning(entry->place,
                           "`listen` is not loopback and there is no `tls`: passwords, tokens and alerts go in clear");
  const auto has_password = [](const auto& one) { return !one.password_hash_file.empty(); };
  const bool has_passwords = access && (std::any_of(access->senders.begin(), access->senders.end(), has_password) ||
                                        std::any_of(access->users.begin(), access->users.end(), has_password));
  if (has_passwords && !access->proxy && !server.public_url.empty() && !server.tls)
    loading.reader.warning(entry->place,
                           "`public_url` leads through a proxy that `access.proxy` does not name: all wrong passwords "
                           "seem to come from its address, and slow down whoever comes through it");
}

void read_storage(Loading& loading, Section& top) {
  const Entry* const entry = top.take("storage");
  if (entry == nullptr) return;
  Storage& storage = loading.result.settings.storage;
  Section section(loading.reader, *entry->value, entry->place, "storage");
  if (const auto path = section.text("path")) storage.folder = *path;
  storage.retention = section.duration("retention", Zero::is_wrong).value_or(storage.retention);
  storage.journal = section.duration("journal", Zero::is_wrong).value_or(storage.journal);
}

// ---- who may do what ----

Role read_role(Section& section) {
  if (section.need("role") == nullptr) return Role::viewer;
  return static_cast<Role>(section.choice("role", {"viewer", "responder", "admin"}).value_or(0));
}

void read_senders(Loading& loading, Section& section, Access& access) {
  const Entry* const entry = section.take("senders");
  if (entry == nullptr) return;
  std::vector<std::string> names;
  for (const Node* const item : items(loading.reader, *entry)) {
    Section each(loading.reader, *item, item->place, "access.senders");
    Sender sender;
    sender.name = each.needed("name", parse_name).value_or("");
    sender.token_file = loading.secret(each.text("token_file"));
    sender.password_hash_file = loading.secret(each.text("password_hash_file"));
    if (!sender.name.empty()) check_unique(loading, names, sender.name, item->place);
    access.senders.push_back(std::move(sender));
  }
}

void read_users(Loading& loading, Section& section, Access& access) {
  const Entry* const entry = section.take("users");
  if (entry == nullptr) return;
  std::vector<std::string> names;
  for (const Node* const item : items(loading.reader, *entry)) {
    Section each(loading.reader, *item, item->place, "access.users");
    User user;
    user.name = each.needed("name", parse_name).value_or("");
    if (const Entry* const person = each.take("person"))
      if (const auto id = loading.reader.text(*person->value, person->place, "person"))
        if (loading.check_name(*id, person->value->place, loading.names.people, "person")) user.person = *id;
    user.role = read_role(each);
    user.password_hash_file = loading.secret(each.text("password_hash_file"));
    user.token_file = loading.secret(each.text("token_file"));
    if (!user.name.empty()) check_unique(loading, names, user.name, item->place);
    access.users.push_back(std::move(user));
  }
}

void read_access(Loading& loading, Section& top) {
  const Entry* const entry = top.take("access");
  if (entry == nullptr) return;
  Access access;
  Section section(loading.reader, *entry->value, entry->place, "access");
  read_senders(loading, section, access);
  read_users(loading, section, access);
  if (const Entry* const found = section.take("proxy")) {
    Section each(loading.reader, *found->value, found->place, "access.proxy");
    Proxy proxy;
    proxy.header = each.needed("header", parse_name).value_or("");
    if (each.need("from") != nullptr)
      if (const auto networks = each.texts("from"))
        for (const Placed<std::string>& network : *networks) {
          const Result<std::string> parsed = parse_network(network.value);
          if (parsed)
            proxy.from.push_back(*parsed);
          else
            loading.reader.error(network.place, parsed.error());
        }
    proxy.role = read_role(each);
    access.proxy = std::move(proxy);
  }
  loading.result.settings.access = std::move(access);
}

// ---- publish, audit ----

// Items such as `{ slack: {...} }`: which of the words is the key. Problems are reported.
const Entry* only_key(Loading& loading,
                      const Node& item,
                      const std::vector<std::string>& words,
                      std::string_view what) {
  if (item.kind != NodeKind::map || item.entries.size() != 1) {
    loading.reader.error(item.place, fmt::format("{} is a map with one key: {}", what, listed(words)));
    return nullptr;
  }
  const Entry& entry = item.entries.front();
  if (contains(words, entry.key)) return &entry;
  const std::string hint = did_you_mean(entry.key, words);
  loading.reader.error(
      entry.place,
      fmt::format("unknown key {}{}", shown(entry.key), hint.empty() ? "; known here: " + listed(words) : hint));
  return nullptr;
}

void read_publish_and_audit(Loading& loading, Section& top) {
  if (const Entry* const entry = top.take("publish"))
    for (const Node* const item : items(loading.reader, *entry)) {
      const Entry* const by = only_key(loading, *item, {"slack", "email"}, "what is published to");
      if (by == nullptr) continue;
      Section section(loading.reader, *by->value, by->place, "publish." + by->key);
      const std::optional<std::string> to =
          by->key == "slack" ? section.needed_text("channel") : section.needed("to", parse_mail_address);
      if (!to) continue;
      if (!loading.names.channels.empty()) loading.check_name(by->key, by->place, loading.names.channels, "channel");
      loading.result.settings.publish.push_back({by->key, *to});
      loading.result.policy.publish.push_back({by->key, *to});
    }
  if (const Entry* const entry = top.take("audit")) {
    Section section(loading.reader, *entry->value, entry->place, "audit");
    loading.result.settings.audit_log = section.needed_text("log").value_or("");
  }
}

// ---- channels ----

const std::vector<std::string>& provider_words() {  // in the order of rules::ProviderKind
  static const std::vector<std::string> words{
      "webhook", "command", "log", "twilio", "smtp", "slack", "sip", "ntfy", "mattermost"};
  return words;
}

void read_command(Loading& loading, Section& section, Place place, rules::Provider& provider) {
  if (section.need("run") == nullptr) return;
  const std::optional<std::vector<std::string>> run = words_of(section, "run");
  if (!run) return;
  provider.run = *run;
  if (run->empty()) loading.reader.error(place, "`run` is empty; it lists a program and its arguments");
}

// A number; for texts also a short code, or a name of at most 11 letters and digits.
Result<std::string> parse_text_sender(std::string_view text) {
  constexpr std::size_t longest_name = 11;
  if (text.starts_with('+')) return parse_telephone_number(text);
  const auto is_digit = [](char one) { return one >= '0' && one <= '9'; };
  const auto is_letter = [](char one) { return (one >= 'a' && one <= 'z') || (one >= 'A' && one <= 'Z'); };
  const bool is_short_code = text.size() >= 5 && text.size() <= 6 && std::all_of(text.begin(), text.end(), is_digit);
  const bool is_name =
      !text.empty() && text.size() <= longest_name && std::any_of(text.begin(), text.end(), is_letter) &&
      std::all_of(text.begin(), text.end(), [&](char one) { return is_letter(one) || is_digit(one) || one == ' '; });
  if (is_short_code || is_name) return std::string(text);
  return tl::make_unexpected(fmt::format(
      "{} is no sender of texts: a number such as +16045550101, a short code of 5 or 6 digits, or a name of "
      "at most 11 letters and digits",
      shown(text)));
}

void read_twilio(Loading& loading, Section& section, Place place, bool calls, rules::Provider& provider) {
  constexpr std::uint32_t most_segments = 10;
  keep(provider, "account_sid", section.needed_text("account_sid"));
  keep_file(loading, provider, "auth_token_file", section.needed_text("auth_token_file"));
  const std::optional<std::string> key = section.text("api_key_sid");
  const std::optional<std::string> key_file = section.text("api_key_secret_file");
  if (key.has_value() != key_file.has_value())
    loading.reader.error(place, "`api_key_sid` and `api_key_secret_file` go together");
  keep(provider, "api_key_sid", key);
  keep_file(loading, provider, "api_key_secret_file", key_file);
  if (calls) {
    keep(provider, "from", section.needed("from", parse_telephone_number));
  } else {
    const Entry* const from = section.take("from");
    if (from != nullptr) {
      if (const auto text = loading.reader.text(*from->value, from->place, "from")) {
        const Result<std::string> sender = parse_text_sender(*text);
        if (!sender) loading.reader.error(from->value->place, fmt::format("`from`: {}", sender.error()));
        keep(provider, "from", *text);
      }
    }
    const std::optional<std::string> service = section.text("messaging_service_sid");
    keep(provider, "messaging_service_sid", service);
    if ((from != nullptr) == service.has_value())
      loading.reader.error(place, "texts come `from` a number, or from a `messaging_service_sid`: one of the two");
  }
  const std::optional<std::uint32_t> segments = section.count("segments", 1, most_segments);
  if (segments) provider.settings.emplace_back("segments", std::to_string(*segments));
  keep(
      provider, "api", section.parsed("api", [](std::string_view text) { return parse_url(text, {"https", "http"}); }));
  provider.timeout = section.duration("timeout", Zero::is_wrong).value_or(provider.timeout);
  const Settings& settings = loading.result.settings;
  if (settings.server.public_url.empty())
    loading.reader.warning(place,
                           calls ? "`twilio` asks for the words of a call at `server.public_url`, and there is none: "
                                   "every call is refused"
                                 : "without `server.public_url` Twilio can neither say what became of a text nor bring "
                                   "replies");
  else if (!settings.access)
    loading.reader.warning(place,
                           calls
                               ? "without an `access` section Twilio's callbacks are refused, so calls have no words"
                               : "without an `access` section Twilio's callbacks are refused: no replies, and nothing "
                                 "of what became of a text");
}

// What is written into baresip's files and commands: nothing that would end it early.
Result<std::string> parse_sip_text(std::string_view text, std::string_view what) {
  const bool is_plain = !text.empty() && std::all_of(text.begin(), text.end(), [](char one) {
    return one > ' ' && one < '\x7f' && one != '"' && one != '<' && one != '>' && one != ';' && one != ',';
  });
  if (is_plain) return std::string(text);
  return tl::make_unexpected(
      fmt::format("{} is no {}: it has no blanks, quotes, angles, commas and semicolons", shown(text), what));
}

Result<std::string> parse_sip_address(std::string_view text) {
  const Result<std::string> plain = parse_sip_text(text, "SIP address");
  if (!plain) return plain;
  if (!text.starts_with("sip:") || text.size() == 4)
    return tl::make_unexpected(fmt::format("{} is no SIP address such as sip:rouse@pbx.example.org", shown(text)));
  return std::string(text);
}

void read_sip(Loading& loading, Section& section, Place place, rules::Provider& provider) {
  constexpr std::uint32_t most_lines = 100;
  constexpr std::chrono::seconds longest_ring{300};
  const std::optional<std::string> account = section.needed("account", parse_sip_address);
  if (account && account->find('@') == std::string::npos)
    loading.reader.error(place, "`account` names a user of the exchange: sip:rouse@pbx.example.org");
  keep(provider, "account", account);
  const auto plain = [](std::string_view text) { return parse_sip_text(text, "name for SIP"); };
  keep(provider, "username", section.parsed("username", plain));
  keep_file(loading, provider, "password_file", section.text("password_file"));
  keep(provider, "transport", section.parsed("transport", [](std::string_view text) -> Result<std::string> {
    if (text == "udp" || text == "tcp") return std::string(text);
    return tl::make_unexpected(
        text == "tls" ? std::string("tls is not to be had: the telephone program (baresip 1.0) does not look whose "
                                    "certificate it is; take tcp, through a tunnel if it leaves your network")
                      : fmt::format("{} is neither udp nor tcp", shown(text)));
  }));
  keep(provider, "outbound_proxy", section.parsed("outbound_proxy", parse_sip_address));
  keep(provider, "interface", section.parsed("interface", plain));
  keep(provider, "voice", section.parsed("voice", plain));
  keep(provider, "dial", section.parsed("dial", [](std::string_view text) -> Result<std::string> {
    const Result<std::string> address = parse_sip_address(text);
    if (address && text.find("{number}") == std::string_view::npos)
      return tl::make_unexpected(fmt::format("{} has no {{number}} in it", shown(text)));
    return address;
  }));
  if (const std::optional<std::uint32_t> lines = section.count("lines", 1, most_lines))
    provider.settings.emplace_back("lines", std::to_string(*lines));
  if (const std::optional<bool> registers = section.boolean("register"))
    provider.settings.emplace_back("register", *registers ? "true" : "false");
  if (const std::optional<rules::Duration> ring = section.duration("ring_for", Zero::is_wrong)) {
    if (*ring < std::chrono::seconds{1} || *ring > longest_ring)
      loading.reader.error(place, "`ring_for` is between 1s and 5m");
    else
      provider.settings.emplace_back("ring_for",
                                     std::to_string(std::chrono::floor<std::chrono::seconds>(*ring).count()));
  }
  for (const std::string_view program : {"baresip", "espeak_ng", "sox"}) keep(provider, program, section.text(program));
}

Result<std::string> parse_web_url(std::string_view text) {
  return parse_url(text, {"https", "http"});
}

// Buttons and replies come back to us only when we can be reached, and are believed only with `access`.
void warn_of_callbacks(Loading& loading, Place place, std::string_view whose, bool needs_public_url) {
  const Settings& settings = loading.result.settings;
  if (!settings.access)
    loading.reader.warning(
        place, fmt::format("without an `access` section {}'s callbacks are refused: buttons do nothing", whose));
  else if (needs_public_url && settings.server.public_url.empty())
    loading.reader.warning(place, fmt::format("without `server.public_url` {} has no buttons", whose));
}

void read_slack(Loading& loading, Section& section, Place place, rules::Provider& provider) {
  keep_file(loading, provider, "bot_token_file", section.needed_text("bot_token_file"));
  const std::optional<std::string> secret = section.text("signing_secret_file");
  keep_file(loading, provider, "signing_secret_file", secret);
  keep(provider, "api", section.parsed("api", parse_web_url));
  provider.timeout = section.duration("timeout", Zero::is_wrong).value_or(provider.timeout);
  if (secret) warn_of_callbacks(loading, place, "Slack", false);
}

void read_ntfy(Loading& loading, Section& section, Place place, rules::Provider& provider) {
  provider.url = section.parsed("url", parse_web_url).value_or("");
  const std::optional<std::string> token = section.text("token_file");
  const std::optional<std::string> username = section.text("username");
  const std::optional<std::string> password = section.text("password_file");
  keep_file(loading, provider, "token_file", token);
  keep(provider, "username", username);
  keep_file(loading, provider, "password_file", password);
  provider.timeout = section.duration("timeout", Zero::is_wrong).value_or(provider.timeout);
  if (username.has_value() != password.has_value())
    loading.reader.error(place, "`username` and `password_file` go together");
  else if (token && username)
    loading.reader.error(place, "a `token_file`, or `username` and `password_file`: not both");
}

void read_mattermost(Loading& loading, Section& section, Place place, rules::Provider& provider) {
  provider.url = section.needed("url", parse_web_url).value_or("");
  keep_file(loading, provider, "bot_token_file", section.needed_text("bot_token_file"));
  const std::optional<std::string> secret = section.text("callback_secret_file");
  keep_file(loading, provider, "callback_secret_file", secret);
  provider.timeout = section.duration("timeout", Zero::is_wrong).value_or(provider.timeout);
  if (secret) warn_of_callbacks(loading, place, "Mattermost", true);
}

rules::Provider read_provider(Loading& loading, const Entry& entry, std::string_view channel) {
  rules::Provider provider;
  const auto word = std::find(provider_words().begin(), provider_words().end(), entry.key);
  provider.kind = static_cast<rules::ProviderKind>(word - provider_words().begin());
  const std::string path = "channels." + entry.key;
  loading.reader.note_use(entry.place, path);
  if (entry.value->kind == NodeKind::null) {
    loading.reader.error(entry.place, fmt::format("`{0}` has no value; write {0}: {{}}", entry.key));
    return provider;
  }
  Section section(loading.reader, *entry.value, entry.place, path);
  switch (provider.kind) {
    case rules::ProviderKind::webhook:
      provider.url =
          section.parsed("url", [](std::string_view text) { return parse_url(text, {"http", "https"}); }).value_or("");
      provider.secret_file = loading.secret(section.text("secret_file"));
      provider.timeout = section.duration("timeout", Zero::is_wrong).value_or(provider.timeout);
      break;
    case rules::ProviderKind::command:
      read_command(loading, section, entry.place, provider);
      provider.timeout = section.duration("timeout", Zero::is_wrong).value_or(provider.timeout);
      break;
    case rules::ProviderKind::log:
      break;
    case rules::ProviderKind::twilio:
      read_twilio(loading, section, entry.place, channel == "voice", provider);
      break;
    case rules::ProviderKind::smtp:
      read_smtp(loading, section, entry.place, provider);
      break;
    case rules::ProviderKind::sip:
      read_sip(loading, section, entry.place, provider);
      break;
    case rules::ProviderKind::slack:
      read_slack(loading, section, entry.place, provider);
      break;
    case rules::ProviderKind::ntfy:
      read_ntfy(loading, section, entry.place, provider);
      break;
    case rules::ProviderKind::mattermost:
      read_mattermost(loading, section, entry.place, provider);
      break;
  }
  return provider;
}

rules::Channel read_channel(Loading& loading, const Entry& entry) {
  rules::Channel channel{entry.key, {}};
  if (entry.key.find('.') != std::string::npos)
    loading.reader.error(
        entry.place,
        fmt::format("{} is no channel: contacts are CHANNEL.NAME, so its name has no dot", shown(entry.key)));
  const std::vector<const Node*> list = items(loading.reader, entry);
  if (entry.value->kind == NodeKind::list && list.empty())
    loading.reader.error(entry.value->place, fmt::format("channel {} has no provider", shown(entry.key)));
  for (const Node* const item : list)
    if (const Entry* const kind = only_key(loading, *item, provider_words(), "a provider"))
      channel.providers.push_back(read_provider(loading, *kind, channel.name));
  return channel;
}

}  // namespace

void read_settings(Loading& loading, Section& top) {
  read_access(loading, top);
  read_server(loading, top);
  read_storage(loading, top);
  read_sources(loading, top);
  read_publish_and_audit(loading, top);
}

void read_channels(Loading& loading, Section& top) {
  constexpr std::uint32_t most_pages = 1'000'000;
  rules::Policy& policy = loading.result.policy;
  if (const Entry* const entry = top.need("channels")) {
    Section section(loading.reader, *entry->value, entry->place, "channels");
    for (const Entry* const each : section.named()) policy.channels.push_back(read_channel(loading, *each));
    if (section.is_map() && entry->value->entries.empty())
      loading.reader.error(entry->value->place, "`channels` is empty: nobody could be paged");
  }
  if (const Entry* const entry = top.take("test_pages")) {
    Section section(loading.reader, *entry->value, entry->place, "test_pages");
    policy.test_pages.every = section.duration("every", Zero::is_wrong).value_or(std::chrono::hours{24} * 30);
    policy.test_pages.at = section.parsed("at", parse_time_of_day).value_or(policy.test_pages.at);
    if (policy.test_pages.every < std::chrono::hours{24})
      loading.reader.error(entry->place, "`every` of `test_pages` is a day or longer: nobody answers more");
  }
  if (const Entry* const entry = top.take("budget")) {
    Section section(loading.reader, *entry->value, entry->place, "budget");
    if (const Entry* const contact = section.take("per_contact")) {
      Section each(loading.reader, *contact->value, contact->place, "budget.per_contact");
      policy.budget.pages = each.count("pages", 1, most_pages).value_or(policy.budget.pages);
      policy.budget.within = each.duration("within", Zero::is_wrong).value_or(policy.budget.within);
    }
  }
}

}  // namespace config
