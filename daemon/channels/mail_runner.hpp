// Speaks SMTP and IMAP beside the loop, by libcurl: delivers mails, and looks into mailboxes for what people wrote
// back.
//
// Each mail on its way, and each mailbox, has a thread and a connection of its own: libcurl's multi interface waits for
// the answer to a message, and to QUIT, with its whole thread (smtp.c of 7.88), so there one server that hangs would
// stall every other mail. What a thread comes to is handed to the loop's through a slot that it alone writes.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "daemon/channels/mail.hpp"
#include "daemon/channels/mail_talk.hpp"
#include "daemon/channels/provider.hpp"
#include "daemon/clock.hpp"

namespace channels {

struct MailRunnerOptions {
  std::size_t max_running = 64;                         // at one time; more wait, first come, first served
  std::size_t max_of_a_server = 16;                     // of these, so that one that hangs leaves room for others
  std::size_t max_pending = 4096;                       // running and waiting; more are transient at once
  std::size_t max_mail_bytes = std::size_t{256} << 10;  // of one that comes in; the rest is not read
  std::size_t max_mails_a_look = 50;
};

using MailboxId = std::uint64_t;

class MailRunner {
 public:
  // `wake` is called on any thread when there is something to deliver; it has the loop's thread call deliver() soon.
  // The clock outlives the runner.
  MailRunner(const roused::Clock& clock, std::function<void()> wake, MailRunnerOptions options = {});
  // Cuts what is under way, which takes a second at most; it is not answered.
  ~MailRunner();
  MailRunner(const MailRunner&) = delete;
  MailRunner& operator=(const MailRunner&) = delete;

  // Loop thread, as all below. `done` is called once: from deliver(), or at once when there are too many. Unanswered
  // means: all was sent, and no word came back.
  void submit(MailOrder order, std::function<void(TryResult)> done);

  // A mail of the mailbox. `settled` must be called once, at once or later: true, and it is marked as answered; false,
  // and it is read again at a later look. Until then no other mail of the mailbox comes.
  using Settled = std::function<void(bool)>;
  using OnMail = std::function<void(IncomingMail mail, Settled settled)>;
  // A look failed, and the one before did not; or one works again ("").
  using OnTrouble = std::function<void(const std::string& why)>;

  // Looks for mail that nobody has answered every so often, from now on, until it is unwatched. Mails come from
  // deliver().
  MailboxId watch(std::shared_ptr<const MailServer> server,
                  std::chrono::milliseconds every,
                  OnMail on_mail,
                  OnTrouble on_trouble);
  void unwatch(MailboxId id);
  // All of them: the daemon stops.
  void stop_watching();

  // Calls back for what has come. False when nothing had.
  bool deliver();

  // Mails that are on their way, or wait for their turn.
  [[nodiscard]] std::size_t pending() const { return running_.size() + queue_.size(); }

 private:
  struct Delivery;
  struct Mailbox;

  void start_some();
  [[nodiscard]] std::chrono::nanoseconds now() const { return clock_.read().boot; }

  const roused::Clock& clock_;
  const std::function<void()> wake_;
  const MailRunnerOptions options_;
  std::deque<std::unique_ptr<Delivery>> queue_;
  std::vector<std::unique_ptr<Delivery>> running_;
  std::map<MailboxId, std::shared_ptr<Mailbox>> mailboxes_;
  std::vector<std::shared_ptr<Mailbox>> leaving_;  // unwatched, their threads not over yet
  MailboxId last_id_ = 0;
};

}  // namespace channels
