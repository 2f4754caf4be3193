// What is written of each type: one list a type, used for writing and for reading.
//
// To add a field: add it to the struct, and here with the next free number. Older bytes then read with the default of
// the struct. A field that is zero or empty, and by default is, too, is not written at all.
// To remove one: remove it here and leave a comment with its number, which must never come back with another meaning.
// To change what a field means: give it a new number. The numbers of enumerators are in the bytes, too: add at the end.
// A new event: a list, and a line in number_of_alternative. What is missing here does not compile.
//
// Numbers up to 15 take one byte.
#pragma once

#include "rules/codec/field.hpp"
#include "rules/effect.hpp"
#include "rules/event.hpp"
#include "rules/state.hpp"

namespace codec {

// Policy

template <>
struct Listing<rules::Identity> {
  using T = rules::Identity;
  static constexpr std::tuple fields{field<1>(&T::ignore_labels)};
};

template <>
struct Listing<rules::SeverityScale> {
  using T = rules::SeverityScale;
  static constexpr std::tuple fields{field<1>(&T::label), field<2>(&T::order)};
};

template <>
struct Listing<rules::Contact> {
  using T = rules::Contact;
  static constexpr std::tuple fields{field<1>(&T::name), field<2>(&T::channel), field<3>(&T::address)};
};

template <>
struct Listing<rules::NotifyRule> {
  using T = rules::NotifyRule;
  static constexpr std::tuple fields{field<1>(&T::contact), field<2>(&T::after)};
};

template <>
struct Listing<rules::Person> {
  using T = rules::Person;
  static constexpr std::tuple fields{field<1>(&T::id),
                                     field<2>(&T::name),
                                     field<3>(&T::timezone),
                                     field<4>(&T::contacts),
                                     field<5>(&T::high),
                                     field<6>(&T::low)};
};

template <>
struct Listing<rules::Hours> {
  using T = rules::Hours;
  static constexpr std::tuple fields{field<1>(&T::days), field<2>(&T::from), field<3>(&T::to)};
};

template <>
struct Listing<rules::Leave> {
  using T = rules::Leave;
  static constexpr std::tuple fields{field<1>(&T::person), field<2>(&T::from), field<3>(&T::to)};
};

template <>
struct Listing<rules::Override> {
  using T = rules::Override;
  static constexpr std::tuple fields{
      field<1>(&T::from), field<2>(&T::to), field<3>(&T::replaced), field<4>(&T::substitute)};
};

template <>
struct Listing<rules::TurnLength> {
  using T = rules::TurnLength;
  static constexpr std::tuple fields{field<1>(&T::count), field<2>(&T::unit)};
};

template <>
struct Listing<rules::Rotation> {
  using T = rules::Rotation;
  static constexpr std::tuple fields{field<1>(&T::id),
                                     field<2>(&T::role),
                                     field<3>(&T::timezone),
                                     field<4>(&T::members),
                                     field<5>(&T::start),
                                     field<6>(&T::turn),
                                     field<7>(&T::hours),
                                     field<8>(&T::leave),
                                     field<9>(&T::overrides)};
};

template <>
struct Listing<rules::Specialists> {
  using T = rules::Specialists;
  static constexpr std::tuple fields{field<1>(&T::id), field<2>(&T::members)};
};

template <>
struct Listing<rules::Target> {
  using T = rules::Target;
  static constexpr std::tuple fields{field<1>(&T::kind), field<2>(&T::id)};
};

template <>
struct Listing<rules::Step> {
  using T = rules::Step;
  static constexpr std::tuple fields{field<1>(&T::targets), field<2>(&T::wait)};
};

template <>
struct Listing<rules::LastResort> {
  using T = rules::LastResort;
  static constexpr std::tuple fields{field<1>(&T::targets), field<2>(&T::every)};
};

template <>
struct Listing<rules::CallTree> {
  using T = rules::CallTree;
  static constexpr std::tuple fields{field<1>(&T::id),
                                     field<2>(&T::steps),
                                     field<3>(&T::repeat),
                                     field<4>(&T::ack_timeout),
                                     field<5>(&T::last_resort)};
};

template <>
struct Listing<rules::Service> {
  using T = rules::Service;
  static constexpr std::tuple fields{field<1>(&T::id),
                                     field<2>(&T::owner),
                                     field<3>(&T::depends_on),
                                     field<4>(&T::maintenance),
                                     field<5>(&T::contract)};
};

template <>
struct Listing<rules::TimeInterval> {
  using T = rules::TimeInterval;
  static constexpr std::tuple fields{field<1>(&T::id), field<2>(&T::timezone), field<3>(&T::hours)};
};

template <>
struct Listing<rules::Route> {
  using T = rules::Route;
  static constexpr std::tuple fields{field<1>(&T::path),
                                     field<2>(&T::matchers),
                                     field<3>(&T::goes_on),
                                     field<4>(&T::call_tree),
                                     field<5>(&T::urgency),
                                     field<6>(&T::group_by_all),
                                     field<7>(&T::group_by),
                                     field<8>(&T::group_wait),
                                     field<9>(&T::routes),
                                     field<10>(&T::active),
                                     field<11>(&T::otherwise)};
};

template <>
struct Listing<rules::Provider> {
  using T = rules::Provider;
  static constexpr std::tuple fields{field<1>(&T::kind),
                                     field<2>(&T::url),
                                     field<3>(&T::run),
                                     field<4>(&T::timeout),
                                     field<5>(&T::secret_file),
                                     field<6>(&T::settings)};
};

template <>
struct Listing<rules::Channel> {
  using T = rules::Channel;
  static constexpr std::tuple fields{field<1>(&T::name), field<2>(&T::providers)};
};

template <>
struct Listing<rules::Budget> {
  using T = rules::Budget;
  static constexpr std::tuple fields{field<1>(&T::pages), field<2>(&T::within)};
};

template <>
struct Listing<rules::InhibitRule> {
  using T = rules::InhibitRule;
  static constexpr std::tuple fields{field<1>(&T::id), field<2>(&T::source), field<3>(&T::target), field<4>(&T::equal)};
};

template <>
struct Listing<rules::Heartbeat> {
  using T = rules::Heartbeat;
  static constexpr std::tuple fields{field<1>(&T::id),
                                     field<2>(&T::matchers),
                                     field<3>(&T::every),
                                     field<4>(&T::grace),
                                     field<5>(&T::call_tree),
                                     field<6>(&T::source)};
};

template <>
struct Listing<rules::FieldMap> {
  using T = rules::FieldMap;
  static constexpr std::tuple fields{field<1>(&T::each),
                                     field<2>(&T::labels),
                                     field<3>(&T::annotations),
                                     field<4>(&T::constants),
                                     field<5>(&T::status),
                                     field<6>(&T::firing),
                                     field<7>(&T::resolved),
                                     field<8>(&T::starts_at),
                                     field<9>(&T::ends_at)};
};

template <>
struct Listing<rules::SourceSettings> {
  using T = rules::SourceSettings;
  static constexpr std::tuple fields{
      field<1>(&T::id), field<2>(&T::alertmanager), field<3>(&T::every), field<4>(&T::map), field<5>(&T::signature)};
};

template <>
struct Listing<rules::Flapping> {
  using T = rules::Flapping;
  static constexpr std::tuple fields{field<1>(&T::changes), field<2>(&T::within), field<3>(&T::calm)};
};

template <>
struct Listing<rules::StormLimits> {
  using T = rules::StormLimits;
  static constexpr std::tuple fields{
      field<1>(&T::incidents), field<2>(&T::within), field<3>(&T::until_incidents), field<4>(&T::until_within)};
};

template <>
struct Listing<rules::Correlation> {
  using T = rules::Correlation;
  static constexpr std::tuple fields{field<1>(&T::reopen_within),
                                     field<2>(&T::hold),
                                     field<3>(&T::recovery_grace),
                                     field<4>(&T::startup_grace),
                                     field<5>(&T::flapping),
                                     field<6>(&T::storm)};
};

template <>
struct Listing<rules::ZoneOffset> {
  using T = rules::ZoneOffset;
  static constexpr std::tuple fields{field<1>(&T::seconds), field<2>(&T::is_dst), field<3>(&T::abbreviation)};
};

template <>
struct Listing<rules::ZoneTransition> {
  using T = rules::ZoneTransition;
  static constexpr std::tuple fields{field<1>(&T::at), field<2>(&T::offset)};
};

template <>
struct Listing<rules::ZoneRuleDay> {
  using T = rules::ZoneRuleDay;
  static constexpr std::tuple fields{
      field<1>(&T::kind), field<2>(&T::month), field<3>(&T::week), field<4>(&T::day), field<5>(&T::seconds)};
};

template <>
struct Listing<rules::ZoneRule> {
  using T = rules::ZoneRule;
  static constexpr std::tuple fields{field<1>(&T::standard),
                                     field<2>(&T::has_daylight),
                                     field<3>(&T::daylight),
                                     field<4>(&T::daylight_starts),
                                     field<5>(&T::daylight_ends)};
};

template <>
struct Listing<rules::Zone> {
  using T = rules::Zone;
  static constexpr std::tuple fields{
      field<1>(&T::name), field<2>(&T::offsets), field<3>(&T::transitions), field<4>(&T::rule)};
};

template <>
struct Listing<rules::Publication> {
  using T = rules::Publication;
  static constexpr std::tuple fields{field<1>(&T::channel), field<2>(&T::address)};
};

template <>
struct Listing<rules::Template> {
  using T = rules::Template;
  static constexpr std::tuple fields{field<1>(&T::channel), field<2>(&T::text)};
};

template <>
struct Listing<rules::TestPages> {
  using T = rules::TestPages;
  static constexpr std::tuple fields{field<1>(&T::every), field<2>(&T::at)};
};

template <>
struct Listing<rules::Policy> {
  using T = rules::Policy;
  static constexpr std::tuple fields{
      field<1>(&T::identity),       field<2>(&T::severity),     field<3>(&T::people),     field<4>(&T::rotations),
      field<5>(&T::specialists),    field<6>(&T::call_trees),   field<7>(&T::services),   field<8>(&T::service_label),
      field<9>(&T::route),          field<10>(&T::correlation), field<11>(&T::channels),  field<12>(&T::budget),
      field<13>(&T::zones),         field<14>(&T::public_url),  hash_field<15>(&T::hash), field<16>(&T::time_intervals),
      field<17>(&T::inhibit_rules), field<18>(&T::heartbeats),  field<19>(&T::sources),   field<20>(&T::publish),
      field<21>(&T::templates),     field<22>(&T::test_pages)};
};

// Events

template <>
struct Listing<rules::Report> {
  using T = rules::Report;
  static constexpr std::tuple fields{field<1>(&T::status),
                                     field<2>(&T::labels),
                                     field<3>(&T::annotations),
                                     field<4>(&T::starts_at),
                                     field<5>(&T::ends_at),
                                     field<6>(&T::generator_url),
                                     field<7>(&T::key),
                                     hash_field<8>(&T::keyed_for),
                                     field<9>(&T::native_key)};
};

template <>
struct Listing<rules::PolicyLoaded> {
  using T = rules::PolicyLoaded;
  static constexpr std::tuple fields{field<1>(&T::policy)};
};

template <>
struct Listing<rules::Started> {
  using T = rules::Started;
  static constexpr std::tuple fields{field<1>(&T::run)};
};

template <>
struct Listing<rules::ReportsArrived> {
  using T = rules::ReportsArrived;
  static constexpr std::tuple fields{
      field<1>(&T::source), field<2>(&T::form), field<3>(&T::reports), field<4>(&T::truncated), field<5>(&T::receiver)};
};

template <>
struct Listing<rules::Acknowledge> {
  using T = rules::Acknowledge;
  static constexpr std::tuple fields{field<1>(&T::incident), field<2>(&T::by)};
};

template <>
struct Listing<rules::Escalate> {
  using T = rules::Escalate;
  static constexpr std::tuple fields{field<1>(&T::incident), field<2>(&T::by)};
};

template <>
struct Listing<rules::Snooze> {
  using T = rules::Snooze;
  static constexpr std::tuple fields{field<1>(&T::incident), field<2>(&T::by), field<3>(&T::length)};
};

template <>
struct Listing<rules::CallIn> {
  using T = rules::CallIn;
  static constexpr std::tuple fields{field<1>(&T::incident), field<2>(&T::by), field<3>(&T::who)};
};

template <>
struct Listing<rules::Resolve> {
  using T = rules::Resolve;
  static constexpr std::tuple fields{field<1>(&T::incident), field<2>(&T::by)};
};

template <>
struct Listing<rules::Note> {
  using T = rules::Note;
  static constexpr std::tuple fields{field<1>(&T::incident), field<2>(&T::by), field<3>(&T::text)};
};

template <>
struct Listing<rules::SendEnded> {
  using T = rules::SendEnded;
  static constexpr std::tuple fields{field<1>(&T::message),
                                     field<2>(&T::provider),
                                     field<3>(&T::outcome),
                                     field<4>(&T::detail),
                                     field<5>(&T::reference)};
};

template <>
struct Listing<rules::DeliveryReported> {
  using T = rules::DeliveryReported;
  static constexpr std::tuple fields{
      field<1>(&T::message), field<2>(&T::key), field<3>(&T::delivery), field<4>(&T::detail), field<5>(&T::provider)};
};

template <>
struct Listing<rules::Replied> {
  using T = rules::Replied;
  static constexpr std::tuple fields{field<1>(&T::channel),
                                     field<2>(&T::address),
                                     field<3>(&T::person),
                                     field<4>(&T::form),
                                     field<5>(&T::text),
                                     field<6>(&T::about),
                                     field<7>(&T::id)};
};

template <>
struct Listing<rules::Update> {
  using T = rules::Update;
  static constexpr std::tuple fields{field<1>(&T::incident), field<2>(&T::by), field<3>(&T::text)};
};

template <>
struct Listing<rules::Follow> {
  using T = rules::Follow;
  static constexpr std::tuple fields{field<1>(&T::incident), field<2>(&T::by), field<3>(&T::wanted)};
};

template <>
struct Listing<rules::TestPage> {
  using T = rules::TestPage;
  static constexpr std::tuple fields{field<1>(&T::who), field<2>(&T::by)};
};

template <>
struct Listing<rules::ClockReached> {
  using T = rules::ClockReached;
  static constexpr std::tuple fields{field<1>(&T::until)};
};

template <>
struct Listing<rules::ClockStepped> {
  using T = rules::ClockStepped;
  static constexpr std::tuple fields{field<1>(&T::by)};
};

template <>
struct Listing<rules::ListedAlert> {
  using T = rules::ListedAlert;
  static constexpr std::tuple fields{field<1>(&T::report), field<2>(&T::state), field<3>(&T::receivers)};
};

template <>
struct Listing<rules::Reconciled> {
  using T = rules::Reconciled;
  static constexpr std::tuple fields{
      field<1>(&T::source), field<2>(&T::alerts), field<3>(&T::took), field<4>(&T::up_for)};
};

template <>
struct Listing<rules::SenderAcknowledged> {
  using T = rules::SenderAcknowledged;
  static constexpr std::tuple fields{field<1>(&T::source), field<2>(&T::native_keys), field<3>(&T::by)};
};

template <>
struct Listing<rules::BatchRefused> {
  using T = rules::BatchRefused;
  static constexpr std::tuple fields{field<1>(&T::source), field<2>(&T::status), field<3>(&T::why)};
};

template <>
struct Listing<rules::Beat> {
  using T = rules::Beat;
  static constexpr std::tuple fields{field<1>(&T::heartbeat), field<2>(&T::source)};
};

template <>
struct Listing<rules::SilenceSet> {
  using T = rules::SilenceSet;
  static constexpr std::tuple fields{field<1>(&T::id),
                                     field<2>(&T::kind),
                                     field<3>(&T::matchers),
                                     field<4>(&T::from),
                                     field<5>(&T::to),
                                     field<6>(&T::by),
                                     field<7>(&T::comment)};
};

template <>
struct Listing<rules::SilenceExpired> {
  using T = rules::SilenceExpired;
  static constexpr std::tuple fields{field<1>(&T::id), field<2>(&T::by)};
};

// Effects

template <>
struct Listing<rules::IncidentFacts> {
  using T = rules::IncidentFacts;
  static constexpr std::tuple fields{field<1>(&T::id),
                                     field<2>(&T::uid),
                                     field<3>(&T::state),
                                     field<4>(&T::urgency),
                                     field<5>(&T::severity),
                                     field<6>(&T::service),
                                     field<7>(&T::summary),
                                     field<8>(&T::alerts),
                                     field<9>(&T::firing),
                                     field<10>(&T::drill),
                                     field<11>(&T::behind),
                                     field<12>(&T::since),
                                     field<13>(&T::last_time),
                                     field<14>(&T::runbook),
                                     field<15>(&T::description),
                                     field<16>(&T::where)};
};

template <>
struct Listing<rules::PageFacts> {
  using T = rules::PageFacts;
  static constexpr std::tuple fields{field<1>(&T::id),
                                     field<2>(&T::reason),
                                     field<3>(&T::step),
                                     field<4>(&T::round),
                                     field<5>(&T::because),
                                     field<6>(&T::incident),
                                     field<7>(&T::number),
                                     field<8>(&T::called),
                                     field<9>(&T::next),
                                     field<10>(&T::next_at),
                                     field<11>(&T::thread)};
};

template <>
struct Listing<rules::NoticeFacts> {
  using T = rules::NoticeFacts;
  static constexpr std::tuple fields{
      field<1>(&T::kind), field<2>(&T::by), field<3>(&T::incident), field<4>(&T::text), field<5>(&T::thread)};
};

template <>
struct Listing<rules::Send> {
  using T = rules::Send;
  static constexpr std::tuple fields{field<1>(&T::message),
                                     field<2>(&T::key),
                                     field<3>(&T::person),
                                     field<4>(&T::person_name),
                                     field<5>(&T::contact),
                                     field<6>(&T::channel),
                                     field<7>(&T::address),
                                     field<8>(&T::provider),
                                     field<9>(&T::possible_duplicate),
                                     field<10>(&T::waiting_since),
                                     field<11>(&T::pages),
                                     field<12>(&T::notices),
                                     field<13>(&T::composed_at),
                                     field<14>(&T::zone_seconds),
                                     field<15>(&T::zone_name)};
};

template <>
struct Listing<rules::Withdraw> {
  using T = rules::Withdraw;
  static constexpr std::tuple fields{field<1>(&T::message)};
};

template <>
struct Listing<rules::Verdict> {
  using T = rules::Verdict;
  static constexpr std::tuple fields{field<1>(&T::code), field<2>(&T::incident), field<3>(&T::text)};
};

template <>
struct Listing<rules::Changed> {
  using T = rules::Changed;
  static constexpr std::tuple fields{field<1>(&T::incident), field<2>(&T::state)};
};

template <>
struct Listing<rules::Held> {
  using T = rules::Held;
  static constexpr std::tuple fields{field<1>(&T::incident), field<2>(&T::because)};
};

template <>
struct Listing<rules::Measured> {
  using T = rules::Measured;
  static constexpr std::tuple fields{field<1>(&T::what), field<2>(&T::value)};
};

template <>
struct Listing<rules::Reconcile> {
  using T = rules::Reconcile;
  static constexpr std::tuple fields{field<1>(&T::source)};
};

// State

template <>
struct Listing<rules::Stamp> {
  using T = rules::Stamp;
  static constexpr std::tuple fields{field<1>(&T::at), field<2>(&T::wall)};
};

template <>
struct Listing<rules::Reason> {
  using T = rules::Reason;
  static constexpr std::tuple fields{field<1>(&T::at), field<2>(&T::kind), field<3>(&T::rule), field<4>(&T::saw)};
};

template <>
struct Listing<rules::Deadline> {
  using T = rules::Deadline;
  static constexpr std::tuple fields{
      field<1>(&T::due), field<2>(&T::armed), field<3>(&T::kind), field<4>(&T::target), field<5>(&T::detail)};
};

template <>
struct Listing<rules::Variant> {
  using T = rules::Variant;
  static constexpr std::tuple fields{hash_field<1>(&T::fingerprint),
                                     field<2>(&T::labels),
                                     field<3>(&T::annotations),
                                     field<4>(&T::firing),
                                     field<5>(&T::unconfirmed),
                                     field<6>(&T::severity),
                                     field<7>(&T::starts_at),
                                     field<8>(&T::ends_at),
                                     field<9>(&T::first_seen),
                                     field<10>(&T::refreshed_at),
                                     field<11>(&T::ended_at),
                                     dictionary_field<12>(&T::source),
                                     field<13>(&T::expires_at),
                                     field<14>(&T::expiry_due)};
};

template <>
struct Listing<rules::HoldName> {
  using T = rules::HoldName;
  static constexpr std::tuple fields{field<1>(&T::kind), field<2>(&T::rule), field<3>(&T::by)};
};

template <>
struct Listing<rules::AlertHold> {
  using T = rules::AlertHold;
  static constexpr std::tuple fields{field<1>(&T::name), field<2>(&T::covers), field<3>(&T::until)};
};

template <>
struct Listing<rules::Episode> {
  using T = rules::Episode;
  static constexpr std::tuple fields{field<1>(&T::id),
                                     field<2>(&T::key),
                                     field<3>(&T::variants),
                                     field<4>(&T::incidents),
                                     field<5>(&T::reports),
                                     field<6>(&T::open),
                                     field<7>(&T::watched),
                                     field<8>(&T::hidden),
                                     field<9>(&T::native_key),
                                     field<10>(&T::holds),
                                     field<11>(&T::opened_at),
                                     field<12>(&T::own)};
};

template <>
struct Listing<rules::Call> {
  using T = rules::Call;
  static constexpr std::tuple fields{field<1>(&T::number),
                                     field<2>(&T::person),
                                     field<3>(&T::reason),
                                     field<4>(&T::beside),
                                     field<5>(&T::low),
                                     field<6>(&T::step),
                                     field<7>(&T::round),
                                     field<8>(&T::entry),
                                     field<9>(&T::started),
                                     field<10>(&T::because),
                                     field<11>(&T::rules),
                                     field<12>(&T::next_rule),
                                     field<13>(&T::rule_deadline),
                                     field<14>(&T::open_pages),
                                     field<15>(&T::reached),
                                     field<16>(&T::doubtful),
                                     field<17>(&T::ended)};
};

template <>
struct Listing<rules::Climb> {
  using T = rules::Climb;
  static constexpr std::tuple fields{field<1>(&T::phase),
                                     field<2>(&T::running),
                                     field<3>(&T::last_call),
                                     field<4>(&T::step),
                                     field<5>(&T::round),
                                     field<6>(&T::anybody_this_round),
                                     field<7>(&T::entry),
                                     field<8>(&T::step_people),
                                     field<9>(&T::step_targets),
                                     field<10>(&T::wait),
                                     field<11>(&T::wait_until),
                                     field<12>(&T::calls)};
};

template <>
struct Listing<rules::PageRecord> {
  using T = rules::PageRecord;
  static constexpr std::tuple fields{field<1>(&T::id),
                                     field<2>(&T::person),
                                     field<3>(&T::contact),
                                     field<4>(&T::reason),
                                     field<5>(&T::step),
                                     field<6>(&T::round),
                                     field<7>(&T::queued_at),
                                     field<8>(&T::left_at),
                                     field<9>(&T::ended_at),
                                     field<10>(&T::state),
                                     field<11>(&T::possible_duplicate)};
};

template <>
struct Listing<rules::Paged> {
  using T = rules::Paged;
  static constexpr std::tuple fields{field<1>(&T::person), field<2>(&T::contact)};
};

template <>
struct Listing<rules::Thread> {
  using T = rules::Thread;
  static constexpr std::tuple fields{
      field<1>(&T::person), field<2>(&T::contact), field<3>(&T::provider), field<4>(&T::reference)};
};

template <>
struct Listing<rules::Incident> {
  using T = rules::Incident;
  static constexpr std::tuple fields{field<1>(&T::id),
                                     field<2>(&T::uid),
                                     field<3>(&T::key),
                                     field<4>(&T::keyed),
                                     field<5>(&T::route),
                                     field<6>(&T::call_tree),
                                     field<7>(&T::urgency),
                                     field<8>(&T::state),
                                     field<9>(&T::severity),
                                     field<10>(&T::severity_text),
                                     field<11>(&T::service),
                                     field<12>(&T::summary),
                                     field<13>(&T::opened_at),
                                     field<14>(&T::triggered_at),
                                     field<15>(&T::acknowledged_at),
                                     field<16>(&T::resolved_at),
                                     field<17>(&T::by),
                                     field<18>(&T::by_hand),
                                     field<19>(&T::unheard),
                                     field<20>(&T::snoozed),
                                     field<21>(&T::ever_acknowledged),
                                     field<22>(&T::drill),
                                     field<23>(&T::truncated),
                                     field<24>(&T::severity_at_acknowledgement),
                                     field<25>(&T::firing_at_acknowledgement),
                                     field<26>(&T::low_at_acknowledgement),
                                     field<27>(&T::firing),
                                     field<28>(&T::episodes),
                                     field<29>(&T::wait_until),
                                     field<30>(&T::group_wait),
                                     field<31>(&T::acknowledgement),
                                     field<32>(&T::acknowledgement_until),
                                     field<33>(&T::retention),
                                     field<34>(&T::climb_reason),
                                     field<35>(&T::climb_because),
                                     field<36>(&T::climb),
                                     field<37>(&T::pages),
                                     field<38>(&T::paged),
                                     field<39>(&T::timeline),
                                     field<40>(&T::began_at),
                                     field<41>(&T::unheld),
                                     field<42>(&T::held_by),
                                     field<43>(&T::told_holds),
                                     field<44>(&T::waived),
                                     field<45>(&T::climb_due),
                                     field<46>(&T::late_acknowledgement),
                                     field<47>(&T::anybody_called),
                                     field<48>(&T::limit_reached),
                                     field<49>(&T::holder_limit),
                                     field<50>(&T::storm),
                                     field<51>(&T::folded_at_acknowledgement),
                                     field<52>(&T::sources),
                                     field<53>(&T::left_out),
                                     field<54>(&T::forgotten),
                                     field<55>(&T::early_turns),
                                     field<56>(&T::threads),
                                     field<57>(&T::followers),
                                     field<58>(&T::published),
                                     field<59>(&T::last_time),
                                     field<60>(&T::description),
                                     field<61>(&T::runbook),
                                     field<62>(&T::where),
                                     field<63>(&T::ever_published),
                                     field<64>(&T::numbered)};
};

template <>
struct Listing<rules::Page> {
  using T = rules::Page;
  static constexpr std::tuple fields{field<1>(&T::id),
                                     field<2>(&T::incident),
                                     field<3>(&T::call),
                                     field<4>(&T::person),
                                     field<5>(&T::contact),
                                     field<6>(&T::reason),
                                     field<7>(&T::step),
                                     field<8>(&T::round),
                                     field<9>(&T::because),
                                     field<10>(&T::queued_at),
                                     field<11>(&T::first),
                                     field<12>(&T::possible_duplicate),
                                     field<13>(&T::message)};
};

template <>
struct Listing<rules::Notice> {
  using T = rules::Notice;
  static constexpr std::tuple fields{field<1>(&T::incident),
                                     field<2>(&T::kind),
                                     field<3>(&T::by),
                                     field<4>(&T::queued_at),
                                     field<5>(&T::text),
                                     field<6>(&T::rotation),
                                     field<7>(&T::begins)};
};

template <>
struct Listing<rules::Message> {
  using T = rules::Message;
  static constexpr std::tuple fields{field<1>(&T::id),
                                     field<2>(&T::key),
                                     field<3>(&T::person),
                                     field<4>(&T::contact),
                                     field<5>(&T::channel),
                                     field<6>(&T::address),
                                     field<7>(&T::provider),
                                     field<8>(&T::possible_duplicate),
                                     field<9>(&T::unanswered),
                                     field<10>(&T::withdrawn),
                                     field<11>(&T::composed_at),
                                     field<12>(&T::waiting_since),
                                     field<13>(&T::pages),
                                     field<14>(&T::page_facts),
                                     field<15>(&T::notice_facts)};
};

template <>
struct Listing<rules::SentMessage> {
  using T = rules::SentMessage;
  static constexpr std::tuple fields{field<1>(&T::key),
                                     field<2>(&T::person),
                                     field<3>(&T::contact),
                                     field<4>(&T::channel),
                                     field<5>(&T::provider),
                                     field<6>(&T::at),
                                     field<7>(&T::pages),
                                     field<8>(&T::delivered),
                                     field<9>(&T::heard),
                                     field<10>(&T::failed)};
};

template <>
struct Listing<rules::ReplyNumber> {
  using T = rules::ReplyNumber;
  static constexpr std::tuple fields{field<1>(&T::number), field<2>(&T::incident), field<3>(&T::free_at)};
};

template <>
struct Listing<rules::Correspondence> {
  using T = rules::Correspondence;
  static constexpr std::tuple fields{field<1>(&T::numbers),
                                     field<2>(&T::latest),
                                     field<3>(&T::latest_call),
                                     field<4>(&T::not_understood),
                                     field<5>(&T::heard_ids),
                                     field<6>(&T::questions)};
};

template <>
struct Listing<rules::Reachability> {
  using T = rules::Reachability;
  static constexpr std::tuple fields{field<1>(&T::pages),
                                     field<2>(&T::delivered),
                                     field<3>(&T::heard),
                                     field<4>(&T::failed),
                                     field<5>(&T::tests),
                                     field<6>(&T::tests_heard),
                                     field<7>(&T::last_page),
                                     field<8>(&T::last_heard),
                                     field<9>(&T::last_failed),
                                     field<10>(&T::failure),
                                     field<11>(&T::works)};
};

template <>
struct Listing<rules::ToldTurn> {
  using T = rules::ToldTurn;
  static constexpr std::tuple fields{field<1>(&T::rotation), field<2>(&T::from), field<3>(&T::to)};
};

template <>
struct Listing<rules::KnownDoubt> {
  using T = rules::KnownDoubt;
  static constexpr std::tuple fields{field<1>(&T::since), field<2>(&T::eased_at), field<3>(&T::told)};
};

template <>
struct Listing<rules::ContactQueue> {
  using T = rules::ContactQueue;
  static constexpr std::tuple fields{field<1>(&T::pages),
                                     field<2>(&T::notices),
                                     field<3>(&T::sent),
                                     field<4>(&T::last_sent),
                                     field<5>(&T::ever_sent),
                                     field<6>(&T::flush),
                                     field<7>(&T::flush_at)};
};

template <>
struct Listing<rules::Silence> {
  using T = rules::Silence;
  static constexpr std::tuple fields{field<1>(&T::id),
                                     field<2>(&T::kind),
                                     field<3>(&T::matchers),
                                     field<4>(&T::from),
                                     field<5>(&T::to),
                                     field<6>(&T::by),
                                     field<7>(&T::comment),
                                     field<8>(&T::updated_at),
                                     field<9>(&T::active),
                                     field<10>(&T::recurring)};
};

template <>
struct Listing<rules::Flaps> {
  using T = rules::Flaps;
  static constexpr std::tuple fields{
      field<1>(&T::changes), field<2>(&T::flapping), field<3>(&T::episode), field<4>(&T::deadline)};
};

template <>
struct Listing<rules::StormStart> {
  using T = rules::StormStart;
  static constexpr std::tuple fields{field<1>(&T::at), field<2>(&T::incident)};
};

template <>
struct Listing<rules::Storm> {
  using T = rules::Storm;
  static constexpr std::tuple fields{field<1>(&T::starts),
                                     field<2>(&T::incident),
                                     field<3>(&T::folding),
                                     field<4>(&T::members),
                                     field<5>(&T::alertnames),
                                     field<6>(&T::check)};
};

template <>
struct Listing<rules::HeartbeatState> {
  using T = rules::HeartbeatState;
  static constexpr std::tuple fields{
      field<1>(&T::since), field<2>(&T::beat), field<3>(&T::deadline), field<4>(&T::missed)};
};

template <>
struct Listing<rules::Source> {
  using T = rules::Source;
  static constexpr std::tuple fields{field<1>(&T::last_heard),
                                     field<2>(&T::batches),
                                     field<3>(&T::heard),
                                     field<4>(&T::receivers),
                                     field<5>(&T::open_incidents),
                                     field<6>(&T::blind)};
};

template <>
struct Listing<rules::Counters> {
  using T = rules::Counters;
  static constexpr std::tuple fields{field<1>(&T::events),
                                     field<2>(&T::reports_firing),
                                     field<3>(&T::reports_resolved),
                                     field<4>(&T::duplicates),
                                     field<5>(&T::unknown_severity),
                                     field<6>(&T::missing_group_label),
                                     field<7>(&T::resolved_unseen),
                                     field<8>(&T::stale_ends),
                                     field<9>(&T::set_aside),
                                     field<10>(&T::expired),
                                     field<11>(&T::unconfirmed),
                                     field<12>(&T::incidents_opened),
                                     field<13>(&T::incidents_reopened),
                                     field<14>(&T::pages_queued),
                                     field<15>(&T::pages_cancelled),
                                     field<16>(&T::bundles),
                                     field<17>(&T::steps_entered),
                                     field<18>(&T::steps_empty),
                                     field<19>(&T::last_resorts),
                                     field<20>(&T::unreachable),
                                     field<21>(&T::verbs_refused),
                                     field<22>(&T::clock_steps),
                                     field<23>(&T::alerts_by_source),
                                     field<24>(&T::pages),
                                     field<25>(&T::held),
                                     field<26>(&T::released),
                                     field<27>(&T::storms),
                                     field<28>(&T::flapping),
                                     field<29>(&T::beats),
                                     field<30>(&T::heartbeats_missed),
                                     field<31>(&T::refused_batches),
                                     field<32>(&T::overflowed),
                                     field<33>(&T::reconciliations),
                                     field<34>(&T::replies),
                                     field<35>(&T::replies_of_strangers),
                                     field<36>(&T::replies_not_understood),
                                     field<37>(&T::test_pages),
                                     field<38>(&T::published),
                                     field<39>(&T::turns_at_risk),
                                     field<40>(&T::turns_at_risk_untold)};
};

template <>
struct Listing<rules::State> {
  using T = rules::State;
  // The deadlines come first: others name them.
  static constexpr std::tuple fields{field<1>(&T::deadlines),
                                     field<2>(&T::store),
                                     hash_field<3>(&T::seed),
                                     field<4>(&T::run),
                                     field<5>(&T::policy),
                                     hash_field<6>(&T::identity),
                                     field<7>(&T::last),
                                     field<8>(&T::started_at),
                                     left_out(&T::dictionary),
                                     field<9>(&T::episodes),
                                     left_out(&T::open_episodes),
                                     field<10>(&T::incidents),
                                     left_out(&T::incident_by_key),
                                     field<11>(&T::resolved),
                                     field<12>(&T::known_ends),
                                     field<13>(&T::sources),
                                     field<14>(&T::pages),
                                     field<15>(&T::messages),
                                     field<16>(&T::contacts),
                                     field<17>(&T::counters),
                                     field<18>(&T::last_incident),
                                     field<19>(&T::last_episode),
                                     field<20>(&T::last_page),
                                     field<21>(&T::last_message),
                                     left_out(&T::roster),
                                     left_out(&T::links),
                                     left_out(&T::touched),
                                     field<22>(&T::silences),
                                     field<23>(&T::calendar),
                                     field<24>(&T::flaps),
                                     field<25>(&T::storms),
                                     field<26>(&T::heartbeats),
                                     field<27>(&T::recovering),
                                     field<29>(&T::last_silence),
                                     field<30>(&T::detailed),
                                     field<31>(&T::sent),
                                     field<32>(&T::correspondence),
                                     field<33>(&T::reachability),
                                     field<34>(&T::tested),
                                     field<35>(&T::last_test_by_hand),
                                     field<36>(&T::doubts),
                                     field<37>(&T::turn_look),
                                     field<38>(&T::fired_at)};
};

// Alternatives: which event, which effect. Numbers never come back with another meaning either.

template <>
inline constexpr std::uint32_t number_of_alternative<rules::PolicyLoaded> = 1;
template <>
inline constexpr std::uint32_t number_of_alternative<rules::Started> = 2;
template <>
inline constexpr std::uint32_t number_of_alternative<rules::ReportsArrived> = 3;
template <>
inline constexpr std::uint32_t number_of_alternative<rules::Acknowledge> = 4;
template <>
inline constexpr std::uint32_t number_of_alternative<rules::Escalate> = 5;
template <>
inline constexpr std::uint32_t number_of_alternative<rules::Snooze> = 6;
template <>
inline constexpr std::uint32_t number_of_alternative<rules::CallIn> = 7;
template <>
inline constexpr std::uint32_t number_of_alternative<rules::Resolve> = 8;
template <>
inline constexpr std::uint32_t number_of_alternative<rules::Note> = 9;
template <>
inline constexpr std::uint32_t number_of_alternative<rules::SendEnded> = 10;
template <>
inline constexpr std::uint32_t number_of_alternative<rules::ClockReached> = 11;
template <>
inline constexpr std::uint32_t number_of_alternative<rules::ClockStepped> = 12;
template <>
inline constexpr std::uint32_t number_of_alternative<rules::Reconciled> = 13;
template <>
inline constexpr std::uint32_t number_of_alternative<rules::SenderAcknowledged> = 14;
template <>
inline constexpr std::uint32_t number_of_alternative<rules::BatchRefused> = 15;
template <>
inline constexpr std::uint32_t number_of_alternative<rules::Beat> = 16;
template <>
inline constexpr std::uint32_t number_of_alternative<rules::SilenceSet> = 17;
template <>
inline constexpr std::uint32_t number_of_alternative<rules::SilenceExpired> = 18;
template <>
inline constexpr std::uint32_t number_of_alternative<rules::DeliveryReported> = 19;
template <>
inline constexpr std::uint32_t number_of_alternative<rules::Replied> = 20;
template <>
inline constexpr std::uint32_t number_of_alternative<rules::Update> = 21;
template <>
inline constexpr std::uint32_t number_of_alternative<rules::Follow> = 22;
template <>
inline constexpr std::uint32_t number_of_alternative<rules::TestPage> = 23;

template <>
inline constexpr std::uint32_t number_of_alternative<rules::Send> = 1;
template <>
inline constexpr std::uint32_t number_of_alternative<rules::Withdraw> = 2;
template <>
inline constexpr std::uint32_t number_of_alternative<rules::Verdict> = 3;
template <>
inline constexpr std::uint32_t number_of_alternative<rules::Changed> = 4;
template <>
inline constexpr std::uint32_t number_of_alternative<rules::Held> = 5;
template <>
inline constexpr std::uint32_t number_of_alternative<rules::Measured> = 6;
template <>
inline constexpr std::uint32_t number_of_alternative<rules::Reconcile> = 7;

}  // namespace codec
