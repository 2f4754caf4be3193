// A story of events, told to the rules twice: once as the daemon tells it, through every codec on the way, once
// plainly. After each event the cheap invariants are checked, and both must ask for the same.
//
// Four bytes choose the first configuration; then each event is one record of six bytes: what, and five for how. With
// ROUSE_FUZZ_TELL set the story is told on stdout, for whoever writes the policy test.
#include <algorithm>
#include <array>
#include <cstdlib>
#include <deque>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "daemon/words/json.hpp"
#include "rules/alarm.hpp"
#include "rules/apply.hpp"
#include "rules/codec/codec.hpp"
#include "rules/desk.hpp"
#include "rules/duration.hpp"
#include "rules/moment.hpp"
#include "rules/reload.hpp"
#include "rules/rfc3339.hpp"
#include "rules/view.hpp"
#include "tests/fuzz/claim.hpp"
#include "tests/fuzz/input.hpp"
#include "tests/fuzz/invariants.hpp"
#include "tests/fuzz/policies.hpp"

namespace fuzz {
namespace {

using namespace std::chrono_literals;
using rules::Duration;
using rules::Effect;
using rules::Effects;
using rules::Event;
using rules::IncidentId;
using rules::Instant;
using rules::MessageId;
using rules::SendOutcome;
using rules::Stamp;
using rules::State;

constexpr std::size_t most_events = 400;
constexpr std::array<Duration, 16> spans{
    0ms, 1ms, 999ms, 1s, 30s, 59s, 1min, 2min, 5min, 9min, 15min, 30min, 1h, 2h, 24h, 24h * 9};
constexpr std::array<const char*, 8> people{
    "asha", "ben", "chen", "operations", "database", "dora", "mallory", "quiet"};

bool tells() {
  static const bool set = std::getenv("ROUSE_FUZZ_TELL") != nullptr;  // NOLINT(concurrency-mt-unsafe)
  return set;
}

template <class... Arguments>
void tell(fmt::format_string<Arguments...> what, Arguments&&... arguments) {
  if (!tells()) return;
  fmt::print("{}\n", fmt::format(what, std::forward<Arguments>(arguments)...));
  std::fflush(stdout);  // a sanitizer ends the process as it stands
}

State new_state() {
  State state;
  state.store = rules::StoreId{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16};
  state.seed = 42;
  return state;
}

// What the outbox has been asked for and has not answered.
struct Order {
  std::uint32_t provider{};
  bool withdrawn{};
};

struct Sent {
  MessageId message;
  Instant at;
};

std::string words_of(const Event& event) {
  struct Words {
    std::string operator()(const rules::PolicyLoaded&) const { return "policy loaded"; }
    std::string operator()(const rules::Started& one) const { return fmt::format("started, run {}", one.run); }
    std::string operator()(const rules::ReportsArrived& one) const {
      std::string text =
          fmt::format("{} from {}", one.form == rules::ReportForm::webhook ? "webhook" : "api v2", one.source);
      for (const rules::Report& report : one.reports) {
        text += fmt::format("\n     {} {}",
                            report.status == rules::ReportStatus::firing ? "firing" : "resolved",
                            rules::in_short(report.labels));
        if (!report.native_key.empty()) text += " called " + report.native_key;
        if (report.starts_at) text += " starts " + rules::print_rfc3339(*report.starts_at);
        if (report.ends_at) text += " ends " + rules::print_rfc3339(*report.ends_at);
      }
      return text;
    }
    std::string operator()(const rules::Acknowledge& one) const { return verb("acknowledge", one.incident, one.by); }
    std::string operator()(const rules::Escalate& one) const { return verb("escalate", one.incident, one.by); }
    std::string operator()(const rules::Snooze& one) const {
      return verb("snooze", one.incident, one.by) + " for " + rules::print_duration(one.length);
    }
    std::string operator()(const rules::CallIn& one) const {
      return verb("call", one.incident, one.by) + ": " + one.who;
    }
    std::string operator()(const rules::Resolve& one) const { return verb("resolve", one.incident, one.by); }
    std::string operator()(const rules::Note& one) const { return verb("note", one.incident, one.by); }
    std::string operator()(const rules::SendEnded& one) const {
      return fmt::format(
          "message {} ended, provider {}, outcome {}", one.message.value, one.provider, int(one.outcome));
    }
    std::string operator()(const rules::ClockReached& one) const {
      return "clock reached " + rules::print_rfc3339(one.until);
    }
    std::string operator()(const rules::ClockStepped& one) const {
      return "clock stepped " + rules::print_duration(one.by);
    }
    std::string operator()(const rules::Reconciled& one) const {
      std::string text = fmt::format("{}, asked for {} and up for {}, lists",
                                     one.source,
                                     rules::print_duration(one.took),
                                     rules::print_duration(one.up_for));
      for (const rules::ListedAlert& alert : one.alerts)
        text += fmt::format("\n     {} {}", int(alert.state), rules::in_short(alert.report.labels));
      return text;
    }
    std::string operator()(const rules::SenderAcknowledged& one) const {
      std::string text = fmt::format("{} says that {} has", one.source, one.by);
      for (const std::string& name : one.native_keys) text += ' ' + name;
      return text;
    }
    std::string operator()(const rules::BatchRefused& one) const {
      return fmt::format("a batch of {} is refused, {}", one.source, one.status);
    }
    std::string operator()(const rules::Beat& one) const { return "beat of " + one.heartbeat; }
    std::string operator()(const rules::SilenceSet& one) const {
      std::string text = one.kind == rules::SilenceKind::silence ? "silence" : "maintenance";
      text += fmt::format(
          " '{}' by '{}' from {} to {}:", one.id, one.by, rules::print_rfc3339(one.from), rules::print_rfc3339(one.to));
      for (const rules::Matcher& matcher : one.matchers) text += ' ' + matcher.text();
      return text;
    }
    std::string operator()(const rules::SilenceExpired& one) const { return "expire " + one.id; }
    std::string operator()(const rules::DeliveryReported& one) const {
      return fmt::format("message {}: {}", one.message.value, int(one.delivery));
    }
    std::string operator()(const rules::Replied& one) const {
      return fmt::format("'{}' by {} from '{}' about {}", one.text, one.channel, one.address, one.about.value);
    }
    std::string operator()(const rules::Update& one) const { return verb("update", one.incident, one.by); }
    std::string operator()(const rules::Follow& one) const { return verb("follow", one.incident, one.by); }
    std::string operator()(const rules::TestPage& one) const { return "test page to " + one.who; }

    static std::string verb(const char* what, IncidentId incident, const std::string& by) {
      return fmt::format("{} R-{} by {}", what, incident.value, by);
    }
  };
  return std::visit(Words{}, event);
}

class Teller {
 public:
  explicit Teller(Input& input) : input_{input} {
    load(input.byte(), input.byte(), input.byte(), input.byte());
    started();
  }

