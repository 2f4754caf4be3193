#include "daemon/words/status.hpp"

#include <utility>

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>
#include <fmt/format.h>

#include "daemon/words/clean.hpp"
#include "daemon/words/doubts.hpp"
#include "daemon/words/fields.hpp"
#include "rules/duration.hpp"
#include "rules/rfc3339.hpp"

namespace words {
namespace {

namespace json = boost::json;

json::value text(std::string_view string) {
  return json::value(json::string(string.data(), string.size()));
}

json::value text_or_null(std::string_view string) {
  return string.empty() ? json::value(nullptr) : text(string);
}

json::value time(const std::optional<rules::Instant>& instant) {
  return instant ? text(rules::print_rfc3339(*instant)) : json::value(nullptr);
}

json::object incidents_object(const rules::Overview& overview) {
  json::array stages;
  for (const rules::StageCount& one : overview.stages) {
    stages.emplace_back(json::object{{"stage", text(one.stage)}, {"incidents", one.incidents}});
  }
  json::object object{{"triggered", overview.triggered},
                      {"acknowledged", overview.acknowledged},
                      {"unheard", overview.unheard},
                      {"held", overview.held}};
  object["stages"] = std::move(stages);
  return object;
}

json::array providers_array(const std::vector<ProviderStatus>& providers) {
  json::array array;
  for (const ProviderStatus& one : providers) {
    json::object object{{"channel", text(one.channel)},
                        {"number", one.number},
                        {"provider", text(one.kind)},
                        {"circuit", one.is_open ? "open" : "closed"},
                        {"last_success_at", time(one.last_success)},
                        {"tries", one.tries()},
                        {"failures", one.failures()}};
    object["outcomes"] = json::object{{"accepted", one.accepted},
                                      {"refused", one.refused},
                                      {"transient", one.transient},
                                      {"unanswered", one.unanswered},
                                      {"withdrawn", one.withdrawn}};
    object["average_try"] = text(rules::print_duration(one.average));
    array.emplace_back(std::move(object));
  }
  return array;
}

ProviderStatus read_provider(Fields& fields) {
  ProviderStatus one;
  one.channel = fields.text("channel");
  one.number = fields.number<std::uint32_t>("number");
  one.kind = fields.text("provider");
  one.is_open = fields.text("circuit") == "open";
  one.last_success = fields.time("last_success_at");
  fields.within("outcomes", [&](Fields& outcomes) {
    one.accepted = outcomes.number<std::uint64_t>("accepted");
    one.refused = outcomes.number<std::uint64_t>("refused");
    one.transient = outcomes.number<std::uint64_t>("transient");
    one.unanswered = outcomes.number<std::uint64_t>("unanswered");
    one.withdrawn = outcomes.number<std::uint64_t>("withdrawn");
  });
  one.average = fields.duration("average_try");
  return one;
}

std::string moment(const Drawing& drawing, rules::Instant instant, rules::Instant now) {
  const std::string clock = drawing.clock ? drawing.clock(instant) : rules::print_rfc3339(instant);
  return fmt::format("{} ({})", clock, print_relative(instant - now));
}

std::string print_bytes(std::uint64_t bytes) {
  if (bytes < 10'000) return fmt::format("{} B", bytes);
  if (bytes < 10'000'000) return fmt::format("{} kB", bytes / 1'000);
  return fmt::format("{} MB", bytes / 1'000'000);
}

// Whole seconds and no more than its two greatest units.
std::string print_age(rules::Duration age) {
  std::string ago = print_relative(-age);
  if (ago.ends_with(" ago")) ago.resize(ago.size() - 4);
  return ago == "now" ? "0s" : ago;
}

std::string draw_providers(const Status& status, const Drawing& drawing) {
  if (status.providers.empty()) return {};
  std::vector<std::vector<std::string>> rows;
  for (const ProviderStatus& one : status.providers) {
    rows.push_back({one.channel,
                    std::to_string(one.number),
                    one.kind,
                    one.is_open ? "OPEN" : "closed",
                    std::to_string(one.tries()),
                    std::to_string(one.refused),
                    std::to_string(one.transient),
                    std::to_string(one.unanswered),
                    one.tries() == 0 ? "-" : rules::print_duration(one.average),
                    one.last_success ? moment(drawing, *one.last_success, status.at) : "never"});
  }
  return draw_table(
      {"channel", "#", "provider", "circuit", "tries", "refused", "busy", "unanswered", "a try", "last success"},
      rows,
      drawing.width);
}

}  // namespace

std::string status_json(const Status& status) {
  json::object body{{"version", 1}, {"roused", text(status.version)}, {"ready", status.why_not_ready.empty()}};
  body["why_not_ready"] = text_or_null(status.why_not_ready);
  body["at"] = time(status.at);
  body["started_at"] = time(status.started_at);
  body["uptime"] = text(rules::print_duration(std::chrono::floor<std::chrono::seconds>(status.at - status.started_at)));
  body["policy"] = json::object{{"hash", text(status.policy_hash)}, {"loaded_at", time(status.configured_at)}};
  body["journal"] = json::object{{"rows", status.journal_rows}, {"written_bytes", status.journal_bytes}};
  body["incidents"] = incidents_object(status.overview);
  body["open_alerts"] = status.overview.open_alerts;
  body["open_pages"] = status.overview.open_pages;
  body["open_messages"] = status.overview.open_messages;
  body["providers"] = providers_array(status.providers);
  body["contacts_in_doubt"] = doubts_array(status.doubts);
  return json::serialize(body);
}

tl::expected<Status, std::string> parse_status_json(std::string_view text) {
  return read_document(text, [](Fields& fields) {
    Status status;
    for (const char* name : {"roused", "ready", "incidents", "providers"}) fields.require(name);
    status.version = fields.text("roused");
    status.why_not_ready = fields.text("why_not_ready");
    if (!fields.flag("ready") && status.why_not_ready.empty()) status.why_not_ready = "it does not say why";
    status.at = fields.instant("at");
    status.started_at = fields.instant("started_at");
    fields.within("policy", [&](Fields& policy) {
      status.policy_hash = policy.text("hash");
      status.configured_at = policy.time("loaded_at");
    });
    fields.within("journal", [&](Fields& journal) {
      status.journal_rows = journal.number<std::uint64_t>("rows");
      status.journal_bytes = journal.number<std::uint64_t>("written_bytes");
    });
    fields.within("incidents", [&](Fields& incidents) {
      status.overview.triggered = incidents.number<std::uint64_t>("triggered");
      status.overview.acknowledged = incidents.number<std::uint64_t>("acknowledged");
      status.overview.unheard = incidents.number<std::uint64_t>("unheard");
      status.overview.held = incidents.number<std::uint64_t>("held");
      status.overview.stages = incidents.each("stages", [](Fields& stage) {
        return rules::StageCount{.stage = stage.text("stage"), .incidents = stage.number<std::uint64_t>("incidents")};
      });
    });
    status.overview.open_alerts = fields.number<std::uint64_t>("open_alerts");
    status.overview.open_pages = fields.number<std::uint64_t>("open_pages");
    status.overview.open_messages = fields.number<std::uint64_t>("open_messages");
    status.providers = fields.each("providers", read_provider);
    status.doubts = fields.each("contacts_in_doubt", read_doubt);
    return status;
  });
}

std::string draw_status(const Status& status, const Drawing& drawing) {
  const rules::Overview& overview = status.overview;
  std::string stages;
  for (const rules::StageCount& one : overview.stages) {
    stages += fmt::format("{}{}: {}", stages.empty() ? "" : ", ", visible(one.stage), one.incidents);
  }
  std::string drawn = fmt::format("{} open: {} triggered, {} acknowledged; {} unheard, {} held back\n",
                                  overview.triggered + overview.acknowledged,
                                  overview.triggered,
                                  overview.acknowledged,
                                  overview.unheard,
                                  overview.held);
  if (!stages.empty()) drawn += fmt::format("by stage: {}\n", stages);
  drawn += fmt::format("{} alerts fire; {} pages wait or are under way\n", overview.open_alerts, overview.open_pages);
  drawn += fmt::format("up for {}; policy {}{}; journal: {} rows, {} written since the start\n",
                       print_age(status.at - status.started_at),
                       visible(status.policy_hash),
                       status.configured_at ? " of " + moment(drawing, *status.configured_at, status.at) : "",
                       status.journal_rows,
                       print_bytes(status.journal_bytes));
  if (const std::string providers = draw_providers(status, drawing); !providers.empty()) drawn += "\n" + providers;
  return drawn;
}

}  // namespace words
