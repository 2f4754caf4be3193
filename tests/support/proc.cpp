#include "tests/support/proc.hpp"

#include <cstdlib>
#include <filesystem>
#include <iterator>
#include <sstream>
#include <stdexcept>

#include <unistd.h>

#include "tests/support/folder.hpp"

namespace support {
namespace {

std::filesystem::path folder_of(pid_t process) {
  return std::filesystem::path{"/proc"} / std::to_string(process);
}

// The number behind a name of a file of lines "name: number ...".
long number_of(const std::string& text, const std::string& name) {
  std::istringstream lines{text};
  for (std::string line; std::getline(lines, line);) {
    if (line.starts_with(name + ":")) return std::strtol(line.c_str() + name.size() + 1, nullptr, 10);
  }
  return -1;
}

std::size_t kilobytes_of(pid_t process, const std::string& name) {
  const long kilobytes = number_of(read_file(folder_of(process) / "status"), name);
  if (kilobytes < 0) throw std::runtime_error("the kernel says nothing about " + name);
  return static_cast<std::size_t>(kilobytes) * 1024;
}

}  // namespace

std::chrono::milliseconds cpu_time(pid_t process) {
  const std::string text = read_file(folder_of(process) / "stat");
  // The second field is the program's name in parentheses, and may have blanks in it.
  std::istringstream fields{text.substr(text.rfind(')') + 2)};
  const std::vector<std::string> all{std::istream_iterator<std::string>{fields}, {}};
  if (all.size() < 13) throw std::runtime_error("the kernel says nothing about " + std::to_string(process));
  const long ticks = std::strtol(all[11].c_str(), nullptr, 10) + std::strtol(all[12].c_str(), nullptr, 10);
  return std::chrono::milliseconds{ticks * 1000 / sysconf(_SC_CLK_TCK)};
}

std::size_t resident_bytes(pid_t process) {
  return kilobytes_of(process, "VmRSS");
}

std::size_t peak_resident_bytes(pid_t process) {
  return kilobytes_of(process, "VmHWM");
}

std::size_t open_descriptors(pid_t process) {
  std::size_t count = 0;
  for (const auto& entry : std::filesystem::directory_iterator{folder_of(process) / "fd"}) {
    static_cast<void>(entry);
    ++count;
  }
  return count;
}

std::vector<int> timer_clocks(pid_t process) {
  std::vector<int> clocks;
  for (const auto& entry : std::filesystem::directory_iterator{folder_of(process) / "fd"}) {
    std::error_code gone;
    if (std::filesystem::read_symlink(entry.path(), gone).string().find("timerfd") == std::string::npos) continue;
    const std::string number = entry.path().filename().string();
    clocks.push_back(static_cast<int>(number_of(read_file(folder_of(process) / "fdinfo" / number), "clockid")));
  }
  return clocks;
}

}  // namespace support
