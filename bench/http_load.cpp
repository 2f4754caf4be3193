// A load generator for alert routers and the telephone that they call, in one process and one thread. Loopback only.
//
// It says `sink PORT` first: pages go to http://127.0.0.1:PORT/. Then it reads commands, one a line, and answers each
// with one line `ok NAME=VALUE ...`, else `error WHY`:
//
//   post port=N path=P [shape=v2|webhook] [alerts=K] [connections=N] [seconds=S] [requests=N] [ids=new|repeat] [pool=N]
//        [first=N] [rate=R] [pid=N] [pages=1]
//   sync directory=D [count=N] [gap_us=N]
//
// post: bodies of K alerts, ids from `first` on; ids=repeat goes round in `pool` of them. Without a rate the loop is
// closed: each connection sends its next request when it has its answer. With one it is open: requests are due at even
// distances, and latency counts from then, so that a server that stalls is charged for what it kept waiting. Every
// status is counted; what is not 2xx is `refused`, with the first such status in `status`. pid: the CPU and memory of
// that server. pages=1 waits for one page for each alert and measures from the instant the request was due to its
// arrival. sync: the disk's unit, pwrite of 4 KiB into a file that has its blocks, and fdatasync. Times are
// microseconds.
#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <deque>
#include <map>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include <arpa/inet.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

namespace {

std::int64_t now_ns() {
  timespec now{};
  clock_gettime(CLOCK_MONOTONIC, &now);
  return std::int64_t{now.tv_sec} * 1'000'000'000 + now.tv_nsec;
}

std::string rfc3339(std::time_t seconds) {
  std::tm parts{};
  gmtime_r(&seconds, &parts);
  std::array<char, 32> text{};
  return {text.data(), std::strftime(text.data(), text.size(), "%Y-%m-%dT%H:%M:%S.000Z", &parts)};
}

class Latencies {
 public:
  void add(std::int64_t nanoseconds) { all_.push_back(nanoseconds); }
  void sort() { std::sort(all_.begin(), all_.end()); }
  [[nodiscard]] std::size_t size() const { return all_.size(); }
  [[nodiscard]] double microseconds(double share) const {
    if (all_.empty()) return 0;
    const auto index = static_cast<std::size_t>(share * static_cast<double>(all_.size()));
    return static_cast<double>(all_[std::min(index, all_.size() - 1)]) / 1e3;
  }

 private:
  std::vector<std::int64_t> all_;
};

// ---- bodies ----

// A field of a body that is written anew for each alert: digits at a fixed place.
struct Field {
  enum class Kind { rule, cluster, team, squad, id, fingerprint };
  std::size_t at{};
  int width{};
  Kind kind{};
};

constexpr std::string_view mark = "mark ";  // stands before the id in what a page says
constexpr int id_digits = 10;

struct Request {
  std::string text;  // head and body
  std::vector<std::vector<Field>> alerts;

  void set(std::size_t alert, std::uint64_t id) {
    for (const Field& field : alerts[alert]) {
      std::uint64_t value = id;
      std::uint64_t base = 10;
      switch (field.kind) {
        case Field::Kind::rule:
          value = id % 100;
          break;
        case Field::Kind::cluster:
          value = id / 100 % 10;
          break;
        case Field::Kind::team:
          value = id % 32;
          break;
        case Field::Kind::squad:
          value = id / 32 % 32;
          break;
        case Field::Kind::id:
          break;
        case Field::Kind::fingerprint:
          value = (id + 1) * 0x9e37'79b9'7f4a'7c15U;
          base = 16;
          break;
      }
      for (int digit = field.width; digit-- > 0; value /= base) {
        text[field.at + static_cast<std::size_t>(digit)] = "0123456789abcdef"[value % base];
      }
    }
  }
};

class Writer {
 public:
  void begin_alert() { fields_.emplace_back(); }
  Writer& text(std::string_view text) {
    text_ += text;
    return *this;
  }
  Writer& field(Field::Kind kind, int width) {
    fields_.back().push_back({text_.size(), width, kind});
    text_.append(static_cast<std::size_t>(width), '0');
    return *this;
  }
  Request finish(const std::string& path, int port) {
    const std::string head = fmt::format(
        "POST {} HTTP/1.1\r\nHost: 127.0.0.1:{}\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n",
        path,
        port,
        text_.size());
    for (std::vector<Field>& fields : fields_) {
      for (Field& field : fields) field.at += head.size();
    }
    return {head + text_, std::move(fields_)};
  }

