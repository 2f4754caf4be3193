#include "daemon/daemon.hpp"

#include <algorithm>
#include <atomic>
#include <csignal>
#include <filesystem>
#include <memory>
#include <span>
#include <thread>
#include <utility>

#include <fmt/format.h>
#include <pthread.h>
#include <sys/resource.h>
#include <unistd.h>

#include "config/load.hpp"
#include "daemon/api/api.hpp"
#include "daemon/audit_log.hpp"
#include "daemon/channels/registry.hpp"
#include "daemon/channels/webhook.hpp"
#include "daemon/clock.hpp"
#include "daemon/configuration.hpp"
#include "daemon/engine.hpp"
#include "daemon/front.hpp"
#include "daemon/journal/files.hpp"
#include "daemon/journal/sqlite.hpp"
#include "daemon/links/signer.hpp"
#include "daemon/log.hpp"
#include "daemon/net/client.hpp"
#include "daemon/net/loop.hpp"
#include "daemon/net/server.hpp"
#include "daemon/outbox/outbox.hpp"
#include "daemon/reconcile.hpp"
#include "daemon/recovery.hpp"
#include "daemon/service.hpp"
#include "daemon/snapshotter.hpp"
#include "daemon/words/clean.hpp"
#include "daemon/worker.hpp"
#include "rules/duration.hpp"

namespace roused {
namespace {

constexpr std::chrono::seconds drain_limit{10};  // for requests in flight at the end
constexpr std::chrono::seconds send_limit{16};   // for sends in flight: the tries last 15 s
constexpr std::size_t max_connections = 1000;    // over all I/O threads
constexpr std::size_t fewest_connections = 4;    // of one I/O thread, however few descriptors there are
constexpr std::size_t most_waiting_passwords = 32;

// How many connections may be open at once: what the process may open, less what it has open, less a share kept for
// pages on their way, for the journal's files and for programs. Without that share a crowd of idle senders would keep
// pages from leaving.
std::size_t affordable_connections() {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return max_connections;
  // Shells start programs with a low limit that each may raise by itself.
  rlimit raised = limit;
  raised.rlim_cur = std::min<rlim_t>(limit.rlim_max, std::max<rlim_t>(limit.rlim_cur, 4096));
  if (::setrlimit(RLIMIT_NOFILE, &raised) == 0) limit = raised;
  if (limit.rlim_cur == RLIM_INFINITY) return max_connections;
  std::size_t open = 0;
  std::error_code error;
  for (std::filesystem::directory_iterator entry{"/proc/self/fd", error}, end; !error && entry != end;
       entry.increment(error)) {
    ++open;
  }
  const auto all = static_cast<std::size_t>(limit.rlim_cur);
  const std::size_t kept = open + std::min<std::size_t>(all / 4, 256);
  return all > kept ? std::min(all - kept, max_connections) : 0;
}

std::vector<api::ProviderFigures> provider_figures(const outbox::Outbox& outbox) {
  std::vector<api::ProviderFigures> all;
  for (const outbox::Outbox::ProviderHealth& each : outbox.health()) {
    api::ProviderFigures one;
    one.channel = each.channel;
    one.number = each.index + 1;
    one.kind = channels::name_of(each.kind);
    for (std::size_t outcome = 0; outcome < one.tries.size(); ++outcome) {
      one.tries[outcome] = each.health->tries[outcome].load(std::memory_order_relaxed);
      one.answers += one.tries[outcome];
    }
    one.is_open = each.health->is_open.load(std::memory_order_relaxed);
    if (const std::int64_t at = each.health->last_success.load(std::memory_order_relaxed); at != 0)
      one.last_success = rules::Instant{rules::Duration{at}};
    one.seconds_sum = static_cast<double>(each.health->nanoseconds.load(std::memory_order_relaxed)) / 1e9;
    all.push_back(std::move(one));
  }
  return all;
}

std::size_t choose_io_threads(std::size_t asked) {
  if (asked > 0) return std::min<std::size_t>(asked, 64);
  const std::size_t cores = std::max(1U, std::thread::hardware_concurrency());
  return cores <= 2 ? 1 : std::min<std::size_t>(cores - 1, 4);
}

// One I/O thread: its loop, lane, server and front.
struct IoThread {
  explicit IoThread(const LaneSizes& sizes) : lane{sizes} {}
  net::Loop loop;
  std::unique_ptr<net::Client> client;  // made when something is written back; the first thread uses that of the pages
  Lane lane;
  std::unique_ptr<Front> front;
  std::unique_ptr<net::Server> server;
  std::atomic<bool> must_drain{false};  // said by the first thread, heard by the own at its next wake
  std::uint64_t policy_seen{};          // of the other threads
  net::OutboundRules outbound;          // likewise
  std::thread thread;
};

class Daemon {
 public:
  Daemon(DaemonOptions options, InForce loaded)
      : options_{std::move(options)},
        settings_{std::move(loaded.settings)},
        policy_{std::move(loaded.policy)},
        tls_{std::move(loaded.tls)} {}

