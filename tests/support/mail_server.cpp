#include "tests/support/mail_server.hpp"

#include <algorithm>
#include <array>
#include <cstdint>
#include <filesystem>
#include <map>
#include <stdexcept>
#include <system_error>
#include <thread>

#include <fmt/format.h>
#include <poll.h>
#include <pwd.h>
#include <sys/inotify.h>
#include <unistd.h>

#include "tests/support/roused.hpp"

namespace support {
namespace {

constexpr std::string_view exim_configuration = R"(
spool_directory = FOLDER/spool
log_file_path = FOLDER/spool/exim-%slog
pid_file_path = FOLDER/spool/exim.pid
primary_hostname = mail.example.org
keep_environment =
log_selector = +received_recipients
smtp_accept_max = 200
domainlist local_domains = example.org
tls_advertise_hosts = *
tls_certificate = FOLDER/cert.pem
tls_privatekey = FOLDER/key.pem
auth_advertise_hosts = ${if eq{$tls_in_cipher}{}{}{*}}
acl_smtp_rcpt = check_recipient
acl_smtp_data = check_data
never_users =
deliver_drop_privilege = true
host_lookup =
rfc1413_hosts =
begin acl
check_recipient:
  require authenticated = *
  deny local_parts = nobody
       message = no such user
  defer local_parts = busy
        message = come again later
  accept domains = +local_domains
  deny
check_data:
  accept
begin routers
gone:
  driver = redirect
  local_parts = gone
  allow_fail
  data = :fail: the mailbox is gone
local:
  driver = accept
  local_parts = olga : omar : rouse : everyone
  local_part_suffix = +*
  local_part_suffix_optional
  transport = maildir
begin transports
maildir:
  driver = appendfile
  directory = FOLDER/mail/$local_part_data
  maildir_format
  create_directory
begin retry
* * F,1h,1s
begin authenticators
plain:
  driver = plaintext
  public_name = PLAIN
  server_prompts = :
  server_condition = ${if eq{$auth3}{secret}}
  server_set_id = $auth2
)";

constexpr std::string_view dovecot_configuration = R"(
base_dir = FOLDER/dovecot
state_dir = FOLDER/dovecot
log_path = /dev/stderr
protocols = imap
listen = 127.0.0.1
ssl = required
ssl_cert = <FOLDER/cert.pem
ssl_key = <FOLDER/key.pem
default_internal_user = INTERNAL
default_login_user = LOGIN
mail_location = maildir:FOLDER/mail/%n
first_valid_uid = 1
passdb {
  driver = static
  args = password=secret
}
userdb {
  driver = static
  args = uid=OWNER gid=GROUP home=FOLDER/mail/%n
}
service imap-login {
  inet_listener imap {
    port = 0
  }
  inet_listener imaps {
    port = PORT
    ssl = yes
  }
}
)";

constexpr const char* exim_program = "/usr/sbin/exim4";
constexpr const char* dovecot_program = "/usr/sbin/dovecot";

// Whose the mails are: exim gives root's rights away, and is whoever started it else.
struct Owner {
  uid_t user{};
  gid_t group{};
};
Owner owner() {
  if (::geteuid() == 0)
    if (const passwd* const exim = ::getpwnam("Debian-exim"); exim != nullptr) return {exim->pw_uid, exim->pw_gid};
  return {::geteuid(), ::getegid()};
}

std::string own_name() {
  const passwd* const self = ::getpwuid(::geteuid());
  return self == nullptr ? "nobody" : self->pw_name;
}

void make_folder(const std::filesystem::path& folder) {
  std::filesystem::create_directory(folder);
  if (::geteuid() == 0 && ::chown(folder.c_str(), owner().user, owner().group) != 0)
    throw std::runtime_error("cannot give away " + folder.string());
}

// Whole mails to this address in a folder of a maildir, in the order of their arrival.
std::vector<std::string> delivered(const std::filesystem::path& folder, std::string_view address) {
  std::map<std::string, std::string> by_name;  // it begins with the second
  std::error_code none;
  for (const auto& entry : std::filesystem::directory_iterator(folder, none)) {
    std::string mail = read_file(entry.path());
    if (mail.find(fmt::format("for {};", address)) != std::string::npos ||
        mail.find(fmt::format("<{}>", address)) != std::string::npos)
      by_name[entry.path().filename().string()] = std::move(mail);
  }
  std::vector<std::string> mails;
  for (auto& [name, mail] : by_name) mails.push_back(std::move(mail));
  return mails;
}

}  // namespace