 private:
  std::string text_;
  std::vector<std::vector<Field>> fields_;
};

void write_labels_and_annotations(Writer& body) {
  using Kind = Field::Kind;
  body.text(R"("labels":{"alertname":"ServiceLatencyHigh)").field(Kind::rule, 3);
  body.text(R"(","severity":"critical","cluster":"eu-west-)").field(Kind::cluster, 2);
  body.text(R"(","region":"eu-west","namespace":"payments","service":"checkout-api","job":"kubernetes-pods",)"
            R"("instance":"node-)");
  body.field(Kind::id, id_digits).text(R"(.prod.example.org:9100","pod":"checkout-api-7d9f8b6c5d-)");
  body.field(Kind::id, id_digits).text(R"(","team":"team-)").field(Kind::team, 2);
  body.text(R"(","squad":"squad-)").field(Kind::squad, 2);
  body.text(R"("},"annotations":{"summary":"p99 latency of checkout-api is above 500ms, )").text(mark);
  body.field(Kind::id, id_digits);
  body.text(R"(","description":"The 99th percentile of request latency on node-)").field(Kind::id, id_digits);
  body.text(R"(.prod.example.org is 0.731s (threshold 0.5s). Check the upstream dependency dashboard first.",)"
            R"("runbook_url":"https://runbooks.example.org/payments/latency",)"
            R"("dashboard":"https://dashboards.example.org/d/latency"})");
}

Request make_request(bool webhook, std::size_t alerts, const std::string& path, int port) {
  const std::time_t now = std::time(nullptr);
  Writer body;
  body.text(webhook ? R"({"receiver":"rouse","status":"firing","alerts":[)" : "[");
  for (std::size_t index = 0; index < alerts; ++index) {
    body.begin_alert();
    body.text(index == 0 ? "{" : ",{");
    if (webhook) body.text(R"("status":"firing",)");
    write_labels_and_annotations(body);
    body.text(R"(,"startsAt":")").text(rfc3339(now)).text(R"(","endsAt":")");
    body.text(webhook ? "0001-01-01T00:00:00Z" : rfc3339(now + 7200));
    body.text(R"(","generatorURL":"http://prometheus.example.org:9090/graph?g0.expr=latency&g0.tab=1")");
    if (webhook) body.text(R"(,"fingerprint":")").field(Field::Kind::fingerprint, 16).text("\"");
    body.text("}");
  }
  body.text(
      webhook ? R"(],"groupLabels":{"cluster":"eu-west-01"},"commonLabels":{"severity":"critical","region":"eu-west",)"
                R"("namespace":"payments","service":"checkout-api","job":"kubernetes-pods"},"commonAnnotations":{},)"
                R"("externalURL":"http://alertmanager.example.org:9093","version":"4",)"
                R"("groupKey":"{}:{cluster=\"eu-west-01\"}","truncatedAlerts":0})"
              : "]");
  return body.finish(path, port);
}

// ---- HTTP, as far as both ends need it ----

struct Message {
  std::size_t size{};  // of head and body; 0 = not all there yet
  std::size_t body_at{};
  int status{};  // of an answer
};

bool equals_ignoring_case(std::string_view left, std::string_view right) {
  return left.size() == right.size() && strncasecmp(left.data(), right.data(), left.size()) == 0;
}

std::size_t number(std::string_view text) {
  while (!text.empty() && text.front() == ' ') text.remove_prefix(1);
  std::size_t value = 0;
  std::from_chars(text.data(), text.data() + text.size(), value);
  return value;
}

Message next_message(std::string_view input) {
  const std::size_t head = input.find("\r\n\r\n");
  if (head == std::string_view::npos) return {};
  Message message{0, head + 4, 0};
  if (input.starts_with("HTTP/1.")) message.status = static_cast<int>(number(input.substr(8, 4)));
  std::size_t length = 0;
  bool chunked = false;
  for (std::size_t line = input.find("\r\n") + 2; line < head;) {
    const std::size_t end = input.find("\r\n", line);
    const std::string_view header = input.substr(line, end - line);
    const std::size_t colon = header.find(':');
    if (colon != std::string_view::npos) {
      const std::string_view name = header.substr(0, colon);
      if (equals_ignoring_case(name, "content-length")) length = number(header.substr(colon + 1));
      if (equals_ignoring_case(name, "transfer-encoding")) chunked = true;
    }
    line = end + 2;
  }
  if (chunked) {
    const std::size_t last = input.find("0\r\n\r\n", head);
    if (last != std::string_view::npos) message.size = last + 5;
  } else if (input.size() >= head + 4 + length) {
    message.size = head + 4 + length;
  }
  return message;
}

