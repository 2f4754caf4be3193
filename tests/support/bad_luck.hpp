// Faults of the disk, of the clocks and of the ways to people for one daemon, which can be changed while it runs.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "tests/support/bad_luck/orders.hpp"
#include "tests/support/folder.hpp"

namespace support {

class BadLuck {
 public:
  // For files below `folder`, which need not exist yet. Throws std::runtime_error.
  explicit BadLuck(const std::filesystem::path& folder);
  ~BadLuck();
  BadLuck(const BadLuck&) = delete;
  BadLuck& operator=(const BadLuck&) = delete;

  // A name that is 127.0.0.1 for the daemon, whose look-ups can fail then. Before it starts.
  void call_home(std::string_view name);

  // What a daemon that is to have it needs in its environment.
  [[nodiscard]] std::vector<std::pair<std::string, std::string>> environment() const;

  // Any thread; takes effect with the next call that the daemon makes.
  BadLuckOrders* operator->() const { return orders_; }

 private:
  TemporaryFolder own_;
  BadLuckOrders* orders_;
};

}  // namespace support
