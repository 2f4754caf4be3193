#include "daemon/api/keyring.hpp"

#include <algorithm>
#include <charconv>
#include <cstdint>

#include <arpa/inet.h>
#include <crypt.h>
#include <fmt/format.h>

#include "daemon/api/api.hpp"
#include "daemon/net/hmac.hpp"

namespace api {
namespace {

constexpr std::size_t most_verified = 1000;  // beyond it all are verified anew
constexpr std::size_t longest_password = 512;
constexpr std::string_view too_often = "too many wrong passwords or tokens came from this address";

std::string_view trimmed(std::string_view text) {
  while (!text.empty() && text.front() == ' ') text.remove_prefix(1);
  while (!text.empty() && text.back() == ' ') text.remove_suffix(1);
  return text;
}

// What follows the scheme of an Authorization header; nothing when it is another scheme.
std::optional<std::string_view> after_scheme(std::string_view value, std::string_view scheme) {
  if (value.size() <= scheme.size() || value[scheme.size()] != ' ') return std::nullopt;
  if (!net::equal_ignoring_case(value.substr(0, scheme.size()), scheme)) return std::nullopt;
  return trimmed(value.substr(scheme.size()));
}

// Slow by design, and made to fail quickly only for what is no hash at all.
bool is_password(const std::string& password, const std::string& hash) {
  const auto work = std::make_unique<crypt_data>();
  const char* const made = ::crypt_rn(password.c_str(), hash.c_str(), work.get(), sizeof(crypt_data));
  return made != nullptr && net::equal_in_constant_time(made, hash);
}

bool is_slow_hash(const std::string& line) {
  const bool is_named =
      line.starts_with("$y$") || line.starts_with("$2a$") || line.starts_with("$2b$") || line.starts_with("$2y$");
  return is_named && ::crypt_checksalt(line.c_str()) == CRYPT_SALT_OK;
}

struct Bits {
  std::array<std::uint8_t, 16> bytes{};
  std::size_t size{};  // in bytes; 0 = no address
};

Bits bits_of(std::string_view text) {
  const std::string written{text};
  Bits bits;
  if (::inet_pton(AF_INET, written.c_str(), bits.bytes.data()) == 1) {
    bits.size = 4;
  } else if (::inet_pton(AF_INET6, written.c_str(), bits.bytes.data()) == 1) {
    bits.size = 16;
  }
  return bits;
}

}  // namespace

std::vector<std::size_t> fitting_entries(const PasswordCheck& check) {
  std::vector<std::size_t> fitting;
  for (const PasswordCheck::Owner& owner : check.owners) {
    bool fits = false;
    for (const std::string& hash : owner.hashes) fits |= is_password(check.password, hash);
    if (fits && owner.entry) fitting.push_back(*owner.entry);
  }
  return fitting;
}

bool is_in_network(std::string_view address, std::string_view network) {
  const std::size_t slash = network.find('/');
  const Bits base = bits_of(network.substr(0, slash));
  const Bits one = bits_of(address);
  if (base.size == 0 || base.size != one.size) return false;
  std::size_t length = base.size * 8;
  if (slash != std::string_view::npos) {
    const std::string_view digits = network.substr(slash + 1);
    const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), length);
    if (error != std::errc{} || end != digits.data() + digits.size() || length > base.size * 8) return false;
  }
  for (std::size_t bit = 0; bit < length; ++bit) {
    const unsigned difference = static_cast<unsigned>(base.bytes[bit / 8]) ^ static_cast<unsigned>(one.bytes[bit / 8]);
    if (((difference >> (7 - bit % 8)) & 1U) != 0) return false;
  }
  return true;
}

// ---- attempts -------------------------------------------------------------------------------------------------------

// A clock that was set back begins anew.
bool Attempts::is_over(const Count& count, rules::Duration length, rules::Instant now) {
  return now < count.since || now >= count.since + length;
}