// ---- what a server used ----

struct Usage {
  double cpu_seconds{};
  double resident_megabytes{};
};

Usage usage_of(std::uint64_t pid) {
  std::FILE* const file = std::fopen(fmt::format("/proc/{}/stat", pid).c_str(), "r");
  if (file == nullptr) return {};
  std::array<char, 2048> buffer{};
  const std::size_t size = std::fread(buffer.data(), 1, buffer.size(), file);
  std::fclose(file);
  std::string_view text{buffer.data(), size};
  text.remove_prefix(std::min(text.rfind(')') + 2, text.size()));  // the third field is next
  std::vector<std::string_view> fields;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find(' '), text.size());
    fields.push_back(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  if (fields.size() < 22) return {};
  return {static_cast<double>(number(fields[11]) + number(fields[12])) / static_cast<double>(sysconf(_SC_CLK_TCK)),
          static_cast<double>(number(fields[21])) * static_cast<double>(sysconf(_SC_PAGESIZE)) / 1048576.0};
}

// ---- commands ----

class Command {
 public:
  explicit Command(std::string_view line) {
    while (!line.empty()) {
      const std::size_t end = std::min(line.find(' '), line.size());
      const std::string_view word = line.substr(0, end);
      line.remove_prefix(std::min(end + 1, line.size()));
      if (word.empty()) continue;
      const std::size_t equals = word.find('=');
      if (name_.empty()) {
        name_ = word;
      } else if (equals != std::string_view::npos) {
        values_.emplace(word.substr(0, equals), word.substr(equals + 1));
      }
    }
  }
  [[nodiscard]] const std::string& name() const { return name_; }
  [[nodiscard]] std::string text(const std::string& name, std::string_view otherwise = {}) const {
    const auto found = values_.find(name);
    return found == values_.end() ? std::string{otherwise} : found->second;
  }
  [[nodiscard]] double real(const std::string& name, double otherwise) const {
    const auto found = values_.find(name);
    return found == values_.end() ? otherwise : std::strtod(found->second.c_str(), nullptr);
  }
  [[nodiscard]] std::uint64_t count(const std::string& name, std::uint64_t otherwise) const {
    const auto found = values_.find(name);
    return found == values_.end() ? otherwise : number(found->second);
  }

 private:
  std::string name_;
  std::map<std::string, std::string> values_;
};

sockaddr_in loopback(int port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<std::uint16_t>(port));
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  return address;
}

