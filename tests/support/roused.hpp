// The daemon as a process: the program that was built, on loopback with a port that the kernel chose, its store in a
// folder of the test.
#pragma once

#include <chrono>
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "tests/support/process.hpp"

namespace support {

struct Answer {
  unsigned status{};  // 0: no answer
  std::string body;   // without an answer: why
};

// GET and POST with a JSON body, one connection each.
[[nodiscard]] Answer get(const std::string& url, std::chrono::milliseconds limit = patience);
[[nodiscard]] Answer post(const std::string& url,
                          std::string body,
                          std::chrono::milliseconds limit = patience,
                          std::string_view content_type = "application/json");

class Roused {
 public:
  struct Setting {
    std::filesystem::path configuration;
    std::filesystem::path store;
    std::size_t io_threads{0};  // 0: as the daemon chooses
    std::vector<std::string> arguments{};
    std::vector<std::pair<__rlimit_resource, rlim_t>> limits{};
    std::vector<std::pair<std::string, std::string>> environment{};
    // A program with its arguments that puts the daemon in its place and ends as it: {"unshare", "--mount", ...}.
    std::vector<std::string> through{};
  };
  explicit Roused(Setting setting) : setting_{std::move(setting)} {}

  // Starts it and waits until it listens. Throws std::runtime_error with what it said when it does not.
  void start();
  // Starts it for a case in which it must end by itself.
  [[nodiscard]] Finished start_in_vain(std::chrono::milliseconds limit = patience);

  // SIGKILL, reaped.
  void kill_hard();
  // SIGTERM; its exit code, or 124 when it had to be killed.
  int stop(std::chrono::milliseconds limit = patience);

  [[nodiscard]] Process& process() { return *process_; }
  [[nodiscard]] int port() const { return port_; }
  [[nodiscard]] std::string url() const { return "http://127.0.0.1:" + std::to_string(port_); }
  [[nodiscard]] Setting& setting() { return setting_; }
  // What it said in all of its lives.
  [[nodiscard]] std::string output() const;

  [[nodiscard]] Answer get(std::string_view path) const;
  [[nodiscard]] Answer post(std::string_view path, std::string body) const;

 private:
  [[nodiscard]] Launch launch() const;
  void forget_process();

  Setting setting_;
  std::unique_ptr<Process> process_;
  int port_{};
  std::string earlier_output_;
};

// A port of 127.0.0.1 that nobody listens on at this moment, for programs that cannot choose one. Whoever uses it must
// expect that somebody was faster.
[[nodiscard]] int free_port();

[[nodiscard]] std::filesystem::path source_folder();
// Those of the build folder $ROUSE_PROGRAMS (how tests/run tries what a sanitizer has built), else those that were
// built with the tests.
[[nodiscard]] std::string roused_program();
[[nodiscard]] std::string rousectl_program();

// The folder with alertmanager, prometheus, amtool and promtool: $ROUSE_PEERS or its usr/bin, else what
// tools/fetch-peers unpacks below the build folder. Empty with `why` when there is none.
struct Peers {
  std::filesystem::path programs;
  std::string why;
};
[[nodiscard]] const Peers& peers();

}  // namespace support