std::string Attempts::place_of(std::string_view address, std::string_view name) {
  constexpr std::size_t network_bytes = 8;
  const Bits bits = bits_of(address);
  std::string place{address};
  if (bits.size == 16) {
    place = "net6:";
    for (std::size_t index = 0; index < network_bytes; ++index) place += fmt::format("{:02x}", bits.bytes.at(index));
  }
  return place.append(" ").append(name);
}

void Attempts::failed(std::string_view address, std::string_view name, rules::Instant now) {
  const std::lock_guard lock{mutex_};
  const std::string place = place_of(address, name);
  auto found = failures_.find(place);
  if (found == failures_.end()) {
    if (failures_.size() >= most_addresses)
      std::erase_if(failures_, [&](const auto& each) { return is_over(each.second, window, now); });
    const bool has_room = failures_.size() < most_addresses;
    found = failures_.try_emplace(has_room ? place : place_of({}, name), Count{.since = now}).first;
  }
  Count& count = found->second;
  if (is_over(count, window, now)) count = {.since = now, .looked = count.looked};
  ++count.many;
}

std::string Attempts::counted_as(std::string_view address, std::string_view name) const {
  std::string place = place_of(address, name);
  const bool is_apart = failures_.size() < most_addresses || failures_.contains(place);
  return is_apart ? place : place_of({}, name);
}

std::optional<std::chrono::seconds> Attempts::must_wait(std::string_view address,
                                                        std::string_view name,
                                                        rules::Instant now) const {
  const std::lock_guard lock{mutex_};
  const auto found = failures_.find(counted_as(address, name));
  if (found == failures_.end()) return std::nullopt;
  const Count& count = found->second;
  if (is_over(count, window, now) || count.many < most_failures) return std::nullopt;
  return std::chrono::ceil<std::chrono::seconds>(count.since + window - now);
}

bool Attempts::may_look(std::string_view address, std::string_view name, rules::Instant now) {
  const std::lock_guard lock{mutex_};
  const auto found = failures_.find(counted_as(address, name));
  if (found == failures_.end()) return true;
  std::optional<rules::Instant>& looked = found->second.looked;
  if (looked && now >= *looked && now < *looked + look_pause) return false;
  looked = now;
  return true;
}

// ---- keyring --------------------------------------------------------------------------------------------------------

Keyring::Keyring(const config::Access& access, const ReadLines& read_lines, const Keyring* before)
    : proxy_{access.proxy}, key_{random_key() + random_key()} {
  for (const config::Sender& sender : access.senders) {
    Identity identity;
    identity.is_sender = true;
    identity.name = sender.name;
    add(std::move(identity), sender.token_file, sender.password_hash_file, read_lines);
  }
  for (const config::User& user : access.users) {
    Identity identity;
    identity.name = user.name;
    identity.person = user.person;
    identity.role = user.role;
    add(std::move(identity), user.token_file, user.password_hash_file, read_lines);
    entries_.back().is_program = user.person.empty() && !user.token_file.empty() && user.password_hash_file.empty();
  }
  if (before != nullptr) keep_verified(*before);
}

std::vector<std::size_t> Keyring::owners_of(std::string_view name) const {
  std::vector<std::size_t> owners;
  for (std::size_t index = 0; index < entries_.size(); ++index)
    if (entries_[index].identity.name == name && !entries_[index].hashes.empty()) owners.push_back(index);
  return owners;
}

// Of a name whose hashes have changed every password is checked anew.
void Keyring::keep_verified(const Keyring& before) {
  key_ = before.key_;
  generation_ = before.generation_ + 1;
  for (const auto& [digest, entries] : before.verified_) {
    const std::string& name = before.entries_[entries.front()].identity.name;
    const std::vector<std::size_t> earlier = before.owners_of(name);
    const std::vector<std::size_t> owners = owners_of(name);
    const bool is_same = std::equal(
        earlier.begin(), earlier.end(), owners.begin(), owners.end(), [&](std::size_t one, std::size_t other) {
          return before.entries_[one].identity.is_sender == entries_[other].identity.is_sender &&
                 before.entries_[one].hashes == entries_[other].hashes;
        });
    if (!is_same) continue;
    std::vector<std::size_t>& kept = verified_[digest];
    for (const std::size_t entry : entries) {
      const auto place = std::find(earlier.begin(), earlier.end(), entry) - earlier.begin();
      kept.push_back(owners[static_cast<std::size_t>(place)]);
    }
  }
}

