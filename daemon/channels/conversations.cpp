#include "daemon/channels/conversations.hpp"

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <charconv>
#include <csignal>
#include <cstdlib>
#include <deque>
#include <filesystem>
#include <map>
#include <optional>
#include <string_view>
#include <system_error>
#include <thread>

#include <fcntl.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "daemon/channels/begin_thread.hpp"
#include "daemon/channels/spawn.hpp"
#include "daemon/ring.hpp"

namespace channels {
namespace {

using std::chrono::nanoseconds;

constexpr std::size_t line_bytes = 1000;
constexpr std::size_t ring_slots = 4096;
constexpr std::size_t most_unwritten = std::size_t{64} << 10;  // of lines that a program does not read
constexpr std::chrono::milliseconds patience{500};             // at the end, between asking and killing

struct Begin {
  std::vector<Conversations::File> files;
};
struct Start {
  std::vector<std::string> run;
};
struct Say {
  std::string line;
  std::function<bool()> may_say;
};
struct WakeAt {
  nanoseconds boot{};
  std::uint64_t number{};
};
struct End {};

struct Order {
  ConversationId id{};
  std::variant<Begin, Start, Say, WakeAt, End> what;
};

struct News {
  ConversationId id{};
  ConversationNews what;
};

struct Conversation {
  std::string folder;
  std::optional<Spawned> program;
  std::string to_write;
  std::string heard;  // of a line that has not ended
  std::string last;   // whole line
  std::optional<WakeAt> alarm;
};

template <class... Handlers>
struct Overloaded : Handlers... {
  using Handlers::operator()...;
};
template <class... Handlers>
Overloaded(Handlers...) -> Overloaded<Handlers...>;

void remove_folder(const std::string& folder) {
  std::error_code ignored;
  if (!folder.empty()) std::filesystem::remove_all(folder, ignored);
}

bool write_file(const std::string& path, std::string_view content) {
  const Descriptor file(::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, S_IRUSR | S_IWUSR));
  if (!file.is_open()) return false;
  while (!content.empty()) {
    const ssize_t count = ::write(file.number(), content.data(), content.size());
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return false;
    content.remove_prefix(static_cast<std::size_t>(count));
  }
  return true;
}

std::string with_folder(std::string content, const std::string& folder) {
  for (std::size_t place = 0; (place = content.find(Conversations::own_folder, place)) != std::string::npos;
       place += folder.size())
    content.replace(place, Conversations::own_folder.size(), folder);
  return content;
}

constexpr std::string_view folder_prefix = "rouse-call-";

// Where the folders are: gone with the machine, and this user's alone where systemd gives one. Empty = nowhere.
std::filesystem::path folder_above() {
  const char* const runtime = std::getenv("RUNTIME_DIRECTORY");
  if (runtime != nullptr && *runtime == '/' && std::string_view(runtime).find(':') == std::string_view::npos)
    return runtime;
  std::error_code error;
  const std::filesystem::path temporary = std::filesystem::temp_directory_path(error);
  return error ? std::filesystem::path() : temporary;
}

// A process that was killed took nothing away: what it left has a password in it.
void remove_left_over() {
  std::error_code error;
  std::vector<std::string> gone;
  for (std::filesystem::directory_iterator entry(folder_above(), error), end; !error && entry != end;
       entry.increment(error)) {
    const std::string name = entry->path().filename().string();
    if (!name.starts_with(folder_prefix)) continue;
    pid_t process = 0;
    const char* const begin = name.data() + folder_prefix.size();
    const auto [rest, trouble] = std::from_chars(begin, name.data() + name.size(), process);
    if (trouble != std::errc() || rest == begin || *rest != '-' || process <= 0) continue;
    if (::kill(process, 0) != 0 && errno == ESRCH) gone.push_back(entry->path().string());
  }
  for (const std::string& folder : gone) remove_folder(folder);
}

// mkdtemp gives it to its owner alone.
FolderMade make_folder(const std::vector<Conversations::File>& files) {
  const std::filesystem::path above = folder_above();
  if (above.empty()) return {{}, "there is no folder for temporary files"};
  std::string folder = (above / (std::string(folder_prefix) + std::to_string(::getpid()) + "-XXXXXX")).string();
  if (::mkdtemp(folder.data()) == nullptr) return {{}, "no folder can be made: " + in_words(errno)};
  for (const Conversations::File& file : files) {
    if (write_file(folder + "/" + file.name, with_folder(file.content, folder))) continue;
    const int why = errno;
    remove_folder(folder);
    return {{}, "no file can be written: " + in_words(why)};
  }
  return {folder, {}};
}

}  // namespace

