#include "tests/support/black_hole.hpp"

#include <cerrno>
#include <cstring>
#include <stdexcept>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

namespace support {

BlackHole::BlackHole() {
  const int listening = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  descriptors_.push_back(listening);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  auto* const any = reinterpret_cast<sockaddr*>(&address);
  if (::bind(listening, any, size) != 0 || ::listen(listening, 0) != 0 || ::getsockname(listening, any, &size) != 0) {
    throw std::runtime_error(std::string("no black hole: ") + std::strerror(errno));
  }
  url_ = "http://127.0.0.1:" + std::to_string(ntohs(address.sin_port));
  // Nobody accepts, so the queue is full after a few; then the kernel drops whoever knocks.
  for (int tries = 0; tries < 16; ++tries) {
    const int one = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    descriptors_.push_back(one);
    if (::connect(one, any, size) == 0) continue;
    pollfd connected{one, POLLOUT, 0};
    if (::poll(&connected, 1, 200) == 0) return;
  }
  throw std::runtime_error("no black hole: its queue does not fill up");
}

BlackHole::~BlackHole() {
  for (const int one : descriptors_) ::close(one);
}

}  // namespace support
