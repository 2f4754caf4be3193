#include "daemon/log.hpp"

#include <atomic>
#include <chrono>

#include <fmt/format.h>
#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>

#include "rules/rfc3339.hpp"

namespace roused {
namespace {

std::atomic<LogFormat> chosen_format{LogFormat::logfmt};

std::string_view name_of(LogLevel level) {
  switch (level) {
    case LogLevel::debug:
      return "debug";
    case LogLevel::info:
      return "info";
    case LogLevel::warn:
      return "warn";
    case LogLevel::error:
      return "error";
  }
  return "info";
}

spdlog::level::level_enum spdlog_level(LogLevel level) {
  switch (level) {
    case LogLevel::debug:
      return spdlog::level::debug;
    case LogLevel::info:
      return spdlog::level::info;
    case LogLevel::warn:
      return spdlog::level::warn;
    case LogLevel::error:
      return spdlog::level::err;
  }
  return spdlog::level::info;
}

// Quotes, backslashes and control characters cannot end a value or a line: both formats use JSON's escapes.
void append_quoted(std::string& line, std::string_view text) {
  line += '"';
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\') {
      line += '\\';
      line += c;
    } else if (c == '\n') {
      line += "\\n";
    } else if (byte < 0x20 || byte == 0x7F) {
      line += fmt::format("\\u{:04x}", byte);
    } else {
      line += c;
    }
  }
  line += '"';
}

bool is_plain(std::string_view text) {
  if (text.empty()) return false;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte <= 0x20 || byte == 0x7F || c == '"' || c == '=' || c == '\\') return false;
  }
  return true;
}

}  // namespace

std::string format_log_line(
    LogFormat format, std::string_view time, LogLevel level, std::string_view message, LogFields fields) {
  std::string line;
  const auto add = [&](std::string_view key, std::string_view value) {
    if (format == LogFormat::json) {
      line += line.empty() ? "{" : ",";
      append_quoted(line, key);
      line += ':';
      append_quoted(line, value);
      return;
    }
    if (!line.empty()) line += ' ';
    line += key;
    line += '=';
    if (is_plain(value)) {
      line += value;
    } else {
      append_quoted(line, value);
    }
  };
  add("ts", time);
  add("level", name_of(level));
  add("msg", message);
  for (const auto& [key, value] : fields) add(key, value);
  if (format == LogFormat::json) line += '}';
  return line;
}

void set_up_log(LogLevel level, LogFormat format) {
  chosen_format.store(format);
  auto logger = spdlog::stderr_logger_mt("roused");
  logger->set_pattern("%v");
  logger->set_level(spdlog_level(level));
  logger->flush_on(spdlog::level::debug);
  spdlog::set_default_logger(std::move(logger));
}

void log(LogLevel level, std::string_view message, LogFields fields) {
  if (!spdlog::should_log(spdlog_level(level))) return;
  const auto now = std::chrono::floor<rules::Duration>(std::chrono::system_clock::now());
  const std::string line = format_log_line(chosen_format.load(), rules::print_rfc3339(now), level, message, fields);
  spdlog::log(spdlog_level(level), "{}", line);
}

}  // namespace roused
