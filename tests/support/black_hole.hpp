// A port of loopback that can be connected to by nobody and refuses nobody: what is sent to it is never answered, as
// when a firewall drops it.
#pragma once

#include <string>
#include <vector>

namespace support {

class BlackHole {
 public:
  // Throws std::runtime_error.
  BlackHole();
  ~BlackHole();
  BlackHole(const BlackHole&) = delete;
  BlackHole& operator=(const BlackHole&) = delete;

  // "http://127.0.0.1:PORT"
  [[nodiscard]] const std::string& url() const { return url_; }

 private:
  std::vector<int> descriptors_;  // the listening one first; the others fill its queue
  std::string url_;
};

}  // namespace support
