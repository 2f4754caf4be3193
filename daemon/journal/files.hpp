// The few file operations that the journal's own files need, done so that they are durable when they return.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <initializer_list>
#include <string>
#include <string_view>
#include <utility>

#include <tl/expected.hpp>

namespace journal {

// fsync (fdatasync need not make a new name in a folder durable), or what a test puts in its place: 0, or -1 with
// errno.
using SyncFile = std::function<int(int)>;

using Done = tl::expected<void, std::string>;

// An open file, closed with its owner.
class Descriptor {
 public:
  Descriptor() = default;
  explicit Descriptor(int number) : number_(number) {}
  Descriptor(Descriptor&& other) noexcept : number_(std::exchange(other.number_, -1)) {}
  Descriptor& operator=(Descriptor&& other) noexcept;
  ~Descriptor();
  [[nodiscard]] int number() const { return number_; }
  [[nodiscard]] bool is_open() const { return number_ >= 0; }

 private:
  int number_ = -1;
};

// "cannot VERB PATH: REASON"
std::string cannot(std::string_view verb, const std::filesystem::path& path, int error);

bool is_there(const std::filesystem::path& path);

// 0, or errno. Continues after short writes and EINTR.
int write_all(int descriptor, std::string_view bytes, std::uint64_t offset);

[[nodiscard]] tl::expected<std::string, std::string> read_file(const std::filesystem::path& path);

// So that a name that was created, renamed or removed stays so.
[[nodiscard]] Done sync_directory(const std::filesystem::path& directory, const SyncFile& sync);

// Owner-only; under a temporary name, synced, renamed, folder synced: a crash leaves the old file or the new one.
// The file is the parts, one after the other.
[[nodiscard]] Done replace_file(const std::filesystem::path& path,
                                std::initializer_list<std::string_view> parts,
                                const SyncFile& sync);

// Copies and syncs.
[[nodiscard]] Done copy_file(const std::filesystem::path& from, const std::filesystem::path& to, const SyncFile& sync);

// Owner-only; parents too; no error if it is there. Its name is on the disk when this returns, whoever made it.
[[nodiscard]] Done make_directory(const std::filesystem::path& directory, const SyncFile& sync);

// One process a data directory. The kernel gives the lock up with the process, however it ends.
[[nodiscard]] tl::expected<Descriptor, std::string> lock_directory(const std::filesystem::path& directory);

// A file of real blocks that can be given up when the disk is full, so that the last records still fit.
class Reserve {
 public:
  Reserve(std::filesystem::path path, std::uint64_t bytes) : path_(std::move(path)), bytes_(bytes) {}
  // Makes it when it is not there and twice its size is free. Failing is no error: there will be a better moment.
  void fill_if_there_is_room();
  // True if there was something to give up.
  bool release();
  [[nodiscard]] bool is_filled() const;

 private:
  std::filesystem::path path_;
  std::uint64_t bytes_;
};

}  // namespace journal
