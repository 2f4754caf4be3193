#include "daemon/service.hpp"

#include <cstdlib>
#include <filesystem>
#include <fstream>

#include <fmt/format.h>
#include <systemd/sd-daemon.h>

namespace roused {

void tell_ready(const std::string& status) {
  sd_notifyf(0, "READY=1\nSTATUS=%s", status.c_str());
}
void tell_status(const std::string& status) {
  sd_notifyf(0, "STATUS=%s", status.c_str());
}
void tell_reloading() {
  sd_notify(0, "RELOADING=1");
}
void tell_stopping() {
  sd_notify(0, "STOPPING=1\nSTATUS=stopping: everything accepted is being committed");
}
void feed_watchdog() {
  sd_notify(0, "WATCHDOG=1");
}

std::optional<std::chrono::microseconds> watchdog_interval() {
  std::uint64_t microseconds = 0;
  if (sd_watchdog_enabled(0, &microseconds) <= 0 || microseconds == 0) return std::nullopt;
  return std::chrono::microseconds{microseconds / 2};
}

tl::expected<std::vector<net::Listener>, std::string> inherited_listeners() {
  const int count = sd_listen_fds(1);
  if (count < 0) return tl::unexpected{fmt::format("the sockets passed by systemd cannot be taken: error {}", -count)};
  if (count == 0) {
    return tl::unexpected{
        std::string{"--web.systemd-socket is given, but systemd passed no socket: is roused.socket enabled?"}};
  }
  std::vector<net::Listener> listeners;
  for (int index = 0; index < count; ++index) {
    tl::expected<net::Listener, std::string> listener = net::Listener::inherit(SD_LISTEN_FDS_START + index);
    if (!listener) {
      return tl::unexpected{
          fmt::format("descriptor {} passed by systemd: {}", SD_LISTEN_FDS_START + index, listener.error())};
    }
    listeners.push_back(std::move(*listener));
  }
  return listeners;
}

std::filesystem::path runtime_folder(const std::filesystem::path& fallback) {
  // NOLINTNEXTLINE(concurrency-mt-unsafe): read once at start, before there are threads
  const char* const runtime = std::getenv("RUNTIME_DIRECTORY");
  return runtime != nullptr ? std::filesystem::path{runtime} : fallback;
}

AlarmMark::AlarmMark(const std::filesystem::path& folder) : path_{(folder / "journal-failed").string()} {}

bool AlarmMark::is_fresh() const {
  std::error_code error;
  const auto made = std::filesystem::last_write_time(path_, error);
  if (error) return false;
  // Of a clock that was set back since nothing is known: rather told once more than not at all.
  const auto age = std::filesystem::file_time_type::clock::now() - made;
  return age >= age.zero() && age < std::chrono::minutes{30};
}

void AlarmMark::make() const {
  const std::ofstream mark{path_, std::ios::trunc};
  std::error_code error;
  std::filesystem::last_write_time(path_, std::filesystem::file_time_type::clock::now(), error);
}

}  // namespace roused
