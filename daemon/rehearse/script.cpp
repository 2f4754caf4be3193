#include "daemon/rehearse/script.hpp"

#include <algorithm>
#include <array>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <utility>

#include <boost/json/serialize.hpp>
#include <fmt/format.h>

#include "config/load.hpp"
#include "config/words.hpp"
#include "daemon/intake/intake.hpp"
#include "rules/codec/codec.hpp"
#include "rules/duration.hpp"
#include "rules/rfc3339.hpp"
#include "rules/view.hpp"

namespace rehearse {
namespace {

using config::Entry;
using config::Node;
using config::NodeKind;
using config::Place;
using config::Reader;
using config::Section;

constexpr std::string_view path = "rehearsal";

const std::vector<std::string> kinds = {"alert",       "resolved",  "alertmanager", "alertmanager_file",
                                        "prometheus",  "pagerduty", "beat",         "ack",
                                        "escalate",    "resolve",   "snooze",       "call",
                                        "note",        "update",    "follow",       "reply",
                                        "key",         "test_page", "delivery",     "silence",
                                        "maintenance", "expire",    "provider",     "restart",
                                        "reload"};
const std::vector<std::string> later_kinds = {"override", "accept", "customer_report"};

bool is_json_number(const std::string& text) {
  std::size_t index = text.starts_with('-') ? 1 : 0;
  if (index >= text.size()) return false;
  if (text[index] == '0' && index + 1 < text.size() && text[index + 1] != '.') return false;
  bool digit = false;
  bool dot = false;
  for (; index < text.size(); ++index) {
    if (text[index] == '.' && digit && !dot && index + 1 < text.size()) {
      dot = true;
    } else if (text[index] >= '0' && text[index] <= '9') {
      digit = true;
    } else {
      return false;
    }
  }
  return digit;
}

std::optional<rules::Labels> read_labels(Reader& reader, const Entry& entry, bool required) {
  if (entry.value->kind == NodeKind::null && !required) return rules::Labels{};
  if (entry.value->kind != NodeKind::map) {
    reader.error(entry.place, fmt::format("`{}` is a map of names and values", entry.key));
    return std::nullopt;
  }
  rules::Labels labels;
  for (const Entry& label : entry.value->entries) {
    if (label.value->kind == NodeKind::null) continue;
    labels.add(label.key, label.value->kind == NodeKind::scalar ? label.value->text : to_json(*label.value));
  }
  labels.seal();
  if (required && labels.empty()) {
    reader.error(entry.place, "an alert needs at least one label");
    return std::nullopt;
  }
  return labels;
}

std::optional<rules::Instant> read_time(Reader& reader, Section& section, std::string_view key) {
  const Entry* entry = section.take(key);
  if (entry == nullptr) return std::nullopt;
  const std::optional<std::string> text = reader.text(*entry->value, entry->place, key);
  if (!text) return std::nullopt;
  const std::optional<rules::Instant> time = rules::parse_rfc3339(*text);
  if (!time) reader.error(entry->value->place, fmt::format("`{}` is a time as 2026-03-04T09:00:00Z", key));
  return time;
}

std::optional<What> read_alert(Reader& reader, const Entry& entry, bool resolved) {
  Told told;
  told.own_times = true;
  rules::Report report;
  report.status = resolved ? rules::ReportStatus::resolved : rules::ReportStatus::firing;
  Section section{reader, *entry.value, entry.place, std::string{path}};
  if (!section.is_map()) return std::nullopt;
  const Entry* labels = section.need("labels");
  if (labels != nullptr) {
    std::optional<rules::Labels> read = read_labels(reader, *labels, true);
    if (read) report.labels = std::move(*read);
  }
  if (const Entry* annotations = section.take("annotations")) {
    std::optional<rules::Labels> read = read_labels(reader, *annotations, false);
    if (read) report.annotations = std::move(*read);
  }
  report.starts_at = read_time(reader, section, "starts_at");
  report.ends_at = read_time(reader, section, "ends_at");
  told.reports.source = section.text("source").value_or("rehearsal");
  if (report.labels.empty()) return std::nullopt;
  told.reports.reports.push_back(std::move(report));
  return told;
}

std::optional<What> read_body(Reader& reader, Place place, const std::string& body, rules::ReportForm form) {
  intake::Parser parser;
  intake::Context context;
  context.source = form == rules::ReportForm::webhook ? "alertmanager" : "prometheus";
  auto parsed = form == rules::ReportForm::webhook ? parser.alertmanager(intake::Body{body}, context)
                                                   : parser.api_v2(intake::Body{body}, context);
  if (!parsed) {
    reader.error(place, "the body would be refused: " + parsed.error().why);
    return std::nullopt;
  }
  // Without the policy's identity the keys are the engine's to compute.
  for (rules::Report& report : parsed->event.reports) report.keyed_for = 0;
  return Told{.reports = std::move(parsed->event), .own_times = false};
}

// An event of PagerDuty's API, as its clients send it.
std::optional<What> read_pagerduty(Reader& reader, const Entry& entry) {
  const std::string body = to_json(*entry.value);
  intake::Parser parser;
  intake::Context context;
  context.source = "pagerduty";
  // Nobody hears of the dedup_key that is made here, so one for each place in the file will do.
  const std::string made_key = fmt::format("made at line {}, column {}", entry.place.line, entry.place.column);
  auto event = parser.pagerduty(intake::Body{body}, context, made_key);
  if (!event) {
    reader.error(entry.place, fmt::format("the event would be refused: {}", fmt::join(event.error().errors, "; ")));
    return std::nullopt;
  }
  if (event->action == intake::PagerDutyEvent::Action::acknowledge) {
    return rules::Event{rules::SenderAcknowledged{.source = context.source,
                                                  .native_keys = {event->native_key},
                                                  .by = event->client.empty() ? context.source : event->client}};
  }
  for (rules::Report& report : event->parsed.event.reports) report.keyed_for = 0;
  return Told{.reports = std::move(event->parsed.event), .own_times = false};
}

std::optional<What> read_file(Reader& reader, const Entry& entry, const ScriptOptions& options) {
  const std::optional<std::string> name = reader.text(*entry.value, entry.place, entry.key);
  if (!name) return std::nullopt;
  const std::filesystem::path file = std::filesystem::path{options.folder} / *name;
  std::ifstream stream{file, std::ios::binary};
  if (!stream) {
    reader.error(entry.value->place, fmt::format("cannot read {}", file.string()));
    return std::nullopt;
  }
  std::ostringstream bytes;
  bytes << stream.rdbuf();
  return read_body(reader, entry.value->place, bytes.str(), rules::ReportForm::webhook);
}

std::optional<rules::IncidentId> read_incident(Reader& reader, Section& section) {
  const Entry* entry = section.need("incident");
  if (entry == nullptr) return std::nullopt;
  const std::optional<std::string> text = reader.text(*entry->value, entry->place, "incident");
  if (!text) return std::nullopt;
  const std::optional<rules::IncidentId> id = rules::parse_incident_id(*text);
  if (!id) reader.error(entry->value->place, "`incident` is R-1, R-2, ...");
  return id;
}

std::optional<What> read_verb(Reader& reader, const Entry& entry) {
  Section section{reader, *entry.value, entry.place, std::string{path}};
  if (!section.is_map()) return std::nullopt;
  const std::optional<rules::IncidentId> incident = read_incident(reader, section);
  const std::string by = section.text("by").value_or("somebody");
  std::optional<What> what;
  if (entry.key == "snooze") {
    const std::optional<rules::Duration> length = section.duration("for", Section::Zero::is_fine);
    if (!length) reader.error(entry.place, "`snooze` needs `for`, as 30m");
    if (incident && length) what = rules::Event{rules::Snooze{*incident, by, *length}};
  } else if (entry.key == "call") {
    const std::optional<std::string> who = section.needed_text("who");
    if (incident && who) what = rules::Event{rules::CallIn{*incident, by, *who}};
  } else if (entry.key == "note") {
    const std::optional<std::string> text = section.needed_text("text");
    if (incident && text) what = rules::Event{rules::Note{*incident, by, *text}};
  } else if (entry.key == "update") {
    const std::optional<std::string> text = section.needed_text("text");
    if (incident && text) what = rules::Event{rules::Update{*incident, by, *text}};
  } else if (incident && entry.key == "follow") {
    what = rules::Event{rules::Follow{.incident = *incident, .by = by, .wanted = true}};
  } else if (incident && entry.key == "ack") {
    what = rules::Event{rules::Acknowledge{*incident, by}};
  } else if (incident && entry.key == "escalate") {
    what = rules::Event{rules::Escalate{*incident, by}};
  } else if (incident) {
    what = rules::Event{rules::Resolve{*incident, by}};
  }
  return what;
}

// Whose contact `by` is and what its address says, the world's policy knows.
std::optional<What> read_reply(Reader& reader, const Entry& entry) {
  Section section{reader, *entry.value, entry.place, std::string{path}};
  if (!section.is_map()) return std::nullopt;
  PersonReplies reply;
  const std::optional<std::string> from = section.needed_text("from");
  if (entry.key == "key") {
    reply.form = rules::ReplyForm::key;
    reply.by = section.text("by").value_or("voice");
    const std::optional<std::string> digit = section.needed_text("digit");
    if (!from || !digit) return std::nullopt;
    reply.text = *digit;
  } else {
    reply.by = section.text("by").value_or("sms");
    const std::optional<std::string> text = section.needed_text("text");
    if (!from || !text) return std::nullopt;
    reply.text = *text;
    reply.id = section.text("id").value_or("");
  }
  reply.from = *from;
  return reply;
}

std::optional<What> read_delivery(Reader& reader, const Entry& entry) {
  Section section{reader, *entry.value, entry.place, std::string{path}};
  if (!section.is_map()) return std::nullopt;
  const std::optional<std::string> to = section.needed_text("to");
  const std::optional<std::string> by = section.needed_text("by");
  const Entry* was = section.need("was");
  if (!to || !by || was == nullptr) return std::nullopt;
  const std::vector<std::string> words = {"delivered", "failed", "unheard"};
  const std::optional<std::string> word = reader.text(*was->value, was->place, "was");
  if (!word) return std::nullopt;
  const auto found = std::find(words.begin(), words.end(), *word);
  if (found == words.end()) {
    reader.error(was->value->place,
                 fmt::format("`was` is {}{}", config::listed(words), config::did_you_mean(*word, words)));
    return std::nullopt;
  }
  LaterWord later{.to = *to, .by = *by, .delivery = static_cast<rules::Delivery>(found - words.begin())};
  if (const auto number = section.count("provider", 1, 1000)) later.provider = static_cast<std::uint32_t>(*number - 1);
  return later;
}

std::optional<What> read_provider(Reader& reader, const Entry& entry) {
  Section section{reader, *entry.value, entry.place, std::string{path}};
  if (!section.is_map()) return std::nullopt;
  const std::optional<std::string> channel = section.needed_text("channel");
  const std::uint32_t index = section.count("index", 1, 1000).value_or(1);
  const std::vector<std::string> words = {"work", "fail", "busy", "time_out"};
  const Entry* does = section.need("does");
  if (!channel || does == nullptr) return std::nullopt;
  const std::optional<std::string> word = reader.text(*does->value, does->place, "does");
  if (!word) return std::nullopt;
  const auto found = std::find(words.begin(), words.end(), *word);
  if (found == words.end()) {
    reader.error(does->value->place,
                 fmt::format("`does` is {}{}", config::listed(words), config::did_you_mean(*word, words)));
    return std::nullopt;
  }
  return ProviderChange{
      .channel = *channel, .provider = index - 1, .behaviour = static_cast<Behaviour>(found - words.begin())};
}

std::optional<What> read_what(Reader& reader, const Entry& entry, const ScriptOptions& options) {
  if (entry.key == "alert" || entry.key == "resolved") return read_alert(reader, entry, entry.key == "resolved");
  if (entry.key == "alertmanager") {
    return read_body(reader, entry.place, to_json(*entry.value), rules::ReportForm::webhook);
  }
  if (entry.key == "prometheus") {
    return read_body(reader, entry.place, to_json(*entry.value), rules::ReportForm::api_v2);
  }
  if (entry.key == "pagerduty") return read_pagerduty(reader, entry);
  if (entry.key == "beat") {
    const std::optional<std::string> heartbeat = reader.text(*entry.value, entry.place, entry.key);
    if (!heartbeat) return std::nullopt;
    return BeatCall{.heartbeat = *heartbeat};
  }
  if (entry.key == "alertmanager_file") return read_file(reader, entry, options);
  if (entry.key == "silence" || entry.key == "maintenance") return read_silence(reader, entry, options.start);
  if (entry.key == "expire") return read_expire(reader, entry);
  if (entry.key == "provider") return read_provider(reader, entry);
  if (entry.key == "reply" || entry.key == "key") return read_reply(reader, entry);
  if (entry.key == "delivery") return read_delivery(reader, entry);
  if (entry.key == "test_page") {
    const std::optional<std::string> who = reader.text(*entry.value, entry.place, entry.key);
    if (!who) return std::nullopt;
    return rules::Event{rules::TestPage{.who = *who, .by = "rehearsal"}};
  }
  if (entry.key == "restart") {
    Section section{reader, *entry.value, entry.place, std::string{path}};
    if (!section.is_map()) return std::nullopt;
    return Restart{.down = section.duration("down", Section::Zero::is_fine).value_or(rules::Duration{})};
  }
  if (entry.key == "reload") {
    const std::optional<std::string> file = reader.text(*entry.value, entry.place, entry.key);
    if (!file) return std::nullopt;
    return Reload{.file = *file};
  }
  return read_verb(reader, entry);
}

std::optional<rules::Instant> read_at(Reader& reader, Section& section, const ScriptOptions& options) {
  if (!options.start) {
    const std::optional<rules::Instant> at = read_time(reader, section, "at");
    return at;
  }
  const std::optional<rules::Duration> after = section.duration("at", Section::Zero::is_fine);
  if (!after) return std::nullopt;
  return *options.start + *after;
}

}  // namespace

std::string to_json(const Node& node) {
  switch (node.kind) {
    case NodeKind::null:
      return "null";
    case NodeKind::scalar:
      if (!node.is_quoted && (node.text == "true" || node.text == "false" || node.text == "null")) return node.text;
      if (!node.is_quoted && is_json_number(node.text)) return node.text;
      return boost::json::serialize(node.text);
    case NodeKind::list: {
      std::string text = "[";
      for (const Node* item : node.items) {
        if (text.size() > 1) text += ',';
        text += to_json(*item);
      }
      return text + "]";
    }
    case NodeKind::map: {
      std::string text = "{";
      for (const Entry& entry : node.entries) {
        if (text.size() > 1) text += ',';
        text += boost::json::serialize(entry.key) + ":" + to_json(*entry.value);
      }
      return text + "}";
    }
  }
  return "null";
}

namespace {

rules::Replied reply_of(const World& world, const PersonReplies& said) {
  const std::string channel = said.by.substr(0, said.by.find('.'));
  rules::Replied reply{.channel = channel,
                       .address = said.from,
                       .person = {},
                       .form = said.form,
                       .text = said.text,
                       .about = {},
                       .id = said.id};
  const std::shared_ptr<const rules::Policy>& policy = world.state().policy;
  const rules::Person* const person = policy == nullptr ? nullptr : policy->person(said.from);
  if (person == nullptr) return reply;
  const rules::Contact* const contact = person->contact(said.by);
  if (contact != nullptr) {
    reply.address = contact->address;
  } else {
    reply.person = person->id;  // by a way that they have not configured, but that proves who it is
  }
  return reply;
}

std::optional<rules::DeliveryReported> delivery_of(const rules::State& state, const LaterWord& later) {
  for (auto sent = state.sent.rbegin(); sent != state.sent.rend(); ++sent) {
    if (sent->second.person != later.to || sent->second.contact != later.by) continue;
    return rules::DeliveryReported{.message = sent->first,
                                   .key = sent->second.key,
                                   .delivery = later.delivery,
                                   .detail = "rehearsed",
                                   .provider = later.provider};
  }
  for (auto message = state.messages.rbegin(); message != state.messages.rend(); ++message) {
    if (message->second.person != later.to || message->second.contact != later.by) continue;
    return rules::DeliveryReported{.message = message->first,
                                   .key = message->second.key,
                                   .delivery = later.delivery,
                                   .detail = "rehearsed",
                                   .provider = later.provider};
  }
  return std::nullopt;
}

}  // namespace

std::optional<ScriptEvent> read_event(Reader& reader, const Node& node, const ScriptOptions& options) {
  if (node.kind != NodeKind::map) {
    reader.error(node.place, "an event is a map: { at: 5m, alert: { ... } }");
    return std::nullopt;
  }
  Section section{reader, node, node.place, std::string{path}};
  const std::optional<rules::Instant> at = read_at(reader, section, options);
  if (!at && section.take("at") == nullptr) reader.error(node.place, "an event needs `at`");
  const Entry* found = nullptr;
  for (const std::string& kind : kinds) {
    const Entry* entry = section.take(kind);
    if (entry == nullptr) continue;
    if (found != nullptr) {
      reader.error(entry->place, fmt::format("one event is one thing: `{}` stands beside `{}`", kind, found->key));
    }
    found = entry;
  }
  for (const std::string& kind : later_kinds) {
    if (const Entry* entry = section.take(kind)) {
      reader.error(entry->place, fmt::format("`{}`: nothing acts on this event yet", kind));
      return std::nullopt;
    }
  }
  if (found == nullptr) {
    reader.error(node.place, fmt::format("an event is one of {}", config::listed(kinds)));
    return std::nullopt;
  }
  std::optional<What> what = read_what(reader, *found, options);
  if (!what || !at) return std::nullopt;
  return ScriptEvent{.at = *at, .what = std::move(*what), .place = found->place, .text = found->key};
}

std::optional<std::string> happen(World& world, const ScriptEvent& event, const ScriptOptions& options) {
  if (const auto* told = std::get_if<Told>(&event.what)) {
    rules::ReportsArrived reports = told->reports;
    const rules::Instant at = std::max(event.at, world.now());
    for (rules::Report& report : reports.reports) {
      if (!told->own_times) continue;
      if (report.status == rules::ReportStatus::resolved) {
        if (!report.ends_at) report.ends_at = event.at;
      } else if (!report.starts_at) {
        report.starts_at = event.at;
      }
    }
    world.tell(at, rules::Event{std::move(reports)});
  } else if (const auto* verb = std::get_if<rules::Event>(&event.what)) {
    world.tell(event.at, *verb);
  } else if (const auto* reply = std::get_if<PersonReplies>(&event.what)) {
    world.tell(event.at, rules::Event{reply_of(world, *reply)});
  } else if (const auto* later = std::get_if<LaterWord>(&event.what)) {
    world.advance_to(event.at - rules::Duration{1});
    const std::optional<rules::DeliveryReported> reported = delivery_of(world.state(), *later);
    if (!reported) return fmt::format("no message has left for {} by {}", later->to, later->by);
    world.tell(event.at, rules::Event{*reported});
  } else if (const auto* change = std::get_if<ProviderChange>(&event.what)) {
    world.advance_to(event.at - rules::Duration{1});
    world.behave(change->channel, change->provider, change->behaviour);
  } else if (const auto* restart = std::get_if<Restart>(&event.what)) {
    world.restart(event.at, restart->down);
  } else if (const auto* beat = std::get_if<BeatCall>(&event.what)) {
    const std::shared_ptr<const rules::Policy>& policy = world.state().policy;
    if (policy == nullptr || policy->heartbeat(beat->heartbeat) == nullptr) {
      world.advance_to(event.at);
      return fmt::format("no heartbeat is called {}: the daemon would answer 404", beat->heartbeat);
    }
    world.tell(event.at, rules::Event{rules::Beat{.heartbeat = beat->heartbeat, .source = "rehearsal"}});
  } else if (const auto* silence = std::get_if<SetSilence>(&event.what)) {
    return happen(world, event.at, *silence);
  } else if (const auto* ended = std::get_if<EndSilence>(&event.what)) {
    return happen(world, event.at, *ended);
  } else if (const auto* reload = std::get_if<Reload>(&event.what)) {
    const std::filesystem::path file = std::filesystem::path{options.folder} / reload->file;
    config::Loaded loaded = config::load_file(file);
    if (!loaded) {
      std::string why = fmt::format("{} has errors: nothing changed", file.string());
      for (const config::Problem& problem : loaded.error()) {
        if (problem.severity == config::Severity::error) return why + "; " + problem.message;
      }
      return why;
    }
    auto policy = std::make_shared<rules::Policy>(std::move(loaded->policy));
    policy->hash = codec::hash_of(*policy);
    world.tell(event.at, rules::Event{rules::PolicyLoaded{std::move(policy)}});
  }
  return std::nullopt;
}

}  // namespace rehearse