void Keyring::add(Identity identity,
                  const std::string& token_file,
                  const std::string& hash_file,
                  const ReadLines& read_lines) {
  Entry entry;
  entry.identity = std::move(identity);
  const std::string& name = entry.identity.name;
  if (!token_file.empty()) {
    for (const std::string& line : read_lines(token_file)) entry.tokens.push_back(net::sha256(line));
    if (entry.tokens.empty()) problems_.push_back(fmt::format("{}: no token can be read from {}", name, token_file));
  }
  if (!hash_file.empty()) {
    for (std::string& line : read_lines(hash_file)) {
      if (is_slow_hash(line)) entry.hashes.push_back(std::move(line));
    }
    if (entry.hashes.empty()) {
      problems_.push_back(
          fmt::format("{}: no hash of yescrypt ($y$) or bcrypt ($2b$) can be read from {}", name, hash_file));
    }
  }
  if (dummy_.empty() && !entry.hashes.empty()) dummy_ = entry.hashes.front();
  entries_.push_back(std::move(entry));
}

bool Keyring::has_sender(std::string_view name) const {
  return std::any_of(entries_.begin(), entries_.end(), [name](const Entry& entry) {
    return entry.identity.is_sender && entry.identity.name == name;
  });
}

bool Keyring::is_proxy(std::string_view peer) const {
  return proxy_ && std::any_of(proxy_->from.begin(), proxy_->from.end(), [peer](const std::string& network) {
           return is_in_network(peer, network);
         });
}

// Behind our own proxy everybody has its address; what it says last of the way is believed for counting. It may have
// added a line of its own below those that it was sent.
std::string Keyring::address_of(const net::Request& request) const {
  constexpr std::size_t longest = 64;
  if (!is_proxy(request.peer)) return request.peer;
  std::string_view way;
  for (std::size_t index = 0; index < request.headers.size(); ++index) {
    const auto [name, value] = request.headers.at(index);
    if (net::equal_ignoring_case(name, "X-Forwarded-For")) way = value;
  }
  const std::size_t comma = way.rfind(',');
  const std::string_view last = trimmed(comma == std::string_view::npos ? way : way.substr(comma + 1));
  return last.empty() || last.size() > longest ? request.peer : std::string{last};
}

// Every token is compared, whichever fits.
std::vector<Identity> Keyring::by_token(std::string_view token) const {
  const std::string digest = net::sha256(token);
  std::vector<Identity> found;
  for (const Entry& entry : entries_) {
    bool fits = false;
    for (const std::string& known : entry.tokens) fits |= net::equal_in_constant_time(known, digest);
    if (fits) found.push_back(entry.identity);
  }
  return found;
}

tl::expected<std::vector<Identity>, Unproved> Keyring::by_password(std::string_view name,
                                                                   const std::string& password,
                                                                   const std::string& address,
                                                                   rules::Instant now,
                                                                   const Attempts& attempts) const {
  // A name has no colon, so no two pairs are the same text.
  const std::string digest = net::hmac_sha256(key_, fmt::format("{}:{}", name, password));
  std::vector<Identity> found;
  if (const auto known = verified_.find(digest); known != verified_.end()) {
    for (const std::size_t entry : known->second) {
      found.push_back(entries_[entry].identity);
      found.back().proof = Proof::password;
    }
    return found;
  }
  if (refused_.contains(digest)) return found;
  PasswordCheck check{.digest = digest, .address = address, .name = std::string{name}, .password = password};
  check.generation = generation_;
  for (const std::size_t index : owners_of(name))
    check.owners.push_back({.entry = index, .hashes = entries_[index].hashes});
  const bool is_known = !check.owners.empty();
  const auto wait = attempts.must_wait(address, is_known ? name : std::string_view{}, now);
  // A right password comes in, however many wrong ones came from there under its name.
  if (wait && !is_known) return tl::unexpected{Unproved{429, std::string{too_often}, *wait}};
  check.is_late = wait.has_value();
  if (!is_known) check.owners.push_back({.entry = {}, .hashes = {dummy_}});
  return tl::unexpected{Unproved{0, {}, {}, std::make_shared<const PasswordCheck>(std::move(check))}};
}

