// The telephones of the quick start: a webhook receiver on loopback that prints each page as one line and answers 200.
//
//   quickstart_phone --record FILE --port-file FILE    listens on a free port of 127.0.0.1 until SIGTERM or SIGINT
//   quickstart_phone --free-ports N                    prints N free ports of 127.0.0.1 and ends
//
// FILE of --record gets one line a message, tab-separated, for scripts:
//   kind  unix_milliseconds  to  incident  step  round  reason  possible_duplicate  text
// where kind is page, notice or other. One thread; plain sockets and poll(), so that it builds in a second.
#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>
#include <vector>

#include <arpa/inet.h>
#include <boost/json.hpp>
#include <fcntl.h>
#include <fmt/core.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

namespace {

namespace json = boost::json;

constexpr std::size_t limit_bytes = 4 * 1024 * 1024;

volatile sig_atomic_t stopped = 0;

void stop(int) {
  stopped = 1;
}

// A line for a terminal and for a tab-separated file has no control characters.
std::string plain(std::string_view text) {
  std::string result(text);
  std::ranges::replace_if(result, [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7F; }, ' ');
  return result;
}

std::string text_of(const json::object& object, std::string_view key) {
  const json::value* found = object.if_contains(key);
  if (found == nullptr || found->is_null()) return "";
  if (const json::string* string = found->if_string()) return plain(std::string_view(*string));
  return plain(json::serialize(*found));
}

const json::object* object_of(const json::object& object, std::string_view key) {
  const json::value* found = object.if_contains(key);
  return found == nullptr ? nullptr : found->if_object();
}

struct Message {
  std::string kind{"other"};
  std::string to;
  std::string incident;
  std::string step;
  std::string round;
  std::string reason;
  std::string possible_duplicate;
  std::string text;
};

Message read_message(std::string_view body) {
  Message message;
  boost::system::error_code error;
  const json::value parsed = json::parse(json::string_view(body.data(), body.size()), error);
  const json::object* whole = error ? nullptr : parsed.if_object();
  if (whole == nullptr) {
    message.text = plain(body.substr(0, 200));
    return message;
  }
  if (const json::object* page = object_of(*whole, "page")) {
    message.kind = "page";
    message.to = text_of(*page, "to");
    message.incident = text_of(*page, "incident");
    message.step = text_of(*page, "step");
    message.round = text_of(*page, "round");
    message.reason = text_of(*page, "reason");
    message.possible_duplicate = text_of(*page, "possible_duplicate");
    message.text = text_of(*page, "text");
  } else if (const json::object* notice = object_of(*whole, "notice")) {
    message.kind = "notice";
    message.to = text_of(*notice, "to");
    message.incident = text_of(*notice, "incident");
    message.reason = text_of(*notice, "kind");
    message.text = text_of(*notice, "text");
  } else {
    message.text = plain(body.substr(0, 200));
  }
  return message;
}

std::string clock_time(std::chrono::system_clock::time_point now) {
  const std::time_t seconds = std::chrono::system_clock::to_time_t(now);
  std::tm local{};
  localtime_r(&seconds, &local);
  return fmt::format("{:02}:{:02}:{:02}", local.tm_hour, local.tm_min, local.tm_sec);
}

void show(const Message& message, std::FILE* record) {
  const auto now = std::chrono::system_clock::now();
  if (message.kind == "page") {
    const std::string place = message.step == "0" || message.step.empty()
                                  ? ""
                                  : fmt::format(", step {} of round {}", message.step, message.round);
    fmt::print("{}  PAGE    {:<6} {} ({}{}){}  {}\n",
               clock_time(now),
               message.to,
               message.incident,
               message.reason,
               place,
               message.possible_duplicate == "true" ? " (possible duplicate)" : "",
               message.text);
  } else if (message.kind == "notice") {
    fmt::print(
        "{}  notice  {:<6} {} ({})  {}\n", clock_time(now), message.to, message.incident, message.reason, message.text);
  } else {
    fmt::print("{}  other   {}\n", clock_time(now), message.text);
  }
  std::fflush(stdout);
  if (record == nullptr) return;
  const auto milliseconds = std::chrono::duration_cast<std::chrono::milliseconds>(now.time_since_epoch()).count();
  fmt::print(record,
             "{}\t{}\t{}\t{}\t{}\t{}\t{}\t{}\t{}\n",
             message.kind,
             milliseconds,
             message.to,
             message.incident,
             message.step,
             message.round,
             message.reason,
             message.possible_duplicate,
             message.text);
  std::fflush(record);
}

// A socket that listens on a free port of 127.0.0.1, and the port.
struct Listener {
  int socket{-1};
  std::uint16_t port{};
};

std::optional<Listener> listen_on_free_port() {
  Listener listener;
  listener.socket = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (listener.socket < 0) return std::nullopt;
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof(address);
  auto* generic = reinterpret_cast<sockaddr*>(&address);
  if (bind(listener.socket, generic, size) != 0 || listen(listener.socket, 64) != 0 ||
      getsockname(listener.socket, generic, &size) != 0) {
    close(listener.socket);
    return std::nullopt;
  }
  listener.port = ntohs(address.sin_port);
  return listener;
}

int print_free_ports(int count) {
  std::vector<Listener> held;  // all at once, so that no port is named twice
  for (int index = 0; index < count; ++index) {
    const std::optional<Listener> listener = listen_on_free_port();
    if (!listener) return 1;
    held.push_back(*listener);
  }
  for (const Listener& listener : held) {
    fmt::print("{}\n", listener.port);
    close(listener.socket);
  }
  return 0;
}

struct Connection {
  int socket{-1};
  std::string input;
};

// The value of a header of this lower-case name in the head of a request.
std::optional<std::string_view> header(std::string_view head, std::string_view name) {
  std::size_t begin = head.find("\r\n");
  while (begin != std::string_view::npos && begin + 2 < head.size()) {
    begin += 2;
    const std::size_t end = std::min(head.find("\r\n", begin), head.size());
    const std::string_view line = head.substr(begin, end - begin);
    const bool same = line.size() > name.size() && line[name.size()] == ':' &&
                      std::equal(name.begin(), name.end(), line.begin(), [](char wanted, char c) {
                        return wanted == (c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c);
                      });
    if (same) {
      std::string_view value = line.substr(name.size() + 1);
      while (!value.empty() && value.front() == ' ') value.remove_prefix(1);
      return value;
    }
    begin = end;
  }
  return std::nullopt;
}

bool answer(const Connection& connection, std::string_view status) {
  const std::string response = fmt::format("HTTP/1.1 {}\r\nContent-Length: 0\r\n\r\n", status);
  return send(connection.socket, response.data(), response.size(), MSG_NOSIGNAL) ==
         static_cast<ssize_t>(response.size());
}

// Takes each whole request out of the input. False when the connection is to be closed.
bool take_requests(Connection& connection, std::FILE* record) {
  for (;;) {
    const std::size_t head_end = connection.input.find("\r\n\r\n");
    if (head_end == std::string::npos) return connection.input.size() < limit_bytes;
    const std::string_view head = std::string_view(connection.input).substr(0, head_end);
    std::size_t length = 0;
    if (const auto value = header(head, "content-length")) {
      const auto [end, error] = std::from_chars(value->data(), value->data() + value->size(), length);
      if (error != std::errc() || length > limit_bytes) {
        answer(connection, "413 Content Too Large");
        return false;
      }
    } else if (header(head, "transfer-encoding")) {
      answer(connection, "411 Length Required");
      return false;
    }
    const std::size_t whole = head_end + 4 + length;
    if (connection.input.size() < whole) return true;
    if (head.starts_with("POST ")) {
      show(read_message(std::string_view(connection.input).substr(head_end + 4, length)), record);
    }
    connection.input.erase(0, whole);
    if (!answer(connection, "200 OK")) return false;
  }
}

// False when the peer is gone.
bool receive(Connection& connection, std::FILE* record) {
  std::array<char, 16384> buffer{};
  const ssize_t count = recv(connection.socket, buffer.data(), buffer.size(), 0);
  if (count < 0) return errno == EAGAIN || errno == EINTR;
  if (count == 0) return false;
  connection.input.append(buffer.data(), static_cast<std::size_t>(count));
  return take_requests(connection, record);
}

void serve(int listening, std::FILE* record) {
  std::vector<Connection> connections;
  while (stopped == 0) {
    std::vector<pollfd> waiting{pollfd{listening, POLLIN, 0}};
    for (const Connection& connection : connections) waiting.push_back(pollfd{connection.socket, POLLIN, 0});
    if (poll(waiting.data(), waiting.size(), 1000) <= 0) continue;
    for (std::size_t index = connections.size(); index-- > 0;) {
      if (waiting[index + 1].revents == 0 || receive(connections[index], record)) continue;
      close(connections[index].socket);
      connections.erase(connections.begin() + static_cast<std::ptrdiff_t>(index));
    }
    if (waiting[0].revents == 0) continue;
    const int accepted = accept4(listening, nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK);
    if (accepted >= 0) connections.push_back(Connection{accepted, {}});
  }
  for (const Connection& connection : connections) close(connection.socket);
}

// Whoever waits for the file finds it whole.
bool tell_port(const std::string& file, std::uint16_t port) {
  const std::string scratch = file + ".new";
  std::FILE* opened = std::fopen(scratch.c_str(), "we");
  if (opened == nullptr) return false;
  fmt::print(opened, "{}\n", port);
  return std::fclose(opened) == 0 && std::rename(scratch.c_str(), file.c_str()) == 0;
}

int usage() {
  fmt::print(stderr, "Usage: quickstart_phone --record FILE --port-file FILE | --free-ports N\n");
  return 2;
}

}  // namespace

int main(int count, char** arguments) {
  std::string record_file;
  std::string port_file;
  for (int index = 1; index < count; ++index) {
    const std::string_view argument = arguments[index];
    if (index + 1 == count) return usage();
    const std::string value = arguments[++index];
    if (argument == "--free-ports") return print_free_ports(std::atoi(value.c_str()));
    if (argument == "--record") {
      record_file = value;
    } else if (argument == "--port-file") {
      port_file = value;
    } else {
      return usage();
    }
  }
  if (record_file.empty() || port_file.empty()) return usage();

  struct sigaction action{};
  action.sa_handler = stop;
  sigaction(SIGTERM, &action, nullptr);
  sigaction(SIGINT, &action, nullptr);

  const std::optional<Listener> listener = listen_on_free_port();
  std::FILE* record = std::fopen(record_file.c_str(), "we");
  if (!listener || record == nullptr || !tell_port(port_file, listener->port)) {
    fmt::print(stderr, "quickstart_phone: {}\n", std::generic_category().message(errno));
    if (record != nullptr) std::fclose(record);
    return 1;
  }
  fmt::print("phones on http://127.0.0.1:{}\n", listener->port);
  std::fflush(stdout);
  serve(listener->socket, record);
  std::fclose(record);
  return 0;
}