MailServer::MailServer() {
  for (const char* const program : {exim_program, dovecot_program, "/usr/bin/curl", "/usr/bin/openssl"})
    if (::access(program, X_OK) != 0) why_not_ = fmt::format("no {}: tools/install-dependencies --with-tools", program);
  if (!why_not_.empty()) return;
  std::filesystem::permissions(folder_.path(),
                               std::filesystem::perms::group_exec | std::filesystem::perms::others_exec |
                                   std::filesystem::perms::group_read | std::filesystem::perms::others_read,
                               std::filesystem::perm_options::add);
  const Finished made = run({.arguments = {"/usr/bin/openssl",
                                           "req",
                                           "-x509",
                                           "-newkey",
                                           "ec",  // made in no time on a loaded machine, too
                                           "-pkeyopt",
                                           "ec_paramgen_curve:prime256v1",
                                           "-nodes",
                                           "-keyout",
                                           folder_ / "key.pem",
                                           "-out",
                                           folder_ / "cert.pem",
                                           "-days",
                                           "2",
                                           "-subj",
                                           "/CN=localhost",
                                           "-addext",
                                           "subjectAltName=DNS:localhost,IP:127.0.0.1"}});
  if (made.code != 0) throw std::runtime_error(made.output);
  std::filesystem::permissions(folder_ / "key.pem",
                               std::filesystem::perms::others_read | std::filesystem::perms::group_read,
                               std::filesystem::perm_options::add);
  write_file(folder_ / "password", "secret\n");
  make_folder(folder_ / "spool");
  make_folder(folder_ / "mail");
  write_file(folder_ / "exim.conf", replaced(std::string{exim_configuration}, "FOLDER", folder_.path().string()));
  for (int attempt = 0; attempt < 5 && exim_ == nullptr; ++attempt) {
    smtp_port_ = free_port();
    start_smtp();
  }
  bool is_up = false;
  for (int attempt = 0; attempt < 5 && !is_up; ++attempt) is_up = start_imap();
  if (exim_ == nullptr || !is_up) throw std::runtime_error("no mail server: " + output());
}

MailServer::~MailServer() = default;

void MailServer::start_smtp() {
  exim_ = std::make_unique<Process>(
      Launch{.arguments = {
                 exim_program, "-C", folder_ / "exim.conf", "-bdf", "-oX", fmt::format("127.0.0.1.{}", smtp_port_)}});
  // It says nothing when it listens; until it does nobody answers.
  const auto end = std::chrono::steady_clock::now() + patience;
  while (std::chrono::steady_clock::now() < end && exim_->is_alive()) {
    const Finished asked = run({.arguments = {"/usr/bin/curl", "-s", "-m", "5", smtp_url(), "-X", "NOOP"}});
    if (asked.code == 0) return;
    if (exim_->wait(std::chrono::milliseconds{20})) break;
  }
  exim_.reset();
}

void MailServer::stop_smtp() {
  exim_->kill();
  exim_.reset();
}

bool MailServer::start_imap() {
  imap_port_ = free_port();
  std::filesystem::remove_all(folder_ / "dovecot");
  const bool is_root = ::geteuid() == 0;
  std::string configuration = replaced(std::string{dovecot_configuration}, "FOLDER", folder_.path().string());
  configuration = replaced(configuration, "INTERNAL", is_root ? "dovecot" : own_name());
  configuration = replaced(configuration, "LOGIN", is_root ? "dovenull" : own_name());
  configuration = replaced(configuration, "OWNER", std::to_string(owner().user));
  configuration = replaced(configuration, "GROUP", std::to_string(owner().group));
  configuration = replaced(configuration, "PORT", std::to_string(imap_port_));
  write_file(folder_ / "dovecot.conf", configuration);
  dovecot_ = std::make_unique<Process>(Launch{.arguments = {dovecot_program, "-F", "-c", folder_ / "dovecot.conf"}});
  return dovecot_->wait_for_line("starting up").has_value() && run({.arguments = {"/usr/bin/curl",
                                                                                  "-s",
                                                                                  "-m",
                                                                                  "10",
                                                                                  "--cacert",
                                                                                  ca_file(),
                                                                                  "--user",
                                                                                  "olga:secret",
                                                                                  imap_url() + "/",
                                                                                  "-X",
                                                                                  "NOOP"}})
                                                                       .code == 0;
}

