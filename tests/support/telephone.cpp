#include "tests/support/telephone.hpp"

#include <array>
#include <atomic>
#include <cmath>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <mutex>
#include <set>
#include <sstream>
#include <stdexcept>
#include <thread>

#include <arpa/inet.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

namespace support {
namespace {

using Clock = std::chrono::steady_clock;

constexpr std::string_view configuration = R"(sip_listen 127.0.0.1:0
net_interface 127.0.0.1
call_local_timeout 600
call_max_calls 1
audio_source aufile,FOLDER/nothing.wav
audio_level no
ausrc_srate 8000
auplay_srate 8000
ausrc_channels 1
auplay_channels 1
statmode_default off
snd_path FOLDER
module_path /usr/lib/baresip/modules
module stdio.so
module g711.so
module aufile.so
module sndfile.so
module_tmp account.so
module_app menu.so
)";

// Ten minutes of silence: what it says while it listens.
std::string silence() {
  constexpr std::uint32_t bytes = 8000U * 2U * 600U;
  const auto number = [](std::uint32_t value, std::size_t size) {
    std::string text;
    for (std::size_t index = 0; index < size; ++index) text += static_cast<char>((value >> (8 * index)) & 0xFFU);
    return text;
  };
  return "RIFF" + number(bytes + 36, 4) + "WAVEfmt " + number(16, 4) + number(1, 2) + number(1, 2) + number(8000, 4) +
         number(16000, 4) + number(2, 2) + number(16, 2) + "data" + number(bytes, 4) + std::string(bytes, '\0');
}

// The UDP port of 127.0.0.1 that this process has: there is one while it has no call.
int udp_port_of(pid_t process) {
  std::set<std::string> sockets;
  for (const auto& entry : std::filesystem::directory_iterator(fmt::format("/proc/{}/fd", process))) {
    std::error_code gone;
    const std::string target = std::filesystem::read_symlink(entry.path(), gone).string();
    if (target.starts_with("socket:[")) sockets.insert(target.substr(8, target.size() - 9));
  }
  std::ifstream table(fmt::format("/proc/{}/net/udp", process));
  std::string line;
  std::getline(table, line);
  while (std::getline(table, line)) {
    std::istringstream words(line);
    std::string slot, local, remote, state, queues, timer, again, user, timeout, inode;
    words >> slot >> local >> remote >> state >> queues >> timer >> again >> user >> timeout >> inode;
    // It asks for names from another, which is bound to no address.
    if (local.starts_with("0100007F:") && sockets.contains(inode))
      return std::stoi(local.substr(local.find(':') + 1), nullptr, 16);
  }
  return 0;
}

bool is_program(const std::string& name) {
  const char* const folders = std::getenv("PATH");  // NOLINT(concurrency-mt-unsafe)
  std::istringstream path(folders == nullptr ? std::string() : std::string(folders));
  for (std::string folder; std::getline(path, folder, ':');)
    if (::access(fmt::format("{}/{}", folder, name).c_str(), X_OK) == 0) return true;
  return false;
}

}  // namespace

std::string Telephone::missing() {
  for (const char* const name : {"baresip", "espeak-ng", "sox"})
    if (!is_program(name)) return fmt::format("there is no {} here: tools/install-dependencies installs it", name);
  return {};
}

Telephone::Telephone() {
  const std::string folder = folder_.path().string();
  write_file(folder_ / "config", replaced(std::string{configuration}, "FOLDER", folder));
  write_file(folder_ / "accounts",
             "<sip:olga@127.0.0.1>;regint=0;auth_pass=none;answermode=manual;audio_codecs=pcmu\n");
  write_file(folder_ / "contacts", "");
  write_file(folder_ / "nothing.wav", silence());
  const std::string keys = (folder_ / "keys").string();
  if (::mkfifo(keys.c_str(), 0600) != 0) throw std::runtime_error("no fifo");
  keys_ = ::open(keys.c_str(), O_RDWR | O_CLOEXEC);
  if (keys_ < 0) throw std::runtime_error("no fifo");
  process_ = std::make_unique<Process>(
      Launch{.arguments = {"/bin/sh", "-c", "exec baresip -f \"$1\" -v <\"$1/keys\"", "sh", folder}});
  if (process_->wait_for_line("baresip is ready.")) port_ = udp_port_of(process_->id());
  if (port_ == 0) throw std::runtime_error("the telephone does not work: " + process_->output());
}

Telephone::~Telephone() {
  process_.reset();
  ::close(keys_);
}

std::string Telephone::address() const {
  return fmt::format("sip:olga@127.0.0.1:{}", port_);
}

void Telephone::type(std::string_view command) const {
  const std::string line = std::string{command} + "\n";
  if (::write(keys_, line.data(), line.size()) < 0) throw std::runtime_error("the telephone takes no keys");
}

bool Telephone::rings(std::chrono::milliseconds limit) {
  return process_->wait_for_line("Incoming call from:", limit).has_value();
}

bool Telephone::is_silent_again(std::chrono::milliseconds limit) {
  return process_->wait_for_line("session closed", limit).has_value();
}

void Telephone::pick_up() {
  type("/accept");
}

void Telephone::hang_up() {
  type("/hangup");
}

void Telephone::press(char key) {
  type(fmt::format("/sndcode {}", key));
}

