// A mail server of a test: Debian's exim4, which takes mail for example.org after STARTTLS and a password, and Debian's
// dovecot, in which it is read by IMAP over TLS. Ordinary processes on loopback, all their files in a folder of the
// test.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "tests/support/folder.hpp"
#include "tests/support/process.hpp"

namespace support {

// olga, omar, rouse and everyone have a mailbox at example.org. gone@example.org is taken and then comes back;
// nobody@example.org is refused at once, busy@example.org for the moment. olga+SOMETHING is olga, too. Everybody's
// password is "secret".
class MailServer {
 public:
  MailServer();
  ~MailServer();
  MailServer(const MailServer&) = delete;
  MailServer& operator=(const MailServer&) = delete;

  // Why there is none on this machine; "" = there is one.
  [[nodiscard]] const std::string& why_not() const { return why_not_; }

  [[nodiscard]] std::string smtp_url() const;
  [[nodiscard]] std::string imap_url() const;  // imaps, without the mailbox
  [[nodiscard]] std::string ca_file() const { return folder_ / "cert.pem"; }
  [[nodiscard]] std::string password_file() const { return folder_ / "password"; }
  [[nodiscard]] std::string output() const;

  // What IMAP shows in somebody's inbox, whole mails, in the order of their arrival.
  [[nodiscard]] std::vector<std::string> mails_of(std::string_view user) const;
  // Until somebody has so many; then all of them. What is there by then when the time is over.
  [[nodiscard]] std::vector<std::string> wait_for_mails(std::string_view user,
                                                        std::size_t count,
                                                        std::chrono::milliseconds limit = patience) const;
  // What was delivered to an address ("olga+7@example.org"), whole mails, in the order of their seconds; waits for the
  // delivery of what was taken for it by now. Any thread.
  [[nodiscard]] std::vector<std::string> mails_to(std::string_view address,
                                                  std::chrono::milliseconds limit = patience) const;
  // By SMTP, as somebody's mail program does. False when it was not taken.
  [[nodiscard]] bool send(std::string_view from, std::string_view to, std::string_view mail) const;

  // SIGKILL to the SMTP server, and again a new one at the same port.
  void stop_smtp();
  void start_smtp();

 private:
  bool start_imap();

  TemporaryFolder folder_;
  std::string why_not_;
  int smtp_port_{};
  int imap_port_{};
  std::unique_ptr<Process> exim_;
  std::unique_ptr<Process> dovecot_;
};

}  // namespace support
