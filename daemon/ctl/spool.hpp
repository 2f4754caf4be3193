// Notifications that wait on the disk until the daemon has them: a folder with one file for each, in the order in which
// they came. Any number of processes may use one folder at once; between two fsyncs a crash loses nothing that put()
// has returned for, and sends at most one of them twice.
//
//   DIR/00001763800000000000.json   one each; the name grows from one to the next
//   DIR/refused/                    those that the daemon will never take, for somebody to look at
//   DIR/.new                        being written; what a crash left of it counts for nothing
//   DIR/.order, DIR/.sending        locks: of who writes the next one, of who sends
#pragma once

#include <chrono>
#include <cstddef>
#include <filesystem>
#include <functional>
#include <string>
#include <string_view>

#include <tl/expected.hpp>

#include "rules/time.hpp"

namespace ctl {

class Spool {
 public:
  using Deadline = std::chrono::steady_clock::time_point;

  // Makes the folder when it is not there. The error says what is wrong with it.
  [[nodiscard]] static tl::expected<Spool, std::string> open(std::filesystem::path folder);

  // On the disk, behind all others, when it returns; its name. `now` only makes the name.
  [[nodiscard]] tl::expected<std::string, std::string> put(std::string_view bytes, rules::Instant now) const;

  enum class Ending {
    delivered,  // gone
    refused,    // set aside: it would be refused again
    later,      // it stays, and so do all behind it
  };
  using Deliver = std::function<Ending(const std::string& name, const std::string& bytes)>;

  struct Drained {
    std::size_t delivered{};
    std::size_t refused{};
    std::size_t waiting{};  // what is left
    bool busy{};            // another process was sending until the deadline
    std::string trouble;    // of the folder itself; "" = none
  };
  // Delivers what waits, oldest first, as the only one that does, until nothing is left, one has to wait, or the
  // deadline. What others put in meanwhile is delivered, too.
  [[nodiscard]] Drained drain(const Deliver& deliver, Deadline deadline) const;

  [[nodiscard]] std::size_t waiting() const;
  [[nodiscard]] const std::filesystem::path& folder() const { return folder_; }

 private:
  explicit Spool(std::filesystem::path folder) : folder_{std::move(folder)} {}

  // False: no further one can be delivered.
  bool drain_once(const Deliver& deliver, Deadline deadline, Drained& drained) const;

  std::filesystem::path folder_;
};

}  // namespace ctl
