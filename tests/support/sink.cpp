#include "tests/support/sink.hpp"

#include <algorithm>
#include <stdexcept>
#include <utility>

#include <boost/json/parse.hpp>
#include <boost/json/value.hpp>

#include "tests/daemon/net/support.hpp"

namespace support {
namespace {

namespace json = boost::json;

std::string text_of(const json::object& object, std::string_view name) {
  const json::value* const value = object.if_contains(name);
  if (value == nullptr || !value->is_string()) return {};
  return std::string{value->get_string()};
}

long number_of(const json::object& object, std::string_view name) {
  const json::value* const value = object.if_contains(name);
  if (value == nullptr || !value->is_int64()) return 0;
  return value->get_int64();
}

void read_body(Message& message) {
  json::error_code error;
  const json::value body = json::parse(message.body, error);
  if (error || !body.is_object()) return;
  const json::object& whole = body.get_object();
  if (const json::value* page = whole.if_contains("page"); page != nullptr && page->is_object()) {
    const json::object& fields = page->get_object();
    message.is_page = true;
    message.key = text_of(fields, "idempotency_key");
    message.id = text_of(fields, "id");
    message.incident = text_of(fields, "incident");
    message.to = text_of(fields, "to");
    message.by = text_of(fields, "by");
    message.reason = text_of(fields, "reason");
    message.text = text_of(fields, "text");
    message.step = number_of(fields, "step");
    message.round = number_of(fields, "round");
    const json::value* const mark = fields.if_contains("possible_duplicate");
    message.possible_duplicate = mark != nullptr && mark->is_bool() && mark->get_bool();
  } else if (const json::value* notice = whole.if_contains("notice"); notice != nullptr && notice->is_object()) {
    const json::object& fields = notice->get_object();
    message.is_notice = true;
    message.incident = text_of(fields, "incident");
    message.to = text_of(fields, "to");
    message.kind = text_of(fields, "kind");
    message.text = text_of(fields, "text");
  }
  if (const json::value* all = whole.if_contains("incidents"); all != nullptr && all->is_array()) {
    for (const json::value& one : all->get_array()) {
      if (one.is_object()) message.incidents.push_back(text_of(one.get_object(), "id"));
    }
  }
  if (message.incidents.empty() && !message.incident.empty()) message.incidents.push_back(message.incident);
}

}  // namespace

Sink::Sink() : thread_{std::make_unique<net::testing::LoopThread>()} {
  server_ = std::make_unique<net::Server>(
      thread_->loop(), net::ServerOptions{}, [this](net::Request&& request, net::Responder responder) {
        take(std::move(request), std::move(responder));
      });
  const tl::expected<std::string, std::string> address = server_->listen("127.0.0.1:0");
  if (!address) throw std::runtime_error(address.error());
  url_ = "http://" + *address;
  thread_->start();
}

Sink::~Sink() {
  thread_->stop();
  server_.reset();
  unanswered_.clear();
}

void Sink::answer(std::function<unsigned(const Message&)> decide) {
  const std::lock_guard lock{mutex_};
  decide_ = std::move(decide);
}

void Sink::ask_to_retry_after(std::chrono::seconds wait) {
  const std::lock_guard lock{mutex_};
  retry_after_ = wait;
}

void Sink::take(net::Request&& request, net::Responder responder) {
  Message message;
  message.at = std::chrono::steady_clock::now();
  message.path = request.path;
  message.header_key = std::string{request.headers.find("Idempotency-Key").value_or("")};
  message.body = std::string{request.body};
  read_body(message);
  unsigned status = 200;
  std::chrono::seconds retry_after{0};
  {
    const std::lock_guard lock{mutex_};
    retry_after = retry_after_;
    if (decide_) status = decide_(message);
    message.answered = status;
    messages_.push_back(std::move(message));
    came_.notify_all();
  }
  if (status == never) {
    unanswered_.push_back(std::move(responder));
    return;
  }
  net::Response response;
  response.status = status;
  if (status >= 300 && retry_after.count() > 0) {
    response.headers.add("Retry-After", std::to_string(retry_after.count()));
  }
  responder.send(std::move(response));
}

std::vector<Message> Sink::messages() const {
  const std::lock_guard lock{mutex_};
  return messages_;
}

std::vector<Message> Sink::pages() const {
  std::vector<Message> all = messages();
  std::erase_if(all, [](const Message& message) { return !message.is_page; });
  return all;
}

bool Sink::wait_until(const std::function<bool(const std::vector<Message>&)>& holds,
                      std::chrono::milliseconds limit) const {
  std::unique_lock lock{mutex_};
  return came_.wait_for(lock, limit, [&] { return holds(messages_); });
}

bool Sink::wait_for_page(std::string_view incident, std::chrono::milliseconds limit) const {
  return wait_until(
      [incident](const std::vector<Message>& messages) {
        return std::any_of(messages.begin(), messages.end(), [incident](const Message& message) {
          return message.is_page &&
                 std::find(message.incidents.begin(), message.incidents.end(), incident) != message.incidents.end();
        });
      },
      limit);
}

}  // namespace support
