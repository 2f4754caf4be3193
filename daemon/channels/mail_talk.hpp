// Conversations with mail servers by libcurl: one mail delivered, one mailbox looked into. Each call blocks until it is
// over, cut, or out of time, so it belongs on a thread of its own.
//
// Certificates are always checked, proxies of the environment are not asked, and no file but the named CA's is read. A
// server whose name leads to a private address is not connected to unless the configuration lists it.
#pragma once

#include <atomic>
#include <chrono>
#include <cstddef>
#include <functional>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <vector>

#include <tl/expected.hpp>

#include "daemon/channels/mail.hpp"
#include "daemon/channels/provider.hpp"
#include "daemon/net/outbound.hpp"

namespace channels {

struct MailServer {
  std::string url;       // smtp://, smtps://, imap:// or imaps://; of IMAP with the mailbox as its path
  std::string username;  // "" = without authentication
  std::string password;
  std::string ca_file;            // "" = the system's authorities
  bool requires_tls{true};        // smtp:// and imap:// go on only after STARTTLS
  net::OutboundRules outbound{};  // what the addresses of the server's name may be
};

struct MailOrder {
  std::shared_ptr<const MailServer> server;
  Mail mail;
  std::chrono::milliseconds limit{10'000};
  // Asked once, on the thread that delivers, right before the first byte of the message. False: nothing of it leaves.
  std::function<bool()> may_leave{};
};

// What another thread ends a conversation by: its sockets hear nothing more, and whoever waits for them wakes. A socket
// is closed under the mutex, so that no other file's number is ever shut.
struct MailCut {
  std::atomic<bool> is_cut{false};
  std::mutex mutex;
  std::set<int> sockets;

  void cut();
};

// Once in a process, before any conversation.
void prepare_mail();

// Unanswered means: all was sent, and no word came back.
[[nodiscard]] TryResult deliver_mail(const MailOrder& order, std::chrono::milliseconds left, MailCut& cut);

// Connects, makes the connection safe, shows the password and says goodbye: nothing is sent, nothing is read. The error
// is for people, without secrets.
[[nodiscard]] tl::expected<void, std::string> greet_mail_server(const MailServer& server,
                                                                std::chrono::milliseconds limit,
                                                                MailCut& cut);

// One connection to a mailbox, for the commands of one look. Server and cut outlive it. Errors are for people, without
// secrets.
class MailboxReader {
 public:
  MailboxReader(const MailServer& server, MailCut& cut);
  ~MailboxReader();
  MailboxReader(const MailboxReader&) = delete;
  MailboxReader& operator=(const MailboxReader&) = delete;

  // The newest mails without the mark \Answered, oldest first.
  [[nodiscard]] tl::expected<std::vector<std::string>, std::string> unanswered(std::size_t most);
  // The first bytes of one.
  [[nodiscard]] tl::expected<std::string, std::string> read(const std::string& uid, std::size_t bytes);
  // It is not listed again.
  [[nodiscard]] tl::expected<void, std::string> mark_answered(const std::string& uid);

 private:
  struct Talk;
  [[nodiscard]] tl::expected<std::string, std::string> ask(const std::string& path,
                                                           const std::string& request,
                                                           std::size_t most);
  const MailServer& server_;
  const std::unique_ptr<Talk> talk_;
};

}  // namespace channels
