// rousectl as the notification command of a real Nagios, and of none, with a daemon that is away at first.
#include <csignal>
#include <ctime>
#include <memory>

#include <fcntl.h>
#include <fmt/format.h>
#include <grp.h>
#include <gtest/gtest.h>
#include <pwd.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/live/live.hpp"
#include "tests/support/figures.hpp"

namespace live {
namespace {

// One notification by arguments, to a daemon at `url`.
support::Finished notify(const House& house, const std::string& url, std::vector<std::string> more) {
  std::vector<std::string> arguments{support::rousectl_program(),
                                     "send",
                                     "--nagios",
                                     "--url",
                                     url,
                                     "--spool",
                                     (house.folder / "spool").string(),
                                     "--label=service=checkout"};
  arguments.insert(arguments.end(), more.begin(), more.end());
  return support::run({.arguments = std::move(arguments)});
}

TEST(Nagios, ItsNotificationsOutliveADaemonThatIsAway) {
  House house;
  const std::string nowhere = fmt::format("http://127.0.0.1:{}", support::free_port());
  for (const char* const host : {"db1", "db2"}) {
    const support::Finished problem = notify(house,
                                             nowhere,
                                             {"--type=PROBLEM",
                                              fmt::format("--host={}", host),
                                              fmt::format("--service=Disk of {}", host),
                                              "--state=CRITICAL",
                                              "--plugin-output=98%"});
    EXPECT_EQ(problem.code, 0) << problem.output;
    EXPECT_NE(problem.output.find("waits in"), std::string::npos) << problem.output;
  }
  house.roused.start();
  const support::Finished recovery =
      notify(house,
             house.roused.url(),
             {"--type=RECOVERY", "--host=db1", "--service=Disk of db1", "--state=OK", "--plugin-output=12%"});
  EXPECT_EQ(recovery.code, 0) << recovery.output;
  ASSERT_TRUE(house.sink.wait_for_page("R-2", support::patience)) << house.roused.output();
  const std::vector<json::object> incidents = house.incidents();
  ASSERT_EQ(incidents.size(), 2U);
  EXPECT_EQ(field(house.incident("R-1"), "state"), "resolved") << "its recovery did not overtake it";
  EXPECT_EQ(field(house.incident("R-2"), "state"), "triggered");
  EXPECT_EQ(notify(house, house.roused.url(), {"--type=RECOVERY", "--host=db2", "--service=Disk of db2"}).code, 0);
  EXPECT_EQ(field(house.incident("R-2"), "state"), "resolved");
  EXPECT_EQ(house.roused.stop(), 0);
}

// The program: $ROUSE_NAGIOS, else what tools/fetch-nagios unpacks below the build folder. Empty with `why` when there
// is none.
std::string find_nagios(std::string& why) {
  if (const char* const given = std::getenv("ROUSE_NAGIOS"); given != nullptr && *given != '\0') return given;
  const std::filesystem::path folder = std::filesystem::path{ROUSE_BINARY_DIR} / "nagios";
  const int lock = open((folder.string() + ".lock").c_str(), O_CREAT | O_RDWR | O_CLOEXEC, 0644);
  if (lock >= 0) flock(lock, LOCK_EX);
  const support::Finished fetched =
      support::run({.arguments = {(support::source_folder() / "tools/fetch-nagios").string(), folder.string()}},
                   std::chrono::minutes{3});
  if (lock >= 0) close(lock);
  if (fetched.code == 0) return (folder / "usr/sbin/nagios4").string();
  why = "no Nagios to test with: " + fetched.output;
  return {};
}

// Nagios with one host and one service, which are in the state that it is told. Its notification command asks a file
// where the daemon is.
class NagiosProcess {
 public:
  NagiosProcess(const std::string& program, const support::TemporaryFolder& folder) : folder_{folder} {
    std::filesystem::create_directory(folder / "results");
    support::write_file(folder / "said", "");
    support::write_file(folder / "nagios.log", "");
    // Nagios takes a pipe that is there. Open for both ends, it keeps what is written until Nagios reads it.
    const std::string commands = (folder / "nagios.cmd").string();
    if (mkfifo(commands.c_str(), 0600) == 0) commands_ = open(commands.c_str(), O_RDWR | O_CLOEXEC);
    if (commands_ < 0) throw std::runtime_error("no pipe for commands to Nagios");
    const std::string objects = R"(define timeperiod {
  timeperiod_name always
  alias always
  monday 00:00-24:00
  tuesday 00:00-24:00
  wednesday 00:00-24:00
  thursday 00:00-24:00
  friday 00:00-24:00
  saturday 00:00-24:00
  sunday 00:00-24:00
}
define command {
  command_name nothing
  command_line /bin/true
}
define command {
  command_name rouse
  command_line ROUSECTL send --nagios --url `cat FOLDER/url` --spool FOLDER/spool \
    --label service=checkout >> FOLDER/said 2>&1
}
define contact {
  contact_name rouse
  host_notification_commands rouse
  service_notification_commands rouse
  host_notification_period always
  service_notification_period always
  host_notification_options d,u,r,f,s
  service_notification_options w,u,c,r,f,s
}
define host {
  host_name db1
  address 127.0.0.1
  max_check_attempts 1
  active_checks_enabled 0
  check_period always
  contacts rouse
  notification_interval 0
  notification_period always
}
define service {
  host_name db1
  service_description Disk
  check_command nothing
  max_check_attempts 1
  active_checks_enabled 0
  check_period always
  contacts rouse
  notification_interval 0
  notification_period always
}
)";
    std::string main = R"(log_file=FOLDER/nagios.log
cfg_file=FOLDER/objects.cfg
object_cache_file=FOLDER/objects.cache
precached_object_file=FOLDER/objects.precache
status_file=FOLDER/status.dat
state_retention_file=FOLDER/retention.dat
lock_file=FOLDER/nagios.lock
temp_file=FOLDER/nagios.tmp
temp_path=FOLDER
check_result_path=FOLDER/results
command_file=FOLDER/nagios.cmd
query_socket=FOLDER/nagios.qh
log_archive_path=FOLDER
check_external_commands=1
accept_passive_service_checks=1
accept_passive_host_checks=1
check_result_reaper_frequency=1
enable_notifications=1
enable_environment_macros=1
interval_length=1
use_syslog=0
check_for_updates=0
)";
    if (const passwd* const user = getpwuid(geteuid()); user != nullptr) {
      main += fmt::format("nagios_user={}\n", user->pw_name);
    }
    if (const group* const own = getgrgid(getegid()); own != nullptr) {
      main += fmt::format("nagios_group={}\n", own->gr_name);
    }
    support::write_file(
        folder / "objects.cfg",
        support::replaced(
            support::replaced(objects, "ROUSECTL", support::rousectl_program()), "FOLDER", folder.path().string()));
    support::write_file(folder / "nagios.cfg", support::replaced(main, "FOLDER", folder.path().string()));
    process_ =
        std::make_unique<support::Process>(support::Launch{.arguments = {program, (folder / "nagios.cfg").string()}});
    log_ = follow("nagios.log");
    said_ = follow("said");
    if (!log_->wait_for_line("Successfully launched command file worker")) {
      throw std::runtime_error("Nagios does not start:\n" + process_->output() + log_->output());
    }
  }
  ~NagiosProcess() {
    process_->signal(SIGTERM);
    (void)process_->wait();
    close(commands_);
  }
  NagiosProcess(const NagiosProcess&) = delete;
  NagiosProcess& operator=(const NagiosProcess&) = delete;

  // "PROCESS_SERVICE_CHECK_RESULT;db1;Disk;2;DISK CRITICAL"
  void tell(const std::string& command) const {
    const std::string line = fmt::format("[{}] {}\n", time(nullptr), command);
    if (write(commands_, line.data(), line.size()) < 0) throw std::runtime_error("Nagios takes no commands");
  }
  // What the notification command printed.
  [[nodiscard]] bool has_said(std::string_view part) { return said_->wait_for_line(part).has_value(); }
  [[nodiscard]] std::string output() const { return log_->output() + said_->output(); }

 private:
  std::unique_ptr<support::Process> follow(std::string_view name) {
    return std::make_unique<support::Process>(
        support::Launch{.arguments = {"tail", "-n", "+1", "-F", (folder_ / name).string()}});
  }

  const support::TemporaryFolder& folder_;
  int commands_{-1};
  std::unique_ptr<support::Process> process_;
  std::unique_ptr<support::Process> log_;
  std::unique_ptr<support::Process> said_;
};