  int run();

 private:
  tl::expected<void, std::string> open_store();
  tl::expected<void, std::string> look_for_poison(const std::filesystem::path& store);
  tl::expected<void, std::string> open_listeners();
  void make_threads();
  void make_engine(Recovered recovered);
  bool turn_first();
  void turn_other(IoThread& io);
  void drain(IoThread& io);
  void run_engine();
  void watch();
  void wake_engine();
  void begin_to_stop(const std::string& why);
  bool look_whether_done();
  void set_timer();
  [[nodiscard]] tl::expected<void, std::string> look_who_may_connect(const config::Settings& settings) const;
  [[nodiscard]] tl::expected<InForce, std::string> load_again() const;
  void reloaded(const tl::expected<InForce, std::string>& loaded);
  void follow(const InForce& configuration);
  void tell(rules::Event event, std::function<void(const channels::Told&)> heard);
  void make_reconciler();
  void write_back(IoThread& io, net::ClientRequest request);
  std::optional<std::string> why_not_ready() const;
  bool engine_is_inline() const { return io_.size() == 1; }

  DaemonOptions options_;
  std::shared_ptr<const config::Settings> settings_;  // of the start
  std::shared_ptr<const rules::Policy> policy_;       // likewise
  std::shared_ptr<const net::TlsKeys> tls_;           // likewise
  SystemClock clock_;
  SystemRandom random_;
  PolicyBoard board_;
  api::Metrics metrics_;
  std::vector<net::Listener> listeners_;
  std::vector<std::unique_ptr<IoThread>> io_;
  Wakeup engine_wakeup_;
  std::unique_ptr<journal::SqliteJournal> journal_;
  std::unique_ptr<net::Client> client_;
  std::unique_ptr<channels::CommandRunner> commands_;
  std::unique_ptr<channels::Telephones> telephones_;
  std::unique_ptr<channels::MailRunner> mail_;
  channels::Providers providers_;  // of the policy in force; lane 0's thread
  std::unique_ptr<outbox::Outbox> outbox_;
  std::unique_ptr<Reconciler> reconciler_;
  std::unique_ptr<Worker> password_worker_;
  AuditLog audit_log_;
  std::uint64_t key_seed_{};
  std::shared_ptr<const links::Signer> link_signer_;  // null: its keys cannot be read
  std::unique_ptr<Engine> engine_;
  std::unique_ptr<Snapshotter> snapshotter_;
  std::unique_ptr<AlarmMark> mark_;
  SetAside set_aside_;
  std::unique_ptr<ApplyMark> apply_mark_;
  std::string alarm_;  // what last_resort must be told of this start; empty = nothing
  std::atomic<bool> signalled_stop_{false};
  std::atomic<bool> signalled_reload_{false};
  std::atomic<bool> can_page_{false};  // by some channel
  std::atomic<bool> engine_stops_{false};
  std::atomic<bool> engine_refuses_{false};
  std::atomic<bool> engine_idle_{false};
  std::atomic<bool> engine_failed_{false};
  std::atomic<bool> running_{false};
  std::atomic<bool> over_{false};
  std::uint64_t policy_seen_{};
  // Of lane 0's thread.
  bool stopping_{false};
  std::size_t draining_{0};
  std::atomic<std::size_t> drained_{0};
  std::chrono::nanoseconds stop_at_{};
  std::optional<std::chrono::nanoseconds> timer_at_;
  int exit_code_{0};
};

tl::expected<void, std::string> Daemon::open_store() {
  const std::filesystem::path folder = options_.storage_path.value_or(settings_->storage.folder);
  mark_ = std::make_unique<AlarmMark>(runtime_folder(folder));
  journal::SqliteJournal::Options options;
  options.directory = folder;
  options.random = [this](journal::StoreId& id) {
    for (std::size_t index = 0; index < id.size(); index += 8) {
      const std::uint64_t value = random_.next();
      for (std::size_t byte = 0; byte < 8; ++byte) id[index + byte] = static_cast<std::uint8_t>(value >> (8 * byte));
    }
  };
  options.wake = [this] {
    if (engine_is_inline()) {
      io_.front()->loop.wake();
    } else {
      engine_wakeup_.wake();
    }
  };
  tl::expected<std::unique_ptr<journal::SqliteJournal>, std::string> opened =
      journal::SqliteJournal::open(std::move(options));
  if (!opened) return tl::unexpected{opened.error()};
  journal_ = std::move(*opened);
  // Without keys pages leave all the same, without links.
  const auto write = [](const std::filesystem::path& file, std::string_view text) {
    return journal::replace_file(file, {text}, ::fsync);
  };
  if (tl::expected<std::vector<std::string>, std::string> keys = links::open_keys(folder, write)) {
    link_signer_ = std::make_shared<const links::Signer>(*std::move(keys));
  } else {
    log(LogLevel::error,
        "pages have no links, and replies by mail are not known: the keys cannot be used",
        {{"why", keys.error()}});
  }
  return look_for_poison(folder);
}

// An event at which the process died twice is not applied a third time.
tl::expected<void, std::string> Daemon::look_for_poison(const std::filesystem::path& store) {
  const std::filesystem::path folder = store / "set-aside";
  tl::expected<SetAside, std::string> loaded = SetAside::load(folder);
  if (!loaded) return tl::unexpected{loaded.error()};
  set_aside_ = std::move(*loaded);
  apply_mark_ = std::make_unique<ApplyMark>(
      runtime_folder(store) / fmt::format("applying-{:02x}", fmt::join(std::span{journal_->store_id()}.first(8), "")));
  const std::optional<ApplyMark::Death>& death = apply_mark_->death();
  if (!death) return {};
  const auto& [sequence, index] = death->place;
  log(LogLevel::error,
      "the last process died while it applied an event",
      {{"row", std::to_string(sequence)}, {"event", std::to_string(index)}, {"times", std::to_string(death->times)}});
  if (death->times < 2) return {};
  const tl::expected<SetAside::Added, std::string> added = set_aside_.add(*journal_, folder, death->place);
  apply_mark_->forget();
  if (!added) {
    log(LogLevel::error, "the event could not be set aside", {{"why", added.error()}});
    return {};
  }
  alarm_ = fmt::format("{}: roused died of it twice and does not apply it any more; it is kept in {}",
                       added->text,
                       added->file.string());
  log(LogLevel::error, "an event was set aside; last_resort is told", {{"what", alarm_}});
  return {};
}

tl::expected<void, std::string> Daemon::open_listeners() {
  if (options_.systemd_socket) {
    tl::expected<std::vector<net::Listener>, std::string> inherited = inherited_listeners();
    if (!inherited) return tl::unexpected{inherited.error()};
    listeners_ = std::move(*inherited);
  } else {
    std::vector<std::string> addresses = options_.listen;
    if (addresses.empty()) {
      for (const config::Endpoint& endpoint : settings_->server.listen) {
        addresses.push_back(!endpoint.unix_path.empty() ? "unix:" + endpoint.unix_path
                            : endpoint.host.find(':') != std::string::npos
                                ? fmt::format("[{}]:{}", endpoint.host, endpoint.port)
                                : fmt::format("{}:{}", endpoint.host, endpoint.port));
      }
    }
    for (const std::string& address : addresses) {
      tl::expected<net::Listener, std::string> listener = net::Listener::open(address);
      if (!listener) return tl::unexpected{listener.error()};
      listeners_.push_back(std::move(*listener));
    }
  }
  for (const net::Listener& listener : listeners_) {
    if (listener.is_loopback() || !settings_->access || settings_->access->proxy || settings_->server.tls) continue;
    log(LogLevel::warn,
        "other machines reach this address and there is no `server.tls`: passwords, tokens and alerts go in clear",
        {{"address", listener.address()}});
  }
  return look_who_may_connect(*settings_);
}

tl::expected<void, std::string> Daemon::look_who_may_connect(const config::Settings& settings) const {
  if (settings.access) return {};
  for (const net::Listener& listener : listeners_) {
    if (listener.is_loopback()) continue;
    return tl::unexpected{fmt::format(
        "{} can be reached from other machines, and nobody would be asked who they are: without an `access` section "
        "only loopback and Unix sockets are served",
        listener.address())};
  }
  return {};
}

tl::expected<InForce, std::string> Daemon::load_again() const {
  tl::expected<InForce, std::string> loaded = load_configuration(options_.config_file, true);
  if (!loaded) return loaded;
  if (tl::expected<void, std::string> may = look_who_may_connect(*loaded->settings); !may) {
    return tl::unexpected{may.error()};
  }
  return loaded;
}

void Daemon::reloaded(const tl::expected<InForce, std::string>& loaded) {
  if (!loaded) {
    metrics_.reload_failed();
    log(LogLevel::error, "the configuration was not reloaded: nothing has changed", {{"why", loaded.error()}});
    return;
  }
  metrics_.reloaded(clock_.read().wall);
  metrics_.set_gaps(api::on_call_gaps(*loaded->policy, clock_.read().wall));
  board_.publish(*loaded);
  log_what_waits(*settings_, *loaded->settings);
  log(LogLevel::info, "reloaded", {{"hash", fmt::format("{:016x}", loaded->policy->hash)}});
  for (const auto& io : io_) io->loop.wake();
}

void Daemon::wake_engine() {
  if (!engine_is_inline()) engine_wakeup_.notify();
}

void Daemon::make_threads() {
  const std::size_t count = choose_io_threads(options_.io_threads);
  LaneSizes sizes;
  sizes.report_bytes = std::max<std::size_t>(sizes.report_bytes, 4 * settings_->server.max_body_bytes);
  for (std::size_t index = 0; index < count; ++index) io_.push_back(std::make_unique<IoThread>(sizes));
}

void Daemon::make_engine(Recovered recovered) {
  std::vector<Lane*> lanes;
  for (const auto& io : io_) lanes.push_back(&io->lane);
  EngineHooks hooks;
  hooks.wake_lane = [this](std::size_t lane) {
    if (!engine_is_inline()) io_[lane]->loop.wake();
  };
  hooks.measured = [this](const rules::Measured& measured) { metrics_.observe(measured); };
  hooks.committed = [this](std::chrono::nanoseconds duration) {
    metrics_.committed(duration);
    metrics_.journal_is(journal_->last_sequence(), engine_ == nullptr ? 0 : engine_->journaled_bytes());
  };
  hooks.alarm = [](const std::string& text) { log(LogLevel::error, text); };
  EngineOptions options;
  options.told_lately = mark_->is_fresh();
  options.mark = apply_mark_.get();
  hooks.failed = [this] { mark_->make(); };
  engine_ = std::make_unique<Engine>(std::move(recovered.state),
                                     recovered.last_digest,
                                     *journal_,
                                     clock_,
                                     std::move(lanes),
                                     options,
                                     std::move(hooks));
}

std::optional<std::string> Daemon::why_not_ready() const {
  if (!running_.load()) return "recovering";
  if (engine_failed_.load()) return "the journal failed";
  if (signalled_stop_.load()) return "stopping";
  if (!can_page_.load()) return "no channel can page anybody: the log says why";
  return std::nullopt;
}

// For what channels hear from people.
void Daemon::tell(rules::Event event, std::function<void(const channels::Told&)> heard) {
  if (const std::optional<std::string> actor = api::actor_of(event)) {
    audit_log_.write(api::Audited{
        .at = clock_.read().wall, .by = *actor, .proof = "channel", .from = {}, .what = "reply", .status = 0});
  }
  if (!heard) return io_.front()->front->tell(std::move(event));
  io_.front()->front->tell(std::move(event), [heard = std::move(heard)](const Reply& reply) {
    heard(channels::Told{.is_durable = reply.durability == Durability::durable, .verdict = reply.verdict});
  });
}

// What is said back into a chat: tried once, since nobody is called by it.
void Daemon::write_back(IoThread& io, net::ClientRequest request) {
  const bool is_first = &io == io_.front().get();
  if (!is_first && io.client == nullptr) {
    io.client = std::make_unique<net::Client>(io.loop, net::ClientOptions{.outbound = io.outbound});
  }
  net::Client& client = is_first ? *client_ : *io.client;
  client.send(std::move(request), [](const net::ClientResult& result) {
    const bool is_refused = result.body.starts_with("{\"ok\":false");
    if (result.status >= 200 && result.status < 300 && !is_refused) return;
    const std::string why = result.outcome != net::Outcome::answered ? result.detail
                            : is_refused                             ? words::shorten(words::visible(result.body), 120)
                                                                     : fmt::format("answered {}", result.status);
    log(LogLevel::warn, "what was to be written back into a chat did not get there", {{"why", why}});
  });
}

// Secrets are read anew, sources that changed are asked; a try that is under way keeps what it began with.
void Daemon::follow(const InForce& configuration) {
  const std::shared_ptr<const rules::Policy>& policy = configuration.policy;
  log_unusable_access(*configuration.settings);
  log_certificate(configuration, clock_.read().wall);
  io_.front()->server->use(configuration.tls);
  client_->use(outbound_rules(*configuration.settings));
  audit_log_.use(configuration.settings->audit_log);
  providers_ = channels::Providers{
      policy->channels,
      channels::Makings{
          .client = *client_,
          .commands = *commands_,
          .clock = clock_,
          .log_line = [](std::string_view line) { log(LogLevel::info, line); },
          .public_url = policy->public_url,
          .telephones = telephones_.get(),
          .templates = policy->templates,
          .tell = [this](rules::Event event, auto heard) { tell(std::move(event), std::move(heard)); },
          .mail = mail_.get(),
          .signer = link_signer_,
          .has_links = configuration.settings->access.has_value(),
          .complain = [](std::string_view what, std::string_view why) { log(LogLevel::warn, what, {{"why", why}}); },
          .outbound = outbound_rules(*configuration.settings)}};
  for (const std::string& problem : providers_.problems()) {
    log(LogLevel::error, "a provider cannot be used: it refuses every page", {{"why", problem}});
  }
  can_page_.store(providers_.can_page(*policy));
  outbox_->follow(policy->channels, [this](const std::string& channel, std::uint32_t index) {
    return providers_.can_work(channel, index);
  });
  reconciler_->follow(policy, key_seed_);
}

void Daemon::make_reconciler() {
  Reconciler::Makings makings{
      .clock = clock_,
      .loop = io_.front()->loop,
      .tell = [this](rules::Event event,
                     std::size_t bytes) { return io_.front()->front->offer(std::move(event), bytes); },
      .count = [this](const std::string& source, api::Reconciliation outcome) { metrics_.reconciled(source, outcome); },
      .changed =
          [](const std::string& source, api::Reconciliation outcome, const std::string& why) {
            if (outcome == api::Reconciliation::done) {
              log(LogLevel::info, "a source says what it has", {{"source", source}});
            } else {
              log(LogLevel::warn,
                  "a source does not say what it has",
                  {{"source", source}, {"outcome", api::to_text(outcome)}, {"why", why}});
            }
          }};
  reconciler_ = std::make_unique<Reconciler>(std::move(makings));
}

void Daemon::set_timer() {
  std::optional<std::chrono::nanoseconds> wait;
  const auto sooner = [&wait](std::optional<std::chrono::nanoseconds> candidate) {
    if (candidate && (!wait || *candidate < *wait)) wait = candidate;
  };
  if (engine_is_inline()) sooner(engine_->next_timer());
  sooner(outbox_->next_timer());
  sooner(reconciler_->next_timer());
  if (stopping_) sooner(std::chrono::milliseconds{50});
  const std::chrono::nanoseconds now = clock_.read().boot;
  if (!wait) {
    if (timer_at_) io_.front()->loop.clear_timer();
    timer_at_.reset();
    return;
  }
  const std::chrono::nanoseconds at = now + *wait;
  // A timer that comes up to a millisecond early only turns once more.
  if (timer_at_ && *timer_at_ > now && *timer_at_ <= at && at - *timer_at_ < std::chrono::milliseconds{1}) return;
  timer_at_ = at;
  io_.front()->loop.set_timer(*wait);
}

bool Daemon::turn_first() {
  IoThread& io = *io_.front();
  if (signalled_reload_.exchange(false)) {
    tell_reloading();
    audit_log_.write(api::Audited{
        .at = clock_.read().wall, .by = "SIGHUP", .proof = "signal", .from = {}, .what = "reload", .status = 0});
    io.front->reload();
    tell_ready("serving");
  }
  if (signalled_stop_.load() && !stopping_) begin_to_stop("asked to stop");
  if (InForce configuration; board_.refresh(policy_seen_, configuration)) follow(configuration);
  commands_->deliver();
  telephones_->deliver();
  mail_->deliver();
  bool more = io.front->take_commands();
  more = io.front->flush() || more;
  if (engine_is_inline()) {
    more = engine_->turn() || more;
    engine_failed_.store(engine_->has_failed());
    engine_idle_.store(engine_->is_idle());
    more = io.front->take_commands() || more;
  }
  more = outbox_->turn() || more;
  reconciler_->turn();
  // What these have told the engine: nothing else would wake this loop for it.
  if (engine_is_inline()) more = engine_->has_work() || more;
  if (engine_failed_.load() && !stopping_) {
    exit_code_ = 1;
    begin_to_stop("the journal failed");
  }
  if (stopping_ && look_whether_done()) return false;
  set_timer();
  return more;
}

void Daemon::turn_other(IoThread& io) {
  if (io.must_drain.exchange(false)) drain(io);
  if (InForce configuration; board_.refresh(io.policy_seen, configuration)) {
    io.server->use(configuration.tls);
    io.outbound = outbound_rules(*configuration.settings);
    if (io.client != nullptr) io.client->use(io.outbound);
  }
  if (io.front->take_commands()) io.loop.wake();
}

void Daemon::run_engine() {
  while (!engine_stops_.load()) {
    if (engine_refuses_.load()) engine_->stop_taking_reports();
    const bool more = engine_->turn();
    engine_failed_.store(engine_->has_failed());
    engine_idle_.store(engine_->is_idle());
    if (engine_->has_failed()) io_.front()->loop.wake();
    if (more) continue;
    engine_wakeup_.wait([this] { return engine_->has_work(); }, engine_->next_timer());
  }
}

void Daemon::begin_to_stop(const std::string& why) {
  stopping_ = true;
  log(LogLevel::info, "stopping", {{"why", why}});
  tell_stopping();
  stop_at_ = clock_.read().boot + send_limit;
  outbox_->stop_starting();
  telephones_->stop();
  mail_->stop_watching();
  reconciler_->stop();
  draining_ = io_.size();
  drain(*io_.front());
  for (std::size_t index = 1; index < io_.size(); ++index) {
    io_[index]->must_drain.store(true);
    io_[index]->loop.wake();
  }
}

void Daemon::drain(IoThread& io) {
  io.server->stop_accepting();
  io.server->drain(drain_limit, [this] {
    drained_.fetch_add(1);
    io_.front()->loop.wake();
  });
}

bool Daemon::look_whether_done() {
  // Requests first: what they brought is accepted, and accepted means committed.
  const bool late = clock_.read().boot >= stop_at_;
  if (drained_.load() < draining_ && !late) return false;
  engine_refuses_.store(true);
  if (engine_is_inline()) engine_->stop_taking_reports();
  const bool engine_done = engine_idle_.load() || engine_failed_.load() || engine_->is_disk_full();
  const bool sends_done = outbox_->is_idle();
  if (!late && !(engine_done && sends_done && !io_.front()->front->flush())) return false;
  for (const auto& io : io_) io->loop.stop();
  return true;
}

// Signals, and the watchdog: it is fed only while every part that a page needs makes progress.
void Daemon::watch() {
  sigset_t signals;
  sigemptyset(&signals);
  for (const int one : {SIGTERM, SIGINT, SIGHUP}) sigaddset(&signals, one);
  const std::optional<std::chrono::microseconds> interval = watchdog_interval();
  const std::chrono::microseconds pace = interval.value_or(std::chrono::seconds{1});
  std::vector<std::uint64_t> seen(io_.size() + 2, 0);
  while (!over_.load()) {
    timespec wait{.tv_sec = pace.count() / 1'000'000, .tv_nsec = (pace.count() % 1'000'000) * 1000};
    const int signal = sigtimedwait(&signals, nullptr, &wait);
    if (over_.load()) return;
    if (signal == SIGHUP) {
      signalled_reload_.store(true);
      io_.front()->loop.wake();
      continue;
    }
    if (signal == SIGTERM || signal == SIGINT) {
      signalled_stop_.store(true);
      io_.front()->loop.wake();
      continue;
    }
    if (!interval || signal > 0) continue;
    std::vector<std::uint64_t> now;
    for (const auto& io : io_) now.push_back(io->loop.progress());
    now.push_back(engine_->progress());
    now.push_back(journal_->progress());
    bool all_moved = true;
    for (std::size_t index = 0; index < now.size(); ++index) all_moved = all_moved && now[index] != seen[index];
    seen = now;
    if (all_moved) {
      feed_watchdog();
    } else {
      log(LogLevel::error, "a part of the daemon makes no progress: the watchdog is not fed");
    }
    // Idle parts stand still unless they are asked.
    for (const auto& io : io_) io->loop.wake();
    engine_wakeup_.wake();
  }
}

int Daemon::run() {
  const auto refuse = [](const std::string& why) {
    log(LogLevel::error, "cannot start", {{"why", why}});
    return 1;
  };
  make_threads();
  if (tl::expected<void, std::string> opened = open_store(); !opened) return refuse(opened.error());
  if (tl::expected<void, std::string> opened = open_listeners(); !opened) return refuse(opened.error());

  const ClockReading before = clock_.read();
  tl::expected<Recovered, std::string> recovered =
      recover(*journal_, 0, Replay{.set_aside = &set_aside_, .mark = apply_mark_.get()});
  if (!recovered) {
    return refuse(fmt::format("{}; `roused --repair {}` mends a damaged store",
                              recovered.error(),
                              options_.storage_path.value_or(settings_->storage.folder).string()));
  }
  for (const std::string& complaint : recovered->complaints) log(LogLevel::warn, complaint);
  log(LogLevel::info,
      "recovered",
      {{"rows", std::to_string(recovered->rows)},
       {"events", std::to_string(recovered->events)},
       {"set_aside", std::to_string(recovered->set_aside)},
       {"incidents", std::to_string(recovered->state.incidents.size())},
       {"open_alerts", std::to_string(recovered->state.open_episodes.size())},
       {"milliseconds",
        std::to_string(
            std::chrono::duration_cast<std::chrono::milliseconds>(clock_.read().boot - before.boot).count())}});

  const std::size_t connections = affordable_connections();
  if (connections < max_connections) {
    log(LogLevel::warn,
        "the limit of open files allows for few connections: raise it (LimitNOFILE)",
        {{"connections", std::to_string(connections)}});
  }
  const std::uint64_t seed = recovered->state.seed;
  key_seed_ = seed;
  make_engine(std::move(*recovered));

  client_ = std::make_unique<net::Client>(io_.front()->loop);
  commands_ = std::make_unique<channels::CommandRunner>(clock_, [this] { io_.front()->loop.wake(); });
  telephones_ = std::make_unique<channels::Telephones>(
      clock_,
      *commands_,
      [this] { io_.front()->loop.wake(); },
      [this](rules::Event event, auto heard) { tell(std::move(event), std::move(heard)); });
  mail_ = std::make_unique<channels::MailRunner>(clock_, [this] { io_.front()->loop.wake(); });
  outbox_ = std::make_unique<outbox::Outbox>(
      clock_,
      random_,
      [this](const std::string& channel, std::uint32_t index) { return providers_.find(channel, index); },
      [this](rules::SendEnded ended) { io_.front()->front->tell(std::move(ended)); });

  make_reconciler();
  password_worker_ = std::make_unique<Worker>(most_waiting_passwords, true);

  board_.publish(InForce{.policy = policy_, .settings = settings_, .tls = tls_});
  metrics_.set_gaps(api::on_call_gaps(*policy_, clock_.read().wall));
  metrics_.reloaded(clock_.read().wall);
  const auto senders = std::make_shared<api::Senders>();
  const auto attempts = std::make_shared<api::Attempts>();
  for (std::size_t index = 0; index < io_.size(); ++index) {
    IoThread& io = *io_[index];
    Front::Makings front;
    front.key_seed = seed;
    front.services.settings = settings_;
    front.services.metrics = &metrics_;
    front.services.started = clock_.read().wall;
    front.services.keep_rejected = [](const std::string& source, const intake::Rejected& rejected) {
      log(LogLevel::warn,
          "an alert could not be taken",
          {{"source", source}, {"why", rejected.why}, {"began", rejected.excerpt}});
    };
    front.services.read_secrets = [](const std::string& file) -> std::vector<std::string> {
      tl::expected<std::vector<std::string>, std::string> secrets = channels::read_secrets(file);
      if (secrets) return *std::move(secrets);
      log(LogLevel::error, "a secret cannot be read: what it would prove is refused", {{"why", secrets.error()}});
      return {};
    };
    front.services.call = [this, &io](net::ClientRequest request) { write_back(io, std::move(request)); };
    front.services.senders = senders;
    front.services.attempts = attempts;
    front.services.link_signer = link_signer_;
    front.services.audit = [this](const api::Audited& audited) { audit_log_.write(audited); };
    front.services.providers = [this] { return provider_figures(*outbox_); };
    front.services.why_not_ready = [this] { return why_not_ready(); };
    front.lane = &io.lane;
    front.board = &board_;
    front.wake_engine = [this] { wake_engine(); };
    front.send = [this](SendOrder order) { outbox_->perform(std::move(order)); };
    front.reconcile = [this](const std::string& source) { reconciler_->ask(source); };
    front.load = [this] { return load_again(); };
    front.reloaded = [this](const tl::expected<InForce, std::string>& loaded) { reloaded(loaded); };
    front.wall = [this] { return clock_.read().wall; };
    front.work_elsewhere = [this](std::function<void()> work) { return password_worker_->offer(std::move(work)); };
    front.wake = [&io] { io.loop.wake(); };
    io.front = std::make_unique<Front>(std::move(front));

    net::ServerOptions server;
    server.max_body_bytes = settings_->server.max_body_bytes;
    server.body_budget_bytes = std::max(server.body_budget_bytes, 2 * server.max_body_bytes) / io_.size();
    server.max_connections = std::max(connections / io_.size(), fewest_connections);
    server.may_lack_length = api::may_lack_length;
    server.tls = tls_;
    io.outbound = outbound_rules(*settings_);
    server.most_body_bytes = api::most_body_bytes;
    Front* handler = io.front.get();
    server.gate = [handler](net::Request&& head, net::Responder responder) {
      handler->on_head(std::move(head), std::move(responder));
    };
    io.server = std::make_unique<net::Server>(
        io.loop, std::move(server), [handler](net::Request&& request, net::Responder responder) {
          handler->on_request(std::move(request), std::move(responder));
        });
    io.server->on_refusal([this, handler](const net::Refusal& refusal) {
      metrics_.refused_request(refusal.status);
      handler->on_refusal(refusal);
    });
    for (const net::Listener& listener : listeners_) {
      tl::expected<net::Listener, std::string> own = listener.duplicate();
      if (!own) return refuse(own.error());
      io.server->serve(std::move(*own));
    }
    if (index > 0) io.loop.on_wake([this, &io] { turn_other(io); });
  }
  if (InForce started; board_.refresh(policy_seen_, started)) follow(started);
  io_.front()->loop.set_turn([this] { return turn_first(); });
  engine_->start(policy_);
  if (!alarm_.empty()) engine_->tell_last_resort("EventSetAside", alarm_);

  SnapshotOptions snapshots;
  snapshots.keep_rows = settings_->storage.journal;
  snapshotter_ = std::make_unique<Snapshotter>(
      *journal_,
      clock_,
      snapshots,
      [this] { return engine_->applied_sequence(); },
      [this] { return engine_->journaled_bytes(); },
      [](const std::string& complaint) { log(LogLevel::warn, complaint); },
      &set_aside_);
  snapshotter_->start();

  std::thread engine_thread;
  if (!engine_is_inline()) engine_thread = std::thread{[this] { run_engine(); }};
  for (std::size_t index = 1; index < io_.size(); ++index) {
    IoThread* io = io_[index].get();
    io->thread = std::thread{[io] { io->loop.run(); }};
  }
  std::thread watcher{[this] { watch(); }};
  running_.store(true);
  for (const net::Listener& listener : listeners_) log(LogLevel::info, "listening", {{"address", listener.address()}});
  tell_ready("serving");

  io_.front()->loop.run();

  running_.store(false);
  for (std::size_t index = 1; index < io_.size(); ++index) {
    io_[index]->loop.stop();
    io_[index]->thread.join();
  }
  engine_stops_.store(true);
  engine_wakeup_.wake();
  if (engine_thread.joinable()) engine_thread.join();
  over_.store(true);
  watcher.join();
  snapshotter_->stop();
  if (exit_code_ == 0) snapshotter_->make_now();
  password_worker_.reset();
  for (const auto& io : io_) {
    io->server.reset();
    io->front.reset();
  }
  reconciler_.reset();
  outbox_.reset();
  providers_ = {};
  mail_.reset();
  telephones_.reset();
  commands_.reset();
  client_.reset();
  journal_.reset();
  log(LogLevel::info, "stopped", {{"exit", std::to_string(exit_code_)}});
  return exit_code_;
}

}  // namespace

int run_daemon(const DaemonOptions& options) {
  // Before any thread is made, so that every one of them leaves signals to watch().
  sigset_t signals;
  sigemptyset(&signals);
  for (const int one : {SIGTERM, SIGINT, SIGHUP}) sigaddset(&signals, one);
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  std::signal(SIGPIPE, SIG_IGN);
  tl::expected<InForce, std::string> loaded = load_configuration(options.config_file, true);
  if (!loaded) {
    fmt::print(stderr, "{}", loaded.error());
    return 1;
  }
  Daemon daemon{options, std::move(*loaded)};
  return daemon.run();
}

}  // namespace roused
