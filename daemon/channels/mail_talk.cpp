#include "daemon/channels/mail_talk.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstring>
#include <stdexcept>
#include <string_view>
#include <utility>

#include <arpa/inet.h>
#include <curl/curl.h>
#include <fmt/format.h>
#include <netdb.h>
#include <sys/socket.h>
#include <unistd.h>

#include "daemon/words/clean.hpp"

namespace channels {
namespace {

using std::chrono::milliseconds;

constexpr std::size_t detail_bytes = 160;
constexpr milliseconds look_limit{30'000};
constexpr long longest_connect_milliseconds = 10'000;
constexpr std::size_t longest_listing = std::size_t{1} << 20;

struct CleanHandle {
  void operator()(CURL* handle) const { curl_easy_cleanup(handle); }
};
using Handle = std::unique_ptr<CURL, CleanHandle>;
struct FreeUrl {
  void operator()(CURLU* url) const { curl_url_cleanup(url); }
};
struct FreeList {
  void operator()(curl_slist* list) const { curl_slist_free_all(list); }
};

// The last line in which the server refused something: "550 5.1.1 no such user".
struct Refusal {
  int code{};
  std::string text;

  void hear(std::string_view line) {
    int found = 0;
    const auto [end, error] = std::from_chars(line.data(), line.data() + std::min<std::size_t>(line.size(), 3), found);
    if (error != std::errc{} || end != line.data() + 3) return;
    code = found;
    if (found < 400) return;
    while (!line.empty() && static_cast<unsigned char>(line.back()) <= ' ') line.remove_suffix(1);
    text = words::shorten(words::visible(line), detail_bytes);
  }
};

// What a try has come to so far; of its thread.
struct Progress {
  std::string_view bytes{};
  const std::function<bool()>* may_leave{};
  MailCut* cut{};
  std::chrono::steady_clock::time_point until{};
  std::size_t given{};
  bool has_begun{};     // may_leave was asked and said yes
  bool is_withdrawn{};  // it said no
  bool is_complete{};   // all was given: the end of the message may be on its way
  bool has_quit{};      // what is said from here on is of no matter, and not waited for
  std::string name{};   // of the server; "" = the configuration has its number
  const net::OutboundRules* outbound{};
  std::string not_allowed{};  // why an address of the name was not connected to
  Refusal refusal;
};

// The host of an url, unless it is a number: those stand in the configuration as what they are.
std::string name_in(const std::string& url) {
  const std::unique_ptr<CURLU, FreeUrl> parts(curl_url());
  char* part = nullptr;
  if (parts == nullptr ||
      curl_url_set(parts.get(), CURLUPART_URL, url.c_str(), CURLU_NON_SUPPORT_SCHEME) != CURLUE_OK ||
      curl_url_get(parts.get(), CURLUPART_HOST, &part, 0) != CURLUE_OK)
    return {};
  std::string host(part);
  curl_free(part);
  in_addr v4{};
  const bool is_number = host.starts_with('[') || ::inet_pton(AF_INET, host.c_str(), &v4) == 1;
  return is_number ? std::string() : host;
}

std::string address_in(const sockaddr& address, socklen_t size) {
  std::array<char, NI_MAXHOST> text{};
  const int failed = ::getnameinfo(&address, size, text.data(), text.size(), nullptr, 0, NI_NUMERICHOST);
  return failed == 0 ? std::string(text.data()) : std::string();
}

curl_socket_t open_socket(void* data, curlsocktype /*purpose*/, curl_sockaddr* address) {
  auto& progress = *static_cast<Progress*>(data);
  if (!progress.name.empty()) {
    const std::string number = address_in(address->addr, address->addrlen);
    const std::string_view why = net::why_not_outbound(*progress.outbound, progress.name, number);
    if (!why.empty()) {
      progress.not_allowed = net::not_outbound(progress.name, number, why);
      return CURL_SOCKET_BAD;
    }
  }
  MailCut& cut = *progress.cut;
  const std::lock_guard lock(cut.mutex);
  if (cut.is_cut.load(std::memory_order_acquire)) return CURL_SOCKET_BAD;
  const int opened = ::socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol);
  if (opened >= 0) cut.sockets.insert(opened);
  return opened;
}

int close_socket(void* data, curl_socket_t socket) {
  auto& cut = *static_cast<MailCut*>(data);
  const std::lock_guard lock(cut.mutex);
  cut.sockets.erase(socket);
  return ::close(socket);
}

std::size_t give_mail(char* into, std::size_t size, std::size_t count, void* data) {
  auto& progress = *static_cast<Progress*>(data);
  if (!progress.has_begun) {
    if (*progress.may_leave && !(*progress.may_leave)()) {
      progress.is_withdrawn = true;
      return CURL_READFUNC_ABORT;
    }
    progress.has_begun = true;
  }
  const std::size_t taken = std::min(progress.bytes.size() - progress.given, size * count);
  std::memcpy(into, progress.bytes.data() + progress.given, taken);
  progress.given += taken;
  if (taken == 0) progress.is_complete = true;
  return taken;
}

std::size_t hear_line(char* line, std::size_t size, std::size_t count, void* data) {
  auto& progress = *static_cast<Progress*>(data);
  if (!progress.has_quit) progress.refusal.hear({line, size * count});
  return size * count;
}

// Nothing is written: what goes by holds the password.
int watch_commands(CURL* /*handle*/, curl_infotype kind, char* text, std::size_t size, void* data) {
  const std::string_view said{text, size};
  if (kind == CURLINFO_HEADER_OUT && (said.starts_with("QUIT") || said.find(" LOGOUT") != std::string_view::npos))
    static_cast<Progress*>(data)->has_quit = true;
  return 0;
}

// Asked about once a second while libcurl waits.
int look_whether_cut(void* data, curl_off_t /*of*/, curl_off_t /*in*/, curl_off_t /*to*/, curl_off_t /*out*/) {
  const auto& progress = *static_cast<const Progress*>(data);
  const bool is_late = std::chrono::steady_clock::now() >= progress.until;
  return progress.has_quit || is_late || progress.cut->is_cut.load(std::memory_order_acquire) ? 1 : 0;
}

std::size_t ignore(char* /*bytes*/, std::size_t size, std::size_t count, void* /*data*/) {
  return size * count;
}

bool is_about_certificates(CURLcode code) {
  return code == CURLE_PEER_FAILED_VERIFICATION || code == CURLE_SSL_CACERT_BADFILE || code == CURLE_USE_SSL_FAILED ||
         code == CURLE_SSL_ISSUER_ERROR || code == CURLE_SSL_CERTPROBLEM;
}

bool is_forbidden(const Progress& progress, CURLcode code) {
  return code == CURLE_COULDNT_CONNECT && !progress.not_allowed.empty();
}

std::string described(const Progress& progress, CURLcode code) {
  if (is_forbidden(progress, code)) return progress.not_allowed;
  switch (code) {
    case CURLE_PEER_FAILED_VERIFICATION:
      return "its certificate is not that of this server, or not of an authority that is trusted here";
    case CURLE_USE_SSL_FAILED:
      return "the server offers no STARTTLS, and nothing is said in the open";
    case CURLE_SSL_CACERT_BADFILE:
      return "the ca_file cannot be read";
    case CURLE_LOGIN_DENIED:
      return "the server does not take the user name and password";
    case CURLE_OPERATION_TIMEDOUT:
    case CURLE_ABORTED_BY_CALLBACK:
      return "no answer in time";
    default:
      return words::shorten(words::visible(curl_easy_strerror(code)), detail_bytes);
  }
}

TryResult judged(const Progress& delivery, const std::string& name, CURLcode code) {
  if (code == CURLE_OK) return {TryOutcome::accepted, "the mail server took it", {}, name};
  if (delivery.is_withdrawn) return {TryOutcome::withdrawn, {}, {}};
  const std::string trouble = described(delivery, code);
  if (is_forbidden(delivery, code)) return {TryOutcome::refused, trouble, {}};
  std::string detail = delivery.refusal.text.empty() ? trouble : "the mail server: " + delivery.refusal.text;
  if (code == CURLE_LOGIN_DENIED && !delivery.refusal.text.empty()) detail = trouble + ": " + delivery.refusal.text;
  // The last word decides, when it is a refusal; what was said before of something else does not.
  const bool is_refused = delivery.refusal.code >= 500;
  const bool is_busy = delivery.refusal.code >= 400 && delivery.refusal.code < 500;
  if (is_busy) return {TryOutcome::transient, std::move(detail), {}};
  if (is_refused) return {TryOutcome::refused, std::move(detail), {}};
  if (delivery.is_complete) return {TryOutcome::unanswered, trouble, {}};
  if (is_about_certificates(code) || code == CURLE_LOGIN_DENIED || code == CURLE_URL_MALFORMAT ||
      code == CURLE_UNSUPPORTED_PROTOCOL)
    return {TryOutcome::refused, trouble, {}};
  return {TryOutcome::transient, trouble, {}};
}

template <class Value>
void set(CURL* handle, CURLoption option, Value value) {
  // An option that this libcurl lacks must not be passed over: it may be the one that protects.
  if (curl_easy_setopt(handle, option, value) != CURLE_OK)
    throw std::runtime_error(fmt::format("libcurl lacks option {}", static_cast<int>(option)));
}

// What every connection has in common; never less than this.
void prepare(CURL* handle, const MailServer& server, const char* protocols, milliseconds limit, Progress& progress) {
  set(handle, CURLOPT_URL, server.url.c_str());
  set(handle, CURLOPT_PROTOCOLS_STR, protocols);
  set(handle, CURLOPT_NOSIGNAL, 1L);
  set(handle, CURLOPT_QUICK_EXIT, 1L);  // a name that is still being looked up is left behind
  set(handle, CURLOPT_PROXY, "");
  set(handle, CURLOPT_SSL_VERIFYPEER, 1L);
  set(handle, CURLOPT_SSL_VERIFYHOST, 2L);
  set(handle, CURLOPT_SSLVERSION, static_cast<long>(CURL_SSLVERSION_TLSv1_2));
  set(handle, CURLOPT_USE_SSL, static_cast<long>(server.requires_tls ? CURLUSESSL_ALL : CURLUSESSL_TRY));
  if (!server.ca_file.empty()) {
    // This authority and no other.
    set(handle, CURLOPT_CAINFO, server.ca_file.c_str());
    set(handle, CURLOPT_CAPATH, static_cast<char*>(nullptr));
  }
  if (!server.username.empty()) {
    set(handle, CURLOPT_USERNAME, server.username.c_str());
    set(handle, CURLOPT_PASSWORD, server.password.c_str());
  }
  const auto most = static_cast<long>(std::max<std::int64_t>(limit.count(), 1));
  set(handle, CURLOPT_TIMEOUT_MS, most);
  set(handle, CURLOPT_CONNECTTIMEOUT_MS, std::min(most, longest_connect_milliseconds));
  // The two above are not looked at while the answer to a message is waited for.
  progress.until = std::chrono::steady_clock::now() + limit;
  progress.name = name_in(server.url);
  progress.outbound = &server.outbound;
  progress.not_allowed.clear();
  set(handle, CURLOPT_SERVER_RESPONSE_TIMEOUT, (most + 999) / 1000);
  set(handle, CURLOPT_OPENSOCKETFUNCTION, &open_socket);
  set(handle, CURLOPT_OPENSOCKETDATA, static_cast<void*>(&progress));
  set(handle, CURLOPT_CLOSESOCKETFUNCTION, &close_socket);
  set(handle, CURLOPT_CLOSESOCKETDATA, static_cast<void*>(progress.cut));
  set(handle, CURLOPT_NOPROGRESS, 0L);
  set(handle, CURLOPT_XFERINFOFUNCTION, &look_whether_cut);
  set(handle, CURLOPT_XFERINFODATA, static_cast<void*>(&progress));
  set(handle, CURLOPT_VERBOSE, 1L);
  set(handle, CURLOPT_DEBUGFUNCTION, &watch_commands);
  set(handle, CURLOPT_DEBUGDATA, static_cast<void*>(&progress));
}

struct Received {
  std::string bytes;
  std::size_t most{};
};

std::size_t receive(char* bytes, std::size_t size, std::size_t count, void* data) {
  auto& received = *static_cast<Received*>(data);
  received.bytes.append(bytes, std::min(size * count, received.most - std::min(received.most, received.bytes.size())));
  return size * count;
}

// "* SEARCH 3 5 8": the last of them.
std::vector<std::string> uids_in(std::string_view listing, std::size_t most) {
  std::vector<std::string> uids;
  constexpr std::string_view begin = "* SEARCH";
  const std::size_t at = listing.find(begin);
  if (at == std::string_view::npos) return uids;
  listing = listing.substr(at + begin.size());
  listing = listing.substr(0, listing.find_first_of("\r\n"));
  constexpr std::size_t most_digits = 10;
  while (!listing.empty()) {
    const std::size_t first = listing.find_first_not_of(' ');
    if (first == std::string_view::npos) break;
    listing.remove_prefix(first);
    const std::string_view uid = listing.substr(0, listing.find(' '));
    listing.remove_prefix(uid.size());
    if (uid.size() <= most_digits &&
        std::all_of(uid.begin(), uid.end(), [](char one) { return one >= '0' && one <= '9'; }))
      uids.emplace_back(uid);
  }
  if (uids.size() > most) uids.erase(uids.begin(), uids.end() - static_cast<std::ptrdiff_t>(most));
  return uids;
}

}  // namespace

void MailCut::cut() {
  is_cut.store(true, std::memory_order_release);
  const std::lock_guard lock(mutex);
  for (const int socket : sockets) ::shutdown(socket, SHUT_RDWR);
}

void prepare_mail() {
  static std::once_flag once;
  std::call_once(once, [] { curl_global_init(CURL_GLOBAL_DEFAULT); });
}

TryResult deliver_mail(const MailOrder& order, milliseconds left, MailCut& cut) {
  const std::string bytes = compose_mail(order.mail);
  Progress progress{.bytes = bytes, .may_leave = &order.may_leave, .cut = &cut};
  const std::unique_ptr<curl_slist, FreeList> recipients(curl_slist_append(nullptr, order.mail.to.c_str()));
  const Handle owned(curl_easy_init());
  CURL* const handle = owned.get();
  if (handle == nullptr || recipients == nullptr) return {TryOutcome::transient, "there is no memory", {}};
  prepare(handle, *order.server, "smtp,smtps", left, progress);
  set(handle, CURLOPT_MAIL_FROM, order.mail.from.c_str());
  set(handle, CURLOPT_MAIL_RCPT, recipients.get());
  set(handle, CURLOPT_UPLOAD, 1L);
  set(handle, CURLOPT_READFUNCTION, &give_mail);
  set(handle, CURLOPT_READDATA, static_cast<void*>(&progress));
  set(handle, CURLOPT_HEADERFUNCTION, &hear_line);
  set(handle, CURLOPT_HEADERDATA, static_cast<void*>(&progress));
  set(handle, CURLOPT_WRITEFUNCTION, &ignore);
  return judged(progress, order.mail.name, curl_easy_perform(handle));
}

tl::expected<void, std::string> greet_mail_server(const MailServer& server, milliseconds limit, MailCut& cut) {
  Progress progress{.cut = &cut};
  const Handle owned(curl_easy_init());
  CURL* const handle = owned.get();
  if (handle == nullptr) return tl::unexpected(std::string("there is no memory"));
  prepare(handle, server, "smtp,smtps,imap,imaps", limit, progress);
  set(handle, CURLOPT_CUSTOMREQUEST, "NOOP");
  set(handle, CURLOPT_HEADERFUNCTION, &hear_line);
  set(handle, CURLOPT_HEADERDATA, static_cast<void*>(&progress));
  set(handle, CURLOPT_WRITEFUNCTION, &ignore);
  const CURLcode code = curl_easy_perform(handle);
  if (code == CURLE_OK) return {};
  std::string trouble = described(progress, code);
  if (is_forbidden(progress, code) || progress.refusal.text.empty()) return tl::unexpected(std::move(trouble));
  return tl::unexpected(fmt::format("{}: {}", trouble, progress.refusal.text));
}

struct MailboxReader::Talk {
  Progress progress;
  Handle handle;  // before what it refers to is gone
};

MailboxReader::MailboxReader(const MailServer& server, MailCut& cut)
    : server_(server), talk_(std::make_unique<Talk>()) {
  talk_->progress.cut = &cut;
  talk_->handle.reset(curl_easy_init());
}

MailboxReader::~MailboxReader() = default;

// What `request` lists, or, without one, what `path` below the mailbox names.
tl::expected<std::string, std::string> MailboxReader::ask(const std::string& path,
                                                          const std::string& request,
                                                          std::size_t most) {
  CURL* const handle = talk_->handle.get();
  if (handle == nullptr) return tl::unexpected(std::string("there is no memory"));
  curl_easy_reset(handle);
  talk_->progress.has_quit = false;
  Received received{{}, most};
  prepare(handle, server_, "imap,imaps", look_limit, talk_->progress);
  set(handle, CURLOPT_URL, (server_.url + path).c_str());
  if (!request.empty()) set(handle, CURLOPT_CUSTOMREQUEST, request.c_str());
  set(handle, CURLOPT_WRITEFUNCTION, &receive);
  set(handle, CURLOPT_WRITEDATA, static_cast<void*>(&received));
  if (const CURLcode code = curl_easy_perform(handle); code != CURLE_OK)
    return tl::unexpected(described(talk_->progress, code));
  return std::move(received.bytes);
}

tl::expected<std::vector<std::string>, std::string> MailboxReader::unanswered(std::size_t most) {
  const tl::expected<std::string, std::string> listing = ask("", "UID SEARCH UNANSWERED UNDELETED", longest_listing);
  if (!listing) return tl::unexpected(listing.error());
  return uids_in(*listing, most);
}

tl::expected<std::string, std::string> MailboxReader::read(const std::string& uid, std::size_t bytes) {
  return ask(fmt::format("/;UID={}/;PARTIAL=0.{}", uid, bytes), "", bytes);
}

tl::expected<void, std::string> MailboxReader::mark_answered(const std::string& uid) {
  const tl::expected<std::string, std::string> marked =
      ask("", fmt::format("UID STORE {} +FLAGS.SILENT (\\Answered \\Seen)", uid), longest_listing);
  if (!marked) return tl::unexpected(marked.error());
  return {};
}

}  // namespace channels
