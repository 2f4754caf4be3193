#include "daemon/reconcile.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <utility>

#include <boost/json/object.hpp>
#include <boost/json/parse.hpp>
#include <boost/json/value.hpp>
#include <fmt/format.h>

#include "rules/rfc3339.hpp"

namespace roused {
namespace {

constexpr std::size_t alert_overhead = 256;  // bytes in a ring, besides its texts

std::chrono::milliseconds whole(std::chrono::nanoseconds span) {
  return std::chrono::duration_cast<std::chrono::milliseconds>(span);
}

// "Sun, 06 Nov 1994 08:49:37 GMT", the only form that senders may write.
std::optional<rules::Instant> parse_http_date(std::string_view text) {
  constexpr std::array<std::string_view, 12> months{
      "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
  constexpr std::size_t length = 29;
  if (text.size() != length || !text.ends_with(" GMT")) return std::nullopt;
  const auto month = std::find(months.begin(), months.end(), text.substr(8, 3));
  if (month == months.end()) return std::nullopt;
  return rules::parse_rfc3339(fmt::format(
      "{}-{:02}-{}T{}Z", text.substr(12, 4), month - months.begin() + 1, text.substr(5, 2), text.substr(17, 8)));
}

std::size_t bytes_of(const rules::Reconciled& event) {
  std::size_t bytes = alert_overhead;
  for (const rules::ListedAlert& alert : event.alerts) {
    bytes += alert.report.labels.bytes() + alert.report.annotations.bytes() + alert.report.generator_url.size();
    for (const std::string& receiver : alert.receivers) bytes += receiver.size();
    bytes += alert_overhead;
  }
  return bytes;
}

}  // namespace

rules::Duration up_for(std::string_view status_body,
                       std::optional<std::string_view> date,
                       rules::Instant wall,
                       rules::Duration before) {
  boost::system::error_code error;
  const boost::json::value status = boost::json::parse({status_body.data(), status_body.size()}, error);
  if (error || !status.is_object()) return rules::Duration{0};
  const boost::json::value* const uptime = status.get_object().if_contains("uptime");
  if (uptime == nullptr || !uptime->is_string()) return rules::Duration{0};
  const boost::json::string& text = uptime->get_string();
  const std::optional<rules::Instant> started = rules::parse_rfc3339({text.data(), text.size()});
  if (!started) return rules::Duration{0};
  const rules::Instant now = date ? parse_http_date(*date).value_or(wall) : wall;
  return std::max(now - *started - before, rules::Duration{1});
}

Reconciler::Reconciler(Makings makings, ReconcilerOptions options)
    : makings_{std::move(makings)},
      options_{options},
      client_{makings_.loop, net::ClientOptions{.max_answer_bytes = options.max_answer_bytes}} {}

void Reconciler::follow(std::shared_ptr<const rules::Policy> policy, std::uint64_t key_seed) {
  services_.use(policy, key_seed);
  const std::chrono::nanoseconds now = makings_.clock.read().boot;
  std::erase_if(sources_, [&policy](const auto& entry) {
    const rules::SourceSettings* const source = policy->source(entry.first);
    return source == nullptr || source->alertmanager != entry.second.url;
  });
  for (const rules::SourceSettings& settings : policy->sources) {
    if (settings.alertmanager.empty()) continue;
    const auto [entry, is_new] = sources_.try_emplace(settings.id);
    Source& source = entry->second;
    source.every = settings.every;
    if (is_new) {
      source.url = settings.alertmanager;
      source.due = now;
    } else if (source.last) {
      source.due = std::min(source.due, *source.last + source.every);
      if (source.due > now + source.every) source.due = now + source.every;
    }
  }
}

void Reconciler::ask(std::string_view name) {
  const auto found = sources_.find(name);
  if (found == sources_.end()) return;
  Source& source = found->second;
  if (source.round.number != 0) {
    source.again = true;  // what it is told now it may have left out
    return;
  }
  const std::chrono::nanoseconds now = makings_.clock.read().boot;
  const std::chrono::nanoseconds soonest = source.last ? std::max(now, *source.last + options_.least_pause) : now;
  source.due = std::min(source.due, soonest);
}

void Reconciler::turn() {
  if (is_stopped_) return;
  const std::chrono::nanoseconds now = makings_.clock.read().boot;
  for (auto& [name, source] : sources_) {
    if (source.round.number == 0 && source.due <= now) begin(name, source);
  }
}

std::optional<std::chrono::nanoseconds> Reconciler::next_timer() const {
  std::optional<std::chrono::nanoseconds> due;
  if (is_stopped_) return due;
  for (const auto& [name, source] : sources_) {
    if (source.round.number == 0 && (!due || source.due < *due)) due = source.due;
  }
  if (!due) return due;
  return std::max(*due - makings_.clock.read().boot, std::chrono::nanoseconds{0});
}

void Reconciler::stop() {
  is_stopped_ = true;
  sources_.clear();
}

void Reconciler::begin(const std::string& name, Source& source) {
  source.round = Round{.number = ++rounds_, .began = makings_.clock.read().boot, .answered = {}, .alerts = {}};
  source.last = source.round.began;
  source.due = source.round.began + source.every;
  get(name, source, "/api/v2/alerts", &Reconciler::heard_alerts);
}

void Reconciler::get(const std::string& name,
                     const Source& source,
                     std::string_view path,
                     void (Reconciler::*heard)(const std::string&, Source&, net::ClientResult)) {
  net::ClientRequest request;
  request.method = "GET";
  request.url = source.url;
  while (request.url.ends_with('/')) request.url.pop_back();
  request.url += path;
  request.headers.add("Accept", "application/json");
  const std::chrono::nanoseconds used = makings_.clock.read().boot - source.round.began;
  request.timeout = std::max(options_.limit - whole(used), std::chrono::milliseconds{1});
  client_.send(std::move(request), [this, name, number = source.round.number, heard](net::ClientResult result) {
    const auto found = sources_.find(name);
    // Of a source that is gone, or is elsewhere by now.
    if (found == sources_.end() || found->second.round.number != number) return;
    (this->*heard)(name, found->second, std::move(result));
  });
}

void Reconciler::heard_alerts(const std::string& name, Source& source, net::ClientResult result) {
  using api::Reconciliation;
  if (result.outcome != net::Outcome::answered) {
    end(name, source, Reconciliation::unreachable, result.detail);
  } else if (result.status != 200) {
    end(name, source, Reconciliation::refused, fmt::format("it answered {}", result.status));
  } else if (!result.is_body_whole) {
    end(name, source, Reconciliation::unreachable, "its answer was cut off: " + result.detail);
  } else {
    source.round.answered = makings_.clock.read().boot;
    source.round.alerts = std::move(result.body);
    // After the alerts: one that restarts in between says that it has only just come up, and not that it has been up
    // for long and has no alerts.
    get(name, source, "/api/v2/status", &Reconciler::heard_status);
  }
}

void Reconciler::heard_status(const std::string& name, Source& source, net::ClientResult result) {
  using api::Reconciliation;
  const ClockReading now = makings_.clock.read();
  rules::Reconciled event;
  event.source = name;
  event.took = std::max(whole(source.round.answered - source.round.began), rules::Duration{1});
  if (result.outcome == net::Outcome::answered && result.status == 200 && result.is_body_whole) {
    event.up_for = up_for(result.body, result.headers.find("Date"), now.wall, whole(now.boot - source.round.began));
  }
  intake::Context context = services_.context();
  context.source = name;
  std::string body = std::exchange(source.round.alerts, {});
  const std::size_t size = body.size();
  body.resize(size + intake::body_padding);
  const intake::Body padded{std::string_view{body}.substr(0, size), body.size()};
  tl::expected<intake::Listed, intake::Refused> listed = parser_.alertmanager_list(padded, context);
  if (!listed) return end(name, source, Reconciliation::unreadable, "its list of alerts: " + listed.error().why);
  event.alerts = std::move(listed->alerts);
  const std::size_t bytes = bytes_of(event);
  if (!makings_.tell(std::move(event), bytes)) {
    return end(name, source, Reconciliation::overloaded, "the engine has no room for its alerts");
  }
  end(name, source, Reconciliation::done, {});
}

void Reconciler::end(const std::string& name, Source& source, api::Reconciliation outcome, const std::string& why) {
  source.round = Round{};
  if (std::exchange(source.again, false)) ask(name);
  if (std::exchange(source.outcome, outcome) != outcome && makings_.changed) makings_.changed(name, outcome, why);
  if (makings_.count) makings_.count(name, outcome);
}

}  // namespace roused
