#include "tests/support/mail_drop.hpp"

#include <algorithm>
#include <array>
#include <optional>
#include <stdexcept>
#include <string_view>

#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

namespace support {
namespace {

net::Listener listen_somewhere() {
  tl::expected<net::Listener, std::string> listener = net::Listener::open("127.0.0.1:0");
  if (!listener) throw std::runtime_error(listener.error());
  return *std::move(listener);
}

void say(int connection, std::string_view line) {
  const std::string bytes = std::string(line) + "\r\n";
  static_cast<void>(::send(connection, bytes.data(), bytes.size(), MSG_NOSIGNAL));
}

// What comes over a connection, up to and without `end`; nothing when it is over before.
class Incoming {
 public:
  explicit Incoming(int connection) : connection_{connection} {}

  std::optional<std::string> until(std::string_view end) {
    for (;;) {
      if (const std::size_t at = bytes_.find(end); at != std::string::npos) {
        std::string part = bytes_.substr(0, at);
        bytes_.erase(0, at + end.size());
        return part;
      }
      std::array<char, 8192> some{};
      const ssize_t count = ::recv(connection_, some.data(), some.size(), 0);
      if (count <= 0) return std::nullopt;
      bytes_.append(some.data(), static_cast<std::size_t>(count));
    }
  }

 private:
  int connection_;
  std::string bytes_;
};

}  // namespace

MailDrop::MailDrop()
    : listener_{listen_somewhere()}, url_{"smtp://" + listener_.address()}, acceptor_{[this] { accept(); }} {}

MailDrop::~MailDrop() {
  {
    const std::lock_guard lock(mutex_);
    is_stopping_ = true;
    for (const int connection : open_) ::shutdown(connection, SHUT_RDWR);
  }
  ::shutdown(listener_.descriptor(), SHUT_RDWR);
  acceptor_.join();
  for (std::thread& one : connections_) one.join();
}

std::vector<std::string> MailDrop::mails() const {
  const std::lock_guard lock(mutex_);
  return mails_;
}

void MailDrop::accept() {
  for (;;) {
    pollfd readable{listener_.descriptor(), POLLIN, 0};
    ::poll(&readable, 1, 1'000);
    const int connection = ::accept4(listener_.descriptor(), nullptr, nullptr, SOCK_CLOEXEC);
    const std::lock_guard lock(mutex_);
    if (is_stopping_) {
      if (connection >= 0) ::close(connection);
      return;
    }
    if (connection < 0) continue;
    open_.push_back(connection);
    connections_.emplace_back([this, connection] { serve(connection); });
  }
}

void MailDrop::serve(int connection) {
  Incoming incoming{connection};
  say(connection, "220 drop.example.org ESMTP");
  while (const std::optional<std::string> command = incoming.until("\r\n")) {
    if (command->starts_with("EHLO")) {
      say(connection, "250-drop.example.org\r\n250 8BITMIME");
    } else if (command->starts_with("DATA")) {
      say(connection, "354 go on");
      std::optional<std::string> mail = incoming.until("\r\n.\r\n");
      if (!mail) break;
      {
        const std::lock_guard lock(mutex_);
        mails_.push_back(*std::move(mail));
      }
      say(connection, "250 taken");
    } else if (command->starts_with("QUIT")) {
      say(connection, "221 bye");
      break;
    } else {
      say(connection, "250 fine");
    }
  }
  const std::lock_guard lock(mutex_);
  std::erase(open_, connection);
  ::close(connection);
}

}  // namespace support
