#include "tests/simulation/world.hpp"

#include <algorithm>
#include <array>
#include <utility>

#include <fmt/format.h>

#include "rules/rfc3339.hpp"

namespace simulation {

using namespace std::chrono_literals;
using channels::TryOutcome;
using channels::TryResult;

void ProviderSite::attempt(const rules::Send& send,
                           std::chrono::milliseconds limit,
                           const ProcessLife& life,
                           std::function<bool()> may_leave,
                           std::function<void(TryResult)> done) {
  const auto copy = std::make_shared<const rules::Send>(send);
  trace_.add(TryAsked{copy});
  const Time connecting = std::min<Time>(chance_.between(1ms, 60ms), limit);
  if (mood_ == Mood::unreachable) {
    life.later(connecting, [this, copy, done = std::move(done)] {
      trace_.add(TryEnded{.send = copy, .outcome = TryOutcome::transient});
      done(TryResult{.outcome = TryOutcome::transient, .detail = "no connection", .retry_after = {}});
    });
    return;
  }
  const auto left = limit - std::chrono::floor<std::chrono::milliseconds>(connecting);
  life.later(connecting, [this, copy, left, life, may_leave = std::move(may_leave), done = std::move(done)] {
    if (!may_leave()) {
      trace_.add(TryEnded{.send = copy, .outcome = TryOutcome::withdrawn});
      done(TryResult{.outcome = TryOutcome::withdrawn, .detail = {}, .retry_after = {}});
      return;
    }
    trace_.add(TryBegan{copy});
    life.begun();
    serve(copy, left, life, done);
  });
}

void ProviderSite::serve(const std::shared_ptr<const rules::Send>& send,
                         std::chrono::milliseconds left,
                         const ProcessLife& life,
                         const std::function<void(TryResult)>& done) {
  const auto answer = [this, send, life, done](Time wait, TryResult result) {
    life.later(wait, [this, send, done, result] {
      trace_.add(TryEnded{.send = send, .outcome = result.outcome});
      done(result);
    });
  };
  const auto deliver = [this, send, life](Time wait) {
    agenda_.after(wait, [this, send, life, whole = chance_.happens(0.5)] {
      if (life.is_alive() || whole) ring(send);  // killed in the middle of the request: it may have been whole
    });
  };
  const Time soon = chance_.between(5ms, 250ms);
  switch (mood_) {
    case Mood::works:
    case Mood::unreachable:
      deliver(soon);
      answer(soon + chance_.between(5ms, 150ms), {.outcome = TryOutcome::accepted, .detail = "202", .retry_after = {}});
      return;
    case Mood::refuses:
      answer(soon, {.outcome = TryOutcome::refused, .detail = "400", .retry_after = {}});
      return;
    case Mood::busy:
      answer(soon, {.outcome = TryOutcome::transient, .detail = "503", .retry_after = {}});
      return;
    case Mood::mute:
      if (chance_.happens(0.5)) deliver(soon);
      answer(std::max<Time>(left, 1ms), {.outcome = TryOutcome::unanswered, .detail = "no answer", .retry_after = {}});
      return;
    case Mood::slow: {
      const Time late = chance_.between(1s, 18s);
      deliver(soon);
      if (late < left) {
        answer(late, {.outcome = TryOutcome::accepted, .detail = "202", .retry_after = {}});
      } else {
        answer(std::max<Time>(left, 1ms), {.outcome = TryOutcome::unanswered, .detail = "late", .retry_after = {}});
      }
      return;
    }
  }
}

void ProviderSite::ring(const std::shared_ptr<const rules::Send>& send) {
  if (!seen_.insert(send->key).second && honours_keys_) return;
  trace_.add(Reached{send});
  if (on_ring) on_ring(*send);
}

void People::hear(const rules::Send& send) {
  if (asleep_) return;
  for (const rules::PageFacts& page : send.pages) {
    if (page.incident.id.value == 0) continue;  // the daemon's own alarm
    const std::uint64_t losses = process_.memory_losses();
    const std::uint64_t draw = chance_.below(100);
    const Time soon = chance_.between(2s, 80s);
    const Time late = chance_.between(1min, 9min);
    if (draw < 22) {
      act(soon, Verb::acknowledge, page.incident.id, send.person, 0, losses);
      if (chance_.happens(0.2))
        act(soon, Verb::acknowledge, page.incident.id, send.person == "eve" ? "gus" : "eve", 0, losses);
    } else if (draw < 28) {
      act(late, Verb::acknowledge, page.incident.id, send.person, 0, losses);
    } else if (draw < 35) {
      act(soon, Verb::escalate, page.incident.id, send.person, 0, losses);
    } else if (draw < 40) {
      act(soon, Verb::resolve, page.incident.id, send.person, 0, losses);
    } else if (draw < 45) {
      act(soon, Verb::snooze, page.incident.id, send.person, 0, losses);
    }
  }
}

void People::act(
    Time wait, Verb verb, rules::IncidentId incident, const std::string& by, int tries, std::uint64_t losses) {
  ++unfinished_;
  agenda_.after(wait, [this, verb, incident, by, tries, losses] {
    if (losses != process_.memory_losses()) {
      --unfinished_;
      return;
    }
    process_.post_verb(
        ++last_request_, verb, incident, by, [this, verb, incident, by, tries, losses](std::optional<int> status) {
          --unfinished_;
          // A verb that may have been done is said again, as people do; escalating twice would climb twice.
          const bool again = !status || *status == 503;
          if (again && tries < 200 && verb != Verb::escalate) {
            act(chance_.between(500ms, 4s), verb, incident, by, tries + 1, losses);
          }
        });
  });
}

Sender::Sender(Agenda& agenda,
               Chance& chance,
               Process& process,
               std::uint64_t& last_request,
               rules::Instant epoch,
               std::string alertname,
               std::string service,
               unsigned members)
    : agenda_{agenda},
      chance_{chance},
      process_{process},
      last_request_{last_request},
      epoch_{epoch},
      alertname_{std::move(alertname)},
      service_{std::move(service)},
      members_(members) {}

void Sender::fire(unsigned member) {
  Member& one = members_[member];
  if (one.firing) return;
  one = Member{.firing = true, .end_is_news = false, .fired_at = agenda_.now(), .ended_at = {}};
  has_news_ = true;
  if (!is_telling_) schedule_flush(chance_.between(10ms, 1s));
}

void Sender::end(unsigned member) {
  Member& one = members_[member];
  if (!one.firing) return;
  one.firing = false;
  one.end_is_news = true;
  one.ended_at = agenda_.now();
  has_news_ = true;
  if (!is_telling_) schedule_flush(chance_.between(10ms, 5s));
}

void Sender::schedule_flush(Time wait) {
  agenda_.after(wait, [this, number = ++flush_number_] {
    if (number == flush_number_) flush();
  });
}

std::shared_ptr<Sender::Notification> Sender::compose() const {
  auto notification = std::make_shared<Notification>();
  const auto print = [this](Time time) {
    return rules::print_rfc3339(epoch_ + std::chrono::floor<rules::Duration>(time));
  };
  std::string alerts;
  for (unsigned index = 0; index < members_.size(); ++index) {
    const Member& member = members_[index];
    if (!member.firing && !member.end_is_news) continue;
    notification->alerts.push_back(
        ReportedAlert{.group = alertname_, .name = fmt::format("{}/{}", alertname_, index), .firing = member.firing});
    if (!member.firing) notification->ends.push_back(index);
    if (!alerts.empty()) alerts += ',';
    alerts += fmt::format(
        R"({{"status":"{}","labels":{{"alertname":"{}","service":"{}","instance":"{}","severity":"critical"}},)"
        R"("annotations":{{}},"startsAt":"{}","endsAt":"{}","generatorURL":"http://prometheus/?request=@"}})",
        member.firing ? "firing" : "resolved",
        alertname_,
        service_,
        index,
        print(member.fired_at),
        member.firing ? "0001-01-01T00:00:00Z" : print(member.ended_at));
  }
  notification->body = fmt::format(
      R"({{"receiver":"rouse","status":"firing","version":"4","groupKey":"{}","truncatedAlerts":0,"alerts":[{}]}})",
      alertname_,
      alerts);
  notification->began = agenda_.now();
  return notification;
}

std::string Sender::body_of(const Notification& notification, std::uint64_t request) {
  std::string body;
  for (const char letter : notification.body) {
    if (letter == '@') {
      body += std::to_string(request);
    } else {
      body += letter;
    }
  }
  return body;
}

void Sender::flush() {
  if (is_telling_) return;
  const std::shared_ptr<Notification> notification = compose();
  has_news_ = false;
  if (notification->alerts.empty()) return;
  is_telling_ = true;
  tell(notification);
}

void Sender::tell(const std::shared_ptr<Notification>& notification) {
  const std::uint64_t request = ++last_request_;
  process_.post_reports(
      request, body_of(*notification, request), notification->alerts, [this, notification](std::optional<int> status) {
        if (status && *status < 500) {
          is_telling_ = false;
          for (const unsigned index : notification->ends) {
            // Unless it fired and ended again in the meantime.
            if (members_[index].ended_at <= notification->began) members_[index].end_is_news = false;
          }
          const bool fires =
              std::any_of(members_.begin(), members_.end(), [](const Member& one) { return one.firing; });
          if (has_news_) {
            schedule_flush(chance_.between(100ms, 5s));
          } else if (fires) {
            schedule_flush(chance_.between(3min, 5min));
          }
          return;
        }
        if (agenda_.now() - notification->began > 60s) {
          is_telling_ = false;
          has_news_ = true;
          schedule_flush(0ns);
          return;
        }
        const double spread = 0.5 + static_cast<double>(chance_.below(1000)) / 1000.0;
        const Time wait{static_cast<std::int64_t>(notification->wait_ms * spread * 1e6)};
        notification->wait_ms = std::min(notification->wait_ms * 1.5, 20'000.0);
        agenda_.after(wait, [this, notification] { tell(notification); });
      });
}

}  // namespace simulation
