#include "tests/support/roused.hpp"

#include <csignal>
#include <cstdlib>
#include <stdexcept>

#include <arpa/inet.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <unistd.h>

#include "daemon/net/client.hpp"

namespace support {
namespace {

Answer call(net::ClientRequest request) {
  tl::expected<net::ClientResult, std::string> result = net::http_call(std::move(request));
  if (!result) return Answer{.status = 0, .body = result.error()};
  return Answer{.status = result->status, .body = std::move(result->body)};
}

bool has_programs(const std::filesystem::path& folder) {
  for (const char* const program : {"alertmanager", "prometheus", "amtool", "promtool"}) {
    if (access((folder / program).c_str(), X_OK) != 0) return false;
  }
  return true;
}

Peers find_peers() {
  if (const char* const given = std::getenv("ROUSE_PEERS"); given != nullptr && *given != '\0') {
    for (const std::filesystem::path& folder :
         {std::filesystem::path{given}, std::filesystem::path{given} / "usr/bin"}) {
      if (has_programs(folder)) return Peers{.programs = folder, .why = {}};
    }
  }
  const std::filesystem::path folder = std::filesystem::path{ROUSE_BINARY_DIR} / "peers";
  const std::filesystem::path programs = folder / "usr/bin";
  // Tests are processes of their own, and several may come here at once.
  const int lock =
      open((std::filesystem::path{ROUSE_BINARY_DIR} / "peers.lock").c_str(), O_CREAT | O_RDWR | O_CLOEXEC, 0644);
  if (lock >= 0) flock(lock, LOCK_EX);
  Peers found{.programs = programs, .why = {}};
  if (!has_programs(programs)) {
    const Finished fetched =
        run(Launch{.arguments = {(source_folder() / "tools/fetch-peers").string(), folder.string()}},
            std::chrono::minutes{3});
    if (fetched.code != 0 || !has_programs(programs)) {
      found = Peers{.programs = {}, .why = "no Alertmanager and Prometheus to test with: " + fetched.output};
    }
  }
  if (lock >= 0) close(lock);
  return found;
}

// Of the build folder that is named, else of the tests' own build.
std::string program(const char* place, const char* own) {
  const char* const build = std::getenv("ROUSE_PROGRAMS");  // NOLINT(concurrency-mt-unsafe): nothing sets it
  return build == nullptr || *build == '\0' ? own : (std::filesystem::path{build} / place).string();
}

}  // namespace

Answer get(const std::string& url, std::chrono::milliseconds limit) {
  net::ClientRequest request;
  request.method = "GET";
  request.url = url;
  request.timeout = limit;
  return call(std::move(request));
}

Answer post(const std::string& url, std::string body, std::chrono::milliseconds limit, std::string_view content_type) {
  net::ClientRequest request;
  request.url = url;
  request.headers.add("Content-Type", content_type);
  request.body = std::move(body);
  request.timeout = limit;
  return call(std::move(request));
}

Launch Roused::launch() const {
  Launch launch;
  launch.arguments = setting_.through;
  launch.arguments.insert(launch.arguments.end(),
                          {roused_program(),
                           "--config.file=" + setting_.configuration.string(),
                           "--storage.path=" + setting_.store.string(),
                           "--web.listen-address=127.0.0.1:0"});
  if (setting_.io_threads > 0) launch.arguments.push_back("--io.threads=" + std::to_string(setting_.io_threads));
  launch.arguments.insert(launch.arguments.end(), setting_.arguments.begin(), setting_.arguments.end());
  launch.limits = setting_.limits;
  launch.environment = setting_.environment;
  return launch;
}

void Roused::start() {
  forget_process();
  process_ = std::make_unique<Process>(launch());
  const std::optional<std::string> line = process_->wait_for_line("listening");
  const std::size_t colon = line ? line->rfind("127.0.0.1:") : std::string::npos;
  if (colon == std::string::npos) throw std::runtime_error("roused does not listen; it said:\n" + process_->output());
  port_ = std::atoi(line->c_str() + colon + 10);
}

Finished Roused::start_in_vain(std::chrono::milliseconds limit) {
  return run(launch(), limit);
}

void Roused::kill_hard() {
  process_->kill();
}

int Roused::stop(std::chrono::milliseconds limit) {
  process_->signal(SIGTERM);
  if (const std::optional<int> code = process_->wait(limit)) return *code;
  process_->kill();
  return 124;
}

void Roused::forget_process() {
  if (!process_) return;
  process_->kill();
  earlier_output_ += process_->output();
  process_.reset();
}

std::string Roused::output() const {
  return earlier_output_ + (process_ ? process_->output() : std::string{});
}

Answer Roused::get(std::string_view path) const {
  return support::get(url() + std::string{path});
}

Answer Roused::post(std::string_view path, std::string body) const {
  return support::post(url() + std::string{path}, std::move(body));
}

int free_port() {
  const int descriptor = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  const bool is_bound = bind(descriptor, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0 &&
                        getsockname(descriptor, reinterpret_cast<sockaddr*>(&address), &size) == 0;
  close(descriptor);
  if (!is_bound) throw std::runtime_error("no free port");
  return ntohs(address.sin_port);
}

std::filesystem::path source_folder() {
  return ROUSE_SOURCE_DIR;
}

std::string roused_program() {
  return program("daemon/roused", ROUSE_DAEMON);
}

std::string rousectl_program() {
  return program("daemon/ctl/rousectl", ROUSE_CTL);
}

const Peers& peers() {
  static const Peers found = find_peers();
  return found;
}

}  // namespace support