// Everything below `thread` is that thread's own; the rings and the sleep are between the two. The loop's side keeps
// what finds the ring to the thread full (`unsaid`), the thread what finds the other one full (`untold`).
struct Conversations::Internals {
  Internals(const roused::Clock& the_clock, std::function<void()> the_wake)
      : clock(the_clock),
        wake_loop(std::move(the_wake)),
        orders(ring_slots, ring_slots),
        news(ring_slots, ring_slots),
        wakeup(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
    if (!wakeup.is_open()) throw std::system_error(errno, std::generic_category(), "eventfd");
  }

  const roused::Clock& clock;
  const std::function<void()> wake_loop;
  std::deque<Order> unsaid;
  roused::Ring<Order> orders;  // loop -> thread
  roused::Ring<News> news;     // thread -> loop
  roused::SleepFlag sleep;
  Descriptor wakeup;
  std::atomic<bool> is_stopping{false};
  std::atomic<bool> is_behind{false};  // news wait for room in their ring
  std::thread thread;

  std::map<ConversationId, Conversation> all;
  std::deque<News> untold;
  std::vector<pollfd> polled;
  bool has_news = false;

  void wake_thread() const {
    const std::uint64_t one = 1;
    while (::write(wakeup.number(), &one, sizeof one) < 0 && errno == EINTR) continue;
  }

  // Loop thread.
  void give(ConversationId id, decltype(Order::what) what) {
    unsaid.push_back(Order{id, std::move(what)});
    flush();
  }
  bool flush() {
    bool any = false;
    while (!unsaid.empty() && orders.try_push_priority(std::move(unsaid.front()), 1)) {
      unsaid.pop_front();
      any = true;
    }
    if (any && sleep.must_wake()) wake_thread();
    return any;
  }

  // The thread, from here on.
  void tell(ConversationId id, ConversationNews what) {
    untold.push_back(News{id, std::move(what)});
    has_news = true;
  }
  void pass_on_news() {
    while (!untold.empty() && news.try_push_priority(std::move(untold.front()), 1)) untold.pop_front();
    is_behind.store(!untold.empty(), std::memory_order_release);
    if (std::exchange(has_news, !untold.empty())) wake_loop();
  }

  [[nodiscard]] nanoseconds now() const { return clock.read().boot; }

  void run() {
    remove_left_over();
    while (!is_stopping.load(std::memory_order_acquire)) {
      orders.drain(ring_slots, [this](Order&& order) { obey(std::move(order)); });
      ring_alarms();
      pass_on_news();
      sleep_until_something();
    }
    stop_all();
  }

  void obey(Order&& order) {
    if (auto* begin = std::get_if<Begin>(&order.what)) {
      FolderMade made = make_folder(begin->files);
      all[order.id].folder = made.folder;
      return tell(order.id, std::move(made));
    }
    const auto found = all.find(order.id);
    if (found == all.end()) return;
    Conversation& one = found->second;
    std::visit(Overloaded{[](Begin&) {},
                          [&](Start& start) { tell(order.id, start_program(one, std::move(start.run))); },
                          [&](Say& say) {
                            if (!one.program || one.to_write.size() > most_unwritten) return;
                            // Nothing but the write stands behind this look.
                            if (say.may_say && !say.may_say()) return tell(order.id, LineWithheld{});
                            one.to_write += say.line;
                            one.to_write += '\n';
                            write_lines(one);
                          },
                          [&](WakeAt& at) { one.alarm = at; },
                          [&](End&) {
                            finish(one, SIGKILL);
                            all.erase(found);
                          }},
               order.what);
  }

