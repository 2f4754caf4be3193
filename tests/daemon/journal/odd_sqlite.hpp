// SQLite connections that are not as the journal asks for them, for tests: every connection opened during the life of
// one of these begins with a statement, and then keeps to what it set by ignoring a pragma.
#pragma once

#include <string>
#include <utility>

#include <sqlite3.h>

namespace crash {

class OddSqlite {
 public:
  // `ignored`: a pragma's name that has no effect from then on; empty: none.
  OddSqlite(std::string begin, std::string ignored) {
    begin_ = std::move(begin);
    ignored_ = std::move(ignored);
    sqlite3_auto_extension(reinterpret_cast<void (*)()>(&opened));
  }
  OddSqlite(const OddSqlite&) = delete;
  OddSqlite& operator=(const OddSqlite&) = delete;
  ~OddSqlite() { sqlite3_cancel_auto_extension(reinterpret_cast<void (*)()>(&opened)); }

 private:
  static int opened(sqlite3* database, const char** /*message*/, const void* /*api*/) {
    sqlite3_exec(database, begin_.c_str(), nullptr, nullptr, nullptr);
    if (!ignored_.empty()) sqlite3_set_authorizer(database, authorize, nullptr);
    return SQLITE_OK;
  }
  static int authorize(void*, int action, const char* name, const char* value, const char*, const char*) {
    const bool is_ignored = action == SQLITE_PRAGMA && value != nullptr && ignored_ == name;
    return is_ignored ? SQLITE_IGNORE : SQLITE_OK;
  }

  static inline std::string begin_;
  static inline std::string ignored_;
};

}  // namespace crash
