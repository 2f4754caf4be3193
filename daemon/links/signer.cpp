#include "daemon/links/signer.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <fstream>
#include <system_error>
#include <utility>

#include <fmt/format.h>
#include <openssl/rand.h>

#include "daemon/net/hmac.hpp"

namespace links {
namespace {

constexpr std::string_view link_purpose = "link 1";
constexpr std::size_t mark_digits = 32;
constexpr std::size_t key_bytes = 32;
constexpr std::size_t longest_token = 1024;

std::string hex(std::string_view bytes) {
  std::string digits;
  for (const char byte : bytes) digits += fmt::format("{:02x}", static_cast<unsigned char>(byte));
  return digits;
}

int digit_of(char letter) {
  if (letter >= '0' && letter <= '9') return letter - '0';
  if (letter >= 'a' && letter <= 'f') return letter - 'a' + 10;
  return -1;
}

std::optional<std::string> from_hex(std::string_view digits) {
  if (digits.size() % 2 != 0) return std::nullopt;
  std::string bytes;
  for (std::size_t at = 0; at < digits.size(); at += 2) {
    const int high = digit_of(digits[at]);
    const int low = digit_of(digits[at + 1]);
    if (high < 0 || low < 0) return std::nullopt;
    bytes.push_back(static_cast<char>(high * 16 + low));
  }
  return bytes;
}

template <class Number>
bool read_number(std::string_view text, Number& number) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  return error == std::errc{} && end == text.data() + text.size();
}

// Purpose and text apart, so that a mark of one is never a mark of the other.
std::string signed_text(std::string_view purpose, std::string_view bytes) {
  return fmt::format("{}\n{}", purpose, bytes);
}

std::optional<Link> parse(std::string_view payload) {
  std::array<std::string_view, 5> parts;
  for (std::size_t index = 0; index + 1 < parts.size(); ++index) {
    const std::size_t dot = payload.find('.');
    if (dot == std::string_view::npos) return std::nullopt;
    parts[index] = payload.substr(0, dot);
    payload.remove_prefix(dot + 1);
  }
  parts.back() = payload;
  Link link;
  const std::optional<Action> action = action_of(parts[0]);
  const std::optional<std::string> person = from_hex(parts[4]);
  std::int64_t until = 0;
  if (!action || !person || !read_number(parts[1], link.incident.value) || !read_number(parts[2], link.message.value) ||
      !read_number(parts[3], until))
    return std::nullopt;
  constexpr std::int64_t furthest = 9'000'000'000;  // seconds that every clock here can count
  if (until < 0 || until > furthest) return std::nullopt;
  link.action = *action;
  link.person = *person;
  link.until = rules::Instant{std::chrono::seconds{until}};
  return link;
}

tl::expected<void, std::string> write_new(const std::filesystem::path& file, const WriteFile& write) {
  std::array<unsigned char, key_bytes> key{};
  if (RAND_bytes(key.data(), static_cast<int>(key.size())) != 1)
    return tl::unexpected(std::string("the system gives no random bytes"));
  std::string line;
  for (const unsigned char byte : key) line += fmt::format("{:02x}", byte);
  line += '\n';
  return write(file, line);
}

}  // namespace

std::string_view word_of(Action action) {
  switch (action) {
    case Action::acknowledge:
      return "ack";
    case Action::escalate:
      return "escalate";
    case Action::close:
      break;
  }
  return "close";
}

std::optional<Action> action_of(std::string_view word) {
  for (const Action action : {Action::acknowledge, Action::escalate, Action::close})
    if (word == word_of(action)) return action;
  return std::nullopt;
}

Signer::Signer(std::vector<std::string> keys) : keys_(std::move(keys)) {}

std::string Signer::token(const Link& link) const {
  const auto until = std::chrono::floor<std::chrono::seconds>(link.until.time_since_epoch()).count();
  const std::string payload = fmt::format(
      "{}.{}.{}.{}.{}", word_of(link.action), link.incident.value, link.message.value, until, hex(link.person));
  return payload + "." + net::hmac_sha256(keys_.front(), signed_text(link_purpose, payload));
}

tl::expected<Link, Wrong> Signer::read(std::string_view token, rules::Instant now) const {
  const std::size_t dot = token.rfind('.');
  if (dot == std::string_view::npos || token.size() > longest_token) return tl::unexpected(Wrong::forged);
  const std::string_view payload = token.substr(0, dot);
  const std::string_view given = token.substr(dot + 1);
  bool is_ours = false;
  // All keys, whichever fits.
  for (const std::string& key : keys_)
    is_ours = net::equal_in_constant_time(net::hmac_sha256(key, signed_text(link_purpose, payload)), given) || is_ours;
  if (!is_ours) return tl::unexpected(Wrong::forged);
  std::optional<Link> link = parse(payload);
  if (!link) return tl::unexpected(Wrong::forged);
  if (now >= link->until) return tl::unexpected(Wrong::expired);
  return *std::move(link);
}

std::string Signer::mark(std::string_view purpose, std::string_view bytes) const {
  return net::hmac_sha256(keys_.front(), signed_text(purpose, bytes)).substr(0, mark_digits);
}

bool Signer::is_mark(std::string_view mark, std::string_view purpose, std::string_view bytes) const {
  bool is_ours = false;
  for (const std::string& key : keys_) {
    const std::string right = net::hmac_sha256(key, signed_text(purpose, bytes)).substr(0, mark_digits);
    is_ours = net::equal_in_constant_time(right, mark) || is_ours;
  }
  return is_ours;
}

tl::expected<std::vector<std::string>, std::string> open_keys(const std::filesystem::path& folder,
                                                              const WriteFile& write) {
  const std::filesystem::path file = folder / "links.key";
  std::error_code error;
  if (!std::filesystem::exists(file, error)) {
    if (error) return tl::unexpected(fmt::format("cannot read {}: {}", file.string(), error.message()));
    if (tl::expected<void, std::string> written = write_new(file, write); !written)
      return tl::unexpected(std::move(written.error()));
  }
  std::ifstream stream(file);
  if (!stream) return tl::unexpected(fmt::format("cannot read {}", file.string()));
  std::vector<std::string> keys;
  for (std::string line; std::getline(stream, line);) {
    while (!line.empty() && (line.back() == '\r' || line.back() == ' ')) line.pop_back();
    if (line.empty()) continue;
    std::optional<std::string> key = from_hex(line);
    if (!key || key->size() != key_bytes)
      return tl::unexpected(
          fmt::format("{}: line {} is no key of 64 lower-case hex digits", file.string(), keys.size() + 1));
    keys.push_back(*std::move(key));
  }
  if (stream.bad()) return tl::unexpected(fmt::format("cannot read {}", file.string()));
  if (keys.empty()) return tl::unexpected(fmt::format("{} holds no key", file.string()));
  return keys;
}

}  // namespace links
