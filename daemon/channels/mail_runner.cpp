#include "daemon/channels/mail_runner.hpp"

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <exception>
#include <mutex>
#include <optional>
#include <system_error>
#include <thread>
#include <utility>

#include "daemon/channels/begin_thread.hpp"

namespace channels {
namespace {

using std::chrono::milliseconds;
using std::chrono::nanoseconds;

}  // namespace

// The thread writes `result`, then `is_over`; the loop's reads it after that.
struct MailRunner::Delivery {
  MailOrder order;
  nanoseconds until{};  // boot clock
  std::function<void(TryResult)> done;
  TryResult result;
  std::atomic<bool> is_over{false};
  MailCut cut;
  std::thread thread;
};

struct MailRunner::Mailbox {
  std::shared_ptr<const MailServer> server;
  milliseconds every{};
  OnMail on_mail;        // the loop's thread
  OnTrouble on_trouble;  // the loop's thread
  MailCut connection;
  std::atomic<bool> is_over{false};
  std::thread thread;
  // Between the mailbox's thread and the loop's; neither holds it while it waits for anybody.
  std::mutex mutex;
  std::condition_variable changed;
  std::optional<IncomingMail> came;
  std::optional<bool> settled;
  std::optional<std::string> trouble;

  [[nodiscard]] bool is_cut() const { return connection.is_cut.load(std::memory_order_acquire); }

  void cut() {
    {
      const std::lock_guard lock(mutex);
      connection.cut();
    }
    changed.notify_all();
  }

  void say_trouble(const std::string& why, const std::function<void()>& wake) {
    {
      const std::lock_guard lock(mutex);
      trouble = why;
    }
    wake();
  }

  // Hands a mail to the loop and waits for its word.
  bool hand_over(IncomingMail mail, const std::function<void()>& wake) {
    {
      const std::lock_guard lock(mutex);
      settled.reset();
      came = std::move(mail);
    }
    wake();
    std::unique_lock lock(mutex);
    changed.wait(lock, [this] { return is_cut() || settled.has_value(); });
    return settled.value_or(false);
  }

  // What is wrong; nothing when the look was good. A mail is marked when the engine has it, not before: what the
  // daemon does not live to hand over is read again, and the engine knows a reply by its name.
  std::optional<std::string> look(const MailRunnerOptions& options, const std::function<void()>& wake) {
    MailboxReader reader(*server, connection);
    const tl::expected<std::vector<std::string>, std::string> uids = reader.unanswered(options.max_mails_a_look);
    if (!uids) return uids.error();
    for (const std::string& uid : *uids) {
      const tl::expected<std::string, std::string> mail = reader.read(uid, options.max_mail_bytes);
      if (!mail) return mail.error();
      if (!hand_over(read_mail(*mail), wake)) return std::nullopt;  // the next look is soon enough
      if (const tl::expected<void, std::string> marked = reader.mark_answered(uid); !marked) return marked.error();
    }
    return std::nullopt;
  }

