// What systemd wants to hear and what it hands over. Without systemd every call does nothing.
#pragma once

#include <chrono>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "daemon/net/listener.hpp"

namespace roused {

void tell_ready(const std::string& status);
void tell_status(const std::string& status);
void tell_reloading();
void tell_stopping();
void feed_watchdog();

// Half of WatchdogSec: how often it must be fed; nullopt = no watchdog.
[[nodiscard]] std::optional<std::chrono::microseconds> watchdog_interval();

// The sockets that systemd passes, each checked to listen. The error names the descriptor.
[[nodiscard]] tl::expected<std::vector<net::Listener>, std::string> inherited_listeners();

// Where small files belong that outlive the process and not the machine: $RUNTIME_DIRECTORY, else `fallback`.
[[nodiscard]] std::filesystem::path runtime_folder(const std::filesystem::path& fallback);

// The mark in the runtime directory that keeps the alarm of a failed journal to once in 30 minutes.
class AlarmMark {
 public:
  explicit AlarmMark(const std::filesystem::path& folder);
  [[nodiscard]] bool is_fresh() const;  // made within the last 30 minutes
  void make() const;

 private:
  std::string path_;
};

}  // namespace roused