std::vector<double> Telephone::heard() const {
  std::vector<double> loudness;
  for (const auto& entry : std::filesystem::directory_iterator(folder_.path())) {
    const std::string name = entry.path().filename().string();
    if (!name.starts_with("dump-") || !name.ends_with("-dec.wav")) continue;
    constexpr std::size_t header = 44, samples = 800;
    const std::string bytes = read_file(entry.path());
    for (std::size_t place = header; place + 2 * samples <= bytes.size(); place += 2 * samples) {
      double sum = 0;
      for (std::size_t index = 0; index < samples; ++index) {
        std::int16_t sample = 0;
        std::memcpy(&sample, bytes.data() + place + 2 * index, sizeof sample);
        sum += static_cast<double>(sample) * sample / (32768.0 * 32768.0);
      }
      loudness.push_back(std::sqrt(sum / samples));
    }
  }
  return loudness;
}

bool Telephone::hears_something(std::chrono::milliseconds limit) const {
  const int watch = ::inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
  if (watch < 0) throw std::runtime_error("no inotify");
  ::inotify_add_watch(watch, folder_.path().c_str(), IN_MODIFY | IN_CREATE);
  const Clock::time_point end = Clock::now() + limit;
  bool is_heard = false;
  while (!is_heard) {
    for (const double loudness : heard()) is_heard = is_heard || loudness > 0.01;
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(end - Clock::now());
    if (is_heard || left.count() <= 0) break;
    pollfd changed{.fd = watch, .events = POLLIN, .revents = 0};
    ::poll(&changed, 1, static_cast<int>(left.count()));
    std::array<char, 65536> events{};
    while (::read(watch, events.data(), events.size()) > 0) continue;
  }
  ::close(watch);
  return is_heard;
}

struct StubbornExchange::Internals {
  std::string status;
  int socket = -1;
  int over = -1;
  int port = 0;
  bool asks_who = false;
  std::atomic<int> invites{0};
  std::atomic<int> registrations{0};
  mutable std::mutex mutex;
  std::string credentials;      // guarded by it
  std::set<std::string> calls;  // guarded by it
  std::thread thread;

  static std::string header(const std::string& message, const std::string& name) {
    std::string found;
    for (std::size_t place = 0; (place = message.find("\r\n" + name + ":", place)) != std::string::npos;) {
      const std::size_t end = message.find("\r\n", place + 2);
      found += message.substr(place + 2, end - place);
      place = end;
    }
    return found;
  }

  void run() {
    std::array<char, 65536> bytes{};
    for (;;) {
      std::array<pollfd, 2> polled{pollfd{socket, POLLIN, 0}, pollfd{over, POLLIN, 0}};
      ::poll(polled.data(), polled.size(), -1);
      if (polled[1].revents != 0) return;
      sockaddr_in from{};
      socklen_t size = sizeof from;
      const ssize_t count =
          ::recvfrom(socket, bytes.data(), bytes.size(), 0, reinterpret_cast<sockaddr*>(&from), &size);
      if (count <= 0) continue;
      const std::string message(bytes.data(), static_cast<std::size_t>(count));
      std::string says = status;
      std::string more;
      if (message.starts_with("REGISTER ")) {
        ++registrations;
        says = "200 OK";
        more = header(message, "Contact") + "Expires: 600\r\n";
      } else if (message.starts_with("INVITE ")) {
        ++invites;
        const std::string who = header(message, "Proxy-Authorization");
        if (asks_who && who.empty()) {
          says = "407 Proxy Authentication Required";
          more = "Proxy-Authenticate: Digest realm=\"stubborn\", nonce=\"0123456789\", algorithm=MD5\r\n";
        } else {
          const std::lock_guard lock{mutex};
          credentials = who;
          calls.insert(header(message, "Call-ID"));
        }
      } else {
        continue;
      }
      if (says.empty()) continue;
      std::string to = header(message, "To");
      to.insert(to.size() - 2, ";tag=stubborn");
      const std::string answer = "SIP/2.0 " + says + "\r\n" + header(message, "Via") + header(message, "From") + to +
                                 header(message, "Call-ID") + header(message, "CSeq") + more +
                                 "Content-Length: 0\r\n\r\n";
      ::sendto(socket, answer.data(), answer.size(), 0, reinterpret_cast<sockaddr*>(&from), size);
    }
  }
};

StubbornExchange::StubbornExchange(std::string status, bool asks_who) : internals_(std::make_unique<Internals>()) {
  internals_->status = std::move(status);
  internals_->asks_who = asks_who;
  internals_->socket = ::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  internals_->over = ::eventfd(0, EFD_CLOEXEC);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  if (::bind(internals_->socket, reinterpret_cast<sockaddr*>(&address), size) != 0 ||
      ::getsockname(internals_->socket, reinterpret_cast<sockaddr*>(&address), &size) != 0)
    throw std::runtime_error("no port for the exchange");
  internals_->port = ntohs(address.sin_port);
  internals_->thread = std::thread([this] { internals_->run(); });
}

StubbornExchange::~StubbornExchange() {
  const std::uint64_t one = 1;
  static_cast<void>(!::write(internals_->over, &one, sizeof one));
  internals_->thread.join();
  ::close(internals_->socket);
  ::close(internals_->over);
}

std::string StubbornExchange::address() const {
  return fmt::format("sip:olga@127.0.0.1:{}", internals_->port);
}

int StubbornExchange::invites() const {
  return internals_->invites.load();
}

std::size_t StubbornExchange::calls() const {
  const std::lock_guard lock{internals_->mutex};
  return internals_->calls.size();
}

int StubbornExchange::registrations() const {
  return internals_->registrations.load();
}

std::string StubbornExchange::credentials() const {
  const std::lock_guard lock{internals_->mutex};
  return internals_->credentials;
}

}  // namespace support
