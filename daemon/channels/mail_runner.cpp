#include "daemon/channels/mail_runner.hpp"

#include <algorithm>
#include <atomic>
#include <charconv>
#include <condition_variable>
#include <cstring>
#include <mutex>
#include <optional>
#include <set>
#include <stdexcept>
#include <string_view>
#include <system_error>
#include <thread>
#include <utility>

#include <curl/curl.h>
#include <fmt/format.h>
#include <sys/socket.h>
#include <tl/expected.hpp>
#include <unistd.h>

#include "daemon/channels/begin_thread.hpp"
#include "daemon/words/clean.hpp"

namespace channels {
namespace {

using std::chrono::milliseconds;
using std::chrono::nanoseconds;

constexpr std::size_t detail_bytes = 160;
constexpr milliseconds look_limit{30'000};
constexpr long longest_connect_milliseconds = 10'000;
constexpr std::size_t longest_listing = std::size_t{1} << 20;

struct CleanHandle {
  void operator()(CURL* handle) const { curl_easy_cleanup(handle); }
};
using Handle = std::unique_ptr<CURL, CleanHandle>;
struct FreeList {
  void operator()(curl_slist* list) const { curl_slist_free_all(list); }
};

// The last line in which the server refused something: "550 5.1.1 no such user".
struct Refusal {
  int code{};
  std::string text;

  void hear(std::string_view line) {
    int found = 0;
    const auto [end, error] = std::from_chars(line.data(), line.data() + std::min<std::size_t>(line.size(), 3), found);
    if (error != std::errc{} || end != line.data() + 3) return;
    code = found;
    if (found < 400) return;
    while (!line.empty() && static_cast<unsigned char>(line.back()) <= ' ') line.remove_suffix(1);
    text = words::shorten(words::visible(line), detail_bytes);
  }
};

// What another thread ends a conversation by: its sockets hear nothing more, and whoever waits for them wakes. A socket
// is closed under the mutex, so that no other file's number is ever shut.
struct Cut {
  std::atomic<bool> is_cut{false};
  std::mutex mutex;
  std::set<curl_socket_t> sockets;

  void cut() {
    is_cut.store(true, std::memory_order_release);
    const std::lock_guard lock(mutex);
    for (const curl_socket_t socket : sockets) ::shutdown(socket, SHUT_RDWR);
  }
};

curl_socket_t open_socket(void* data, curlsocktype /*purpose*/, curl_sockaddr* address) {
  auto& cut = *static_cast<Cut*>(data);
  const std::lock_guard lock(cut.mutex);
  if (cut.is_cut.load(std::memory_order_acquire)) return CURL_SOCKET_BAD;
  const int opened = ::socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol);
  if (opened >= 0) cut.sockets.insert(opened);
  return opened;
}

int close_socket(void* data, curl_socket_t socket) {
  auto& cut = *static_cast<Cut*>(data);
  const std::lock_guard lock(cut.mutex);
  cut.sockets.erase(socket);
  return ::close(socket);
}

// What a try has come to so far; of its thread.
struct Progress {
  std::string_view bytes{};
  const std::function<bool()>* may_leave{};
  Cut* cut{};
  std::chrono::steady_clock::time_point until{};
  std::size_t given{};
  bool has_begun{};     // may_leave was asked and said yes
  bool is_withdrawn{};  // it said no
  bool is_complete{};   // all was given: the end of the message may be on its way
  bool has_quit{};      // what is said from here on is of no matter, and not waited for
  Refusal refusal;
};

std::size_t give_mail(char* into, std::size_t size, std::size_t count, void* data) {
  auto& progress = *static_cast<Progress*>(data);
  if (!progress.has_begun) {
    if (*progress.may_leave && !(*progress.may_leave)()) {
      progress.is_withdrawn = true;
      return CURL_READFUNC_ABORT;
    }
    progress.has_begun = true;
  }
  const std::size_t taken = std::min(progress.bytes.size() - progress.given, size * count);
  std::memcpy(into, progress.bytes.data() + progress.given, taken);
  progress.given += taken;
  if (taken == 0) progress.is_complete = true;
  return taken;
}

std::size_t hear_line(char* line, std::size_t size, std::size_t count, void* data) {
  auto& progress = *static_cast<Progress*>(data);
  if (!progress.has_quit) progress.refusal.hear({line, size * count});
  return size * count;
}

// Nothing is written: what goes by holds the password.
int watch_commands(CURL* /*handle*/, curl_infotype kind, char* text, std::size_t size, void* data) {
  const std::string_view said{text, size};
  if (kind == CURLINFO_HEADER_OUT && (said.starts_with("QUIT") || said.find(" LOGOUT") != std::string_view::npos))
    static_cast<Progress*>(data)->has_quit = true;
  return 0;
}

// Asked about once a second while libcurl waits.
int look_whether_cut(void* data, curl_off_t /*of*/, curl_off_t /*in*/, curl_off_t /*to*/, curl_off_t /*out*/) {
  const auto& progress = *static_cast<const Progress*>(data);
  const bool is_late = std::chrono::steady_clock::now() >= progress.until;
  return progress.has_quit || is_late || progress.cut->is_cut.load(std::memory_order_acquire) ? 1 : 0;
}

std::size_t ignore(char* /*bytes*/, std::size_t size, std::size_t count, void* /*data*/) {
  return size * count;
}

bool is_about_certificates(CURLcode code) {
  return code == CURLE_PEER_FAILED_VERIFICATION || code == CURLE_SSL_CACERT_BADFILE || code == CURLE_USE_SSL_FAILED ||
         code == CURLE_SSL_ISSUER_ERROR || code == CURLE_SSL_CERTPROBLEM;
}

std::string described(CURLcode code) {
  switch (code) {
    case CURLE_PEER_FAILED_VERIFICATION:
      return "its certificate is not that of this server, or not of an authority that is trusted here";
    case CURLE_USE_SSL_FAILED:
      return "the server offers no STARTTLS, and nothing is said in the open";
    case CURLE_SSL_CACERT_BADFILE:
      return "the ca_file cannot be read";
    case CURLE_LOGIN_DENIED:
      return "the server does not take the user name and password";
    case CURLE_OPERATION_TIMEDOUT:
    case CURLE_ABORTED_BY_CALLBACK:
      return "no answer in time";
    default:
      return words::shorten(words::visible(curl_easy_strerror(code)), detail_bytes);
  }
}

TryResult judged(const Progress& delivery, const std::string& name, CURLcode code) {
  if (code == CURLE_OK) return {TryOutcome::accepted, "the mail server took it", {}, name};
  if (delivery.is_withdrawn) return {TryOutcome::withdrawn, {}, {}};
  std::string detail = delivery.refusal.text.empty() ? described(code) : "the mail server: " + delivery.refusal.text;
  if (code == CURLE_LOGIN_DENIED && !delivery.refusal.text.empty())
    detail = described(code) + ": " + delivery.refusal.text;
  // The last word decides, when it is a refusal; what was said before of something else does not.
  const bool is_refused = delivery.refusal.code >= 500;
  const bool is_busy = delivery.refusal.code >= 400 && delivery.refusal.code < 500;
  if (is_busy) return {TryOutcome::transient, std::move(detail), {}};
  if (is_refused) return {TryOutcome::refused, std::move(detail), {}};
  detail = described(code);
  if (delivery.is_complete) return {TryOutcome::unanswered, std::move(detail), {}};
  if (is_about_certificates(code) || code == CURLE_LOGIN_DENIED || code == CURLE_URL_MALFORMAT ||
      code == CURLE_UNSUPPORTED_PROTOCOL)
    return {TryOutcome::refused, std::move(detail), {}};
  return {TryOutcome::transient, std::move(detail), {}};
}

template <class Value>
void set(CURL* handle, CURLoption option, Value value) {
  // An option that this libcurl lacks must not be passed over: it may be the one that protects.
  if (curl_easy_setopt(handle, option, value) != CURLE_OK)
    throw std::runtime_error(fmt::format("libcurl lacks option {}", static_cast<int>(option)));
}

// What every connection has in common; never less than this.
void prepare(CURL* handle, const MailServer& server, const char* protocols, milliseconds limit, Progress& progress) {
  set(handle, CURLOPT_URL, server.url.c_str());
  set(handle, CURLOPT_PROTOCOLS_STR, protocols);
  set(handle, CURLOPT_NOSIGNAL, 1L);
  set(handle, CURLOPT_QUICK_EXIT, 1L);  // a name that is still being looked up is left behind
  set(handle, CURLOPT_PROXY, "");
  set(handle, CURLOPT_SSL_VERIFYPEER, 1L);
  set(handle, CURLOPT_SSL_VERIFYHOST, 2L);
  set(handle, CURLOPT_SSLVERSION, static_cast<long>(CURL_SSLVERSION_TLSv1_2));
  set(handle, CURLOPT_USE_SSL, static_cast<long>(server.requires_tls ? CURLUSESSL_ALL : CURLUSESSL_TRY));
  if (!server.ca_file.empty()) {
    // This authority and no other.
    set(handle, CURLOPT_CAINFO, server.ca_file.c_str());
    set(handle, CURLOPT_CAPATH, static_cast<char*>(nullptr));
  }
  if (!server.username.empty()) {
    set(handle, CURLOPT_USERNAME, server.username.c_str());
    set(handle, CURLOPT_PASSWORD, server.password.c_str());
  }
  const auto most = static_cast<long>(std::max<std::int64_t>(limit.count(), 1));
  set(handle, CURLOPT_TIMEOUT_MS, most);
  set(handle, CURLOPT_CONNECTTIMEOUT_MS, std::min(most, longest_connect_milliseconds));
  // The two above are not looked at while the answer to a message is waited for.
  progress.until = std::chrono::steady_clock::now() + limit;
  set(handle, CURLOPT_SERVER_RESPONSE_TIMEOUT, (most + 999) / 1000);
  set(handle, CURLOPT_OPENSOCKETFUNCTION, &open_socket);
  set(handle, CURLOPT_OPENSOCKETDATA, static_cast<void*>(progress.cut));
  set(handle, CURLOPT_CLOSESOCKETFUNCTION, &close_socket);
  set(handle, CURLOPT_CLOSESOCKETDATA, static_cast<void*>(progress.cut));
  set(handle, CURLOPT_NOPROGRESS, 0L);
  set(handle, CURLOPT_XFERINFOFUNCTION, &look_whether_cut);
  set(handle, CURLOPT_XFERINFODATA, static_cast<void*>(&progress));
  set(handle, CURLOPT_VERBOSE, 1L);
  set(handle, CURLOPT_DEBUGFUNCTION, &watch_commands);
  set(handle, CURLOPT_DEBUGDATA, static_cast<void*>(&progress));
}

TryResult deliver_mail(const MailOrder& order, milliseconds left, Cut& cut) {
  const std::string bytes = compose_mail(order.mail);
  Progress progress{.bytes = bytes, .may_leave = &order.may_leave, .cut = &cut};
  const std::unique_ptr<curl_slist, FreeList> recipients(curl_slist_append(nullptr, order.mail.to.c_str()));
  const Handle owned(curl_easy_init());
  CURL* const handle = owned.get();
  if (handle == nullptr || recipients == nullptr) return {TryOutcome::transient, "there is no memory", {}};
  prepare(handle, *order.server, "smtp,smtps", left, progress);
  set(handle, CURLOPT_MAIL_FROM, order.mail.from.c_str());
  set(handle, CURLOPT_MAIL_RCPT, recipients.get());
  set(handle, CURLOPT_UPLOAD, 1L);
  set(handle, CURLOPT_READFUNCTION, &give_mail);
  set(handle, CURLOPT_READDATA, static_cast<void*>(&progress));
  set(handle, CURLOPT_HEADERFUNCTION, &hear_line);
  set(handle, CURLOPT_HEADERDATA, static_cast<void*>(&progress));
  set(handle, CURLOPT_WRITEFUNCTION, &ignore);
  return judged(progress, order.mail.name, curl_easy_perform(handle));
}

// ---- mailboxes ----

struct Received {
  std::string bytes;
  std::size_t most{};
};

std::size_t receive(char* bytes, std::size_t size, std::size_t count, void* data) {
  auto& received = *static_cast<Received*>(data);
  received.bytes.append(bytes, std::min(size * count, received.most - std::min(received.most, received.bytes.size())));
  return size * count;
}

// "* SEARCH 3 5 8"
std::vector<std::string> uids_in(std::string_view listing, std::size_t most) {
  std::vector<std::string> uids;
  constexpr std::string_view begin = "* SEARCH";
  const std::size_t at = listing.find(begin);
  if (at == std::string_view::npos) return uids;
  listing = listing.substr(at + begin.size());
  listing = listing.substr(0, listing.find_first_of("\r\n"));
  while (!listing.empty() && uids.size() < most) {
    const std::size_t first = listing.find_first_not_of(' ');
    if (first == std::string_view::npos) break;
    listing.remove_prefix(first);
    const std::string_view uid = listing.substr(0, listing.find(' '));
    listing.remove_prefix(uid.size());
    if (uid.size() <= 10 && std::all_of(uid.begin(), uid.end(), [](char one) { return one >= '0' && one <= '9'; }))
      uids.emplace_back(uid);
  }
  return uids;
}

// One connection to a mailbox, for the commands of one look.
class Reader {
 public:
  Reader(const MailServer& server, Cut& cut) : server_(server), handle_(curl_easy_init()) { progress_.cut = &cut; }