  // setpriv (util-linux) has the kernel kill the program when this thread is gone: the daemon's own end, whatever it
  // was, ends its calls.
  static ProgramStarted start_program(Conversation& one, std::vector<std::string> run) {
    if (one.program) return {false, "it runs already", false};
    run.insert(run.begin(), {"setpriv", "--pdeathsig", "KILL", "--"});
    SpawnPlan plan(std::move(run), {"LC_ALL=C"});  // setpriv's words are read
    Spawned program;
    int error = plan.prepare();
    if (error == 0) error = plan.start(program);
    if (error != 0) return {false, "cannot be started: " + in_words(error), is_shortage(error)};
    if (!program.exit.is_open()) {
      program.kill_group(SIGKILL);
      static_cast<void>(program.reap());
      return {false, "out of file descriptors", true};
    }
    one.program = std::move(program);
    return {true, {}, false};
  }

  static void write_lines(Conversation& one) {
    while (!one.to_write.empty()) {
      const ssize_t count = ::write(one.program->input.number(), one.to_write.data(), one.to_write.size());
      if (count < 0 && errno == EINTR) continue;
      if (count < 0 && errno == EAGAIN) return;
      if (count < 0) return one.to_write.clear();  // it reads no further; its end is heard soon
      one.to_write.erase(0, static_cast<std::size_t>(count));
    }
  }

  // Reads a bounded amount, so that a program that writes without end does not hold up the others.
  void hear(ConversationId id, Conversation& one) {
    std::array<char, 8192> bytes{};
    for (int round = 0; round < 4; ++round) {
      const ssize_t count = ::read(one.program->output.number(), bytes.data(), bytes.size());
      if (count < 0 && errno == EINTR) continue;
      if (count < 0 && errno == EAGAIN) return;
      if (count <= 0) {
        one.program->output.close();
        // It has not closed it, and cannot be heard: its end is at least heard at once.
        if (count < 0) one.program->kill_group(SIGKILL);
        return;
      }
      split(id, one, std::string_view(bytes.data(), static_cast<std::size_t>(count)));
    }
  }

  // A carriage return ends a line, too: programs for terminals draw with it.
  void split(ConversationId id, Conversation& one, std::string_view bytes) {
    for (const char byte : bytes) {
      if (byte == '\n' || byte == '\r') {
        if (one.heard.empty()) continue;
        one.last = one.heard;
        tell(id, LineHeard{std::exchange(one.heard, {})});
      } else if (one.heard.size() < line_bytes) {
        one.heard += byte;
      }
    }
  }

  void ring_alarms() {
    const nanoseconds at = now();
    for (auto& [id, one] : all) {
      if (!one.alarm || one.alarm->boot > at) continue;
      const std::uint64_t number = one.alarm->number;
      one.alarm.reset();
      tell(id, AlarmRang{number});
    }
  }

  static void finish(Conversation& one, int signal) {
    if (one.program) {
      one.program->kill_group(signal);
      static_cast<void>(one.program->reap());
      one.program.reset();
    }
    remove_folder(one.folder);
  }

  void stop_all() {
    for (auto& [id, one] : all)
      if (one.program) one.program->kill_group(SIGTERM);
    const auto until = std::chrono::steady_clock::now() + patience;
    for (auto& [id, one] : all) {
      if (one.program) {
        pollfd exit{one.program->exit.number(), POLLIN, 0};
        const auto left = std::chrono::ceil<std::chrono::milliseconds>(until - std::chrono::steady_clock::now());
        ::poll(&exit, 1, static_cast<int>(std::max<std::int64_t>(left.count(), 0)));
      }
      finish(one, SIGKILL);
    }
  }

