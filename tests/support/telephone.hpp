// A person's telephone: baresip of Debian on 127.0.0.1, with a port that the kernel chose. It rings, is picked up or
// declined by whoever holds it, records what it hears, and presses keys as a telephone does (RFC 4733).
#pragma once

#include <chrono>
#include <cstddef>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "tests/support/folder.hpp"
#include "tests/support/process.hpp"

namespace support {

class Telephone {
 public:
  // Starts it and waits until it takes calls. Throws std::runtime_error with what it said when it does not.
  Telephone();
  ~Telephone();
  Telephone(const Telephone&) = delete;
  Telephone& operator=(const Telephone&) = delete;

  // "sip:olga@127.0.0.1:PORT"
  [[nodiscard]] std::string address() const;

  // True when it rings, or has rung, within `limit`.
  [[nodiscard]] bool rings(std::chrono::milliseconds limit = patience);
  // The call, or its ringing, is over.
  [[nodiscard]] bool is_silent_again(std::chrono::milliseconds limit = patience);

  void pick_up();
  void hang_up();  // or decline: it says 486
  void press(char key);

  // How loud it was from picking up on, in each tenth of a second: the root mean square, full scale = 1.
  [[nodiscard]] std::vector<double> heard() const;
  // True as soon as it has heard something else than silence.
  [[nodiscard]] bool hears_something(std::chrono::milliseconds limit = patience) const;

  [[nodiscard]] std::string output() const { return process_->output(); }

  // Empty when this machine has the programs; else why not.
  [[nodiscard]] static std::string missing();

 private:
  void type(std::string_view command) const;

  TemporaryFolder folder_;
  std::unique_ptr<Process> process_;
  int keys_ = -1;
  int port_ = 0;
};

// An exchange that answers every INVITE with this status line ("603 Decline"), or none ("" = it keeps mum), from a
// port of 127.0.0.1 that the kernel chose. It registers whoever asks. With `asks_who` it first wants a user and a
// password (digest), which it does not check.
class StubbornExchange {
 public:
  explicit StubbornExchange(std::string status, bool asks_who = false);
  ~StubbornExchange();
  StubbornExchange(const StubbornExchange&) = delete;
  StubbornExchange& operator=(const StubbornExchange&) = delete;

  [[nodiscard]] std::string address() const;
  [[nodiscard]] int invites() const;
  // So many calls these were of.
  [[nodiscard]] std::size_t calls() const;
  [[nodiscard]] int registrations() const;
  // Of the last INVITE that said who calls: its Proxy-Authorization.
  [[nodiscard]] std::string credentials() const;

  struct Internals;

 private:
  std::unique_ptr<Internals> internals_;
};

}  // namespace support