std::string MailServer::smtp_url() const {
  return fmt::format("smtp://127.0.0.1:{}", smtp_port_);
}

std::string MailServer::imap_url() const {
  return fmt::format("imaps://127.0.0.1:{}", imap_port_);
}

std::string MailServer::output() const {
  std::string all;
  if (exim_) all += exim_->output();
  if (dovecot_) all += dovecot_->output();
  for (const char* const name : {"exim-mainlog", "exim-paniclog"}) {
    const std::filesystem::path file = folder_.path() / "spool" / name;
    if (std::filesystem::exists(file)) all += read_file(file);
  }
  return all;
}

std::vector<std::string> MailServer::mails_of(std::string_view user) const {
  std::vector<std::string> mails;
  for (std::size_t number = 1; number < 100; ++number) {
    const Finished mail = run({.arguments = {"/usr/bin/curl",
                                             "-s",
                                             "--cacert",
                                             ca_file(),
                                             "--user",
                                             fmt::format("{}:secret", user),
                                             fmt::format("{}/INBOX/;MAILINDEX={}", imap_url(), number)}});
    if (mail.code != 0) break;
    mails.push_back(mail.output);
  }
  return mails;
}

std::vector<std::string> MailServer::wait_for_mails(std::string_view user,
                                                    std::size_t count,
                                                    std::chrono::milliseconds limit) const {
  const auto end = std::chrono::steady_clock::now() + limit;
  std::vector<std::string> mails = mails_of(user);
  while (mails.size() < count && std::chrono::steady_clock::now() < end) mails = mails_of(user);
  return mails;
}

std::vector<std::string> MailServer::mails_to(std::string_view address, std::chrono::milliseconds limit) const {
  const std::string user{address.substr(0, address.find_first_of("+@"))};
  const std::filesystem::path folder = folder_.path() / "mail" / user / "new";
  const std::string recipient = fmt::format("for {}\n", address);
  const std::filesystem::path log = folder_.path() / "spool" / "exim-mainlog";
  std::size_t taken = 0;
  if (std::filesystem::exists(log)) {
    const std::string lines = read_file(log);
    for (std::size_t at = lines.find(recipient); at != std::string::npos; at = lines.find(recipient, at + 1)) ++taken;
  }
  const auto end = std::chrono::steady_clock::now() + limit;
  const int watch = ::inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
  if (watch < 0) throw std::runtime_error("no inotify");
  std::vector<std::string> mails;
  for (;;) {
    // Its folder comes with somebody's first mail.
    if (::inotify_add_watch(watch, folder.c_str(), IN_MOVED_TO | IN_CREATE) < 0)
      ::inotify_add_watch(watch, (folder_.path() / "mail").c_str(), IN_CREATE);
    mails = delivered(folder, address);
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(end - std::chrono::steady_clock::now());
    if (mails.size() >= taken || left.count() <= 0) break;
    pollfd changed{.fd = watch, .events = POLLIN, .revents = 0};
    ::poll(&changed, 1, static_cast<int>(std::min<std::int64_t>(left.count(), 200)));
    std::array<char, 4096> events{};
    while (::read(watch, events.data(), events.size()) > 0) continue;
  }
  ::close(watch);
  return mails;
}

bool MailServer::send(std::string_view from, std::string_view to, std::string_view mail) const {
  static int number = 0;
  const std::string file = folder_ / fmt::format("mail-{}.txt", ++number);
  write_file(file, replaced(std::string{mail}, "\n", "\r\n"));
  return run({.arguments = {"/usr/bin/curl",
                            "-s",
                            "--ssl-reqd",
                            "--cacert",
                            ca_file(),
                            "--user",
                            fmt::format("{}:secret", from.substr(0, from.find('@'))),
                            smtp_url(),
                            "--mail-from",
                            std::string(from),
                            "--mail-rcpt",
                            std::string(to),
                            "-T",
                            file}})
             .code == 0;
}

}  // namespace support