  void run() {
    for (std::size_t count = 0; !input_.empty() && count < most_events; ++count) one();
    finish();
  }

 private:
  void one() {
    const std::uint8_t what = input_.byte();
    const std::array<std::uint8_t, 5> how{input_.byte(), input_.byte(), input_.byte(), input_.byte(), input_.byte()};
    if (what >= 192) return correlate(what % 8, how);
    switch (what % 16) {
      case 0:
      case 1:
      case 2:
        return reports(what % 16 == 2 ? rules::ReportForm::api_v2 : rules::ReportForm::webhook, how);
      case 3:
        return apply(rules::Acknowledge{incident(how[0]), person(how[1])});
      case 4:
        return apply(rules::Escalate{incident(how[0]), person(how[1])});
      case 5:
        return apply(
            rules::Snooze{incident(how[0]), person(how[1]), how[2] == 255 ? Duration{-1} : spans[how[2] % 16]});
      case 6:
        return apply(rules::CallIn{incident(how[0]), person(how[1]), person(how[2])});
      case 7:
        return apply(rules::Resolve{incident(how[0]), person(how[1])});
      case 8:
        return apply(rules::Note{incident(how[0]), person(how[1]), "what\nI saw"});
      case 9:
      case 10:
        return send_ended(how);
      case 11:
      case 12:
        return pass(spans[how[0] % 16] + Duration{how[1]}, how[2]);
      case 13:  // a suspend, or a thread that got no time: everything is late
        now_ += spans[how[0] % 16];
        story_.was_late = true;
        return apply(rules::ClockReached{now_});
      case 14:
        if (how[0] < 96) return load(how[1], how[2], how[3], how[4]);
        return restart(spans[how[0] % 16], how[0] < 192 ? nullptr : &how);
      default:
        skew_ = (how[0] % 2 == 0 ? 1 : -1) * spans[how[1] % 16];
        return apply(rules::ClockStepped{skew_});
    }
  }

