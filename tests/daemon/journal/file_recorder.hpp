// Records what this process asks of the file system below one folder, in the order in which it was done: by the
// journal's own code, by the standard library and by SQLite alike. The program's own definitions of open, pwrite, fsync
// and their like (in file_recorder.cpp) stand before those of the C library, so nothing in the journal knows of it;
// without a recorder they only pass on.
//
// Left out: the lock, the reserve and SQLite's shared memory, which nobody reads after a power cut.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

namespace crash {

struct Operation {
  enum class Kind : std::uint8_t {
    create,       // of `file` under the name `path`
    make_folder,  // `path`
    write,
    truncate,     // to `offset` bytes
    sync,         // of the file
    sync_folder,  // `path`
    rename,       // `path` to `target`
    remove,       // the name `path`, of a file or a folder
    mark,         // no operation: the test says with `path` and `offset` what is promised from here on
  };
  Kind kind{};
  std::string path;  // below the recorded folder, which is ""
  std::string target;
  std::uint64_t file{};  // names come and go, a file's number stays
  std::uint64_t offset{};
  std::string bytes;
};

struct Record {
  struct Start {
    std::map<std::string, std::string> files;  // what was there, by name; it counts as durable
    std::vector<std::string> folders;
  };
  Start start;
  std::map<std::string, std::uint64_t> start_numbers;  // of the files in `start`
  std::vector<Operation> operations;
};

// True for names that are left out of records and images.
bool is_left_out(std::string_view name);

// One at a time; from its making to stop(). Safe with writers on any thread.
class FileRecorder {
 public:
  explicit FileRecorder(std::filesystem::path root);
  FileRecorder(const FileRecorder&) = delete;
  FileRecorder& operator=(const FileRecorder&) = delete;
  ~FileRecorder();

  void mark(std::string what, std::uint64_t number);
  // Ends the recording.
  [[nodiscard]] Record stop();

  // For the definitions that stand before the C library's. Each is called under the recorder's lock, which also spans
  // the operation itself, so that the record's order is the true one.
  std::mutex& lock() { return lock_; }
  void opened(int descriptor, const char* path, bool truncates, bool is_folder);
  void closed(int descriptor) { open_.erase(descriptor); }
  void written(int descriptor, const void* bytes, std::uint64_t size, std::uint64_t offset);
  void truncated(int descriptor, std::uint64_t size);
  void synced(int descriptor);
  void renamed(const char* from, const char* to);
  void removed(const char* path);
  void made_folder(const char* path);
  // "Not below the folder, or left out": false.
  bool is_recorded(const char* path, std::string& below) const;

 private:
  struct Open {
    std::string path;
    std::uint64_t file{};
    bool is_folder{};
  };
  void add(Operation operation) { record_.operations.push_back(std::move(operation)); }

  std::filesystem::path root_;
  std::mutex lock_;
  Record record_;
  std::map<std::string, std::uint64_t> names_;  // at this moment, of files
  std::map<int, Open> open_;
  std::uint64_t next_file_ = 1;
};

}  // namespace crash
