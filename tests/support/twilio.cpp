#include "tests/support/twilio.hpp"

#include <algorithm>
#include <cctype>
#include <cstdint>
#include <ctime>
#include <sstream>
#include <stdexcept>

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>
#include <boost/property_tree/ptree.hpp>
#include <boost/property_tree/xml_parser.hpp>
#include <fmt/format.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "daemon/net/client.hpp"
#include "daemon/net/hmac.hpp"
#include "tests/support/process.hpp"

namespace support {
namespace {

namespace json = boost::json;
namespace tree = boost::property_tree;

std::string field_of(const net::Form& form, std::string_view name) {
  const auto found = std::find_if(form.begin(), form.end(), [name](const auto& one) { return one.first == name; });
  return found == form.end() ? std::string() : found->second;
}

std::string mail_date(std::chrono::system_clock::time_point at, const char* zone) {
  const std::time_t seconds = std::chrono::system_clock::to_time_t(at);
  std::tm parts{};
  ::gmtime_r(&seconds, &parts);
  char text[64];
  std::strftime(text, sizeof text, "%a, %d %b %Y %H:%M:%S ", &parts);
  return text + std::string(zone);
}

std::string response(unsigned status, const std::string& body, const std::string& more = {}) {
  return fmt::format(
      "HTTP/1.1 {} X\r\nContent-Type: application/json\r\nContent-Length: {}\r\nConnection: close\r\nDate: "
      "{}\r\n{}\r\n{}",
      status,
      body.size(),
      mail_date(std::chrono::system_clock::now(), "GMT"),
      more,
      body);
}

std::string error(unsigned status, unsigned code, const std::string& message, const std::string& more = {}) {
  const json::object body{{"code", code},
                          {"message", message},
                          {"more_info", fmt::format("https://www.twilio.com/docs/errors/{}", code)},
                          {"status", status}};
  return response(status, json::serialize(body), more);
}

json::object described(const TwilioItem& item) {
  json::object one{{"sid", item.sid},
                   {"account_sid", Twilio::account},
                   {"to", item.field("To")},
                   {"from", item.field("From")},
                   {"status", item.status},
                   {"date_created", mail_date(item.created, "+0000")},
                   {"date_sent", nullptr},
                   {"error_code", nullptr}};
  // A trial account puts words in front of a text.
  if (!item.is_call) one["body"] = "Sent from your Twilio trial account - " + item.field("Body");
  return one;
}

bool is_number(std::string_view text) {
  return text.size() > 2 && text.size() <= 16 && text[0] == '+' && text[1] != '0' &&
         std::all_of(text.begin() + 1, text.end(), [](unsigned char one) { return std::isdigit(one) != 0; });
}

bool is_url(std::string_view text) {
  return text.starts_with("https://") || text.starts_with("http://");
}

// The refusal of what Twilio does not take; "" when it does.
std::string refusal_of_text(const net::Form& form) {
  const std::string to = field_of(form, "To");
  const std::string from = field_of(form, "From");
  if (to.empty()) return error(400, 21604, "A 'To' phone number is required.");
  if (from.empty() && field_of(form, "MessagingServiceSid").empty())
    return error(400, 21603, "A 'From' phone number is required.");
  if (field_of(form, "Body").empty()) return error(400, 21602, "Message body is required.");
  if (field_of(form, "Body").size() > 1600) return error(400, 21617, "The concatenated message body exceeds the limit");
  if (!is_number(to) || to == Twilio::not_a_number)
    return error(400, 21211, fmt::format("The 'To' number {} is not a valid phone number.", to));
  if (to == Twilio::not_reachable) return error(400, 21612, "The 'To' phone number is not currently reachable via SMS");
  if (to == Twilio::not_allowed)
    return error(
        400, 21408, "Permission to send an SMS has not been enabled for the region indicated by the 'To' number");
  if (to == Twilio::opted_out) return error(400, 21610, "Attempt to send to unsubscribed recipient");
  if (to == Twilio::no_mobile) return error(400, 21614, "'To' number is not a valid mobile number");
  const std::string callback = field_of(form, "StatusCallback");
  if (!callback.empty() && !is_url(callback)) return error(400, 21609, "The 'StatusCallback' URL is not a valid URL.");
  return {};
}

std::string refusal_of_call(const net::Form& form) {
  const std::string to = field_of(form, "To");
  if (to.empty()) return error(400, 21201, "No 'To' number is specified");
  if (!is_number(field_of(form, "From"))) return error(400, 21212, "Invalid 'From' Phone Number");
  if (!is_number(to) || to == Twilio::not_a_number)
    return error(400, 21211, fmt::format("The phone number you are attempting to call, {}, is not valid.", to));
  if (to == Twilio::not_allowed) return error(400, 21215, "Account not authorized to call this number.");
  if (!is_url(field_of(form, "Url"))) return error(400, 21205, "Url is not a valid URL");
  return {};
}

// Sends this request to half of its form, and goes.
std::string cut_off(const net::ClientRequest& request) {
  const std::string_view url{request.url};
  const std::size_t host = url.find("://") + 3;
  const std::size_t path = url.find('/', host);
  const std::string_view address = url.substr(host, path - host);
  std::string bytes = fmt::format(
      "POST {} HTTP/1.1\r\nHost: {}\r\nContent-Length: {}\r\n", url.substr(path), address, request.body.size());
  for (std::size_t index = 0; index < request.headers.size(); ++index) {
    const auto& [name, value] = request.headers.at(index);
    bytes += fmt::format("{}: {}\r\n", name, value);
  }
  bytes += "\r\n" + request.body.substr(0, request.body.size() / 2);
  sockaddr_in there{};
  there.sin_family = AF_INET;
  there.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  there.sin_port = htons(static_cast<std::uint16_t>(std::stoi(std::string(address.substr(address.find(':') + 1)))));
  const int connection = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (::connect(connection, reinterpret_cast<sockaddr*>(&there), sizeof there) != 0 ||
      ::send(connection, bytes.data(), bytes.size(), MSG_NOSIGNAL) < 0)
    throw std::runtime_error("no connection that could be cut off");
  ::close(connection);
  return "it was cut off";
}

}  // namespace

std::string TwilioItem::field(std::string_view name) const {
  return field_of(form, name);
}

Twilio::Twilio() : listener_(*net::Listener::open("127.0.0.1:0")), url_("http://" + listener_.address()) {
  acceptor_ = std::thread([this] { accept(); });
}

Twilio::~Twilio() {
  {
    const std::lock_guard lock(mutex_);
    is_stopping_ = true;
    changed_.notify_all();
  }
  ::shutdown(listener_.descriptor(), SHUT_RDWR);
  acceptor_.join();
  for (std::thread& one : connections_) one.join();
}

void Twilio::accept() {
  for (;;) {
    pollfd readable{listener_.descriptor(), POLLIN, 0};
    ::poll(&readable, 1, 1'000);
    const int connection = ::accept4(listener_.descriptor(), nullptr, nullptr, SOCK_CLOEXEC);
    const std::lock_guard lock(mutex_);
    if (is_stopping_) {
      if (connection >= 0) ::close(connection);
      return;
    }
    if (connection >= 0) connections_.emplace_back([this, connection] { serve(connection); });
  }
}

std::optional<Twilio::Request> Twilio::read(int connection) const {
  std::string bytes;
  Request request;
  std::size_t length = 0;
  for (;;) {
    const std::size_t head_end = bytes.find("\r\n\r\n");
    if (head_end != std::string::npos && request.method.empty()) {
      std::istringstream head(bytes.substr(0, head_end));
      std::string target;
      head >> request.method >> target;
      const std::size_t mark = std::min(target.find('?'), target.size());
      request.path = target.substr(0, mark);
      if (mark < target.size()) request.query = target.substr(mark + 1);
      std::string line;
      std::getline(head, line);
      while (std::getline(head, line)) {
        if (line.ends_with('\r')) line.pop_back();
        const std::size_t colon = line.find(": ");
        if (colon == std::string::npos) continue;
        std::string name = line.substr(0, colon);
        std::transform(name.begin(), name.end(), name.begin(), [](unsigned char one) {
          return static_cast<char>(std::tolower(one));
        });
        request.headers[name] = line.substr(colon + 2);
      }
      const auto said = request.headers.find("content-length");
      length = said == request.headers.end() ? 0 : std::stoul(said->second);
    }
    if (head_end != std::string::npos && bytes.size() >= head_end + 4 + length) {
      request.body = bytes.substr(head_end + 4, length);
      return request;
    }
    char some[4096];
    pollfd readable{connection, POLLIN, 0};
    for (;;) {
      {
        const std::lock_guard lock(mutex_);
        if (is_stopping_) return std::nullopt;
      }
      if (::poll(&readable, 1, 50) != 0) break;
    }
    const auto count = ::recv(connection, some, sizeof some, 0);
    if (count <= 0) return std::nullopt;
    bytes.append(some, static_cast<std::size_t>(count));
  }
}

void Twilio::serve(int connection) {
  if (const std::optional<Request> request = read(connection)) {
    Mood mood = Mood::takes;
    std::string bytes = answer(*request, mood);
    const bool is_mute = mood == Mood::silent || mood == Mood::hangs;
    if (is_mute) {
      std::unique_lock lock(mutex_);
      changed_.wait(lock, [this] { return is_stopping_; });
    } else if (mood == Mood::cut_in_body) {
      bytes.resize(bytes.size() / 2);
    }
    if (!is_mute && mood != Mood::cut && mood != Mood::refuses_silently)
      ::send(connection, bytes.data(), bytes.size(), MSG_NOSIGNAL);
  }
  ::close(connection);
}

std::string Twilio::answer(const Request& request, Mood& mood) {
  const std::lock_guard lock(mutex_);
  ++requests_;
  changed_.notify_all();
  const auto credentials = request.headers.find("authorization");
  if (credentials == request.headers.end() || credentials->second != "Basic " + net::base64(name_ + ":" + secret_))
    return error(401, 20003, "Authenticate");
  const std::string folder = fmt::format("/2010-04-01/Accounts/{}/", account);
  // The account itself, which its own credentials may read and an API key may not.
  if (request.method == "GET" && request.path == fmt::format("/2010-04-01/Accounts/{}.json", account)) {
    if (name_ != account) return error(401, 20003, "Authenticate");
    return response(200, json::serialize(json::object{{"sid", account}, {"status", "active"}}));
  }
  const bool is_call = request.path == folder + "Calls.json";
  if (!is_call && request.path != folder + "Messages.json")
    return error(404, 20404, fmt::format("The requested resource {} was not found", request.path));
  if (request.method == "GET") return list(request, is_call);
  if (request.method != "POST") return error(405, 20004, "Method not allowed");
  return take(request, is_call, mood);
}

std::string Twilio::take(const Request& request, bool is_call, Mood& mood) {
  mood = usual_mood_;
  if (!moods_.empty()) {
    mood = moods_.front();
    moods_.pop_front();
  }
  if (mood == Mood::busy) return error(429, 20429, "Too Many Requests", "Retry-After: 1\r\n");
  if (mood == Mood::broken) return response(503, "<html>Service Unavailable</html>");
  if (mood == Mood::refuses_silently || mood == Mood::hangs) return {};
  const auto type = request.headers.find("content-type");
  if (type == request.headers.end() || type->second != "application/x-www-form-urlencoded")
    return error(400, 20001, "The body is no form");
  TwilioItem item;
  item.form = net::parse_form(request.body);
  item.is_call = is_call;
  if (std::string refusal = is_call ? refusal_of_call(item.form) : refusal_of_text(item.form); !refusal.empty())
    return refusal;
  item.sid = fmt::format("{}{:032x}", is_call ? "CA" : "SM", next_sid_++);
  item.created = std::chrono::system_clock::now();
  items_.push_back(item);
  changed_.notify_all();
  return response(201, json::serialize(described(item)));
}

std::string Twilio::list(const Request& request, bool is_call) {
  const net::Form wanted = net::parse_form(request.query);
  json::array found;
  for (auto item = items_.rbegin(); item != items_.rend(); ++item) {
    const std::string to = field_of(wanted, "To");
    if (item->is_call == is_call && (to.empty() || item->field("To") == to)) found.push_back(described(*item));
  }
  return response(200, json::serialize(json::object{{is_call ? "calls" : "messages", found}, {"page", 0}}));
}

void Twilio::next(std::vector<Mood> moods) {
  const std::lock_guard lock(mutex_);
  moods_.assign(moods.begin(), moods.end());
}

void Twilio::always(Mood mood) {
  const std::lock_guard lock(mutex_);
  usual_mood_ = mood;
}

void Twilio::use_credentials(std::string name, std::string secret) {
  const std::lock_guard lock(mutex_);
  name_ = std::move(name);
  secret_ = std::move(secret);
}

std::vector<TwilioItem> Twilio::items() const {
  const std::lock_guard lock(mutex_);
  return items_;
}

void Twilio::make_older(std::chrono::seconds by) {
  const std::lock_guard lock(mutex_);
  for (TwilioItem& item : items_) item.created -= by;
}

void Twilio::set_status(std::string_view sid, std::string status) {
  const std::lock_guard lock(mutex_);
  for (TwilioItem& item : items_)
    if (item.sid == sid) item.status = status;
}

std::size_t Twilio::requests() const {
  const std::lock_guard lock(mutex_);
  return requests_;
}

bool Twilio::wait_for(std::string_view to, std::size_t count, std::chrono::milliseconds limit) const {
  std::unique_lock lock(mutex_);
  return changed_.wait_for(lock, limit, [&] {
    return static_cast<std::size_t>(std::count_if(
               items_.begin(), items_.end(), [&](const TwilioItem& item) { return item.field("To") == to; })) >= count;
  });
}

TwilioItem Twilio::newest(std::string_view to, bool is_call) const {
  const std::lock_guard lock(mutex_);
  const auto found = std::find_if(items_.rbegin(), items_.rend(), [&](const TwilioItem& item) {
    return item.is_call == is_call && item.field("To") == to;
  });
  if (found == items_.rend()) throw std::runtime_error("nothing was sent to " + std::string(to));
  return *found;
}

void Twilio::find(std::string public_url, std::string there) {
  const std::lock_guard lock(mutex_);
  public_url_ = std::move(public_url);
  there_ = std::move(there);
}

void Twilio::sign_with(std::string auth_token) {
  const std::lock_guard lock(mutex_);
  signs_with_ = std::move(auth_token);
}

// Written a second time, as the documentation says it: the URL, then each name and value in the order of the names.
std::string Twilio::signature_of(const std::string& url, const net::Form& form) const {
  std::map<std::string, std::string> sorted(form.begin(), form.end());
  std::string text = url;
  for (const auto& [name, value] : sorted) text += name + value;
  const std::lock_guard lock(mutex_);
  return net::hmac_sha1_base64(signs_with_, text);
}

TwilioAnswer Twilio::call_back(const std::string& url, const net::Form& form, std::optional<std::string> signature) {
  net::ClientRequest request;
  {
    const std::lock_guard lock(mutex_);
    if (public_url_.empty() || !url.starts_with(public_url_)) return {0, url + " is nowhere"};
    request.url = there_ + url.substr(public_url_.size());
  }
  request.headers.add("Content-Type", "application/x-www-form-urlencoded; charset=utf-8");
  request.headers.add("X-Twilio-Signature", signature ? *signature : signature_of(url, form));
  request.headers.add("X-Forwarded-For", "203.0.113.7");
  request.headers.add("X-Forwarded-Proto", "https");
  request.body = net::print_form(form);
  request.timeout = patience;
  const auto [line, more] = [this] {
    const std::lock_guard lock(mutex_);
    return std::pair(line_, times_again_);
  }();
  TwilioAnswer answer;
  for (unsigned time = 0; time <= more && answer.status == 0; ++time) {
    if (line == Line::carries) {
      tl::expected<net::ClientResult, std::string> result = net::http_call(request);
      answer = result ? TwilioAnswer{result->status, std::move(result->body)} : TwilioAnswer{0, result.error()};
    } else {
      answer.body = line == Line::is_dead ? "it got nowhere" : cut_off(request);
    }
  }
  const std::lock_guard lock(mutex_);
  answered_ += answer.status == 0 ? 0U : 1U;
  return answer;
}

std::size_t Twilio::answered() const {
  const std::lock_guard lock(mutex_);
  return answered_;
}

void Twilio::line(Line line) {
  const std::lock_guard lock(mutex_);
  line_ = line;
}

void Twilio::try_again(unsigned times) {
  const std::lock_guard lock(mutex_);
  times_again_ = times;
}

net::Form Twilio::status_form(const TwilioItem& item, std::string_view status, const net::Form& more) {
  net::Form form{{item.is_call ? "CallSid" : "MessageSid", item.sid},
                 {"AccountSid", std::string(account)},
                 {"From", item.field("From")},
                 {"To", item.field("To")},
                 {item.is_call ? "CallStatus" : "MessageStatus", std::string(status)},
                 {"ApiVersion", "2010-04-01"}};
  form.insert(form.end(), more.begin(), more.end());
  return form;
}

TwilioAnswer Twilio::report(const TwilioItem& item, std::string_view status, const net::Form& more) {
  return call_back(item.field("StatusCallback"), status_form(item, status, more));
}

net::Form Twilio::text_form(std::string_view from, std::string_view body, std::string_view sid) {
  return {{"MessageSid", std::string(sid)},
          {"SmsSid", std::string(sid)},
          {"AccountSid", std::string(account)},
          {"From", std::string(from)},
          {"To", "+16045550100"},
          {"Body", std::string(body)},
          {"NumMedia", "0"},
          {"ApiVersion", "2010-04-01"}};
}

std::optional<std::string> Twilio::text_from(std::string_view from, std::string_view body, const net::Form& more) {
  std::string url;
  std::string sid;
  {
    const std::lock_guard lock(mutex_);
    url = public_url_ + "/v1/callbacks/twilio/sms";
    sid = fmt::format("SM{:032x}", 0x1000 + next_sid_++);
  }
  net::Form form = text_form(from, body, sid);
  form.insert(form.end(), more.begin(), more.end());
  const TwilioAnswer answer = call_back(url, form);
  if (answer.status != 200) return std::nullopt;
  tree::ptree document;
  std::istringstream stream(answer.body);
  try {
    tree::read_xml(stream, document);
  } catch (const tree::xml_parser_error&) {
    return std::nullopt;
  }
  if (!document.get_child_optional("Response")) return std::nullopt;
  return document.get<std::string>("Response.Message", "");
}

TwilioCall Twilio::follow(const TwilioItem& item, const std::string& url, const net::Form& more) {
  net::Form form = status_form(item, "in-progress", {{"Direction", "outbound-api"}});
  form.insert(form.end(), more.begin(), more.end());
  TwilioCall call;
  call.sid = item.sid;
  const TwilioAnswer answer = call_back(url, form);
  call.status = answer.status;
  call.is_over = true;
  if (answer.status != 200) return call;
  tree::ptree document;
  std::istringstream stream(answer.body);
  try {
    tree::read_xml(stream, document);
  } catch (const tree::xml_parser_error&) {
    call.said = "An application error has occurred.";
    return call;
  }
  const auto response = document.get_child_optional("Response");
  if (!response) return call;
  for (const auto& [verb, node] : *response) {
    if (verb == "Say") {
      call.said += node.get_value<std::string>();
    } else if (verb == "Gather") {
      for (const auto& [inner, child] : node)
        if (inner == "Say") call.said += child.get_value<std::string>();
      call.action = node.get<std::string>("<xmlattr>.action", url);
      call.is_over = false;
      return call;
    } else if (verb == "Redirect") {
      return follow(item, node.get_value<std::string>(), more);
    } else if (verb == "Hangup") {
      return call;
    }
  }
  return call;
}

TwilioCall Twilio::pick_up(const TwilioItem& item, std::string_view answered_by) {
  return follow(item, item.field("Url"), {{"AnsweredBy", std::string(answered_by)}});
}

TwilioCall Twilio::press(const TwilioItem& item, const TwilioCall& call, std::string_view key) {
  if (call.action.empty()) throw std::runtime_error("nobody waits for a key");
  return follow(item, call.action, {{"Digits", std::string(key)}, {"FinishedOnKey", ""}});
}

}  // namespace support