void send_without_delay(int socket) {
  const int on = 1;
  setsockopt(socket, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
}

[[noreturn]] void give_up(const char* what) {
  std::perror(what);
  std::exit(1);
}

class Generator {
 public:
  Generator() : poll_{epoll_create1(EPOLL_CLOEXEC)}, listener_{socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0)} {
    sockaddr_in address = loopback(0);
    socklen_t size = sizeof address;
    if (bind(listener_, reinterpret_cast<sockaddr*>(&address), size) != 0 || listen(listener_, 4096) != 0 ||
        getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &size) != 0) {
      give_up("http_load: sink");
    }
    port_ = ntohs(address.sin_port);
    watch(listener_, EPOLLIN, EPOLL_CTL_ADD);
  }
  Generator(const Generator&) = delete;
  Generator& operator=(const Generator&) = delete;
  ~Generator() {
    close(listener_);
    close(poll_);
  }

  [[nodiscard]] int port() const { return port_; }
  [[nodiscard]] int poll_descriptor() const { return poll_; }

  std::string post(const Command& command);

  // Takes what is there, waits at most so long for it. Pages are answered at all times.
  void turn(std::int64_t wait_ns) {
    std::array<epoll_event, 256> events{};
    const timespec wait{wait_ns / 1'000'000'000, wait_ns % 1'000'000'000};
    const int count = epoll_pwait2(poll_, events.data(), events.size(), &wait, nullptr);
    for (int index = 0; index < count; ++index) {
      const epoll_event& event = events[static_cast<std::size_t>(index)];
      const int descriptor = event.data.fd;
      if (descriptor == listener_) {
        take_callers();
      } else if (callers_.contains(descriptor)) {
        hear(descriptor);
      } else if (const auto found = by_descriptor_.find(descriptor); found != by_descriptor_.end()) {
        Connection& connection = connections_[found->second];
        if ((event.events & EPOLLOUT) != 0) send_more(connection);
        if ((event.events & (EPOLLIN | EPOLLHUP | EPOLLERR)) != 0) receive(connection, found->second);
      }
    }
  }

 private:
  struct Connection {
    int descriptor{-1};
    Request request;
    std::size_t sent{};
    bool waits_to_send{};
    std::int64_t due{};
    std::string input;
  };

  void watch(int descriptor, std::uint32_t events, int operation) const {
    epoll_event event{};
    event.events = events;
    event.data.fd = descriptor;
    epoll_ctl(poll_, operation, descriptor, &event);
  }

  void take_callers() {
    for (;;) {
      const int caller = accept4(listener_, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
      if (caller < 0) return;
      send_without_delay(caller);
      watch(caller, EPOLLIN, EPOLL_CTL_ADD);
      callers_.emplace(caller, std::string{});
    }
  }

  void hear(int caller) {
    std::string& input = callers_[caller];
    const ssize_t count = recv(caller, buffer_.data(), buffer_.size(), 0);
    if (count < 0 && errno == EAGAIN) return;
    if (count <= 0) {
      callers_.erase(caller);
      close(caller);
      return;
    }
    input.append(buffer_.data(), static_cast<std::size_t>(count));
    while (!input.empty()) {
      const Message message = next_message(input);
      if (message.size == 0) return;
      take_page(std::string_view{input}.substr(message.body_at, message.size - message.body_at));
      input.erase(0, message.size);
      constexpr std::string_view answer = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";
      if (send(caller, answer.data(), answer.size(), MSG_NOSIGNAL) < 0) return;
    }
  }

  // Every alert that is named by its mark has arrived; the first time counts.
  void take_page(std::string_view body) {
    ++pages_;
    const std::int64_t now = now_ns();
    for (std::size_t at = body.find(mark); at != std::string_view::npos; at = body.find(mark, at + 1)) {
      const std::size_t id = number(body.substr(at + mark.size(), id_digits));
      if (id < first_ || id - first_ >= paged_.size() || paged_[id - first_] == 0) continue;
      page_latencies_.add(now - paged_[id - first_]);
      paged_[id - first_] = 0;
    }
  }

  bool dial(Connection& connection, int port) {
    connection.descriptor = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    const sockaddr_in address = loopback(port);
    if (connect(connection.descriptor, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) return false;
    fcntl(connection.descriptor, F_SETFL, O_NONBLOCK);
    send_without_delay(connection.descriptor);
    watch(connection.descriptor, EPOLLIN, EPOLL_CTL_ADD);
    return true;
  }

  void send_more(Connection& connection) {
    const std::string& text = connection.request.text;
    while (connection.sent < text.size()) {
      const ssize_t count =
          send(connection.descriptor, text.data() + connection.sent, text.size() - connection.sent, MSG_NOSIGNAL);
      if (count > 0) {
        connection.sent += static_cast<std::size_t>(count);
        continue;
      }
      if (errno != EAGAIN) broken_ = std::strerror(errno);
      break;
    }
    const bool waits = connection.sent < text.size();
    if (waits == connection.waits_to_send) return;
    connection.waits_to_send = waits;
    watch(connection.descriptor, waits ? EPOLLIN | EPOLLOUT : EPOLLIN, EPOLL_CTL_MOD);
  }

  void receive(Connection& connection, std::size_t index) {
    const ssize_t count = recv(connection.descriptor, buffer_.data(), buffer_.size(), 0);
    if (count < 0 && errno == EAGAIN) return;
    if (count <= 0) {
      broken_ = "the server closed a connection";
      return;
    }
    connection.input.append(buffer_.data(), static_cast<std::size_t>(count));
    const Message message = next_message(connection.input);
    if (message.size == 0) return;
    connection.input.erase(0, message.size);
    last_answer_ = now_ns();
    latencies_.add(last_answer_ - connection.due);
    if (message.status / 100 != 2) {
      ++refused_;
      if (first_refusal_ == 0) first_refusal_ = message.status;
    }
    idle_.push_back(index);
  }

  void hang_up() {
    for (const Connection& connection : connections_) {
      if (connection.descriptor >= 0) close(connection.descriptor);
    }
    connections_.clear();
    by_descriptor_.clear();
    idle_.clear();
  }

  int poll_;
  int listener_;
  int port_{};
  std::array<char, 65536> buffer_{};
  std::unordered_map<int, std::string> callers_;  // descriptor -> what it has said so far
  // of the post command that runs
  std::vector<Connection> connections_;
  std::unordered_map<int, std::size_t> by_descriptor_;
  std::vector<std::size_t> idle_;
  Latencies latencies_;
  Latencies page_latencies_;
  std::uint64_t pages_{};
  std::uint64_t first_{};
  std::vector<std::int64_t> paged_;  // by id: when its request was due; 0 = not sent, or paged
  std::int64_t last_answer_{};
  std::uint64_t refused_{};
  int first_refusal_{};
  std::string broken_;
};

std::string Generator::post(const Command& command) {
  const int port = static_cast<int>(command.count("port", 0));
  const std::size_t alerts = command.count("alerts", 1);
  const std::size_t connections = command.count("connections", 16);
  const std::uint64_t most = command.count("requests", UINT64_MAX);
  const bool repeats = command.text("ids", "new") == "repeat";
  const std::uint64_t pool = command.count("pool", 10'000);
  const double rate = command.real("rate", 0);
  const std::uint64_t pid = command.count("pid", 0);
  const bool wants_pages = command.count("pages", 0) != 0;
  if (port == 0 || alerts == 0 || connections == 0 || pool == 0) return "error post needs a port, alerts, connections";
  if (wants_pages && (rate <= 0 || repeats)) return "error pages are measured at a rate, with new alerts";
  first_ = command.count("first", 0);
  paged_.clear();
  latencies_ = {};
  page_latencies_ = {};
  pages_ = refused_ = 0;
  first_refusal_ = 0;
  broken_.clear();

  const Request request =
      make_request(command.text("shape", "v2") == "webhook", alerts, command.text("path", "/api/v2/alerts"), port);
  connections_.resize(connections);
  for (std::size_t index = 0; index < connections; ++index) {
    connections_[index].request = request;
    if (!dial(connections_[index], port)) {
      hang_up();
      return fmt::format("error connect to port {}: {}", port, std::strerror(errno));
    }
    by_descriptor_[connections_[index].descriptor] = index;
    idle_.push_back(index);
  }

  const Usage before = usage_of(pid);
  const std::int64_t begun = now_ns();
  const std::int64_t end = begun + static_cast<std::int64_t>(command.real("seconds", 3) * 1e9);
  const std::int64_t patience = end + 30'000'000'000;
  last_answer_ = begun;
  std::uint64_t next_id = first_;
  std::uint64_t scheduled = 0;
  std::uint64_t sent = 0;
  std::deque<std::int64_t> due;
  const auto due_at = [&](std::uint64_t index) {
    return begun + static_cast<std::int64_t>(static_cast<double>(index) * 1e9 / rate);
  };
  const auto launch = [&](std::int64_t at) {
    Connection& connection = connections_[idle_.back()];
    idle_.pop_back();
    for (std::size_t alert = 0; alert < alerts; ++alert) {
      const std::uint64_t id = repeats ? first_ + (next_id - first_) % pool : next_id;
      ++next_id;
      connection.request.set(alert, id);
      if (wants_pages) paged_.push_back(at);
    }
    connection.due = at;
    connection.sent = 0;
    ++sent;
    send_more(connection);
  };
  while (broken_.empty()) {
    const std::int64_t now = now_ns();
    const bool goes_on = scheduled < most && now < end;
    std::int64_t wait = 100'000'000;
    if (rate > 0) {
      while (scheduled < most && due_at(scheduled) <= std::min(now, end)) due.push_back(due_at(scheduled++));
      while (!due.empty() && !idle_.empty()) {
        launch(due.front());
        due.pop_front();
      }
      if (goes_on) wait = std::max<std::int64_t>(0, due_at(scheduled) - now_ns());
    } else {
      while (goes_on && !idle_.empty() && scheduled < most) {
        ++scheduled;
        launch(now_ns());
      }
    }
    const bool answered = sent == scheduled && latencies_.size() == sent && due.empty();
    if (!goes_on && answered) break;
    if (now > patience) broken_ = "requests went unanswered for 30 s";
    turn(wait);
  }
  // What was accepted has until now to be paged.
  const std::int64_t last_page = now_ns() + 5'000'000'000;
  while (wants_pages && page_latencies_.size() < paged_.size() && now_ns() < last_page) turn(10'000'000);
  hang_up();
  if (!broken_.empty()) return fmt::format("error {} after {} answers", broken_, latencies_.size());

  const Usage after = usage_of(pid);
  latencies_.sort();
  page_latencies_.sort();
  const double seconds = static_cast<double>(last_answer_ - begun) / 1e9;
  const double posted = static_cast<double>(sent * alerts);
  std::string line = fmt::format(
      "ok requests={} alerts={} seconds={:.3f} alerts_s={:.0f} p50={:.1f} p99={:.1f} p999={:.1f} refused={} status={} "
      "cpu={:.3f} rss={:.1f}",
      sent,
      sent * alerts,
      seconds,
      posted / seconds,
      latencies_.microseconds(0.5),
      latencies_.microseconds(0.99),
      latencies_.microseconds(0.999),
      refused_,
      first_refusal_,
      (after.cpu_seconds - before.cpu_seconds) * 1e6 / posted,
      after.resident_megabytes);
  if (wants_pages) {
    line += fmt::format(" pages={} page_p50={:.1f} page_p99={:.1f} page_p999={:.1f} missing={}",
                        pages_,
                        page_latencies_.microseconds(0.5),
                        page_latencies_.microseconds(0.99),
                        page_latencies_.microseconds(0.999),
                        paged_.size() - page_latencies_.size());
  }
  return line;
}

std::string sync_disk(const Command& command) {
  const std::string path = command.text("directory", ".") + "/http_load.sync";
  const std::size_t count = command.count("count", 200);
  const auto gap = static_cast<useconds_t>(command.count("gap_us", 2000));
  std::array<char, 4096> block{};
  block.fill('x');
  constexpr std::size_t blocks = 256;
  const int file = open(path.c_str(), O_CREAT | O_TRUNC | O_RDWR | O_CLOEXEC, 0600);
  if (file < 0) return fmt::format("error {}: {}", path, std::strerror(errno));
  bool good = true;
  const auto write_block = [&](std::size_t index) {
    const auto at = static_cast<off_t>(index % blocks * block.size());
    good = good && pwrite(file, block.data(), block.size(), at) == static_cast<ssize_t>(block.size());
  };
  for (std::size_t index = 0; index < blocks; ++index) write_block(index);
  good = good && fsync(file) == 0;
  Latencies latencies;
  for (std::size_t index = 0; good && index < count; ++index) {
    const std::int64_t begun = now_ns();
    write_block(index);
    good = good && fdatasync(file) == 0;
    latencies.add(now_ns() - begun);
    usleep(gap);
  }
  close(file);
  unlink(path.c_str());
  if (!good) return fmt::format("error {}: {}", path, std::strerror(errno));
  latencies.sort();
  return fmt::format("ok p50={:.1f} p99={:.1f} p999={:.1f}",
                     latencies.microseconds(0.5),
                     latencies.microseconds(0.99),
                     latencies.microseconds(0.999));
}

void say(const std::string& line) {
  fmt::print("{}\n", line);
  std::fflush(stdout);
}

}  // namespace

int main(int argc, char**) {
  if (argc > 1) {
    fmt::print("http_load reads commands; the first lines of bench/http_load.cpp name them. bench/run drives it.\n");
    return 2;
  }
  prctl(PR_SET_TIMERSLACK, 1);  // requests are due to the microsecond
  Generator generator;
  say(fmt::format("sink {}", generator.port()));
  std::string input;
  for (;;) {
    std::array<pollfd, 2> waits{{{STDIN_FILENO, POLLIN, 0}, {generator.poll_descriptor(), POLLIN, 0}}};
    if (poll(waits.data(), waits.size(), -1) < 0 && errno != EINTR) give_up("http_load: poll");
    if (waits[1].revents != 0) generator.turn(0);
    if (waits[0].revents == 0) continue;
    std::array<char, 4096> buffer{};
    const ssize_t count = read(STDIN_FILENO, buffer.data(), buffer.size());
    if (count <= 0) return 0;
    input.append(buffer.data(), static_cast<std::size_t>(count));
    for (std::size_t end = input.find('\n'); end != std::string::npos; end = input.find('\n')) {
      const Command command{std::string_view{input}.substr(0, end)};
      input.erase(0, end + 1);
      if (command.name() == "post") {
        say(generator.post(command));
      } else if (command.name() == "sync") {
        say(sync_disk(command));
      } else {
        say("error the commands are post and sync");
      }
    }
  }
}