  void run(const MailRunnerOptions& options, const std::function<void()>& wake) {
    bool was_in_trouble = false;
    while (!is_cut()) {
      std::optional<std::string> why;
      try {
        why = look(options, wake);
      } catch (const std::exception& error) {
        why = error.what();
      }
      if (is_cut()) break;
      if (why.has_value() != was_in_trouble) say_trouble(why.value_or(""), wake);
      was_in_trouble = why.has_value();
      std::unique_lock lock(mutex);
      changed.wait_for(lock, every, [this] { return is_cut(); });
    }
    is_over.store(true, std::memory_order_release);
    wake();
  }
};

MailRunner::MailRunner(const roused::Clock& clock, std::function<void()> wake, MailRunnerOptions options)
    : clock_(clock), wake_(std::move(wake)), options_(options) {
  prepare_mail();
}

MailRunner::~MailRunner() {
  for (const auto& delivery : running_) delivery->cut.cut();
  for (const auto& [id, mailbox] : mailboxes_) mailbox->cut();
  for (const auto& delivery : running_)
    if (delivery->thread.joinable()) delivery->thread.join();
  for (const auto& [id, mailbox] : mailboxes_) mailbox->thread.join();
  for (const auto& mailbox : leaving_) mailbox->thread.join();
}

void MailRunner::submit(MailOrder order, std::function<void(TryResult)> done) {
  if (pending() >= options_.max_pending) return done({TryOutcome::transient, "too many mails are on their way", {}});
  auto delivery = std::make_unique<Delivery>();
  delivery->until = now() + order.limit;
  delivery->order = std::move(order);
  delivery->done = std::move(done);
  queue_.push_back(std::move(delivery));
  start_some();
}

void MailRunner::start_some() {
  const auto has_room = [this](const std::unique_ptr<Delivery>& waiting) {
    const auto of_its_server =
        std::count_if(running_.begin(), running_.end(), [&](const std::unique_ptr<Delivery>& running) {
          return running->order.server->url == waiting->order.server->url;
        });
    return static_cast<std::size_t>(of_its_server) < options_.max_of_a_server;
  };
  while (running_.size() < options_.max_running) {
    const auto next = std::find_if(queue_.begin(), queue_.end(), has_room);
    if (next == queue_.end()) return;
    running_.push_back(std::move(*next));
    queue_.erase(next);
    Delivery& delivery = *running_.back();
    const auto answer = [this](Delivery& its, TryResult result) {
      its.result = std::move(result);
      its.is_over.store(true, std::memory_order_release);
      wake_();
    };
    const auto left = std::chrono::floor<milliseconds>(delivery.until - now());
    if (left <= milliseconds{0}) {
      answer(delivery, {TryOutcome::transient, "no time is left", {}});
      continue;
    }
    try {
      delivery.thread = begin_thread([&delivery, left, answer] {
        TryResult result;
        try {
          result = deliver_mail(delivery.order, left, delivery.cut);
        } catch (const std::exception& error) {
          result = {TryOutcome::refused, error.what(), {}};
        }
        answer(delivery, std::move(result));
      });
    } catch (const std::system_error&) {
      answer(delivery, {TryOutcome::transient, "the machine has no thread to give", {}});
    }
  }
}

MailboxId MailRunner::watch(std::shared_ptr<const MailServer> server,
                            milliseconds every,
                            OnMail on_mail,
                            OnTrouble on_trouble) {
  const MailboxId id = ++last_id_;
  auto mailbox = std::make_shared<Mailbox>();
  mailbox->server = std::move(server);
  mailbox->every = every;
  mailbox->on_mail = std::move(on_mail);
  mailbox->on_trouble = std::move(on_trouble);
  mailbox->thread = begin_thread([this, its = mailbox.get()] { its->run(options_, wake_); });
  mailboxes_.emplace(id, std::move(mailbox));
  return id;
}

void MailRunner::unwatch(MailboxId id) {
  const auto found = mailboxes_.find(id);
  if (found == mailboxes_.end()) return;
  found->second->cut();
  leaving_.push_back(std::move(found->second));
  mailboxes_.erase(found);
}

void MailRunner::stop_watching() {
  while (!mailboxes_.empty()) unwatch(mailboxes_.begin()->first);
}

bool MailRunner::deliver() {
  bool had_any = false;
  std::vector<std::unique_ptr<Delivery>> over;
  for (auto& delivery : running_)
    if (delivery->is_over.load(std::memory_order_acquire)) over.push_back(std::move(delivery));
  std::erase(running_, nullptr);
  for (const auto& delivery : over)
    if (delivery->thread.joinable()) delivery->thread.join();
  start_some();
  for (const auto& delivery : over) {
    had_any = true;
    delivery->done(std::move(delivery->result));
  }
  std::erase_if(leaving_, [](const std::shared_ptr<Mailbox>& mailbox) {
    if (!mailbox->is_over.load(std::memory_order_acquire)) return false;
    mailbox->thread.join();
    return true;
  });
  const std::map<MailboxId, std::shared_ptr<Mailbox>> looked_at = mailboxes_;  // callbacks may change it
  for (const auto& [id, mailbox] : looked_at) {
    std::optional<IncomingMail> mail;
    std::optional<std::string> trouble;
    {
      const std::lock_guard lock(mailbox->mutex);
      mail = std::exchange(mailbox->came, std::nullopt);
      trouble = std::exchange(mailbox->trouble, std::nullopt);
    }
    had_any = had_any || mail || trouble;
    if (trouble && mailbox->on_trouble) mailbox->on_trouble(*trouble);
    if (!mail) continue;
    mailbox->on_mail(*std::move(mail), [weak = std::weak_ptr<Mailbox>(mailbox)](bool is_done) {
      const std::shared_ptr<Mailbox> its = weak.lock();
      if (its == nullptr) return;
      {
        const std::lock_guard lock(its->mutex);
        its->settled = is_done;
      }
      its->changed.notify_all();
    });
  }
  return had_any;
}

}  // namespace channels
