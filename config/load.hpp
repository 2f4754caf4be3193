// Reads a configuration file into what the daemon needs (Settings) and what the rules need (rules::Policy), or says
// everything that is wrong with it, in the order of the file. Bad input of any shape is safe; nothing is thrown.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <tl/expected.hpp>

#include "config/problem.hpp"
#include "config/scalar.hpp"
#include "rules/policy.hpp"

namespace config {

// Secrets stand in all of these by the name of their file only, made absolute with LoadOptions::secrets_folder.

struct Tls {
  std::string cert_file;
  std::string key_file;
  std::string client_ca_file;  // "" = no client certificates
  bool operator==(const Tls&) const = default;
};

struct Server {
  std::vector<Endpoint> listen{{.host = "127.0.0.1", .port = 9911}};  // never empty
  std::string public_url;                                             // without a slash at its end; "" = none
  std::optional<Tls> tls;
  std::uint64_t max_body_bytes{64ULL * 1024 * 1024};
  // Where providers may be called though it is this machine or a private network: names, addresses, networks.
  std::vector<std::string> outbound_private;
  bool operator==(const Server&) const = default;
};

struct Storage {
  std::filesystem::path folder{"/var/lib/rouse"};
  rules::Duration retention{std::chrono::hours{24} * 400};
  rules::Duration journal{std::chrono::hours{24} * 30};
  bool operator==(const Storage&) const = default;
};

enum class Role : std::uint8_t { viewer, responder, admin };  // each may do what those before it may

struct Sender {
  std::string name;
  std::string token_file;          // bearer token
  std::string password_hash_file;  // basic password; with neither, a client certificate of this name
  bool operator==(const Sender&) const = default;
};

struct User {
  std::string name;
  std::string person;  // "" = nobody who can be called
  Role role{Role::viewer};
  std::string password_hash_file;
  std::string token_file;
  bool operator==(const User&) const = default;
};

struct Proxy {
  std::string header;
  std::vector<std::string> from;  // networks, as 127.0.0.1/32
  Role role{Role::viewer};
  bool operator==(const Proxy&) const = default;
};

struct Access {
  std::vector<Sender> senders;
  std::vector<User> users;
  std::optional<Proxy> proxy;
  bool operator==(const Access&) const = default;
};

struct Publish {
  std::string by;  // "slack" or "email"
  std::string to;  // a channel or an address
  bool operator==(const Publish&) const = default;
};

/// What is the daemon's and not the rules' matter.
struct Settings {
  Server server;
  Storage storage;
  std::optional<Access> access;
  std::vector<Publish> publish;
  std::string audit_log;  // "" = none
  bool operator==(const Settings&) const = default;
};

struct Configuration {
  Settings settings;
  rules::Policy policy;  // its hash is 0: whoever encodes policies sets it
  std::vector<Problem> warnings;
};

struct LoadOptions {
  std::filesystem::path zoneinfo{"/usr/share/zoneinfo"};
  /// What relative names of `*_file` keys start from; empty = they stay as written.
  std::filesystem::path secrets_folder{};
};

/// The errors are all there are, with the warnings between them; at least one is an error.
using Loaded = tl::expected<Configuration, std::vector<Problem>>;

/// `file_name` stands in messages.
[[nodiscard]] Loaded load(std::string_view text, const std::string& file_name, const LoadOptions& options = {});

/// Reads the file. Without a secrets_folder in the options, $CREDENTIALS_DIRECTORY is taken, else the file's folder;
/// without a zoneinfo that differs from the default, $TZDIR is.
[[nodiscard]] Loaded load_file(const std::filesystem::path& path, LoadOptions options = {});

}  // namespace config
