// Who is asking: the identities of the `access` section, and how a request proves one. Nothing of a secret is kept in
// clear but what the configuration's files hold already as hashes: tokens and verified passwords are kept as digests.
//
// Pure given what the files hold, but for the random key of each Keyring. A Keyring belongs to one I/O thread; Attempts
// is shared by all of them.
#pragma once

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include <tl/expected.hpp>

#include "config/load.hpp"
#include "daemon/net/http.hpp"
#include "rules/time.hpp"

namespace api {

enum class Proof { token, password, proxy, certificate };

struct Identity {
  bool is_sender{};
  std::string name;
  std::string person;                       // of users; "" = nobody who can be called
  config::Role role{config::Role::viewer};  // of users
  Proof proof{Proof::token};

  // As whom a user acts.
  [[nodiscard]] const std::string& by() const { return person.empty() ? name : person; }
};

// A password that only slow work tells from a wrong one. It is here in clear, and gone with this.
struct PasswordCheck {
  struct Owner {
    std::optional<std::size_t> entry;  // of the keyring; nothing: nobody's name, so that all names take as long
    std::vector<std::string> hashes;   // any of them
  };
  std::string digest;  // of name and password, by a key of the keyring
  std::string address;
  std::string name;  // as it was said
  std::string password;
  std::vector<Owner> owners;
  bool is_late{};              // too much was wrong under this name from there: ask Attempts::may_look()
  std::uint64_t generation{};  // of the keyring that asks
};

// The entries whose password it is. Any thread, but none that others wait for: it takes 50 ms and more, by design.
[[nodiscard]] std::vector<std::size_t> fitting_entries(const PasswordCheck& check);

// 401: nobody, or not whom they say. 429: too often wrong from there. 0: `check` tells, see Keyring::learn().
struct Unproved {
  unsigned status{};
  std::string why;
  std::chrono::seconds retry_after{};
  std::shared_ptr<const PasswordCheck> check{};
};

// What was tried in vain, by address and, of passwords, by the known name that was said: guessing is slow, and who
// guesses keeps nobody else out. Of IPv6 the first 64 bits count: whoever has one address there has them all.
class Attempts {
 public:
  static constexpr unsigned most_failures = 10;  // of one address under one name within `window`
  static constexpr rules::Duration window{std::chrono::minutes{1}};
  // With their names; beyond them, the addresses of one name count as one.
  static constexpr std::size_t most_addresses = 4096;

  // `name`: "" for tokens, signatures, and names that nobody has.
  void failed(std::string_view address, std::string_view name, rules::Instant now);
  // How long until this address is listened to again under this name; nothing when it need not wait.
  [[nodiscard]] std::optional<std::chrono::seconds> must_wait(std::string_view address,
                                                              std::string_view name,
                                                              rules::Instant now) const;
  // Whether one more password of who must wait is looked at all the same, so that who is right comes in: once within
  // `look_pause`.
  static constexpr rules::Duration look_pause{std::chrono::seconds{1}};
  [[nodiscard]] bool may_look(std::string_view address, std::string_view name, rules::Instant now);

 private:
  struct Count {
    rules::Instant since;
    unsigned many{};
    std::optional<rules::Instant> looked{};  // the last look of may_look()
  };
  // The key of the entry by which this address counts under this name.
  [[nodiscard]] std::string counted_as(std::string_view address, std::string_view name) const;
  static bool is_over(const Count& count, rules::Duration length, rules::Instant now);
  static std::string place_of(std::string_view address, std::string_view name);

  mutable std::mutex mutex_;                            // taken only for what is no known token or password
  std::map<std::string, Count, std::less<>> failures_;  // the network, a blank, the name
};

class Keyring {
 public:
  // The lines of a file; none when it cannot be read.
  using ReadLines = std::function<std::vector<std::string>(const std::string& file)>;

  // What `before` knows of passwords stays known where a name's hashes are the same; null: nothing is known.
  Keyring(const config::Access& access, const ReadLines& read_lines, const Keyring* before = nullptr);

  // All that the request proves to be, never empty: one token may be a sender's and a user's. Certificates and the
  // header of the proxy count only when the request carries no Authorization of its own; beside the proxy's header a
  // password that is nobody's here was asked for by the proxy.
  [[nodiscard]] tl::expected<std::vector<Identity>, Unproved> who(const net::Request& request,
                                                                  rules::Instant now,
                                                                  Attempts& attempts) const;

  // What came of a check that who() asked for: who() knows it from here on. One that an earlier keyring asked for
  // changes nothing.
  void learn(const PasswordCheck& check, std::vector<std::size_t> fitting);

  // Where it came from: the peer, or whom our own proxy names.
  [[nodiscard]] std::string address_of(const net::Request& request) const;
  [[nodiscard]] bool has_sender(std::string_view name) const;
  [[nodiscard]] bool has_passwords() const { return !dummy_.empty(); }
  // Files that hold nothing usable, in words: whom they belong to cannot come in by them.
  [[nodiscard]] const std::vector<std::string>& problems() const { return problems_; }

 private:
  struct Entry {
    Identity identity;
    std::vector<std::string> tokens;  // their SHA-256
    std::vector<std::string> hashes;  // of crypt(3)
    bool is_program{};                // a token and nobody behind it: no proxy's header makes anybody it
  };
  void add(Identity identity, const std::string& token_file, const std::string& hash_file, const ReadLines& read_lines);
  [[nodiscard]] std::vector<Identity> by_token(std::string_view token) const;
  [[nodiscard]] tl::expected<std::vector<Identity>, Unproved> by_password(std::string_view name,
                                                                          const std::string& password,
                                                                          const std::string& address,
                                                                          rules::Instant now,
                                                                          const Attempts& attempts) const;
  void keep_verified(const Keyring& before);
  // The entries with this name that have hashes, as the files have them.
  [[nodiscard]] std::vector<std::size_t> owners_of(std::string_view name) const;
  [[nodiscard]] std::vector<Identity> by_certificate(const net::Request& request) const;
  [[nodiscard]] std::optional<Identity> by_proxy(const net::Request& request) const;
  [[nodiscard]] bool is_proxy(std::string_view peer) const;

  std::vector<Entry> entries_;
  std::optional<config::Proxy> proxy_;
  std::string dummy_;  // a hash that costs what those of known names cost; "" = there are no passwords
  std::string key_;    // of the digests of verified passwords
  std::uint64_t generation_{1};
  std::map<std::string, std::vector<std::size_t>> verified_;  // digest -> entries
  std::set<std::string> refused_;                             // digests of what is nobody's
  std::vector<std::string> problems_;
};

// Whether an address is in a network such as 10.0.0.0/8 or fd00::/8.
[[nodiscard]] bool is_in_network(std::string_view address, std::string_view network);

}  // namespace api
