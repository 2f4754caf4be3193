// Looks at SQLite's write-ahead log for what SQLite passes over in silence.
//
// SQLite reads the log up to the first frame whose checksum is wrong and takes that for the end, since a power cut may
// tear the last transaction. Here a transaction is only begun when the one before it is synced. So a frame that is
// whole and follows the commit of another transaction, both behind that end, proves that synced bytes were damaged; and
// so does a header that is there and wrong. What this cannot tell: damage to the last transaction alone, and a log that
// is merely shorter than it was.
#pragma once

#include <filesystem>
#include <string>

namespace journal {

// What is wrong, in one sentence that names the file; empty: nothing that can be told. A log that is not there or
// cannot be read is for SQLite to complain of.
[[nodiscard]] std::string damage_in_log(const std::filesystem::path& log);

}  // namespace journal