  // Events that keep others from paging, and those that only some senders have.
  void correlate(unsigned what, const std::array<std::uint8_t, 5>& how) {
    switch (what) {
      case 0:
        correlation_ = how[0] | std::uint32_t{how[1]} << 8U | std::uint32_t{how[2]} << 16U;
        return load(policy_bits_);
      case 1:
        return silence(how);
      case 2:
        return apply(rules::SilenceExpired{silence_id(how[0]), person(how[1])});
      case 3:
        return apply(rules::Beat{how[0] % 4 == 3 ? "nobody's" : how[0] % 2 == 0 ? "cron" : "prometheus", "10.0.0.1"});
      case 4:
        return apply(rules::BatchRefused{source(how[0]), 413, std::string(how[1], 'x')});
      case 5:
        return reconciled(how);
      case 6: {
        rules::SenderAcknowledged said{
            .source = "pagerduty", .native_keys = {native_key(how[0])}, .by = person(how[1])};
        if (how[2] % 2 == 1) said.native_keys.push_back(native_key(how[2]));
        return apply(std::move(said));
      }
      default:
        return reports(rules::ReportForm::webhook, how, true);
    }
  }

  // Of those there are; rarely one that is not there.
  [[nodiscard]] std::string silence_id(std::uint8_t byte) const {
    if (byte == 255 || state_.silences.empty()) return "no such silence";
    return std::next(state_.silences.begin(), byte % static_cast<std::ptrdiff_t>(state_.silences.size()))->first;
  }
  [[nodiscard]] static std::string source(std::uint8_t byte) { return byte % 2 == 0 ? "prometheus-a" : "prometheus-b"; }
  [[nodiscard]] static std::string native_key(std::uint8_t byte) { return byte % 3 == 0 ? "PD-1" : "PD-2"; }

  void silence(const std::array<std::uint8_t, 5>& how) {
    static const std::array<std::vector<rules::Matcher>, 8> matchers{
        {{rules::Matcher::make("service", rules::MatchOperator::equal, "shop").value()},
         {rules::Matcher::make("alertname", rules::MatchOperator::equal, "ApiDown").value()},
         {rules::Matcher::make("severity", rules::MatchOperator::matches, "warning|info").value()},
         {rules::Matcher::make("alertname", rules::MatchOperator::not_equal, "Slow").value(),
          rules::Matcher::make("cluster", rules::MatchOperator::equal, "east").value()},
         {rules::Matcher::make("prometheus_replica", rules::MatchOperator::equal, "a").value()},
         {rules::Matcher::make("service", rules::MatchOperator::matches, ".+").value()},
         {rules::Matcher::make("service", rules::MatchOperator::not_equal, "db").value()},
         {}}};
    Bits bits{how[0]};
    rules::SilenceSet set;
    if (bits.flag() && bits.flag()) set.id = silence_id(how[4]);
    set.kind = bits.flag() ? rules::SilenceKind::maintenance : rules::SilenceKind::silence;
    set.matchers = matchers[bits.take(3)];
    const bool is_to_come = bits.flag();
    set.from = stamp().wall + (is_to_come ? spans[how[1] % 16] : -spans[how[1] % 16]);
    set.to = set.from + spans[how[2] % 16] + (is_to_come ? Duration{} : spans[how[1] % 16]);
    set.by = how[3] == 255 ? "" : person(how[3]);
    set.comment = "disks are replaced";
    apply(std::move(set));
  }

