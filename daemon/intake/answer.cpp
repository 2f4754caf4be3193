#include "daemon/intake/answer.hpp"

#include <utility>

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>

namespace intake {

std::string alertmanager_answer(const Parsed& parsed) {
  boost::json::array rejected;
  for (const Rejected& alert : parsed.rejected) {
    boost::json::object entry;
    entry["index"] = alert.index;
    entry["reason"] = alert.why;
    rejected.emplace_back(std::move(entry));
  }
  boost::json::object answer;
  answer["status"] = "ok";
  answer["accepted"] = parsed.event.reports.size();
  answer["rejected"] = std::move(rejected);
  if (parsed.rejected_count > parsed.rejected.size()) answer["rejected_total"] = parsed.rejected_count;
  return boost::json::serialize(answer);
}

std::string api_v2_answer(const Parsed& parsed) {
  return parsed.rejected_count == 0 ? std::string{} : alertmanager_answer(parsed);
}

std::string pagerduty_answer(std::string_view dedup_key) {
  boost::json::object answer;
  answer["status"] = "success";
  answer["message"] = "Event processed";
  answer["dedup_key"] = boost::json::string(dedup_key.data(), dedup_key.size());
  return boost::json::serialize(answer);
}

std::string pagerduty_refusal(const Refused& refused) {
  boost::json::array errors;
  for (const std::string& error : refused.errors) errors.emplace_back(error);
  boost::json::object answer;
  answer["status"] = "invalid event";
  answer["message"] = refused.why;
  answer["errors"] = std::move(errors);
  return boost::json::serialize(answer);
}

}  // namespace intake
