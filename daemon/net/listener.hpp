// A listening socket: opened from an address, or inherited from systemd. No Asio; plain descriptors.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <utility>

#include <tl/expected.hpp>

namespace net {

// Owns one descriptor of a socket that listens. Several loops serve one socket by each accepting on a duplicate of it
// (SO_REUSEPORT would lose what is queued when one of them stops). A Unix socket's path is removed with the listener
// that made it, not with its duplicates.
class Listener {
 public:
  // "127.0.0.1:9911", "[::1]:0", "unix:/run/rouse/rouse.sock". Numbers only, no names: where a daemon listens must not
  // depend on DNS. A stale Unix socket (nobody accepts on it) is replaced. The error says what to change.
  [[nodiscard]] static tl::expected<Listener, std::string> open(std::string_view address, int backlog = 1024);

  // Takes over a descriptor that listens already (sd_listen_fds). On error the descriptor stays the caller's.
  [[nodiscard]] static tl::expected<Listener, std::string> inherit(int descriptor);

  [[nodiscard]] tl::expected<Listener, std::string> duplicate() const;

  Listener(Listener&& other) noexcept;
  Listener& operator=(Listener&& other) noexcept;
  ~Listener();

  [[nodiscard]] int descriptor() const { return descriptor_; }
  // As bound, with the real port: "127.0.0.1:40123", "[::1]:40123", "unix:/path".
  [[nodiscard]] const std::string& address() const { return address_; }
  // True when only this machine can reach it.
  [[nodiscard]] bool is_loopback() const { return is_loopback_; }

 private:
  Listener(int descriptor, std::string address, bool is_loopback);
  void close();

  int descriptor_ = -1;
  std::string address_;
  bool is_loopback_ = false;
  std::string remove_path_;
};

// The address text of a peer without its port, and whether it is this machine. IPv4-mapped IPv6 is shown as IPv4. The
// argument is a `const sockaddr*` with its size.
struct PeerName {
  std::string text;
  bool is_loopback = false;
};
[[nodiscard]] PeerName peer_name(const void* address, std::size_t size);

}  // namespace net
