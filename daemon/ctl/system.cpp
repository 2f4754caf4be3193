#include "daemon/ctl/system.hpp"

#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <fstream>
#include <iostream>
#include <iterator>
#include <sstream>
#include <utility>

#include <poll.h>
#include <pwd.h>
#include <sys/ioctl.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "config/zone_file.hpp"
#include "daemon/channels/probe.hpp"
#include "daemon/net/client.hpp"

namespace ctl {
namespace {

std::optional<std::string> variable(const std::string& name) {
  const char* const value = std::getenv(name.c_str());  // NOLINT(concurrency-mt-unsafe): nobody sets it
  if (value == nullptr) return std::nullopt;
  return std::string{value};
}

std::string login_name() {
  passwd entry{};
  passwd* found = nullptr;
  std::string buffer(16 * 1024, '\0');
  // Whoever became root by sudo is still that person.
  if (const std::optional<std::string> user = variable("SUDO_USER"); user && !user->empty() && geteuid() == 0) {
    return *user;
  }
  if (getpwuid_r(geteuid(), &entry, buffer.data(), buffer.size(), &found) == 0 && found != nullptr) {
    return found->pw_name;
  }
  return variable("USER").value_or("somebody");
}

std::size_t terminal_width() {
  winsize size{};
  if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col >= 40) return size.ws_col;
  return 100;
}

// Until the time has passed or Ctrl-C (or a polite kill) comes, which then ends the caller's loop instead of the
// process, so that the terminal is left in order.
bool pause_for(rules::Duration length) {
  static const int signals = [] {
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGTERM);
    pthread_sigmask(SIG_BLOCK, &set, nullptr);
    return signalfd(-1, &set, SFD_CLOEXEC);
  }();
  pollfd interrupted{.fd = signals, .events = POLLIN, .revents = 0};
  return poll(&interrupted, 1, static_cast<int>(length.count())) == 0;
}

std::optional<rules::Zone> zone_of_file(const std::string& path) {
  std::ifstream stream{path, std::ios::binary};
  if (!stream) return std::nullopt;
  std::ostringstream bytes;
  bytes << stream.rdbuf();
  tl::expected<rules::Zone, std::string> zone = config::parse_zone("local", bytes.str());
  if (!zone) return std::nullopt;
  return std::move(*zone);
}

}  // namespace

rules::Zone reader_zone(const std::optional<std::string>& tz, const std::optional<std::string>& tzdir) {
  if (!tz) return zone_of_file("/etc/localtime").value_or(rules::utc());
  std::string name = *tz;
  if (name.starts_with(':')) name.erase(0, 1);
  if (name.empty()) return rules::utc();
  if (name.starts_with('/')) return zone_of_file(name).value_or(rules::utc());
  const std::string folder = tzdir && !tzdir->empty() ? *tzdir : "/usr/share/zoneinfo";
  if (tl::expected<rules::Zone, std::string> zone = config::read_zone(name, folder)) return std::move(*zone);
  if (tl::expected<rules::ZoneRule, std::string> rule = config::parse_zone_rule(name)) {
    return rules::Zone{.name = name, .offsets = {}, .transitions = {}, .rule = std::move(*rule)};
  }
  return rules::utc();
}

tl::expected<Answer, std::string> http_call(const Call& call) {
  net::ClientRequest request;
  request.method = call.method;
  request.url = call.url;
  request.headers.add("Accept", "application/json");
  if (call.method != "GET") request.headers.add("Content-Type", "application/json");
  if (!call.token.empty()) request.headers.add("Authorization", "Bearer " + call.token);
  request.body = call.body;
  request.timeout = call.timeout;
  tl::expected<net::ClientResult, std::string> result = net::http_call(
      std::move(request),
      net::ClientOptions{.max_answer_bytes = std::size_t{256} << 20, .authority_file = call.authority_file});
  if (!result) return tl::unexpected(std::move(result).error());
  return Answer{.status = result->status, .body = std::move(result->body)};
}

std::vector<channels::Probed> probe_providers(const std::vector<rules::Channel>& channels,
                                              const std::vector<std::string>& allowed,
                                              rules::Duration limit) {
  const net::OutboundRules outbound{.is_guarded = true, .allowed = allowed};
  return channels::probe_all(channels, outbound, limit);
}

Environment system_environment() {
  Environment environment;
  environment.variable = variable;
  environment.now = [] {
    return std::chrono::time_point_cast<std::chrono::milliseconds>(std::chrono::system_clock::now());
  };
  environment.call = http_call;
  environment.probe = probe_providers;
  environment.pause = pause_for;
  environment.input = [] { return std::string{std::istreambuf_iterator<char>{std::cin}, {}}; };
  environment.login = login_name();
  environment.zone = reader_zone(variable("TZ"), variable("TZDIR"));
  environment.out_is_terminal = isatty(STDOUT_FILENO) == 1;
  environment.error_is_terminal = isatty(STDERR_FILENO) == 1;
  environment.width = terminal_width();
  return environment;
}

}  // namespace ctl
