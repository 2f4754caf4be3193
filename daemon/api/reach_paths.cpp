#include "daemon/api/reach_paths.hpp"

#include <string>
#include <utility>
#include <vector>

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>

#include "daemon/api/answers.hpp"
#include "daemon/api/ask.hpp"
#include "rules/rfc3339.hpp"

namespace api {
namespace {

namespace json = boost::json;

constexpr std::size_t name_limit_bytes = 256;
constexpr std::size_t event_bytes = 512;

std::string text_of(const json::object& body, std::string_view name) {
  const json::value* const value = body.if_contains(name);
  if (value == nullptr || !value->is_string()) return {};
  const json::string& text = value->get_string();
  return text.size() > name_limit_bytes ? std::string{} : std::string{text.data(), text.size()};
}

Call send_test(const net::Request& request) {
  boost::system::error_code error;
  const json::value document = json::parse({request.body.data(), request.body.size()}, error);
  if (error || !document.is_object()) {
    return net::problem(400, R"(the body is not a JSON object such as {"who": "olga", "by": "sam"})");
  }
  const std::string who = text_of(document.get_object(), "who");
  const std::string by = text_of(document.get_object(), "by");
  if (who.empty()) return net::problem(400, "\"who\" is missing, empty or too long");
  if (by.empty()) return net::problem(400, "\"by\" is missing, empty or too long");
  Tell tell;
  tell.people = true;
  tell.bytes = request.body.size() + event_bytes;
  tell.event = rules::TestPage{.who = who, .by = by};
  tell.render = [](const roused::Reply& reply) {
    if (std::optional<net::Response> refusal = not_durable(reply)) return *std::move(refusal);
    if (!reply.verdict) return overloaded();
    if (reply.verdict->code != rules::VerdictCode::done) return net::problem(409, reply.verdict->text);
    return ok(json::serialize(json::object{{"text", reply.verdict->text}}));
  };
  return tell;
}

struct Known {
  rules::ContactAddress contact;
  rules::Reachability reachability;
};

json::value time_or_null(const std::optional<rules::Instant>& at) {
  if (!at) return nullptr;
  return json::value(rules::print_rfc3339(*at));
}

std::string render(const std::vector<Known>& all) {
  json::array contacts;
  for (const Known& one : all) {
    const rules::Reachability& known = one.reachability;
    json::object contact;
    contact["person"] = one.contact.first;
    contact["contact"] = one.contact.second;
    contact["works"] = known.works;
    contact["pages"] = known.pages;
    contact["delivered"] = known.delivered;
    contact["heard"] = known.heard;
    contact["failed"] = known.failed;
    contact["tests"] = known.tests;
    contact["tests_heard"] = known.tests_heard;
    contact["last_page_at"] = time_or_null(known.last_page);
    contact["last_heard_at"] = time_or_null(known.last_heard);
    contact["last_failed_at"] = time_or_null(known.last_failed);
    contact["failure"] = known.failure;
    contacts.emplace_back(std::move(contact));
  }
  return json::serialize(json::object{{"contacts", std::move(contacts)}});
}

Call reachability(const Services& services) {
  return ask(
      [policy = services.policy()](const rules::State& state) {
        std::vector<Known> all;
        for (const rules::Person& person : policy->people) {
          for (const rules::Contact& contact : person.contacts) {
            Known known{.contact = {person.id, contact.name}, .reachability = {}};
            const auto found = state.reachability.find(known.contact);
            if (found != state.reachability.end()) known.reachability = found->second;
            all.push_back(std::move(known));
          }
        }
        return all;
      },
      [](const std::vector<Known>& all) { return ok(render(all)); });
}

}  // namespace

std::optional<Call> handle_reach(const net::Request& request, const Services& services) {
  if (request.path == "/v1/test-pages") {
    return request.method == "POST" ? send_test(request) : Call{not_allowed("POST")};
  }
  if (request.path == "/v1/reachability") {
    return request.method == "GET" ? reachability(services) : Call{not_allowed("GET, HEAD")};
  }
  return std::nullopt;
}

}  // namespace api
