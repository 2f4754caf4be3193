#include "daemon/net/outbound.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdint>
#include <optional>

#include <arpa/inet.h>
#include <fmt/format.h>

#include "daemon/net/http.hpp"

namespace net {
namespace {

// IPv4 as IPv4-mapped IPv6, so that one way of looking does for both.
using Number = std::array<std::uint8_t, 16>;

constexpr unsigned v4_offset_bits = 96;
constexpr std::string_view mapped_prefix("\0\0\0\0\0\0\0\0\0\0\xff\xff", 12);

struct Network {
  Number number{};
  unsigned bits{};
};

std::optional<Number> parse_number(std::string_view text, bool& is_v4) {
  // The scope of a link-local address says nothing about what it is.
  const std::string plain{text.substr(0, text.find('%'))};
  Number number{};
  in_addr v4{};
  is_v4 = ::inet_pton(AF_INET, plain.c_str(), &v4) == 1;
  if (is_v4) {
    number[10] = number[11] = 0xff;
    std::copy_n(reinterpret_cast<const std::uint8_t*>(&v4), 4, number.begin() + 12);
    return number;
  }
  if (::inet_pton(AF_INET6, plain.c_str(), number.data()) != 1) return std::nullopt;
  return number;
}

std::optional<Network> parse_network(std::string_view text) {
  const std::size_t slash = text.find('/');
  bool is_v4 = false;
  const std::optional<Number> number = parse_number(text.substr(0, slash), is_v4);
  if (!number) return std::nullopt;
  Network network{*number, 128};
  if (slash == std::string_view::npos) return network;
  const std::string_view written = text.substr(slash + 1);
  unsigned bits = 0;
  const auto [end, error] = std::from_chars(written.data(), written.data() + written.size(), bits);
  if (error != std::errc{} || end != written.data() + written.size() || bits > (is_v4 ? 32U : 128U)) {
    return std::nullopt;
  }
  network.bits = is_v4 ? v4_offset_bits + bits : bits;
  return network;
}

bool is_in(const Number& number, const Network& network) {
  for (unsigned bit = 0; bit < network.bits; bit += 8) {
    const unsigned left = std::min(8U, network.bits - bit);
    const auto mask = static_cast<std::uint8_t>(0xff00U >> left);
    if (((number[bit / 8] ^ network.number[bit / 8]) & mask) != 0) return false;
  }
  return true;
}

struct Kind {
  std::string_view network;
  std::string_view what;
};

constexpr std::array kinds{Kind{"0.0.0.0/8", "an unspecified address"},
                           Kind{"127.0.0.0/8", "a loopback address"},
                           Kind{"169.254.0.0/16", "a link-local address"},
                           Kind{"10.0.0.0/8", "a private address"},
                           Kind{"172.16.0.0/12", "a private address"},
                           Kind{"192.168.0.0/16", "a private address"},
                           Kind{"100.64.0.0/10", "a private address"},
                           Kind{"224.0.0.0/4", "a multicast address"},
                           Kind{"240.0.0.0/4", "a reserved address"},
                           Kind{"::/128", "an unspecified address"},
                           Kind{"::1/128", "a loopback address"},
                           Kind{"fe80::/10", "a link-local address"},
                           Kind{"fec0::/10", "a private address"},
                           Kind{"fc00::/7", "a private address"},
                           Kind{"ff00::/8", "a multicast address"}};

// IPv4 inside of the well-known prefix of NAT64 is what the packets will go to.
Number unwrapped(const Number& number) {
  static const Network nat64 = *parse_network("64:ff9b::/96");
  if (!is_in(number, nat64)) return number;
  Number inner{};
  std::copy(mapped_prefix.begin(), mapped_prefix.end(), inner.begin());
  std::copy(number.begin() + 12, number.end(), inner.begin() + 12);
  return inner;
}

}  // namespace

std::string_view why_not_outbound(const OutboundRules& rules, std::string_view host, std::string_view address) {
  if (!rules.is_guarded || equal_ignoring_case(host, "localhost")) return {};
  while (host.ends_with('.')) host.remove_suffix(1);
  bool is_v4 = false;
  const std::optional<Number> number = parse_number(address, is_v4);
  if (!number) return "no address";
  const Number target = unwrapped(*number);
  for (const std::string& allowed : rules.allowed) {
    if (equal_ignoring_case(allowed, host)) return {};
    const std::optional<Network> network = parse_network(allowed);
    if (network && (is_in(*number, *network) || is_in(target, *network))) return {};
  }
  for (const Kind& kind : kinds) {
    if (is_in(target, *parse_network(kind.network))) return kind.what;
  }
  return {};
}

std::string not_outbound(std::string_view name, std::string_view address, std::string_view why) {
  return fmt::format("{} is at {}, {}: if that is meant, list the name or its network in `server.outbound_private`",
                     name,
                     address,
                     why);
}

}  // namespace net