  // A sender that is asked lists what fires, but not all of it, and something else.
  void reconciled(const std::array<std::uint8_t, 5>& how) {
    Bits bits{how[0]};
    rules::Reconciled listed;
    listed.source = source(bits.flag() ? 1 : 0);
    listed.up_for = bits.of(std::array<Duration, 4>{1h, 0ms, 5min, 1min});
    listed.took = bits.of(std::array<Duration, 4>{5ms, 1s, 30s, 0ms});
    const auto listed_state = static_cast<rules::ListedState>(bits.take(2) % 3);
    const auto add = [&](rules::Labels labels) {
      rules::ListedAlert alert;
      alert.report.labels = std::move(labels);
      alert.report.starts_at = senders_time(how[3] % 7);
      alert.state = listed_state;
      alert.receivers = {how[3] % 2 == 0 ? "rouse" : "team.db"};
      listed.alerts.push_back(std::move(alert));
    };
    unsigned index = 0;
    for (const auto& [id, episode] : state_.episodes) {
      if (!episode.open || episode.own) continue;
      for (const rules::Variant& variant : episode.variants) {
        const bool is_left_out = (how[1] >> (index++ % 8) & 1U) != 0;
        if (variant.firing && !is_left_out) add(state_.dictionary.labels(variant.labels));
      }
    }
    if (how[2] % 2 == 1) add(labels_of(how[2]));
    apply(std::move(listed));
  }

  [[nodiscard]] Stamp stamp() const { return {.at = now_, .wall = now_ + skew_}; }
  // Of those there are, counted from the newest; rarely one that is not there.
  [[nodiscard]] IncidentId incident(std::uint8_t byte) const {
    if (byte == 255 || state_.last_incident == 0) return IncidentId{byte};
    return IncidentId{state_.last_incident - byte % std::min<std::uint64_t>(state_.last_incident, 8)};
  }
  [[nodiscard]] static std::string person(std::uint8_t byte) { return people[byte % people.size()]; }

  void load(std::uint8_t a, std::uint8_t b, std::uint8_t c, std::uint8_t d) {
    load(a | std::uint32_t{b} << 8U | std::uint32_t{c} << 16U | std::uint32_t{d} << 24U);
  }
  void load(std::uint32_t bits) {
    policy_bits_ = bits;
    rules::PolicyLoaded loaded{make_policy(bits, correlation_)};
    for (const rules::CallTree& tree : loaded.policy->call_trees) {
      story_.has_no_timeouts = story_.has_no_timeouts || tree.ack_timeout == Duration::zero();
    }
    tell("     policy {:08x}, correlation {:06x}", bits, correlation_);
    apply(std::move(loaded));
  }

  void restart(Duration down, const std::array<std::uint8_t, 5>* policy) {
    tell("     restart");
    now_ += down;
    story_.was_late = true;
    auto decoded = codec::decode_state(codec::encode_state(state_));
    claim(decoded.has_value(), "a state cannot be read back: {}", decoded.has_value() ? "" : decoded.error());
    state_ = *std::move(decoded);
    is_started_ = false;
    orders_.clear();
    // A new configuration is loaded before the outbox hears of what was under way.
    if (policy != nullptr) load((*policy)[1], (*policy)[2], (*policy)[3], (*policy)[4]);
    started();
  }
  void started() {
    is_started_ = true;
    apply(rules::Started{++run_});
  }