TEST(Nagios, ARealOneCallsPeopleThroughADaemonThatWasAway) {
  std::string why;
  const std::string program = find_nagios(why);
  if (program.empty()) GTEST_SKIP() << why;
  House house;
  support::write_file(house.folder / "url", fmt::format("http://127.0.0.1:{}", support::free_port()));
  NagiosProcess nagios{program, house.folder};
  nagios.tell("PROCESS_SERVICE_CHECK_RESULT;db1;Disk;2;DISK CRITICAL - /data 98%|/data=98%");
  ASSERT_TRUE(nagios.has_said("PROBLEM of db1!Disk (CRITICAL) waits in")) << nagios.output();

  house.roused.start();
  support::write_file(house.folder / "url", house.roused.url());
  nagios.tell("ACKNOWLEDGE_SVC_PROBLEM;db1;Disk;1;1;0;sam;I am looking");
  ASSERT_TRUE(nagios.has_said("R-1 acknowledged by sam")) << nagios.output() << house.roused.output();
  const json::object disk = house.incident("R-1");
  EXPECT_EQ(field(disk, "state"), "acknowledged");
  EXPECT_NE(field(disk, "summary").find("DISK CRITICAL - /data 98%"), std::string::npos) << field(disk, "summary");

  nagios.tell("PROCESS_HOST_CHECK_RESULT;db1;1;no answer");
  ASSERT_TRUE(house.sink.wait_for_page("R-2", support::patience)) << nagios.output() << house.roused.output();
  EXPECT_NE(field(house.incident("R-2"), "summary").find("no answer"), std::string::npos);

  nagios.tell("PROCESS_HOST_CHECK_RESULT;db1;0;up");
  ASSERT_TRUE(nagios.has_said("RECOVERY of db1 (UP): roused has it")) << nagios.output();
  EXPECT_EQ(field(house.incident("R-2"), "state"), "resolved");
  nagios.tell("PROCESS_SERVICE_CHECK_RESULT;db1;Disk;0;DISK OK");
  ASSERT_TRUE(nagios.has_said("RECOVERY of db1!Disk (OK): roused has it")) << nagios.output();
  EXPECT_EQ(field(house.incident("R-1"), "state"), "resolved");
  EXPECT_EQ(house.incidents().size(), 2U);
  EXPECT_EQ(house.roused.stop(), 0);
  support::figure("live", "notifications of a real Nagios, the first while the daemon was away", 5);
}

}  // namespace
}  // namespace live
