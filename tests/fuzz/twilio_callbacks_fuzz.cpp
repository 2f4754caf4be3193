// What Twilio calls back: one byte says which path, which type and whether it is signed; then a line that is the query,
// then the body. Nothing that is not signed is told to the engine, what is told is fit to be journaled and shown, and
// every answer is TwiML that can be read. What is a form reads the same after it was written anew.
#include <sstream>
#include <string>

#include <boost/property_tree/ptree.hpp>
#include <boost/property_tree/xml_parser.hpp>

#include "daemon/net/hmac.hpp"
#include "rules/reply.hpp"
#include "tests/daemon/api/twilio_desk.hpp"
#include "tests/fuzz/claim.hpp"
#include "tests/fuzz/text.hpp"

namespace fuzz {
namespace {

constexpr std::string_view paths[] = {"sms", "status", "voice", "keys"};

struct Callback {
  net::Request request;
  bool is_signed{};
};

Callback callback_of(api::TwilioDesk& desk, std::uint8_t how, std::string_view text) {
  const std::size_t line = std::min(text.find('\n'), text.size());
  const std::string body(text.substr(std::min(line + 1, text.size())));
  std::string target = "/v1/callbacks/twilio/" + std::string(paths[how & 3U]);
  const bool is_signed = (how & 4U) == 0;
  const bool is_json = (how & 8U) != 0;
  std::string query(text.substr(0, line));
  if (is_json && (how & 16U) == 0) query += "&bodySHA256=" + net::sha256(body);
  if (!query.empty()) target += "?" + query;
  const net::Form form = net::parse_form(body);
  const std::string signature = api::twilio_signature(is_signed ? api::twilio_token : "a stranger's",
                                                      std::string(api::TwilioDesk::public_url) + target,
                                                      is_json ? net::Form{} : form);
  net::Request made = desk.callback(target, body, signature);
  if (is_json) {
    net::Headers headers;
    headers.add("X-Twilio-Signature", signature);
    headers.add("Content-Type", "application/json");
    made.headers = headers;
  }
  return {std::move(made), is_signed};
}

void check_twiml(const net::Response& answer) {
  claim(answer.status == 200 || answer.status == 204 || answer.status == 503, "status {}", answer.status);
  if (answer.status != 200) return;
  claim_clean(answer.body, "an answer", true);
  boost::property_tree::ptree document;
  std::istringstream stream(answer.body);
  try {
    boost::property_tree::read_xml(stream, document);
  } catch (const boost::property_tree::xml_parser_error& error) {
    broken(std::string("an answer is no XML: ") + error.what());
  }
  claim(document.get_child_optional("Response").has_value(), "an answer is no TwiML: {}", answer.body);
}

void check_event(const rules::Event& event) {
  if (const auto* reply = std::get_if<rules::Replied>(&event)) {
    for (const std::string& one : {reply->text, reply->address, reply->id, reply->channel}) claim_clean(one, "a reply");
    claim(reply->text.size() <= rules::reply_limit_bytes && reply->address.size() <= 64 && reply->id.size() <= 80,
          "a reply is too long");
    return;
  }
  const auto* report = std::get_if<rules::DeliveryReported>(&event);
  claim(report != nullptr, "the engine is told something else than a reply or a delivery");
  claim_clean(report->detail, "the detail of a delivery");
  claim(report->detail.size() <= 200 && report->key.size() <= 128, "a delivery is too long");
}

void check(api::TwilioDesk& desk, const Callback& callback) {
  const api::Call call = desk.call(callback.request);
  if (const auto* answer = std::get_if<net::Response>(&call)) {
    const bool is_unread = answer->status == 400 && callback.request.body.size() > 100;  // of too many fields
    claim(
        callback.is_signed || answer->status == 403 || is_unread, "what nobody signed is answered {}", answer->status);
    claim(answer->status < 500, "status {}", answer->status);
    if (answer->status < 300) check_twiml(*answer);
    return;
  }
  claim(callback.is_signed, "what nobody signed was taken");
  if (const auto* ask = std::get_if<api::Ask>(&call)) {
    ask->look(desk.world.state());
    check_twiml(ask->render());
    return;
  }
  const auto& tell = std::get<api::Tell>(call);
  check_event(tell.event);
  for (const roused::Durability how :
       {roused::Durability::durable, roused::Durability::memory, roused::Durability::refused}) {
    roused::Reply reply;
    reply.durability = how;
    if (how != roused::Durability::refused)
      reply.verdict = rules::Verdict{rules::VerdictCode::done, {}, "R-1 <ack> & \"more\" \x1b]0;x\x07 \xFF"};
    check_twiml(tell.render(reply));
  }
}

}  // namespace
}  // namespace fuzz

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static auto desk = std::make_unique<api::TwilioDesk>();
  if (size == 0) return 0;
  const std::string text{fuzz::text_of(data, size).substr(1)};
  const net::Form form = net::parse_form(text);
  fuzz::claim(net::parse_form(net::print_form(form)) == form, "a form reads differently when it was written anew");
  fuzz::check(*desk, fuzz::callback_of(*desk, data[0], text));
  return 0;
}