  // What `request` lists, or, without one, what `path` below the mailbox names.
  tl::expected<std::string, std::string> ask(const std::string& path, const std::string& request, std::size_t most) {
    CURL* const handle = handle_.get();
    if (handle == nullptr) return tl::unexpected(std::string("there is no memory"));
    curl_easy_reset(handle);
    progress_.has_quit = false;
    Received received{{}, most};
    prepare(handle, server_, "imap,imaps", look_limit, progress_);
    set(handle, CURLOPT_URL, (server_.url + path).c_str());
    if (!request.empty()) set(handle, CURLOPT_CUSTOMREQUEST, request.c_str());
    set(handle, CURLOPT_WRITEFUNCTION, &receive);
    set(handle, CURLOPT_WRITEDATA, static_cast<void*>(&received));
    if (const CURLcode code = curl_easy_perform(handle); code != CURLE_OK) return tl::unexpected(described(code));
    return std::move(received.bytes);
  }

 private:
  const MailServer& server_;
  Progress progress_;
  Handle handle_;  // before what it refers to is gone
};

}  // namespace

// The thread writes `result`, then `is_over`; the loop's reads it after that.
struct MailRunner::Delivery {
  MailOrder order;
  nanoseconds until{};  // boot clock
  std::function<void(TryResult)> done;
  TryResult result;
  std::atomic<bool> is_over{false};
  Cut cut;
  std::thread thread;
};

struct MailRunner::Mailbox {
  std::shared_ptr<const MailServer> server;
  milliseconds every{};
  OnMail on_mail;        // the loop's thread
  OnTrouble on_trouble;  // the loop's thread
  Cut connection;
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

