// A loop on a thread of its own with a server in it, and a raw socket to talk to it byte by byte.
#pragma once

#include <cerrno>
#include <chrono>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <future>
#include <mutex>
#include <stdexcept>
#include <string>
#include <string_view>
#include <thread>
#include <utility>

#include <arpa/inet.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "daemon/net/listener.hpp"
#include "daemon/net/loop.hpp"
#include "daemon/net/server.hpp"

namespace net::testing {

// Long enough for a loaded machine; only a failing test waits for it.
inline constexpr std::chrono::milliseconds patience{40'000};

inline int port_of(const std::string& address) {
  return std::stoi(address.substr(address.rfind(':') + 1));
}

// A blocking client socket on loopback.
class RawSocket {
 public:
  explicit RawSocket(int port) : descriptor_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(static_cast<std::uint16_t>(port));
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (::connect(descriptor_, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0)
      throw std::runtime_error(std::string("connect: ") + std::strerror(errno));
  }
  RawSocket(RawSocket&& other) noexcept
      : descriptor_(std::exchange(other.descriptor_, -1)), buffer_(std::move(other.buffer_)) {}
  ~RawSocket() { close(); }

  void close() {
    if (descriptor_ >= 0) ::close(std::exchange(descriptor_, -1));
  }

  void send(std::string_view bytes) const {
    while (!bytes.empty()) {
      const auto sent = ::send(descriptor_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
      if (sent <= 0) return;  // the answer will show what the server thought of it
      bytes.remove_prefix(static_cast<std::size_t>(sent));
    }
  }

  void end_sending() const { ::shutdown(descriptor_, SHUT_WR); }

  // More bytes into buffer(); false at the end of the connection.
  bool fill() {
    pollfd readable{descriptor_, POLLIN, 0};
    if (::poll(&readable, 1, static_cast<int>(patience.count())) <= 0) throw std::runtime_error("nothing came");
    char bytes[4096];
    const auto count = ::recv(descriptor_, bytes, sizeof bytes, 0);
    if (count <= 0) return false;
    buffer_.append(bytes, static_cast<std::size_t>(count));
    return true;
  }

  // One response with Content-Length, head and body; empty when the connection ended first.
  std::string response() {
    for (;;) {
      const std::size_t head_end = buffer_.find("\r\n\r\n");
      if (head_end != std::string::npos) {
        const std::size_t field = buffer_.find("Content-Length: ");
        const std::size_t length =
            field < head_end ? static_cast<std::size_t>(std::atoi(buffer_.c_str() + field + 16)) : 0;
        if (buffer_.size() >= head_end + 4 + length) {
          std::string whole = buffer_.substr(0, head_end + 4 + length);
          buffer_.erase(0, whole.size());
          return whole;
        }
      }
      if (!fill()) return {};
    }
  }

  // Everything up to the end of the connection.
  std::string rest() {
    while (fill()) continue;
    return std::exchange(buffer_, {});
  }

 private:
  int descriptor_;
  std::string buffer_;
};

inline int status_of(const std::string& response) {
  return response.size() > 12 && response.starts_with("HTTP/1.1 ") ? std::atoi(response.c_str() + 9) : 0;
}

inline std::string body_of(const std::string& response) {
  const std::size_t head_end = response.find("\r\n\r\n");
  return head_end == std::string::npos ? std::string() : response.substr(head_end + 4);
}

// Runs a loop on a thread of its own, from start() to stop().
class LoopThread {
 public:
  LoopThread() {
    loop_.on_wake([this] {
      std::function<void()> called;
      {
        const std::lock_guard lock(mutex_);
        called = std::exchange(called_, nullptr);
      }
      if (called) called();
    });
  }
  ~LoopThread() { stop(); }

  void start() {
    thread_ = std::thread([this] { loop_.run(); });
  }
  void stop() {
    loop_.stop();
    if (thread_.joinable()) thread_.join();
  }

  // Runs `called` on the loop's thread and waits for it.
  void run(const std::function<void()>& called) {
    std::promise<void> done;
    {
      const std::lock_guard lock(mutex_);
      called_ = [&] {
        called();
        done.set_value();
      };
    }
    loop_.wake();
    if (done.get_future().wait_for(patience) != std::future_status::ready) std::abort();
  }

  Loop& loop() { return loop_; }

 private:
  Loop loop_;
  std::mutex mutex_;
  std::function<void()> called_;
  std::thread thread_;
};

}  // namespace net::testing