void Keyring::learn(const PasswordCheck& check, std::vector<std::size_t> fitting) {
  if (check.generation != generation_) return;
  if (fitting.empty()) {
    if (refused_.size() >= most_verified) refused_.clear();
    refused_.insert(check.digest);
    return;
  }
  if (verified_.size() >= most_verified) verified_.clear();
  verified_[check.digest] = std::move(fitting);
}

std::vector<Identity> Keyring::by_certificate(const net::Request& request) const {
  std::vector<Identity> found;
  for (const Entry& entry : entries_) {
    const auto& names = request.certificate_names;
    if (!entry.identity.is_sender || std::find(names.begin(), names.end(), entry.identity.name) == names.end())
      continue;
    found.push_back(entry.identity);
    found.back().proof = Proof::certificate;
  }
  return found;
}

std::optional<Identity> Keyring::by_proxy(const net::Request& request) const {
  if (!is_proxy(request.peer) || request.headers.count(proxy_->header) != 1) return std::nullopt;
  const std::string name{trimmed(*request.headers.find(proxy_->header))};
  if (name.empty()) return std::nullopt;
  Identity identity;
  identity.name = name;
  identity.role = proxy_->role;
  for (const Entry& entry : entries_) {
    if (entry.identity.is_sender || entry.identity.name != name) continue;
    if (entry.is_program) return std::nullopt;
    identity = entry.identity;
  }
  identity.proof = Proof::proxy;
  return identity;
}

tl::expected<std::vector<Identity>, Unproved> Keyring::who(const net::Request& request,
                                                           rules::Instant now,
                                                           Attempts& attempts) const {
  const std::size_t said = request.headers.count("Authorization");
  if (said == 0) {
    if (std::vector<Identity> found = by_certificate(request); !found.empty()) return found;
    if (std::optional<Identity> found = by_proxy(request)) return std::vector<Identity>{*std::move(found)};
    return tl::unexpected{Unproved{401, "say who you are: a bearer token or a password is needed", {}}};
  }
  if (said > 1) return tl::unexpected{Unproved{401, "there is more than one header Authorization", {}}};
  const std::string_view value = trimmed(*request.headers.find("Authorization"));
  const std::string address = address_of(request);
  std::string owner;  // the known name whose password was said
  std::vector<Identity> found;
  if (const auto token = after_scheme(value, "Bearer")) {
    found = by_token(*token);
  } else if (const auto text = after_scheme(value, "Basic")) {
    const std::optional<Identity> proxied = by_proxy(request);
    const std::optional<std::string> pair = net::from_base64(*text);
    const std::size_t colon = pair ? pair->find(':') : std::string::npos;
    const bool is_readable =
        colon != std::string::npos && pair->find('\0') == std::string::npos && pair->size() - colon <= longest_password;
    if (is_readable && !owners_of(pair->substr(0, colon)).empty()) owner = pair->substr(0, colon);
    if (is_readable && has_passwords() && (!proxied || !owner.empty())) {
      auto by = by_password(std::string_view{*pair}.substr(0, colon), pair->substr(colon + 1), address, now, attempts);
      if (!by) return tl::unexpected{std::move(by.error())};
      found = *std::move(by);
    }
    if (found.empty() && proxied) return std::vector<Identity>{*proxied};
  }
  if (!found.empty()) return found;
  const auto wait = attempts.must_wait(address, owner, now);
  const auto wait_of_address = attempts.must_wait(address, {}, now);
  if (!wait) attempts.failed(address, owner, now);
  if (wait || wait_of_address)
    return tl::unexpected{Unproved{429, std::string{too_often}, wait ? *wait : *wait_of_address}};
  return tl::unexpected{Unproved{401, "the token or the password is not known here", {}}};
}

}  // namespace api
