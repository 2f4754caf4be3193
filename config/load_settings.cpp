#include <algorithm>
#include <array>
#include <utility>

#include <fmt/format.h>

#include "config/keys.hpp"
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
    else if (!endpoint->is_loopback() && !acts_on("access"))
      loading.reader.error(
          node.place,
          fmt::format("{} is not loopback, and `access` is not enforced yet: only this machine can be served",
                      shown(*text)));
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
      const std::optional<std::string> to = section.needed_text(by->key == "slack" ? "channel" : "to");
      if (to) loading.result.settings.publish.push_back({by->key, *to});
    }
  if (const Entry* const entry = top.take("audit")) {
    Section section(loading.reader, *entry->value, entry->place, "audit");
    loading.result.settings.audit_log = section.needed_text("log").value_or("");
  }
}

// ---- channels ----

const std::vector<std::string>& provider_words() {  // in the order of rules::ProviderKind
  static const std::vector<std::string> words{"webhook", "command", "log", "twilio", "smtp", "slack"};
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

void read_command(Loading& loading, Section& section, Place place, rules::Provider& provider) {
  if (section.need("run") == nullptr) return;
  const std::optional<std::vector<std::string>> run = words_of(section, "run");
  if (!run) return;
  provider.run = *run;
  if (run->empty()) loading.reader.error(place, "`run` is empty; it lists a program and its arguments");
}

rules::Provider read_provider(Loading& loading, const Entry& entry) {
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
      keep(provider, "account_sid", section.needed_text("account_sid"));
      keep_file(loading, provider, "auth_token_file", section.needed_text("auth_token_file"));
      keep(provider, "from", section.needed_text("from"));
      provider.timeout = section.duration("timeout", Zero::is_wrong).value_or(provider.timeout);
      break;
    case rules::ProviderKind::smtp:
      provider.url =
          section.needed("url", [](std::string_view text) { return parse_url(text, {"smtp", "smtps"}); }).value_or("");
      keep(provider, "from", section.needed_text("from"));
      keep(provider, "username", section.text("username"));
      keep_file(loading, provider, "password_file", section.text("password_file"));
      provider.timeout = section.duration("timeout", Zero::is_wrong).value_or(provider.timeout);
      break;
    case rules::ProviderKind::slack:
      keep_file(loading, provider, "bot_token_file", section.needed_text("bot_token_file"));
      keep_file(loading, provider, "signing_secret_file", section.text("signing_secret_file"));
      provider.timeout = section.duration("timeout", Zero::is_wrong).value_or(provider.timeout);
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
      channel.providers.push_back(read_provider(loading, *kind));
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