  [[nodiscard]] std::optional<Instant> senders_time(unsigned choice) const {
    static constexpr std::array<Duration, 6> back{0ms, 1ms, 1min, 3min, 1h, -5min};
    if (choice == 0) return std::nullopt;
    if (choice == 7) return Instant{} + std::chrono::hours{24} * 365 * 7000;
    return now_ + skew_ - back[choice - 1];
  }

  [[nodiscard]] static rules::Labels labels_of(std::uint8_t byte) {
    static constexpr std::array<const char*, 4> names{"ApiDown", "DiskFull", "Slow", ""};
    static constexpr std::array<const char*, 4> severities{"critical", "warning", "info", "odd"};
    static constexpr std::array<const char*, 2> services{"db", "shop"};
    Bits choice{byte};
    const char* const name = choice.of(names);
    const char* const severity = choice.of(severities);
    const char* const service = choice.of(services);
    const char* const cluster = choice.flag() ? "west" : "east";
    const char* const replica = choice.flag() ? "b" : "a";
    return rules::Labels{{{"alertname", name},
                          {"severity", severity},
                          {"service", choice.flag() ? "web" : service},
                          {"cluster", cluster},
                          {"prometheus_replica", replica}}};
  }

  // Those that are named have names of the sender's own, and are meant for a receiver.
  void reports(rules::ReportForm form, const std::array<std::uint8_t, 5>& how, bool is_named = false) {
    rules::ReportsArrived arrived;
    arrived.form = form;
    Bits bits{how[0]};
    arrived.source = source(bits.flag() ? 1 : 0);
    if (is_named) arrived.receiver = how[1] % 2 == 0 ? "rouse" : "team\\.db";
    const bool resolved = bits.flag();
    const unsigned count = 1 + bits.take(2);
    arrived.truncated = bits.flag() ? 2 : 0;
    const unsigned starts = bits.take(3);
    const unsigned ends = Bits{how[1]}.take(3);
    std::uint8_t labels = how[2];
    for (unsigned index = 0; index < count; ++index, labels = static_cast<std::uint8_t>(labels + how[3])) {
      rules::Report report;
      report.status = resolved ? rules::ReportStatus::resolved : rules::ReportStatus::firing;
      report.labels = labels_of(labels);
      if (is_named && how[4] >= 64) report.native_key = native_key(static_cast<std::uint8_t>(how[4] + index));
      if (how[4] % 2 == 1) report.annotations = rules::Labels{{{"summary", "it is\x1b[2J down"}}};
      report.starts_at = senders_time(starts);
      report.ends_at = senders_time(ends);
      if (form == rules::ReportForm::api_v2 && !resolved) {
        report.ends_at = ends == 0 ? std::nullopt : std::optional{now_ + skew_ + spans[ends + 3]};
      }
      if (form == rules::ReportForm::api_v2 && resolved && !report.ends_at) report.ends_at = now_ + skew_;
      if (how[4] % 4 >= 2) {
        report.key = rules::key_of(report.labels, policy_->identity.ignore_labels, state_.seed);
        report.keyed_for = rules::identity_of(policy_->identity);
      }
      arrived.reports.push_back(std::move(report));
    }
    apply(std::move(arrived));
  }

  void send_ended(const std::array<std::uint8_t, 5>& how) {
    if (how[0] == 255) {  // a report that comes twice, or too late, or of what never was
      return apply(rules::SendEnded{MessageId{how[1]}, how[2], static_cast<SendOutcome>(how[3] % 4), "late"});
    }
    if (orders_.empty()) return;
    const auto order = std::next(orders_.begin(), how[0] % static_cast<std::ptrdiff_t>(orders_.size()));
    answer(order->first, how[1] % 4);
  }

