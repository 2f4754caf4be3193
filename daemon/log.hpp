// What the daemon says about itself: one line an event, logfmt or JSON, every value escaped. Not for the way of an
// alert: what happens per alert is counted, not logged. Any thread; spdlog does the writing.
#pragma once

#include <initializer_list>
#include <string>
#include <string_view>
#include <utility>

namespace roused {

enum class LogLevel { debug, info, warn, error };
enum class LogFormat { logfmt, json };

using LogFields = std::initializer_list<std::pair<std::string_view, std::string_view>>;

// Before the first line; the default is info and logfmt on standard error.
void set_up_log(LogLevel level, LogFormat format);

void log(LogLevel level, std::string_view message, LogFields fields = {});

// The line without its end, for tests: `ts=... level=info msg="..." key=value`.
[[nodiscard]] std::string format_log_line(
    LogFormat format, std::string_view time, LogLevel level, std::string_view message, LogFields fields);

}  // namespace roused
