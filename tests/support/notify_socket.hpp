// The other end of a daemon's notification socket, as a service manager holds it.
#pragma once

#include <chrono>
#include <cstring>
#include <filesystem>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>

#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "tests/support/process.hpp"

namespace support {

class NotifySocket {
 public:
  explicit NotifySocket(const std::filesystem::path& path)
      : descriptor_{::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0)} {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::strncpy(address.sun_path, path.c_str(), sizeof address.sun_path - 1);
    if (::bind(descriptor_, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
      throw std::runtime_error("cannot bind " + path.string());
    }
  }
  NotifySocket(const NotifySocket&) = delete;
  NotifySocket& operator=(const NotifySocket&) = delete;
  ~NotifySocket() { ::close(descriptor_); }

  // The next message with `part` in it; others are passed over. Nothing when none comes within `limit`.
  std::optional<std::string> hear(std::string_view part, std::chrono::milliseconds limit = support::patience) {
    const auto until = std::chrono::steady_clock::now() + limit;
    for (;;) {
      const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(until - std::chrono::steady_clock::now());
      pollfd readable{descriptor_, POLLIN, 0};
      if (left.count() <= 0 || ::poll(&readable, 1, static_cast<int>(left.count())) <= 0) return std::nullopt;
      std::string message(4096, '\0');
      const ssize_t size = ::recv(descriptor_, message.data(), message.size(), 0);
      if (size < 0) return std::nullopt;
      message.resize(static_cast<std::size_t>(size));
      if (message.find(part) != std::string::npos) return message;
    }
  }

  void forget() {
    char byte[4096];
    while (::recv(descriptor_, byte, sizeof byte, MSG_DONTWAIT) >= 0) continue;
  }

 private:
  int descriptor_;
};

}  // namespace support
