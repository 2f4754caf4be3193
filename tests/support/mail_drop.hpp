// A mail server that takes every mail and delivers none: plain SMTP on loopback, a port of its own. All public
// functions: any thread.
#pragma once

#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "daemon/net/listener.hpp"

namespace support {

class MailDrop {
 public:
  // Throws std::runtime_error.
  MailDrop();
  // Whoever talks to it is cut off.
  ~MailDrop();
  MailDrop(const MailDrop&) = delete;
  MailDrop& operator=(const MailDrop&) = delete;

  // "smtp://127.0.0.1:PORT"
  [[nodiscard]] const std::string& url() const { return url_; }

  // Those that were acknowledged, or would have been: whole mails.
  [[nodiscard]] std::vector<std::string> mails() const;

 private:
  void accept();
  void serve(int connection);

  mutable std::mutex mutex_;
  std::vector<std::string> mails_;
  std::vector<int> open_;
  bool is_stopping_{};

  net::Listener listener_;
  std::string url_;
  std::vector<std::thread> connections_;  // of the acceptor, until it is gone
  std::thread acceptor_;
};

}  // namespace support
