#include "daemon/net/resolver.hpp"

#include <cerrno>
#include <cstdint>
#include <optional>
#include <system_error>
#include <thread>
#include <utility>

#include <fcntl.h>
#include <netdb.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "daemon/ring.hpp"

namespace net {
namespace {

struct Question {
  std::string host;
  std::string port;
};

Resolved resolve(Question question) {
  Resolved resolved{std::move(question.host), std::move(question.port), {}, {}};
  addrinfo hints{};
  hints.ai_family = AF_UNSPEC;
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_ADDRCONFIG;
  addrinfo* found = nullptr;
  const int failed = ::getaddrinfo(resolved.host.c_str(), resolved.port.c_str(), &hints, &found);
  if (failed != 0) {
    resolved.error = ::gai_strerror(failed);
    return resolved;
  }
  for (const addrinfo* each = found; each != nullptr; each = each->ai_next)
    resolved.endpoints.emplace_back(each->ai_addr, each->ai_addrlen, IPPROTO_TCP);
  ::freeaddrinfo(found);
  if (resolved.endpoints.empty()) resolved.error = "no address";
  return resolved;
}

constexpr std::size_t most_threads = 16;
constexpr std::size_t question_slots = 256;
constexpr std::size_t without_weight = 0;

}  // namespace

struct Resolver::Shared {
  Shared() : answers_fd(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
    if (answers_fd < 0) throw std::system_error(errno, std::generic_category(), "eventfd");
  }
  ~Shared() { ::close(answers_fd); }
  Shared(const Shared&) = delete;
  Shared& operator=(const Shared&) = delete;

  roused::Ring<Question> questions{question_slots, 1};    // loop -> thread
  roused::Ring<Resolved> answers{2 * question_slots, 1};  // thread -> loop
  roused::Wakeup wakeup;                                  // the thread sleeps here
  std::atomic<bool> is_stopping{false};
  int answers_fd;
};

// The loop's side of one thread.
class Resolver::Thread {
 public:
  Thread(asio::io_context& context, const std::function<void(Resolved)>& answered)
      : answered_(answered), shared_(std::make_shared<Shared>()), answers_(context) {
    const int copy = ::fcntl(shared_->answers_fd, F_DUPFD_CLOEXEC, 0);
    if (copy < 0) throw std::system_error(errno, std::generic_category(), "eventfd");
    answers_.assign(copy);
    const auto work = [](const std::shared_ptr<Shared>& shared) { Thread::work(*shared); };
    std::thread(work, shared_).detach();
    wait_for_answers();
  }
  ~Thread() {
    shared_->is_stopping.store(true, std::memory_order_release);
    shared_->wakeup.wake();
  }
  Thread(const Thread&) = delete;
  Thread& operator=(const Thread&) = delete;

  // Questions without an answer.
  [[nodiscard]] std::size_t waiting() const { return waiting_; }

  bool ask(Question question) {
    if (!shared_->questions.try_push_priority(std::move(question), without_weight)) return false;
    ++waiting_;
    shared_->wakeup.notify();
    return true;
  }

 private:
  static void work(Shared& shared);
  void wait_for_answers();

  const std::function<void(Resolved)>& answered_;
  std::shared_ptr<Shared> shared_;
  Descriptor answers_;
  std::uint64_t count_ = 0;
  std::size_t waiting_ = 0;
};

void Resolver::Thread::work(Shared& shared) {
  while (!shared.is_stopping.load(std::memory_order_acquire)) {
    if (std::optional<Question> question = shared.questions.try_pop()) {
      Resolved resolved = resolve(std::move(*question));
      // The loop drains whenever the eventfd is written, so a full ring is a loop that is gone or stuck.
      while (!shared.answers.try_push_priority(std::move(resolved), without_weight)) {
        if (shared.is_stopping.load(std::memory_order_acquire)) return;
        std::this_thread::yield();
      }
      const std::uint64_t one = 1;
      while (::write(shared.answers_fd, &one, sizeof one) < 0 && errno == EINTR) continue;
    } else {
      shared.wakeup.wait(
          [&shared] { return !shared.questions.empty() || shared.is_stopping.load(std::memory_order_acquire); });
    }
  }
}

void Resolver::Thread::wait_for_answers() {
  // A completion that is queued already when the resolver ends must not touch it: hence the shared part in the handler.
  const auto read = [this, shared = shared_](error_code error, std::size_t) {
    if (error || shared->is_stopping.load(std::memory_order_relaxed)) return;
    wait_for_answers();
    while (std::optional<Resolved> resolved = shared->answers.try_pop()) {
      --waiting_;
      answered_(std::move(*resolved));
    }
  };
  answers_.async_read_some(asio::buffer(&count_, sizeof count_), read);
}

Resolver::Resolver(asio::io_context& context, std::function<void(Resolved)> answered)
    : context_(context), answered_(std::move(answered)) {}

Resolver::~Resolver() = default;

Resolver::Thread* Resolver::least_busy() {
  Thread* best = nullptr;
  for (const std::unique_ptr<Thread>& one : threads_) {
    if (best == nullptr || one->waiting() < best->waiting()) best = one.get();
  }
  if ((best != nullptr && best->waiting() == 0) || threads_.size() >= most_threads) return best;
  try {
    threads_.push_back(std::make_unique<Thread>(context_, answered_));
    return threads_.back().get();
  } catch (const std::system_error&) {
    return best;  // for lack of descriptors or threads: behind the others
  }
}

bool Resolver::ask(const std::string& host, const std::string& port) {
  Thread* const thread = least_busy();
  return thread != nullptr && thread->ask(Question{host, port});
}

}  // namespace net