  void answer(MessageId message, unsigned outcome) {
    const Order order = orders_.at(message);
    // What was not withdrawn cannot end so; what was may still be under way.
    if (outcome == 3 && !order.withdrawn) outcome = 0;
    orders_.erase(message);
    apply(rules::SendEnded{message, order.provider, static_cast<SendOutcome>(outcome), "said so"});
  }

  // Time goes by, deadline for deadline, while the outbox answers with one of these outcomes, or with nothing.
  void pass(Duration span, std::uint8_t outcome) {
    const Instant until = now_ + span;
    for (int count = 0; count < 40; ++count) {
      if (outcome % 8 < 4) {
        while (!orders_.empty()) answer(orders_.begin()->first, outcome % 8);
      }
      const std::optional<Instant> next = rules::next_deadline(state_);
      if (!next || *next > until) break;
      now_ = std::max(now_, *next);
      apply(rules::ClockReached{now_});
    }
    now_ = until;
    if (const auto next = rules::next_deadline(state_); next && *next <= until) {
      story_.was_late = true;
      apply(rules::ClockReached{now_});
    }
  }

  void apply(Event event) {
    if (++applied_ > 4 * most_events) return;
    const Stamp at = stamp();
    if (tells()) describe(event);
    // As the daemon: what is applied has been through the journal.
    std::string bytes = codec::encode_batch(std::array{codec::StampedEvent{at, event}});
    auto read = codec::decode_batch(bytes);
    claim(read.has_value() && read->size() == 1, "an event cannot be read back");
    claim(codec::encode_batch(*read) == bytes, "an event is not the same when read back");
    const auto numbers = growing();
    const Effects effects = rules::apply(state_, read->front().event, at);
    if (const auto* loaded = std::get_if<rules::PolicyLoaded>(&event)) {
      policy_ = loaded->policy;
      // Where problems belong to several incidents each, these may change routes with each other.
      const bool is_plain = std::all_of(state_.episodes.begin(), state_.episodes.end(), [](const auto& episode) {
        return episode.second.incidents.size() == 1;
      });
      claim(!is_plain || rules::moves(state_, *policy_).empty(), "a second look at the same policy moves something");
    }
    claim(codec::digest(effects) == codec::digest(rules::apply(plain_, event, at)), "the same event, other effects");
    const auto grown = growing();
    for (std::size_t index = 0; index < numbers.size(); ++index) {
      claim(numbers[index] <= grown[index], "number {} went back from {} to {}", index, numbers[index], grown[index]);
    }
    if (const auto* reached = std::get_if<rules::ClockReached>(&event)) {
      const auto next = rules::next_deadline(state_);
      claim(!next || *next > reached->until, "a deadline stays behind the clock");
    }
    uncount(event);
    perform(event, effects);
    story_.is_looked_at_closely = tells() || applied_ % 32 == 0;
    check_state(state_, story_);
    if (is_started_) check_orders();
  }

  [[nodiscard]] std::array<std::uint64_t, 10> growing() const {
    const rules::Counters& counters = state_.counters;
    return {state_.last_incident,
            state_.last_episode,
            state_.last_page,
            state_.last_message,
            counters.events,
            counters.incidents_opened,
            counters.pages_queued,
            counters.pages_cancelled,
            counters.last_resorts,
            state_.deadlines.next_armed()};
  }

  void describe(const Event& event) const {
    tell("{} (wall {}) {}", rules::print_rfc3339(now_), rules::print_rfc3339(now_ + skew_), words_of(event));
  }

