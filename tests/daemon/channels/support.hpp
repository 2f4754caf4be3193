// What the tests of providers share: a clock, a page, and a folder that is gone with the test.
#pragma once

#include <chrono>
#include <cstdlib>
#include <ctime>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <stdexcept>
#include <string>

#include <sys/stat.h>

#include "daemon/clock.hpp"
#include "rules/effect.hpp"

namespace channels::testing {

class RealClock final : public roused::Clock {
 public:
  [[nodiscard]] roused::ClockReading read() const override {
    timespec boot{};
    ::clock_gettime(CLOCK_BOOTTIME, &boot);
    return {std::chrono::seconds{boot.tv_sec} + std::chrono::nanoseconds{boot.tv_nsec},
            rules::Instant{std::chrono::seconds{1'790'000'123}}};
  }
};

inline rules::Send page() {
  rules::Send send;
  send.message.value = 7;
  send.key = "0f3c5a7e9b1d";
  send.person = "olga";
  send.person_name = "Olga Petrova";
  send.contact = "sms";
  send.channel = "sms";
  send.address = "+16045550101";
  rules::PageFacts facts;
  facts.id.value = 31;
  facts.reason = rules::PageReason::step;
  facts.step = 2;
  facts.round = 1;
  facts.because = "on call for operations";
  facts.incident.id.value = 12;
  facts.incident.uid = "01J00000000000000000000000";
  facts.incident.urgency = rules::Urgency::high;
  facts.incident.severity = "critical";
  facts.incident.service = "checkout";
  facts.incident.summary = "CheckoutDown: \"nobody\" can pay\\";
  facts.incident.alerts = 3;
  facts.incident.firing = 3;
  send.pages.push_back(facts);
  return send;
}

class Folder {
 public:
  Folder() {
    std::string pattern = (std::filesystem::temp_directory_path() / "rouse-channels-XXXXXX").string();
    if (::mkdtemp(pattern.data()) == nullptr) throw std::runtime_error("no temporary folder");
    path_ = pattern;
  }
  ~Folder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;

  [[nodiscard]] std::string operator/(const std::string& name) const { return (path_ / name).string(); }

  std::string write(const std::string& name, const std::string& text) const {
    std::ofstream(path_ / name, std::ios::binary) << text;
    return (path_ / name).string();
  }
  [[nodiscard]] std::string read(const std::string& name) const {
    std::ifstream file(path_ / name, std::ios::binary);
    std::ostringstream all;
    all << file.rdbuf();
    return all.str();
  }
  [[nodiscard]] std::string fifo(const std::string& name) const {
    if (::mkfifo((path_ / name).c_str(), 0600) != 0) throw std::runtime_error("no fifo");
    return (path_ / name).string();
  }

 private:
  std::filesystem::path path_;
};

}  // namespace channels::testing
