// Bytes that were written once and must be readable for ever; see golden/README.md.
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <set>

#include <gtest/gtest.h>

#include "rules/codec/codec.hpp"
#include "rules/zone.hpp"
#include "tests/rules/codec/same.hpp"

namespace codec {
namespace {

using namespace std::chrono_literals;

// 2: correlation; 3: replies and what becomes of pages; 4: whose word a delivery report is
constexpr int newest_generation = 4;

std::filesystem::path folder_of(int generation) {
  return std::filesystem::path{ROUSE_SOURCE_DIR} / "tests/rules/codec/golden" / std::to_string(generation);
}

std::string read_file(const std::filesystem::path& path) {
  std::ifstream file{path, std::ios::binary};
  return {std::istreambuf_iterator<char>{file}, {}};
}

constexpr rules::Instant noon{std::chrono::sys_days{std::chrono::year{2026} / 3 / 4} + std::chrono::hours{12}};

rules::Report report() {
  rules::Report report;
  report.status = rules::ReportStatus::resolved;
  report.labels = rules::Labels{{{"alertname", "InstanceDown"}, {"instance", "höst-1:9100"}, {"severity", "critical"}}};
  report.annotations = rules::Labels{{{"summary", "It is down"}}};
  report.starts_at = noon - 5min;
  report.ends_at = noon;
  report.generator_url = "http://prometheus.example.org/graph";
  report.key = {0x0123'4567'89AB'CDEF, 0xFEDC'BA98'7654'3210};
  report.keyed_for = 0x1122'3344'5566'7788;
  return report;
}

rules::Policy policy(int generation) {
  rules::Policy policy;
  policy.identity.ignore_labels = {"replica"};
  policy.severity.order = {"warning", "critical"};
  policy.people.push_back({"asha",
                           "Asha",
                           "America/Vancouver",
                           {{"sms", "sms", "+15550100"}, {"voice.home", "voice", "+15550101"}},
                           {{"sms", 0s}, {"voice.home", 2min}},
                           {{"sms", 0s}}});
  rules::Rotation rotation;
  rotation.id = "operations";
  rotation.role = "Operations Engineer";
  rotation.timezone = "America/Vancouver";
  rotation.members = {"asha"};
  rotation.start = rules::LocalTime{1'767'261'600s};
  rotation.turn = {2, rules::TurnUnit::weeks};
  rotation.hours = {{0x1F, 9h, 17h}};
  rotation.leave = {{"asha", std::chrono::year{2026} / 12 / 24, std::chrono::year{2027} / 1 / 2}};
  rotation.overrides = {{rules::LocalTime{1'767'300'000s}, rules::LocalTime{1'767'303'600s}, "asha", "ben"}};
  policy.rotations.push_back(rotation);
  policy.specialists.push_back({"database", {"asha"}});
  rules::CallTree tree;
  tree.id = "main";
  tree.steps.push_back({{{rules::TargetKind::rotation, "operations"}, {rules::TargetKind::person, "asha"}}, 5min});
  tree.repeat = 3;
  tree.ack_timeout = 0s;
  tree.last_resort = {{{rules::TargetKind::specialists, "database"}}, 20min};
  policy.call_trees.push_back(tree);
  policy.services.push_back({"payments",
                             rules::Target{rules::TargetKind::rotation, "operations"},
                             {"database"},
                             {"sundays"},
                             {{"tier", "gold"}, {"phone", ""}}});
  policy.service_label = "svc";
  policy.route.path = "root";
  policy.route.call_tree = "main";
  rules::Route child;
  child.path = "root/payments";
  child.matchers = {rules::Matcher::make("svc", rules::MatchOperator::matches, "pay.*").value(),
                    rules::Matcher::make("env", rules::MatchOperator::not_equal, "test").value()};
  child.goes_on = true;
  child.call_tree = "main";
  child.urgency = rules::Urgency::low;
  child.group_by_all = true;
  child.group_by = {};
  child.group_wait = 30s;
  policy.route.routes.push_back(child);
  policy.correlation = {1min, 2min, 3min, 4min};
  policy.channels.push_back({"sms",
                             {{rules::ProviderKind::twilio, "", {}, 5s, "/etc/rouse/secret", {{"from", "+15550199"}}},
                              {rules::ProviderKind::command, "", {"/usr/bin/sms", "-q"}, 10s, "", {}}}});
  policy.budget = {20, 10min};
  using DayKind = rules::ZoneRuleDay::Kind;
  policy.zones.push_back({"America/Vancouver",
                          {{-28'800, false, "PST"}, {-25'200, true, "PDT"}},
                          {{1'772'964'000, 1}, {1'793'523'600, 0}},
                          rules::ZoneRule{{-28'800, false, "PST"},
                                          true,
                                          {-25'200, true, "PDT"},
                                          {DayKind::month_week_day, 3, 2, 0, 7200},
                                          {DayKind::month_week_day, 11, 1, 0, 7200}}});
  policy.public_url = "https://pager.example.org";
  policy.hash = 0x0102'0304'0506'0708;
  if (generation < 2) return policy;
  policy.time_intervals.push_back({"sundays", "America/Vancouver", {0x40, 22h, 2h}});
  policy.inhibit_rules.push_back({"cluster", child.matchers, {child.matchers[0]}, {"cluster", "region"}});
  policy.heartbeats.push_back({"eu", {child.matchers[0]}, 1min, 2min, "main", "am-1"});
  rules::FieldMap map;
  map.each = "/items";
  map.labels = {{"alertname", "/rule"}};
  map.constants = {{"site", "fra1"}};
  map.status = "/state";
  map.firing = {"bad"};
  policy.sources.push_back({"shop", "http://am.example.org", 30s, map, {}});
  policy.correlation.flapping = {5, 6min, 7min};
  policy.correlation.storm = {30, 2min, 6, 8min};
  policy.route.routes[0].active = {"sundays"};
  policy.route.routes[0].otherwise = rules::Urgency::none;
  if (generation < 3) return policy;
  policy.publish.push_back({"slack", "C0OUTAGE"});
  policy.templates.push_back({"sms", "{{summary}}"});
  policy.test_pages = {720h, 9h};
  return policy;
}

std::map<std::string, rules::Event> events(int generation) {
  const rules::IncidentId incident{4711};
  std::map<std::string, rules::Event> events{
      {"policy-loaded", rules::PolicyLoaded{std::make_shared<const rules::Policy>(policy(generation))}},
      {"started", rules::Started{3}},
      {"reports-arrived", rules::ReportsArrived{"am-1", rules::ReportForm::api_v2, {report(), {}}, 2}},
      {"acknowledge", rules::Acknowledge{incident, "asha"}},
      {"escalate", rules::Escalate{incident, "asha"}},
      {"snooze", rules::Snooze{incident, "asha", 90min}},
      {"call-in", rules::CallIn{incident, "asha", "database"}},
      {"resolve", rules::Resolve{incident, "asha"}},
      {"note", rules::Note{incident, "asha", "disk swapped"}},
      {"send-ended", rules::SendEnded{rules::MessageId{12}, 1, rules::SendOutcome::unanswered, "timeout"}},
      {"clock-reached", rules::ClockReached{noon}},
      {"clock-stepped", rules::ClockStepped{-1500ms}},
  };
  if (generation < 2) return events;
  const std::vector<rules::Matcher> matchers{rules::Matcher::make("svc", rules::MatchOperator::equal, "pay").value()};
  events["reconciled"] =
      rules::Reconciled{"am-1", {{report(), rules::ListedState::suppressed, {"rouse"}}}, 250ms, 90min};
  events["sender-acknowledged"] = rules::SenderAcknowledged{"pd", {"a1b2"}, "their operator"};
  events["batch-refused"] = rules::BatchRefused{"am-1", 413, "larger than 64 MiB"};
  events["beat"] = rules::Beat{"eu", "cron-1"};
  events["silence-set"] =
      rules::SilenceSet{"", rules::SilenceKind::maintenance, matchers, noon, noon + 2h, "asha", "new disks"};
  events["silence-expired"] = rules::SilenceExpired{"0a1b", "asha"};
  if (generation < 3) return events;
  rules::DeliveryReported reported{rules::MessageId{12}, "0123abcd", rules::Delivery::unheard, "busy"};
  if (generation >= 4) reported.provider = 1;
  events["delivery-reported"] = reported;
  events["replied"] =
      rules::Replied{"sms", "+15550100", "", rules::ReplyForm::key, "4", rules::MessageId{12}, "SM0123"};
  events["update"] = rules::Update{incident, "asha", "half of the orders fail"};
  events["follow"] = rules::Follow{incident, "asha", false};
  events["test-page"] = rules::TestPage{"asha", "ben"};
  return events;
}

std::vector<StampedEvent> batch() {
  return {{{noon, noon - 3s}, events(1).at("acknowledge")}, {{noon + 1ms, noon - 3s}, events(1).at("clock-reached")}};
}

// One incident, one alert, one page on its way, one person being called.
rules::State state(int generation) {
  rules::State state;
  for (std::uint8_t& byte : state.store) byte = static_cast<std::uint8_t>(&byte - state.store.data());
  state.seed = 0xA1A2'A3A4'A5A6'A7A8;
  state.run = 3;
  state.policy = std::make_shared<const rules::Policy>(policy(generation));
  state.identity = 0xB1B2'B3B4'B5B6'B7B8;
  state.last = {noon, noon - 3s};
  state.started_at = noon - 1h;
  state.last_incident = 4711;
  state.last_episode = 90;
  state.last_page = 31;
  state.last_message = 12;

  const rules::EpisodeId episode_id{90};
  rules::Episode& episode = state.episodes[episode_id];
  episode.id = episode_id;
  episode.key = report().key;
  episode.incidents = {rules::IncidentId{4711}};
  episode.reports = 17;
  episode.open = true;
  rules::Variant& variant = episode.variants.emplace_back();
  variant.fingerprint = fingerprint_of(report().labels);
  variant.labels = state.dictionary.hold(report().labels);
  variant.annotations = report().annotations;
  variant.firing = true;
  variant.severity = 1;
  variant.starts_at = noon - 5min;
  variant.first_seen = noon - 4min;
  variant.refreshed_at = noon - 1min;
  variant.source = state.dictionary.hold("am-1");
  variant.expires_at = noon + 3min;
  variant.expiry_due = noon + 3min;
  state.open_episodes[episode.key] = &episode;

  const rules::IncidentId incident_id{4711};
  rules::Incident& incident = state.incidents[incident_id];
  incident.id = incident_id;
  incident.uid = "01JXAMPLE0000000000000000A";
  incident.key = {7, 8};
  incident.keyed = true;
  incident.route = "root/payments";
  incident.call_tree = "main";
  incident.urgency = rules::Urgency::high;
  incident.severity = 1;
  incident.severity_text = "critical";
  incident.service = "payments";
  incident.summary = "InstanceDown: it is down";
  incident.opened_at = noon - 4min;
  incident.triggered_at = noon - 4min;
  incident.firing = 1;
  incident.episodes = {episode_id};
  incident.climb.phase = rules::ClimbPhase::climbing;
  incident.climb.entry = 1;
  incident.climb.step_people = {"asha"};
  incident.climb.step_targets = {{rules::TargetKind::rotation, "operations"}};
  incident.climb.wait_until = noon + 1min;
  incident.climb.wait =
      state.deadlines.arm(incident.climb.wait_until, rules::DeadlineKind::step_wait, incident_id.value, 0);
  rules::Call& call = incident.climb.calls.emplace_back();
  call.person = "asha";
  call.step = 1;
  call.round = 1;
  call.started = noon - 4min;
  call.because = "on call for operations (Operations Engineer)";
  call.rules = policy(generation).people[0].high;
  call.next_rule = 1;
  call.rule_deadline = state.deadlines.arm(noon - 2min, rules::DeadlineKind::personal_rule, incident_id.value, 0);
  call.open_pages = 1;
  incident.pages.push_back({rules::PageId{31},
                            "asha",
                            "sms",
                            rules::PageReason::first,
                            1,
                            1,
                            noon - 4min,
                            noon - 3min,
                            {},
                            rules::PageState::under_way,
                            false});
  incident.paged = {{"asha", "sms"}};
  incident.timeline = {{noon - 4min, rules::ReasonKind::opened, "root/payments", "svc=payments"},
                       {noon - 3min, rules::ReasonKind::page_left, "asha by sms", "first"}};
  state.incident_by_key[incident.key] = incident_id;
  state.resolved = {rules::IncidentId{4700}};

  rules::KnownEnd& end = state.known_ends[{1, 2}];
  end.ends_at = noon - 30s;
  end.arrived_at = noon - 20s;
  end.deadline = state.deadlines.arm(noon + 100s, rules::DeadlineKind::set_aside, 5, 6);
  end.set_aside = std::make_shared<const rules::SetAside>(
      rules::SetAside{.report = report(), .source = "am-1", .form = rules::ReportForm::api_v2});

  state.sources["am-1"] = {noon - 1min, 40, {noon - 2min, noon - 1min}};
  rules::Page& page = state.pages[rules::PageId{31}];
  page.id = rules::PageId{31};
  page.incident = incident_id;
  page.person = "asha";
  page.contact = "sms";
  page.queued_at = noon - 4min;
  page.first = true;
  page.message = rules::MessageId{12};
  rules::Message& message = state.messages[rules::MessageId{12}];
  message.id = rules::MessageId{12};
  message.key = "k-12";
  message.person = "asha";
  message.contact = "sms";
  message.channel = "sms";
  message.address = "+15550100";
  message.composed_at = noon - 3min;
  message.waiting_since = noon - 4min;
  message.pages = {rules::PageId{31}};
  rules::PageFacts& facts = message.page_facts.emplace_back();
  facts.id = rules::PageId{31};
  facts.step = 1;
  facts.round = 1;
  facts.because = call.because;
  facts.incident.id = incident_id;
  facts.incident.uid = incident.uid;
  facts.incident.summary = incident.summary;
  facts.incident.firing = 1;
  rules::NoticeFacts& notice = message.notice_facts.emplace_back();
  notice.kind = rules::NoticeKind::ended;
  notice.by = "ben";
  rules::ContactQueue& queue = state.contacts[{"asha", "sms"}];
  queue.pages = {rules::PageId{32}};
  queue.notices.push_back({incident_id, rules::NoticeKind::acknowledged, "ben", noon});
  queue.sent = {noon - 3min};
  queue.last_sent = noon - 3min;
  queue.ever_sent = true;
  queue.flush_at = noon + 1s;
  queue.flush = state.deadlines.arm(queue.flush_at, rules::DeadlineKind::desk_flush, 1, 0);
  state.counters.events = 1000;
  state.counters.alerts_by_source["am-1"] = {30, 10};
  state.counters.pages[{"sms", "accepted"}] = 5;
  if (generation < 2) return state;
  episode.opened_at = noon - 4min;
  episode.native_key = "a1b2";
  const rules::HoldName silenced{rules::HoldKind::silence, "0a1b", {}};
  episode.holds = {{silenced, rules::Urgency::high, std::nullopt},
                   {{rules::HoldKind::parent, "database", rules::IncidentId{4700}}, rules::Urgency::high, noon + 1h}};
  incident.began_at = noon - 4min;
  incident.held_by = {{silenced, 1}};
  incident.told_holds = {silenced};
  incident.sources = {"am-1", "am-2"};
  incident.storm = "main";
  rules::Silence& silence = state.silences["0a1b"];
  silence.id = "0a1b";
  silence.matchers = {rules::Matcher::make("svc", rules::MatchOperator::equal, "pay").value()};
  silence.from = noon - 1h;
  silence.to = noon + 1h;
  silence.by = "asha";
  silence.comment = "new disks";
  silence.active = true;
  state.calendar = state.deadlines.arm(noon + 1h, rules::DeadlineKind::calendar, 0, 0);
  rules::Flaps& flaps = state.flaps[report().key];
  flaps.changes = {noon - 4min, noon - 3min};
  flaps.episode = episode_id;
  flaps.deadline = state.deadlines.arm(noon + 6min, rules::DeadlineKind::flap_calm, report().key.high, 0);
  rules::Storm& storm = state.storms["main"];
  storm.starts = {{noon - 4min, incident_id}};
  storm.incident = rules::IncidentId{4709};
  storm.folding = true;
  storm.members = {incident_id};
  storm.alertnames = {"InstanceDown"};
  state.heartbeats["eu"] = {noon - 1h, noon - 1min, {}, rules::EpisodeId{}};
  state.recovering["database"] = {noon + 2min, rules::IncidentId{4700}};
  state.last_silence = 1;
  if (generation < 3) return state;
  incident.threads = {{"asha", "sms", 1, "SM0123"}};
  incident.followers = {"ben"};
  incident.published = true;
  incident.last_time = noon - 24h;
  incident.description = "the instance does not answer";
  incident.runbook = "https://runbooks.example.org/down";
  incident.where = "cluster=eu";
  rules::SentMessage& sent = state.sent[rules::MessageId{11}];
  sent.key = "0123abcd";
  sent.person = "asha";
  sent.contact = "sms";
  sent.channel = "sms";
  sent.at = noon - 3min;
  sent.delivered = true;
  rules::Correspondence& said = state.correspondence["asha"];
  said.numbers = {{1, incident_id, std::nullopt}, {2, rules::IncidentId{4700}, noon + 24h}};
  said.latest = rules::MessageId{11};
  said.not_understood = 2;
  said.heard_ids = {"SM0122"};
  rules::Reachability& reachable = state.reachability[{"asha", "sms"}];
  reachable.pages = 5;
  reachable.tests = 1;
  reachable.last_failed = noon - 2h;
  reachable.failure = "unreachable destination";
  reachable.works = false;
  state.tested["asha"] = noon - 24h;
  if (generation < 4) return state;
  queue.notices.push_back({{}, rules::NoticeKind::turn_at_risk, "ben", noon, "", "primary", noon + 20h});
  state.doubts[{"asha", "sms"}] = {noon - 3h, noon - 2h, {{"primary", noon + 20h, noon + 44h}}};
  state.turn_look = state.deadlines.arm(noon + 20h, rules::DeadlineKind::shift_boundary, 0, 0);
  state.counters.turns_at_risk = 1;
  state.fired_at = noon - 1min;
  return state;
}

// Name and bytes of everything that has a golden file, as today's encoder writes it.
std::map<std::string, std::string> written_today() {
  std::map<std::string, std::string> written;
  for (const auto& [name, event] : events(newest_generation)) written["event-" + name + ".bin"] = encode(event);
  written["batch.bin"] = encode_batch(batch());
  written["policy.bin"] = encode_policy(policy(newest_generation));
  written["state.bin"] = encode_state(state(newest_generation));
  return written;
}

TEST(GoldenFiles, OfTheNewestGenerationAreWhatIsWrittenToday) {
  const bool is_made_anew = std::getenv("ROUSE_WRITE_GOLDEN") != nullptr;
  const std::filesystem::path folder = folder_of(newest_generation);
  for (const auto& [name, bytes] : written_today()) {
    if (is_made_anew) {
      std::filesystem::create_directories(folder);
      std::ofstream{folder / name, std::ios::binary} << bytes;
    }
    EXPECT_EQ(read_file(folder / name), bytes) << name << ": see golden/README.md";
  }
}

TEST(GoldenFiles, OfEveryGenerationAreReadAsWhatTheyWereWrittenFrom) {
  for (int generation = 1; generation <= newest_generation; ++generation) {
    const std::filesystem::path folder = folder_of(generation);
    SCOPED_TRACE(folder.string());
    for (const auto& [name, event] : events(generation)) {
      const auto decoded = decode_event(read_file(folder / ("event-" + name + ".bin")));
      ASSERT_TRUE(decoded) << name << ": " << decoded.error();
      EXPECT_TRUE(Same{}(*decoded, event)) << name;
    }

    const auto decoded_batch = decode_batch(read_file(folder / "batch.bin"));
    ASSERT_TRUE(decoded_batch) << decoded_batch.error();
    ASSERT_EQ(decoded_batch->size(), batch().size());
    for (std::size_t index = 0; index < decoded_batch->size(); ++index) {
      EXPECT_EQ((*decoded_batch)[index].stamp, batch()[index].stamp);
      EXPECT_TRUE(Same{}((*decoded_batch)[index].event, batch()[index].event));
    }

    const auto decoded_policy = decode_policy(read_file(folder / "policy.bin"));
    ASSERT_TRUE(decoded_policy) << decoded_policy.error();
    EXPECT_EQ(*decoded_policy, policy(generation));

    const auto decoded_state = decode_state(read_file(folder / "state.bin"));
    ASSERT_TRUE(decoded_state) << decoded_state.error();
    const rules::State expected = state(generation);
    EXPECT_TRUE((Same{*decoded_state, expected}(*decoded_state, expected)));
    EXPECT_EQ(decoded_state->open_episodes.at(report().key)->id, rules::EpisodeId{90});
    EXPECT_EQ(decoded_state->incident_by_key.at({7, 8}), rules::IncidentId{4711});
  }
}

TEST(GoldenFiles, HaveOneForEachEvent) {
  std::set<std::size_t> alternatives;
  for (const auto& [name, event] : events(newest_generation)) alternatives.insert(event.index());
  EXPECT_EQ(alternatives.size(), std::variant_size_v<rules::Event>);
}

}  // namespace
}  // namespace codec
