#include "tests/support/bad_luck.hpp"

#include <cerrno>
#include <cstring>
#include <stdexcept>

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

namespace support {
namespace {

BadLuckOrders* map_orders(const std::filesystem::path& file) {
  const int descriptor = open(file.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  if (descriptor < 0 || ftruncate(descriptor, sizeof(BadLuckOrders)) != 0) {
    throw std::runtime_error(file.string() + ": " + std::strerror(errno));
  }
  void* const bytes = mmap(nullptr, sizeof(BadLuckOrders), PROT_READ | PROT_WRITE, MAP_SHARED, descriptor, 0);
  close(descriptor);
  if (bytes == MAP_FAILED) throw std::runtime_error(file.string() + ": " + std::strerror(errno));
  return static_cast<BadLuckOrders*>(bytes);
}

}  // namespace

BadLuck::BadLuck(const std::filesystem::path& folder) : orders_{map_orders(own_ / "orders")} {
  const std::string name = folder.string();
  if (name.empty() || name.size() >= sizeof orders_->folder)
    throw std::runtime_error("no folder for bad luck: " + name);
  std::memcpy(orders_->folder, name.c_str(), name.size() + 1);
}

BadLuck::~BadLuck() {
  orders_->syncs_hang.store(false);
  munmap(orders_, sizeof *orders_);
}

void BadLuck::call_home(std::string_view name) {
  if (name.size() >= sizeof orders_->home) throw std::runtime_error("too long a name: " + std::string(name));
  std::memcpy(orders_->home, name.data(), name.size());
  orders_->home[name.size()] = '\0';
}

std::vector<std::pair<std::string, std::string>> BadLuck::environment() const {
  return {{"LD_PRELOAD", ROUSE_BAD_LUCK}, {bad_luck_variable, (own_ / "orders").string()}};
}

}  // namespace support
