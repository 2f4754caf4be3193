#include "daemon/words/reachability.hpp"

#include <utility>

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>
#include <fmt/format.h>

#include "daemon/words/doubts.hpp"
#include "daemon/words/fields.hpp"
#include "rules/rfc3339.hpp"

namespace words {
namespace {

namespace json = boost::json;

json::value text(std::string_view string) {
  return json::value(json::string(string.data(), string.size()));
}

json::value time_or_null(const std::optional<rules::Instant>& at) {
  return at ? text(rules::print_rfc3339(*at)) : json::value(nullptr);
}

ContactReach read_contact(Fields& fields) {
  ContactReach one;
  one.person = fields.text("person");
  one.contact = fields.text("contact");
  rules::Reachability& known = one.known;
  known.works = fields.flag("works");
  known.pages = fields.number<std::uint64_t>("pages");
  known.delivered = fields.number<std::uint64_t>("delivered");
  known.heard = fields.number<std::uint64_t>("heard");
  known.failed = fields.number<std::uint64_t>("failed");
  known.tests = fields.number<std::uint64_t>("tests");
  known.tests_heard = fields.number<std::uint64_t>("tests_heard");
  known.last_page = fields.time("last_page_at");
  known.last_heard = fields.time("last_heard_at");
  known.last_failed = fields.time("last_failed_at");
  known.failure = fields.text("failure");
  fields.within("doubt", [&one](Fields& doubt) { one.doubt = read_doubt(doubt); });
  return one;
}

// "75% (3 of 4)"; "-" of nothing.
std::string rate(std::uint64_t part, std::uint64_t whole) {
  if (whole == 0) return "-";
  return fmt::format("{}% ({} of {})", part * 100 / whole, part, whole);
}

std::string state_of(const ContactReach& one, rules::Instant now) {
  if (one.doubt) return doubt_text(*one.doubt, now);
  return one.known.pages == 0 ? "never tried" : "works";
}

}  // namespace

std::string reachability_json(const std::vector<ContactReach>& contacts) {
  json::array array;
  for (const ContactReach& one : contacts) {
    const rules::Reachability& known = one.known;
    json::object contact;
    contact["person"] = text(one.person);
    contact["contact"] = text(one.contact);
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
    contact["failure"] = text(known.failure);
    if (one.doubt) {
      contact["doubt"] = doubts_array({*one.doubt}).front();
    } else {
      contact["doubt"] = nullptr;
    }
    array.emplace_back(std::move(contact));
  }
  json::object body;
  body["contacts"] = std::move(array);
  return json::serialize(body);
}

tl::expected<std::vector<ContactReach>, std::string> parse_reachability_json(std::string_view text) {
  return read_document(text, [](Fields& fields) {
    fields.require("contacts");
    return fields.each("contacts", read_contact);
  });
}

std::string draw_reachability(const std::vector<ContactReach>& contacts, rules::Instant now, const Drawing& drawing) {
  if (contacts.empty()) return "nobody has a contact\n";
  std::vector<std::vector<std::string>> rows;
  for (const ContactReach& one : contacts) {
    rows.push_back({one.person,
                    one.contact,
                    rate(one.known.tests_heard, one.known.tests),
                    rate(one.known.heard, one.known.pages),
                    one.known.last_heard ? print_relative(*one.known.last_heard - now) : "never",
                    state_of(one, now)});
  }
  return draw_table({"person", "by", "tests heard", "all heard", "last heard", "state"}, rows, drawing.width);
}

}  // namespace words