  void perform(const Event& event, const Effects& effects) {
    int verdicts = 0;
    std::set<MessageId> asked;
    for (const Effect& effect : effects) {
      if (const auto* send = std::get_if<rules::Send>(&effect)) {
        on_send(*send, event);
        asked.insert(send->message);
      } else if (const auto* withdraw = std::get_if<rules::Withdraw>(&effect)) {
        tell("       withdraw {}", withdraw->message.value);
        // Between the start of the process and Started the outbox has heard of nothing yet.
        const auto order = orders_.find(withdraw->message);
        if (order == orders_.end() && !is_started_) continue;
        claim(order != orders_.end(), "message {} is withdrawn and is not under way", withdraw->message.value);
        order->second.withdrawn = true;
      } else if (const auto* verdict = std::get_if<rules::Verdict>(&effect)) {
        ++verdicts;
        tell("       verdict {}: {}", int(verdict->code), verdict->text);
      } else if (const auto* measured = std::get_if<rules::Measured>(&effect)) {
        claim(measured->value >= Duration::zero(), "a measure is negative");
      }
    }
    const bool is_of_incident = event.index() >= 3 && event.index() <= 8;
    const bool is_verb = is_of_incident || std::holds_alternative<rules::SilenceSet>(event) ||
                         std::holds_alternative<rules::SilenceExpired>(event);
    claim(verdicts == (is_verb ? 1 : 0), "{} verdicts", verdicts);
    for (const MessageId id : asked) check_worth(id);
  }

  void on_send(const rules::Send& send, const Event& event) {
    tell("       send {} to {} by {}, provider {}, {} pages, {} notices{}",
         send.message.value,
         send.person,
         send.contact,
         send.provider,
         send.pages.size(),
         send.notices.size(),
         send.possible_duplicate ? ", possible duplicate" : "");
    claim(send.pages.empty() != send.notices.empty(), "a message has pages and notices, or neither");
    const auto [key, is_new] = keys_.try_emplace(send.message, send.key);
    claim(key->second == send.key, "message {} has another key", send.message.value);
    claim(!is_new || all_keys_.insert(send.key).second, "two messages have one key");
    if (is_new) {
      check_budget(send);
      claim(send.provider == 0, "a message begins with provider {}", send.provider);
    } else {
      claim(send.possible_duplicate || std::holds_alternative<rules::SendEnded>(event),
            "message {} leaves again, unmarked",
            send.message.value);
    }
    orders_[send.message] = Order{.provider = send.provider};
  }

  // A message that leaves says at least one thing that is so.
  void check_worth(MessageId id) {
    const auto order = orders_.find(id);
    if (order == orders_.end() || order->second.withdrawn) return;
    const auto message = state_.messages.find(id);
    claim(message != state_.messages.end(), "message {} leaves and is not waited for", id.value);
    if (message->second.page_facts.empty()) return;
    claim(!message->second.pages.empty(), "message {} leaves and carries no page that is still wanted", id.value);
  }

  void check_budget(const rules::Send& send) {
    std::deque<Sent>& sent = sent_[{send.person, send.contact}];
    const rules::Budget& budget = policy_->budget;
    if (!sent.empty()) {
      const Duration since = now_ - sent.back().at;
      claim(since >= rules::gather, "two messages to one contact within {}", rules::print_duration(since));
      const auto counted =
          std::count_if(sent.begin(), sent.end(), [&](const Sent& one) { return one.at + budget.within > now_; });
      claim(counted < budget.pages || since >= rules::over_budget_pace,
            "{} messages to one contact, and one more after {}",
            counted,
            rules::print_duration(since));
    }
    sent.push_back({send.message, now_});
  }

  // The outbox and the rules agree on what is under way.
  void check_orders() {
    for (const auto& [id, message] : state_.messages) {
      const auto order = orders_.find(id);
      claim(order != orders_.end(), "nobody will ever say how message {} ended", id.value);
      claim(order->second.provider == message.provider,
            "message {} is under way by provider {}, not {}",
            id.value,
            order->second.provider,
            message.provider);
      claim(order->second.withdrawn == message.withdrawn,
            "message {} is withdrawn: {}, and the outbox thinks: {}",
            id.value,
            message.withdrawn,
            order->second.withdrawn);
    }
  }

