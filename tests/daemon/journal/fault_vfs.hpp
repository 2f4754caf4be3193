// A file layer for SQLite that fails when a test says so: syncs with EIO, writes that find the disk full. Everything
// else goes to the usual layer. Safe to steer from another thread.
#pragma once

#include <atomic>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string>

#include <sqlite3.h>

namespace journal {

class FaultVfs {
 public:
  FaultVfs() : real_(sqlite3_vfs_find(nullptr)), vfs_(*real_) {
    static std::atomic<int> count = 0;
    name_ = "fault-" + std::to_string(++count);
    vfs_.zName = name_.c_str();
    vfs_.pNext = nullptr;
    vfs_.pAppData = this;
    vfs_.szOsFile = static_cast<int>(sizeof(File)) + real_->szOsFile;
    vfs_.xOpen = open;
    sqlite3_vfs_register(&vfs_, 0);
  }
  FaultVfs(const FaultVfs&) = delete;
  FaultVfs& operator=(const FaultVfs&) = delete;
  ~FaultVfs() { sqlite3_vfs_unregister(&vfs_); }

  [[nodiscard]] const std::string& name() const { return name_; }

  std::atomic<int> syncs_to_fail = 0;              // the next so many
  std::atomic<bool> is_disk_full = false;          // writes: ENOSPC
  std::atomic<int> full_writes = 0;                // the next so many writes: ENOSPC
  std::atomic<int> writes_to_fail = 0;             // the next so many writes: EIO
  std::atomic<std::uint64_t> syncs = 0;            // that were asked for
  std::atomic<std::uint64_t> database_writes = 0;  // to the database itself: a checkpoint

 private:
  struct File {
    sqlite3_file base;
    FaultVfs* owner;
    bool is_database;
    sqlite3_file* real() { return reinterpret_cast<sqlite3_file*>(this + 1); }
  };
  static_assert(sizeof(File) % 8 == 0);

  static File& of(sqlite3_file* file) { return *reinterpret_cast<File*>(file); }
  static sqlite3_file* real(sqlite3_file* file) { return of(file).real(); }
  static bool take(std::atomic<int>& count) {
    int left = count.load();
    while (left > 0 && !count.compare_exchange_weak(left, left - 1)) {
    }
    return left > 0;
  }

  static int open(sqlite3_vfs* vfs, const char* name, sqlite3_file* file, int flags, int* out_flags) {
    auto* const owner = static_cast<FaultVfs*>(vfs->pAppData);
    File& opened = of(file);
    opened.owner = owner;
    opened.is_database = (flags & SQLITE_OPEN_MAIN_DB) != 0;
    std::memset(opened.real(), 0, static_cast<std::size_t>(owner->real_->szOsFile));
    const int code = owner->real_->xOpen(owner->real_, name, opened.real(), flags, out_flags);
    opened.base.pMethods = opened.real()->pMethods != nullptr ? methods() : nullptr;
    return code;
  }

  static int write(sqlite3_file* file, const void* bytes, int size, sqlite3_int64 offset) {
    FaultVfs& owner = *of(file).owner;
    if (of(file).is_database) ++owner.database_writes;
    if (owner.is_disk_full || take(owner.full_writes)) {
      errno = ENOSPC;
      return SQLITE_FULL;
    }
    if (take(owner.writes_to_fail)) {
      errno = EIO;
      return SQLITE_IOERR_WRITE;
    }
    return real(file)->pMethods->xWrite(real(file), bytes, size, offset);
  }

  static int sync(sqlite3_file* file, int flags) {
    ++of(file).owner->syncs;
    if (take(of(file).owner->syncs_to_fail)) {
      errno = EIO;
      return SQLITE_IOERR_FSYNC;
    }
    return real(file)->pMethods->xSync(real(file), flags);
  }

  static const sqlite3_io_methods* methods() {
    static const sqlite3_io_methods all{
        3,
        [](sqlite3_file* f) { return real(f)->pMethods->xClose(real(f)); },
        [](sqlite3_file* f, void* b, int n, sqlite3_int64 o) { return real(f)->pMethods->xRead(real(f), b, n, o); },
        write,
        [](sqlite3_file* f, sqlite3_int64 n) { return real(f)->pMethods->xTruncate(real(f), n); },
        sync,
        [](sqlite3_file* f, sqlite3_int64* n) { return real(f)->pMethods->xFileSize(real(f), n); },
        [](sqlite3_file* f, int l) { return real(f)->pMethods->xLock(real(f), l); },
        [](sqlite3_file* f, int l) { return real(f)->pMethods->xUnlock(real(f), l); },
        [](sqlite3_file* f, int* r) { return real(f)->pMethods->xCheckReservedLock(real(f), r); },
        [](sqlite3_file* f, int o, void* a) { return real(f)->pMethods->xFileControl(real(f), o, a); },
        [](sqlite3_file* f) { return real(f)->pMethods->xSectorSize(real(f)); },
        [](sqlite3_file* f) { return real(f)->pMethods->xDeviceCharacteristics(real(f)); },
        [](sqlite3_file* f, int p, int n, int x, void volatile** m) {
          return real(f)->pMethods->xShmMap(real(f), p, n, x, m);
        },
        [](sqlite3_file* f, int o, int n, int l) { return real(f)->pMethods->xShmLock(real(f), o, n, l); },
        [](sqlite3_file* f) { real(f)->pMethods->xShmBarrier(real(f)); },
        [](sqlite3_file* f, int d) { return real(f)->pMethods->xShmUnmap(real(f), d); },
        [](sqlite3_file* f, sqlite3_int64 o, int n, void** p) { return real(f)->pMethods->xFetch(real(f), o, n, p); },
        [](sqlite3_file* f, sqlite3_int64 o, void* p) { return real(f)->pMethods->xUnfetch(real(f), o, p); }};
    return &all;
  }

  sqlite3_vfs* real_;
  sqlite3_vfs vfs_;
  std::string name_;
};

}  // namespace journal
