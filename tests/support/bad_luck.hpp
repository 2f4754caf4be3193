// Faults of the disk and of the clocks for one daemon, which can be changed while it runs.
#pragma once

#include <filesystem>
#include <string>
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

  // What a daemon that is to have it needs in its environment.
  [[nodiscard]] std::vector<std::pair<std::string, std::string>> environment() const;

  // Any thread; takes effect with the next call that the daemon makes.
  BadLuckOrders* operator->() const { return orders_; }

 private:
  TemporaryFolder own_;
  BadLuckOrders* orders_;
};

}  // namespace support