  // What never reached anybody does not count for the budget.
  void uncount(const Event& event) {
    const auto* ended = std::get_if<rules::SendEnded>(&event);
    if (ended == nullptr) return;
    if (ended->outcome == SendOutcome::unanswered) unanswered_.insert(ended->message);
    if (ended->outcome == SendOutcome::accepted || unanswered_.contains(ended->message)) return;
    if (state_.messages.contains(ended->message)) return;
    for (auto& [address, sent] : sent_) {
      std::erase_if(sent, [&](const Sent& one) { return one.message == ended->message; });
    }
  }

  void finish() {
    story_.is_looked_at_closely = true;
    check_state(state_, story_);
    const std::string bytes = codec::encode_state(state_);
    auto decoded = codec::decode_state(bytes);
    claim(decoded.has_value(), "a state cannot be read back: {}", decoded.has_value() ? "" : decoded.error());
    claim(codec::encode_state(*decoded) == bytes, "a state is not the same when read back");
    claim(codec::digest(*decoded) == codec::digest(state_), "a state's digest is not the same");
    claim(codec::encode_state(plain_) == bytes, "the same events, another state");
    for (const auto& [id, incident] : state_.incidents) {
      const auto view = rules::view_incident(state_, id);
      claim(view.has_value() && view->facts.id == id, "R-{} cannot be seen", id.value);
      const std::string json = words::incident_json(*view, true, "https://pages.example.org");
      tell("{}", json);
      const auto read = words::parse_incident_json(json);
      claim(
          read.has_value(), "what is told of R-{} cannot be read: {}", id.value, read.has_value() ? "" : read.error());
      claim(words::incident_json(*read, true, "https://pages.example.org") == json,
            "R-{} is told in another way when read back",
            id.value);
      claim(std::is_sorted(view->next.begin(),
                           view->next.end(),
                           [](const auto& left, const auto& right) { return left.at < right.at; }),
            "R-{}: what is next is out of order",
            id.value);
    }
    std::set<IncidentId> listed;
    rules::IncidentFilter filter{.state = rules::StateFilter::all, .limit = 3};
    for (;;) {
      const rules::IncidentList list = rules::list_incidents(state_, filter);
      for (const rules::IncidentView& view : list.incidents)
        claim(listed.insert(view.facts.id).second, "R-{} is listed twice", view.facts.id.value);
      if (!list.next) break;
      filter.after = list.next;
    }
    claim(listed.size() == state_.incidents.size(),
          "{} incidents are listed, there are {}",
          listed.size(),
          state_.incidents.size());
    const rules::StateFigures figures = rules::view_figures(state_);
    claim(figures.deadlines == state_.deadlines.size() && figures.open_messages == state_.messages.size(),
          "the figures are wrong");
    for (const rules::Send& send : rules::alarm_last_resort(state_, "JournalFailed", "why", stamp())) {
      claim(all_keys_.insert(send.key).second, "an alarm has a page's key");
    }
  }

  Input& input_;
  State state_{new_state()};
  State plain_{new_state()};
  Story story_;
  std::shared_ptr<const rules::Policy> policy_;
  Instant now_{std::chrono::sys_days{std::chrono::year{2026} / 3 / 6} + 10h};
  Duration skew_{};
  std::uint64_t run_{};
  std::size_t applied_{};
  std::map<MessageId, Order> orders_;
  std::map<MessageId, std::string> keys_;
  std::set<std::string> all_keys_;
  std::map<rules::ContactAddress, std::deque<Sent>> sent_;
  std::set<MessageId> unanswered_;
  bool is_started_{true};
  std::uint32_t policy_bits_{};
  std::uint32_t correlation_{};
};

}  // namespace
}  // namespace fuzz

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  fuzz::Input input{data, size};
  fuzz::Teller{input}.run();
  return 0;
}
