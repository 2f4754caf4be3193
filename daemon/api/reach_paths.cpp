#include "daemon/api/reach_paths.hpp"

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include <boost/json/object.hpp>
#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>

#include "daemon/api/answers.hpp"
#include "daemon/api/ask.hpp"
#include "daemon/words/reachability.hpp"

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

Call reachability(const net::Request& request, rules::Instant now, const Services& services) {
  const std::string who = request.parameter("who").value_or("");
  if (!who.empty() && services.policy()->person(who) == nullptr)
    return net::problem(404, "nobody in the configuration is called that");
  return ask(
      [now, who, policy = services.policy()](const rules::State& state) {
        std::vector<rules::ContactDoubt> doubts = rules::contact_doubts(state, *policy, now);
        std::vector<words::ContactReach> all;
        for (const rules::Person& person : policy->people) {
          if (!who.empty() && person.id != who) continue;
          for (const rules::Contact& contact : person.contacts) {
            words::ContactReach& one = all.emplace_back();
            one.person = person.id;
            one.contact = contact.name;
            const auto known = state.reachability.find({person.id, contact.name});
            if (known != state.reachability.end()) one.known = known->second;
            const auto doubt = std::find_if(doubts.begin(), doubts.end(), [&one](const rules::ContactDoubt& each) {
              return each.person == one.person && each.contact == one.contact;
            });
            if (doubt != doubts.end()) one.doubt = std::move(*doubt);
          }
        }
        return all;
      },
      [](const std::vector<words::ContactReach>& all) { return ok(words::reachability_json(all)); });
}

}  // namespace

std::optional<Call> handle_reach(const net::Request& request, rules::Instant now, const Services& services) {
  if (request.path == "/v1/test-pages") {
    return request.method == "POST" ? send_test(request) : Call{not_allowed("POST")};
  }
  if (request.path == "/v1/reachability") {
    return request.method == "GET" ? reachability(request, now, services) : Call{not_allowed("GET, HEAD")};
  }
  return std::nullopt;
}

}  // namespace api
