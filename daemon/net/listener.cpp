#include "daemon/net/listener.hpp"

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>
#include <tuple>

#include <arpa/inet.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

namespace net {
namespace {

// Enough for any address; the C interface wants it seen as sockaddr.
union Address {
  sockaddr any;
  sockaddr_in v4;
  sockaddr_in6 v6;
  sockaddr_un path;
};

tl::unexpected<std::string> failure(std::string_view what, std::string_view address) {
  return tl::unexpected(fmt::format("{} {}: {}", what, address, std::strerror(errno)));
}

std::optional<std::pair<Address, socklen_t>> parse_ip(std::string_view text) {
  const std::size_t colon = text.rfind(':');
  if (colon == std::string_view::npos) return std::nullopt;
  std::string_view host = text.substr(0, colon);
  const std::string_view port_text = text.substr(colon + 1);
  std::uint16_t port = 0;
  const auto [end, error] = std::from_chars(port_text.data(), port_text.data() + port_text.size(), port);
  if (error != std::errc() || end != port_text.data() + port_text.size() || port_text.empty()) return std::nullopt;
  Address address{};
  if (host.size() >= 2 && host.front() == '[' && host.back() == ']') {
    const std::string number(host.substr(1, host.size() - 2));
    address.v6.sin6_family = AF_INET6;
    address.v6.sin6_port = htons(port);
    if (::inet_pton(AF_INET6, number.c_str(), &address.v6.sin6_addr) != 1) return std::nullopt;
    return std::pair(address, static_cast<socklen_t>(sizeof address.v6));
  }
  const std::string number(host);
  address.v4.sin_family = AF_INET;
  address.v4.sin_port = htons(port);
  if (::inet_pton(AF_INET, number.c_str(), &address.v4.sin_addr) != 1) return std::nullopt;
  return std::pair(address, static_cast<socklen_t>(sizeof address.v4));
}

// Only a socket file that nobody answers on is ours to remove.
bool is_stale_socket(const Address& address, socklen_t size) {
  struct stat status{};
  if (::stat(address.path.sun_path, &status) != 0 || !S_ISSOCK(status.st_mode)) return false;
  const int probe = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (probe < 0) return false;
  const bool refused = ::connect(probe, &address.any, size) != 0 && errno == ECONNREFUSED;
  ::close(probe);
  return refused;
}

std::pair<std::string, bool> describe(const Address& address, socklen_t size) {
  if (address.any.sa_family == AF_UNIX) return {fmt::format("unix:{}", address.path.sun_path), true};
  const PeerName name = peer_name(&address, size);
  if (address.any.sa_family == AF_INET6)
    return {fmt::format("[{}]:{}", name.text, ntohs(address.v6.sin6_port)), name.is_loopback};
  return {fmt::format("{}:{}", name.text, ntohs(address.v4.sin_port)), name.is_loopback};
}

}  // namespace

PeerName peer_name(const void* address, std::size_t size) {
  Address known{};
  std::memcpy(&known, address, std::min(size, sizeof known));
  char text[INET6_ADDRSTRLEN] = "";
  if (known.any.sa_family == AF_UNIX) return {"unix", true};
  if (known.any.sa_family == AF_INET6) {
    const in6_addr& number = known.v6.sin6_addr;
    if (IN6_IS_ADDR_V4MAPPED(&number)) {
      ::inet_ntop(AF_INET, number.s6_addr + 12, text, sizeof text);
      return {text, number.s6_addr[12] == 127};
    }
    ::inet_ntop(AF_INET6, &number, text, sizeof text);
    return {text, static_cast<bool>(IN6_IS_ADDR_LOOPBACK(&number))};
  }
  if (known.any.sa_family != AF_INET) return {"unknown", false};
  ::inet_ntop(AF_INET, &known.v4.sin_addr, text, sizeof text);
  return {text, (ntohl(known.v4.sin_addr.s_addr) >> 24) == 127};
}

Listener::Listener(int descriptor, std::string address, bool is_loopback)
    : descriptor_(descriptor), address_(std::move(address)), is_loopback_(is_loopback) {}

Listener::Listener(Listener&& other) noexcept
    : descriptor_(std::exchange(other.descriptor_, -1)),
      address_(std::move(other.address_)),
      is_loopback_(other.is_loopback_),
      remove_path_(std::exchange(other.remove_path_, {})) {}

Listener& Listener::operator=(Listener&& other) noexcept {
  if (this == &other) return *this;
  close();
  descriptor_ = std::exchange(other.descriptor_, -1);
  address_ = std::move(other.address_);
  is_loopback_ = other.is_loopback_;
  remove_path_ = std::exchange(other.remove_path_, {});
  return *this;
}

Listener::~Listener() {
  close();
}

void Listener::close() {
  if (descriptor_ >= 0) ::close(std::exchange(descriptor_, -1));
  if (!remove_path_.empty()) ::unlink(remove_path_.c_str());
  remove_path_.clear();
}

tl::expected<Listener, std::string> Listener::open(std::string_view text, int backlog) {
  Address address{};
  socklen_t size = 0;
  std::string path;
  if (text.starts_with("unix:")) {
    path = text.substr(5);
    if (path.empty() || path.front() != '/') return tl::unexpected(fmt::format("{}: a path begins with '/'", text));
    if (path.size() >= sizeof address.path.sun_path)
      return tl::unexpected(
          fmt::format("{}: a socket's path has at most {} bytes", text, sizeof address.path.sun_path - 1));
    address.path.sun_family = AF_UNIX;
    std::memcpy(address.path.sun_path, path.c_str(), path.size() + 1);
    size = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + path.size() + 1);
    if (is_stale_socket(address, size)) ::unlink(path.c_str());
  } else {
    const auto parsed = parse_ip(text);
    if (!parsed)
      return tl::unexpected(
          fmt::format("{}: not an address to listen on, for instance 127.0.0.1:9911, [::1]:9911 or "
                      "unix:/run/rouse/rouse.sock",
                      text));
    std::tie(address, size) = *parsed;
  }
  const int descriptor = ::socket(address.any.sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (descriptor < 0) return failure("cannot open a socket for", text);
  Listener listener(descriptor, std::string(text), false);
  const int on = 1;
  if (path.empty()) ::setsockopt(descriptor, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  if (address.any.sa_family == AF_INET6) ::setsockopt(descriptor, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof on);
  if (::bind(descriptor, &address.any, size) != 0) return failure("cannot listen on", text);
  listener.remove_path_ = path;
  if (::listen(descriptor, backlog) != 0) return failure("cannot listen on", text);
  Address bound{};
  socklen_t bound_size = sizeof bound;
  if (::getsockname(descriptor, &bound.any, &bound_size) != 0) return failure("cannot name", text);
  std::tie(listener.address_, listener.is_loopback_) = describe(bound, bound_size);
  return listener;
}

tl::expected<Listener, std::string> Listener::inherit(int descriptor) {
  int listens = 0;
  socklen_t listens_size = sizeof listens;
  if (::getsockopt(descriptor, SOL_SOCKET, SO_ACCEPTCONN, &listens, &listens_size) != 0 || listens == 0)
    return tl::unexpected(fmt::format("the inherited descriptor {} is no listening socket", descriptor));
  Address bound{};
  socklen_t size = sizeof bound;
  if (::getsockname(descriptor, &bound.any, &size) != 0) return failure("cannot name the inherited socket", "");
  ::fcntl(descriptor, F_SETFL, ::fcntl(descriptor, F_GETFL) | O_NONBLOCK);
  ::fcntl(descriptor, F_SETFD, FD_CLOEXEC);
  auto [address, is_loopback] = describe(bound, size);
  return Listener(descriptor, std::move(address), is_loopback);
}

tl::expected<Listener, std::string> Listener::duplicate() const {
  const int copy = ::fcntl(descriptor_, F_DUPFD_CLOEXEC, 0);
  if (copy < 0) return failure("cannot duplicate the socket of", address_);
  return Listener(copy, address_, is_loopback_);
}

}  // namespace net
