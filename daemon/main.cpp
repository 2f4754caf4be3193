// roused: reads the command line and wires; everything else is in the libraries.
#include <cstdio>
#include <string>

#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include "daemon/daemon.hpp"
#include "daemon/journal/repair.hpp"
#include "daemon/log.hpp"

int main(int argc, char** argv) {
  CLI::App app{"roused routes monitoring alerts to people and climbs the call tree until somebody has heard.",
               "roused"};
  app.set_version_flag("--version", std::string{"roused "} + ROUSE_VERSION);
  roused::DaemonOptions options;
  std::string level = "info";
  std::string format = "logfmt";
  std::string repair;
  std::string storage;
  app.add_option("--config.file", options.config_file, "The configuration")->capture_default_str();
  app.add_option("--web.listen-address", options.listen, "Listen here instead of server.listen; may be repeated");
  app.add_option("--storage.path", storage, "Keep the journal here instead of storage.path");
  app.add_option("--log.level", level, "debug, info, warn or error")
      ->check(CLI::IsMember({"debug", "info", "warn", "error"}))
      ->capture_default_str();
  app.add_option("--log.format", format, "logfmt or json")
      ->check(CLI::IsMember({"logfmt", "json"}))
      ->capture_default_str();
  app.add_flag("--web.systemd-socket", options.systemd_socket, "Serve the sockets that systemd passes");
  app.add_option("--io.threads", options.io_threads, "I/O threads; 0 = by the number of cores")->capture_default_str();
  app.add_option("--repair", repair, "Mend the damaged store in this folder, say what is given up, and exit")
      ->type_name("DATA-DIR");
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    const int code = app.exit(error);
    return code == 0 ? 0 : 2;
  }
  if (!repair.empty()) {
    const auto report = journal::repair(repair);
    if (!report) {
      fmt::print(stderr, "roused: {}\n", report.error());
      return 1;
    }
    fmt::print("{}", report->to_text());
    return 0;
  }
  if (!storage.empty()) options.storage_path = storage;
  roused::set_up_log(level == "debug"   ? roused::LogLevel::debug
                     : level == "warn"  ? roused::LogLevel::warn
                     : level == "error" ? roused::LogLevel::error
                                        : roused::LogLevel::info,
                     format == "json" ? roused::LogFormat::json : roused::LogFormat::logfmt);
  return roused::run_daemon(options);
}
