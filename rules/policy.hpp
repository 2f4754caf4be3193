// What the configuration says, as plain values: no file, no parser, no secret (secrets stand here by file name only).
// A Policy is built once, is then never changed, and is journaled whole: replay reads no configuration and no tzdata.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "rules/matcher.hpp"
#include "rules/rotation_clock.hpp"
#include "rules/time.hpp"
#include "rules/zone.hpp"

namespace rules {

enum class Urgency : std::uint8_t { none, low, high };  // in rising order

struct Identity {
  std::vector<std::string> ignore_labels{"severity", "prometheus_replica", "__replica__"};  // sorted by the builder
  bool operator==(const Identity&) const = default;
};

struct SeverityScale {
  std::string label{"severity"};
  std::vector<std::string> order{"info", "warning", "critical"};  // rising
  // Position in order; absent or unknown ranks as the highest.
  [[nodiscard]] std::uint8_t rank(std::string_view value) const;
  [[nodiscard]] bool knows(std::string_view value) const;
  bool operator==(const SeverityScale&) const = default;
};

struct Contact {
  std::string name;     // CHANNEL or CHANNEL.NAME: "sms", "voice.home"
  std::string channel;  // "sms", "voice"
  std::string address;  // a number, an address, a URL
  bool operator==(const Contact&) const = default;
};

struct NotifyRule {
  std::string contact;  // a Contact::name of the same person
  Duration after{};
  bool operator==(const NotifyRule&) const = default;
};

struct Person {
  std::string id;
  std::string name;
  std::string timezone;           // names a Policy::zones entry; "" = UTC
  std::vector<Contact> contacts;  // in the order written
  std::vector<NotifyRule> high;   // sorted by `after`, stable; the builder fills in the default (all contacts at once)
  std::vector<NotifyRule> low;    // default: e-mail, else the first contact that is not voice
  [[nodiscard]] const Contact* contact(std::string_view contact_name) const;
  bool operator==(const Person&) const = default;
};

struct Hours {  // a daily span on some weekdays; to <= from passes midnight (it belongs to the day it began)
  std::uint8_t days{0x7F};  // bit 0 = Monday
  std::chrono::minutes from{};
  std::chrono::minutes to{std::chrono::hours{24}};
  bool operator==(const Hours&) const = default;
};

struct Leave {
  std::string person;
  std::chrono::year_month_day from;  // whole days in the rotation's zone, both ends included
  std::chrono::year_month_day to;
  bool operator==(const Leave&) const = default;
};

struct Override {
  LocalTime from;          // inclusive, in the rotation's zone
  LocalTime to;            // exclusive
  std::string replaced;    // `for`
  std::string substitute;  // `take`
  bool operator==(const Override&) const = default;
};

struct Rotation {
  std::string id;
  std::string role;  // "Operations Engineer"; "" = the id
  std::string timezone;
  std::vector<std::string> members;
  LocalTime start{};
  TurnLength turn{1, TurnUnit::weeks};
  std::vector<Hours> hours;  // empty = always
  std::vector<Leave> leave;
  std::vector<Override> overrides;
  bool operator==(const Rotation&) const = default;
};

struct Specialists {
  std::string id;
  std::vector<std::string> members;
  bool operator==(const Specialists&) const = default;
};

enum class TargetKind : std::uint8_t { person, rotation, specialists };
struct Target {
  TargetKind kind{TargetKind::person};
  std::string id;
  bool operator==(const Target&) const = default;
};

struct Step {
  std::vector<Target> targets;
  Duration wait{};
  bool operator==(const Step&) const = default;
};

struct LastResort {
  std::vector<Target> targets;  // empty = the default of the contract
  Duration every{std::chrono::minutes{30}};
  bool operator==(const LastResort&) const = default;
};

struct CallTree {
  std::string id;
  std::vector<Step> steps;  // never empty
  std::uint32_t repeat{1};
  Duration ack_timeout{std::chrono::minutes{30}};  // 0 = never runs out
  LastResort last_resort;
  bool operator==(const CallTree&) const = default;
};

struct Service {
  std::string id;
  std::optional<Target> owner;
  std::vector<std::string> depends_on;
  std::vector<std::string> maintenance;
  std::vector<std::pair<std::string, std::string>> contract;
  bool operator==(const Service&) const = default;
};

// A span of the week in a zone: named by routes (`active`) and by services (`maintenance`).
struct TimeInterval {
  std::string id;
  std::string timezone;  // "" = UTC
  Hours hours;
  bool operator==(const TimeInterval&) const = default;
};

struct Route {
  std::string path;  // of names, else matchers' text, from the root: "root/db"; the incident key is built on it
  std::vector<Matcher> matchers;  // all must match; empty = always
  bool goes_on{false};            // `continue: true`
  std::string call_tree;          // what follows is inherited from the parent, resolved by the builder
  Urgency urgency{Urgency::high};
  std::vector<std::string> active;   // time intervals; empty = always
  Urgency otherwise{Urgency::high};  // the urgency outside of all of them
  bool group_by_all{false};          // '...'
  std::vector<std::string> group_by{"alertname", "service", "cluster"};
  Duration group_wait{};
  std::vector<Route> routes;
  bool operator==(const Route&) const = default;
};

enum class ProviderKind : std::uint8_t { webhook, command, log, twilio, smtp, slack, sip, ntfy, mattermost };
struct Provider {
  ProviderKind kind{ProviderKind::log};
  std::string url;               // webhook: "" = the person's own address
  std::vector<std::string> run;  // command
  Duration timeout{std::chrono::seconds{5}};
  std::string secret_file;                                    // webhook signature
  std::vector<std::pair<std::string, std::string>> settings;  // everything else, as written
  bool operator==(const Provider&) const = default;
};

struct Channel {
  std::string name;                 // "sms", "voice", "email", "slack", "webhook", ...
  std::vector<Provider> providers;  // in order of preference
  bool operator==(const Channel&) const = default;
};

struct Budget {
  std::uint32_t pages{12};
  Duration within{std::chrono::minutes{15}};
  bool operator==(const Budget&) const = default;
};

// Where outages and updates are told to the company.
struct Publication {
  std::string channel;  // whose providers carry it: "slack", "email"
  std::string address;  // a Slack channel, an address
  bool operator==(const Publication&) const = default;
};

// The text of one channel's messages, in place of the built-in one: a mustache template.
struct Template {
  std::string channel;  // "sms", "voice", "email", "email_html", "slack", ...
  std::string text;
  bool operator==(const Template&) const = default;
};

// Proof that people can be reached: a test page to every contact of everybody.
struct TestPages {
  Duration every{};                                 // 0 = never by itself
  std::chrono::minutes at{std::chrono::hours{10}};  // on a weekday, in the person's zone
  bool operator==(const TestPages&) const = default;
};

// An alert that matches `source` keeps those that match `target` from paging, when both have all labels of `equal`
// with the same values.
struct InhibitRule {
  std::string id;
  std::vector<Matcher> source;
  std::vector<Matcher> target;
  std::vector<std::string> equal;
  bool operator==(const InhibitRule&) const = default;
};

// A signal that must keep coming: an alert that matches, or a call by HTTP when there are no matchers.
struct Heartbeat {
  std::string id;
  std::vector<Matcher> matchers;
  Duration every{};
  Duration grace{std::chrono::minutes{1}};
  std::string call_tree;  // the builder fills in the root route's
  std::string source;     // the sender whose alerts become unconfirmed when it is missed; "" = none
  bool operator==(const Heartbeat&) const = default;
};

// How foreign JSON becomes alerts: JSON pointers (RFC 6901) into the body or into each item of it.
struct FieldMap {
  std::string each;  // the list of alerts in the body; "" = the body is one alert
  std::vector<std::pair<std::string, std::string>> labels;       // name, pointer
  std::vector<std::pair<std::string, std::string>> annotations;  // name, pointer
  std::vector<std::pair<std::string, std::string>> constants;    // label, value
  std::string status;                                            // pointer; "" = every alert fires
  std::vector<std::string> firing;
  std::vector<std::string> resolved;
  std::string starts_at;  // pointers; "" = absent
  std::string ends_at;
  bool operator==(const FieldMap&) const = default;
};

// A sender that rouse knows more of than its reports.
struct SourceSettings {
  std::string id;
  std::string alertmanager;  // its URL, asked for what it thinks; "" = never asked
  Duration every{std::chrono::minutes{1}};
  std::optional<FieldMap> map;                                 // of POST /v1/alerts/ID
  std::vector<std::pair<std::string, std::string>> signature;  // of Grafana's webhook: settings as written
  bool operator==(const SourceSettings&) const = default;
};

struct Flapping {
  std::uint32_t changes{4};
  Duration within{std::chrono::minutes{10}};
  Duration calm{std::chrono::minutes{10}};
  bool operator==(const Flapping&) const = default;
};

struct StormLimits {
  std::uint32_t incidents{20};
  Duration within{std::chrono::minutes{1}};
  std::uint32_t until_incidents{5};
  Duration until_within{std::chrono::minutes{5}};
  bool operator==(const StormLimits&) const = default;
};

struct Correlation {
  Duration reopen_within{std::chrono::minutes{10}};
  Duration hold{std::chrono::seconds{30}};
  Duration recovery_grace{std::chrono::minutes{2}};
  Duration startup_grace{std::chrono::seconds{30}};
  Flapping flapping;
  StormLimits storm;
  bool operator==(const Correlation&) const = default;
};

struct Policy {
  Identity identity;
  SeverityScale severity;
  std::vector<Person> people;  // each list sorted by id; look-ups below
  std::vector<Rotation> rotations;
  std::vector<Specialists> specialists;
  std::vector<CallTree> call_trees;
  std::vector<Service> services;
  std::string service_label{"service"};
  Route route;
  Correlation correlation;
  std::vector<Channel> channels;
  Budget budget;
  std::vector<Zone> zones;                   // every zone that is named above, sorted by name
  std::string public_url;                    // for links; "" = none
  std::vector<TimeInterval> time_intervals;  // these four sorted by id, but inhibit_rules, which stand as written
  std::vector<InhibitRule> inhibit_rules;
  std::vector<Heartbeat> heartbeats;
  std::vector<SourceSettings> sources;
  std::vector<Publication> publish;
  std::vector<Template> templates;  // sorted by channel
  TestPages test_pages;
  std::uint64_t hash{};  // of everything above, by its encoded bytes; set by whoever builds the policy

  [[nodiscard]] const Person* person(std::string_view id) const;
  [[nodiscard]] const Rotation* rotation(std::string_view id) const;
  [[nodiscard]] const Specialists* specialist_group(std::string_view id) const;
  [[nodiscard]] const CallTree* call_tree(std::string_view id) const;
  [[nodiscard]] const Service* service(std::string_view id) const;
  [[nodiscard]] const Channel* channel(std::string_view name) const;
  [[nodiscard]] const TimeInterval* time_interval(std::string_view id) const;
  [[nodiscard]] const Heartbeat* heartbeat(std::string_view id) const;
  [[nodiscard]] const SourceSettings* source(std::string_view id) const;
  [[nodiscard]] const Zone& zone(std::string_view name) const;            // UTC when it is not there
  [[nodiscard]] std::optional<Target> target(std::string_view id) const;  // person, rotation or specialists by name
  bool operator==(const Policy&) const = default;
};

// Stands for an Identity in Report::keyed_for; never 0.
[[nodiscard]] std::uint64_t identity_of(const Identity& identity);

}  // namespace rules
