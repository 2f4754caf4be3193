// A file system that is small enough to be filled by a test.
#pragma once

#include <cstdio>
#include <filesystem>
#include <string>

#include <sys/mount.h>

#include "tests/support/folder.hpp"

namespace support {

// A folder on a file system of 8 MB that goes with it; not there without the right to mount.
class SmallDisk {
 public:
  SmallDisk() : is_there_{mount("tmpfs", folder_.path().c_str(), "tmpfs", 0, "size=8m") == 0} {}
  ~SmallDisk() {
    if (is_there_) umount2(folder_.path().c_str(), MNT_DETACH);
  }
  SmallDisk(const SmallDisk&) = delete;
  SmallDisk& operator=(const SmallDisk&) = delete;

  [[nodiscard]] bool is_there() const { return is_there_; }
  [[nodiscard]] const std::filesystem::path& path() const { return folder_.path(); }
  // Takes all the room that is left; remove_ballast() gives it back.
  void fill() const {
    FILE* const file = std::fopen(ballast().c_str(), "ab");
    if (file == nullptr) return;
    std::setvbuf(file, nullptr, _IONBF, 0);
    const std::string block(4096, 'x');
    while (std::fwrite(block.data(), 1, block.size(), file) == block.size()) continue;
    while (std::fwrite("x", 1, 1, file) == 1) continue;
    std::fclose(file);
  }
  void remove_ballast() const { std::filesystem::remove(ballast()); }

 private:
  [[nodiscard]] std::filesystem::path ballast() const { return folder_.path() / "ballast"; }

  TemporaryFolder folder_;
  bool is_there_;
};

}  // namespace support