  [[nodiscard]] int poll_milliseconds() const {
    std::optional<nanoseconds> first;
    for (const auto& [id, one] : all)
      if (one.alarm && (!first || one.alarm->boot < *first)) first = one.alarm->boot;
    if (!first) return -1;
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(*first - now());
    return static_cast<int>(std::clamp<std::int64_t>(left.count(), 0, 60'000));
  }

  // Sleeps, then hears whoever has something to say. Three places a conversation, in the order of the map.
  void sleep_until_something() {
    polled.clear();
    polled.push_back({wakeup.number(), POLLIN, 0});
    for (const auto& [id, one] : all) {
      const bool runs = one.program.has_value();
      polled.push_back({runs ? one.program->exit.number() : -1, POLLIN, 0});
      polled.push_back({runs && !one.to_write.empty() ? one.program->input.number() : -1, POLLOUT, 0});
      polled.push_back({runs ? one.program->output.number() : -1, POLLIN, 0});
    }
    sleep.announce();
    const bool has_work = !orders.empty() || is_stopping.load(std::memory_order_acquire);
    const int ready = ::poll(polled.data(), polled.size(), has_work ? 0 : poll_milliseconds());
    sleep.cancel();
    if (ready <= 0) return;
    if (polled[0].revents != 0) {
      std::uint64_t count = 0;
      while (::read(wakeup.number(), &count, sizeof count) < 0 && errno == EINTR) continue;
    }
    std::size_t place = 1;
    for (auto& [id, one] : all) {
      if (polled[place + 1].revents != 0) write_lines(one);
      if (polled[place + 2].revents != 0) hear(id, one);
      if (polled[place].revents != 0) {
        // What it wrote last comes before its end.
        if (one.program->output.is_open()) hear(id, one);
        const int status = one.program->reap();
        one.program.reset();
        // As shells say it: 126 = it may not be run, 127 = it is not there.
        const bool has_run = !WIFEXITED(status) || (WEXITSTATUS(status) != 126 && WEXITSTATUS(status) != 127);
        std::string last = std::exchange(one.last, {});
        const bool may_work_later = !has_run && tells_of_shortage(last);
        tell(id, ProgramEnded{has_run, std::move(last), may_work_later});
      }
      place += 3;
    }
  }
};

Conversations::Conversations(const roused::Clock& clock, std::function<void()> wake)
    : internals_(std::make_unique<Internals>(clock, std::move(wake))) {
  internals_->thread = begin_thread([this] { internals_->run(); });
}

Conversations::~Conversations() {
  internals_->is_stopping.store(true, std::memory_order_release);
  internals_->wake_thread();
  internals_->thread.join();
}

ConversationId Conversations::begin(std::vector<File> files) {
  const ConversationId id = ++last_id_;
  internals_->give(id, Begin{std::move(files)});
  return id;
}

void Conversations::start(ConversationId id, std::vector<std::string> run) {
  internals_->give(id, Start{std::move(run)});
}

void Conversations::say(ConversationId id, std::string line, std::function<bool()> may_say) {
  internals_->give(id, Say{std::move(line), std::move(may_say)});
}

void Conversations::wake_at(ConversationId id, nanoseconds boot, std::uint64_t number) {
  internals_->give(id, WakeAt{boot, number});
}

void Conversations::end(ConversationId id) {
  internals_->give(id, End{});
}

bool Conversations::deliver(const std::function<void(ConversationId, ConversationNews&&)>& hear) {
  bool had_any = internals_->flush();
  while (std::optional<News> one = internals_->news.try_pop()) {
    had_any = true;
    hear(one->id, std::move(one->what));
  }
  if (internals_->is_behind.load(std::memory_order_acquire)) internals_->wake_thread();
  return had_any;
}

}  // namespace channels
