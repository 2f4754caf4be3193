// The daemon put together: recovery, engine, threads, listeners, signals, and an orderly end. main() only reads the
// command line.
#pragma once

#include <cstddef>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

namespace roused {

struct DaemonOptions {
  std::filesystem::path config_file{"/etc/rouse/rouse.yml"};
  std::vector<std::string> listen;                    // empty = as the configuration says
  std::optional<std::filesystem::path> storage_path;  // unset = as the configuration says
  bool systemd_socket{false};
  std::size_t io_threads{0};  // 0 = one up to two cores, else cores - 1, at most 4
};

// Runs until SIGTERM or SIGINT. The exit code: 0 after an orderly end, 1 when it could not start or the journal failed.
[[nodiscard]] int run_daemon(const DaemonOptions& options);

}  // namespace roused