  std::optional<std::string> look(const MailRunnerOptions& options, const std::function<void()>& wake) {
    Reader reader(*server, connection);
    const tl::expected<std::string, std::string> unread = reader.ask("", "UID SEARCH UNSEEN", longest_listing);
    if (!unread) return unread.error();
    for (const std::string& uid : uids_in(*unread, options.max_mails_a_look)) {
      const tl::expected<std::string, std::string> mail =
          reader.ask(fmt::format("/;UID={}/;PARTIAL=0.{}", uid, options.max_mail_bytes), "", options.max_mail_bytes);
      if (!mail) return mail.error();
      if (hand_over(read_mail(*mail), wake)) continue;
      // It was marked as read by reading it; also when the daemon stops before the engine has it.
      Cut never;
      Reader last(*server, never);
      Reader& marker = is_cut() ? last : reader;
      const tl::expected<std::string, std::string> marked =
          marker.ask("", fmt::format("UID STORE {} -FLAGS (\\Seen)", uid), longest_listing);
      if (!marked) return marked.error();
      return std::nullopt;  // the next look is soon enough
    }
    return std::nullopt;
  }

  void run(const MailRunnerOptions& options, const std::function<void()>& wake) {
    bool was_in_trouble = false;
    while (!is_cut()) {
      const std::optional<std::string> why = look(options, wake);
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
  static std::once_flag once;
  std::call_once(once, [] { curl_global_init(CURL_GLOBAL_DEFAULT); });
}

MailRunner::~MailRunner() {
  for (const auto& delivery : running_) delivery->cut.cut();
  for (const auto& [id, mailbox] : mailboxes_) mailbox->cut();
  for (const auto& delivery : running_) delivery->thread.join();
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
  while (!queue_.empty() && running_.size() < options_.max_running) {
    running_.push_back(std::move(queue_.front()));
    queue_.pop_front();
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
