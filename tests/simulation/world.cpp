#include "tests/simulation/world.hpp"

#include <algorithm>
#include <array>
#include <utility>

#include <fmt/format.h>

#include "rules/moment.hpp"
#include "rules/rfc3339.hpp"

namespace simulation {

using namespace std::chrono_literals;
using channels::TryOutcome;
using channels::TryResult;

namespace {

constexpr std::chrono::milliseconds grace = outbox::overrun_grace;
constexpr const char* foreign_key = "ffffffffffffffffffffffffffffffff";
constexpr Time persons_patience = 30s;
constexpr std::size_t shown_kept = 12;

// What a message is about, without any number that the daemon gave it: a shortened run draws the same for it.
std::uint64_t occasion_of(const rules::Send& send) {
  std::uint64_t hash = number_of(send.person) ^ scramble(number_of(send.contact));
  const auto add = [&hash](std::uint64_t value) { hash = scramble(hash * 0x9E3779B97F4A7C15ULL + value); };
  for (const rules::PageFacts& page : send.pages) {
    add(number_of(std::string_view{page.incident.summary}.substr(0, page.incident.summary.find(':'))));
    add(static_cast<std::uint64_t>(page.reason));
    add(page.step);
    add(page.round);
  }
  add(send.notices.size());
  return hash;
}

std::string_view path_of(Verb verb) {
  constexpr std::array<std::string_view, 6> words{"ack", "snooze", "escalate", "resolve", "call", "note"};
  return words.at(static_cast<std::size_t>(verb));
}

}  // namespace

// ---- providers

void ProviderSite::be(Mood mood, Time length) {
  turn(mood);
  agenda_.after(length, [this, number = ++mood_number_] {
    if (number == mood_number_) turn(Mood::works);
  });
}

void ProviderSite::turn(Mood mood) {
  if (mood == mood_) return;
  mood_ = mood;
  trace_.add(ProviderTurned{.channel = place_.channel,
                            .provider = place_.index,
                            .works = mood == Mood::works,
                            .mood = std::string{name_of(mood)}});
}

void ProviderSite::attempt(const rules::Send& send,
                           std::chrono::milliseconds limit,
                           const ProcessLife& life,
                           std::function<bool()> may_leave,
                           std::function<void(TryResult)> done) {
  const auto one = std::make_shared<Try>(Try{.send = std::make_shared<const rules::Send>(send),
                                             .limit = limit,
                                             .left = {},
                                             .life = life,
                                             .done = std::move(done)});
  const std::uint64_t occasion = occasion_of(send);
  Chance chance = chances_.of("provider", number_, occasion, ++tries_[occasion]);
  trace_.add(TryAsked{one->send});
  if (on_try) on_try(mood_);
  const Time connecting = std::min<Time>(chance.between(1ms, 60ms), limit);
  // Whoever asked gives it up then, whatever comes later.
  life.later(limit + grace, [this, one] {
    if (std::exchange(one->is_over, true)) return;
    trace_.add(TryEnded{.send = one->send, .outcome = TryOutcome::unanswered});
  });
  if (mood_ == Mood::unreachable) {
    answer(one, connecting, {.outcome = TryOutcome::transient, .detail = "no connection", .retry_after = {}});
    return;
  }
  one->left = limit - std::chrono::floor<std::chrono::milliseconds>(connecting);
  life.later(connecting, [this, one, chance, may_leave = std::move(may_leave)] {
    if (!may_leave()) {
      answer(one, 0ns, {.outcome = TryOutcome::withdrawn, .detail = {}, .retry_after = {}});
      return;
    }
    trace_.add(TryBegan{one->send});
    one->life.begun();
    serve(one, chance);
  });
}

void ProviderSite::answer(const std::shared_ptr<Try>& one, Time wait, TryResult result) {
  one->life.later(wait, [this, one, result] {
    if (!std::exchange(one->is_over, true)) trace_.add(TryEnded{.send = one->send, .outcome = result.outcome});
    one->done(result);
  });
}

void ProviderSite::serve(const std::shared_ptr<Try>& one, Chance chance) {
  const auto deliver = [this, one](Time wait, bool is_whole) {
    agenda_.after(wait, [this, one, is_whole] {
      if (one->life.is_alive() || is_whole) ring(one->send);  // killed in the middle of the request: it may be whole
    });
  };
  const Time soon = chance.between(5ms, 250ms);
  const Time then = soon + chance.between(5ms, 150ms);
  const bool is_whole = chance.happens(0.5);
  const Time left = std::max<Time>(one->left, 1ms);
  const TryResult accepted{.outcome = TryOutcome::accepted, .detail = "202", .retry_after = {}};
  switch (mood_) {
    case Mood::works:
    case Mood::unreachable:
      deliver(soon, is_whole);
      answer(one, then, accepted);
      return;
    case Mood::refuses:
      answer(one, soon, {.outcome = TryOutcome::refused, .detail = "400", .retry_after = {}});
      return;
    case Mood::busy:
      answer(one, soon, {.outcome = TryOutcome::transient, .detail = "503", .retry_after = {}});
      return;
    case Mood::limited:
      answer(one,
             soon,
             {.outcome = TryOutcome::transient,
              .detail = "429",
              .retry_after = std::chrono::milliseconds{1000 * (1 + chance.below(20))}});
      return;
    case Mood::mute:
      if (chance.happens(0.5)) deliver(soon, is_whole);
      answer(one, left, {.outcome = TryOutcome::unanswered, .detail = "no answer", .retry_after = {}});
      return;
    case Mood::slow: {
      const Time late = chance.between(1s, 18s);
      deliver(soon, is_whole);
      if (late < left) {
        answer(one, late, accepted);
      } else {
        answer(one, left, {.outcome = TryOutcome::unanswered, .detail = "late", .retry_after = {}});
      }
      return;
    }
    case Mood::drops:
      answer(one, soon, accepted);
      if (on_word && chance.happens(0.8)) tell(*one->send, rules::Delivery::failed, chance, 90s);
      return;
    case Mood::tardy:
      deliver(soon, is_whole);
      answer(one, left + chance.between(10ms, 2 * grace + 3s), accepted);
      return;
    case Mood::stutters:
      deliver(soon, is_whole);
      answer(one, then, accepted);
      answer(one,
             then + chance.between(0ns, 20s),
             {.outcome = chance.happens(0.5) ? TryOutcome::refused : TryOutcome::transient,
              .detail = "said twice",
              .retry_after = {}});
      return;
  }
}

void ProviderSite::ring(const std::shared_ptr<const rules::Send>& send) {
  if (!seen_.insert(send->key).second && honours_keys_) return;
  trace_.add(Reached{send});
  if (on_word) {
    Chance chance = chances_.of("delivery", number_, occasion_of(*send), ++rung_[occasion_of(*send)]);
    const bool is_heard = place_.channel != "voice" || chance.happens(0.65);
    tell(*send, is_heard ? rules::Delivery::delivered : rules::Delivery::unheard, chance, 40s);
    if (!is_heard) return;
  }
  if (on_ring) on_ring(*send);
}

// Later, sometimes twice, and now and then under a key that is not the message's.
void ProviderSite::tell(const rules::Send& send, rules::Delivery delivery, Chance& chance, Time at_most) {
  constexpr std::array details{"busy", "no answer", "a machine"};
  const bool is_foreign = chance.happens(0.05);
  rules::DeliveryReported word{.message = send.message,
                               .key = is_foreign ? foreign_key : send.key,
                               .delivery = delivery,
                               .detail = details.at(chance.below(details.size())),
                               .provider = place_.index};
  const Time first = chance.happens(0.3) ? chance.between(1ms, 300ms) : chance.between(300ms, at_most);
  agenda_.after(first, [this, word] { on_word(word); });
  if (chance.happens(0.2)) agenda_.after(first + chance.between(1ms, 30s), [this, word] { on_word(word); });
}

// ---- people

void People::hear(const rules::Send& send) {
  const std::uint64_t losses = process_.memory_losses();
  for (const rules::PageFacts& page : send.pages) {
    if (page.incident.id.value == 0) continue;  // the daemon's own alarm
    shown_.push_back(Shown{.incident = page.incident.id, .losses = losses});
    if (shown_.size() > shown_kept) shown_.pop_front();
  }
  if (asleep_ || !react_) return;
  const std::uint64_t occasion = occasion_of(send);
  Chance chance = chances_.of("person", number_of(send.person), occasion, ++heard_[occasion]);
  for (const rules::PageFacts& page : send.pages) {
    if (page.incident.id.value == 0 && page.reason != rules::PageReason::test) continue;
    Chance words = chances_.of("words", number_of(send.person), occasion, heard_[occasion], page.step);
    if (page.reason == rules::PageReason::test) {
      if (words.happens(0.6)) reply(send, page, Verb::acknowledge, words.between(2s, 80s), words);
      continue;
    }
    const auto does = [&](Time wait, Verb verb, const std::string& by) {
      if (reply_ && by == send.person && words.happens(0.6)) return reply(send, page, verb, wait, words);
      act(wait, Deed{.verb = verb, .incident = page.incident.id, .by = by, .tries = 0, .losses = losses});
    };
    const std::uint64_t draw = chance.below(100);
    const Time soon = chance.between(2s, 80s);
    const Time late = chance.between(1min, 9min);
    const bool another_too = chance.happens(0.2);
    const std::string& another = send.person == "eve" ? people[6] : people[4];
    if (draw < 20) {
      does(soon, Verb::acknowledge, send.person);
      if (another_too) does(soon, Verb::acknowledge, another);
    } else if (draw < 26) {
      does(late, Verb::acknowledge, send.person);
    } else if (draw < 32) {
      does(draw < 29 ? soon : late, Verb::escalate, send.person);
    } else if (draw < 38) {
      does(soon, Verb::resolve, send.person);
      if (another_too) does(soon, Verb::acknowledge, another);
    } else if (draw < 43) {
      does(soon, Verb::snooze, send.person);
    } else if (draw < 46) {
      does(soon, Verb::call, send.person);
    } else if (draw < 49) {
      does(soon, Verb::note, send.person);
    }
  }
}

// By the way that the page came: a text, or a key on the telephone.
void People::reply(const rules::Send& send, const rules::PageFacts& page, Verb verb, Time wait, Chance& chance) {
  constexpr std::array<const char*, 6> keys{"4", "9", "5", "6", "#", "*"};
  constexpr std::array<const char*, 6> texts{"a", "s 7", "e", "c", "call gus", "w"};
  const auto place = static_cast<std::size_t>(verb);
  rules::Replied reply;
  reply.channel = send.channel;
  reply.address = send.address;
  if (send.channel == "voice") {
    reply.form = rules::ReplyForm::key;
    reply.text = keys.at(place);
    reply.about = send.message;
  } else {
    const std::uint64_t how = chance.below(4);
    reply.text = texts.at(place);
    if (how == 0 && page.number > 0) reply.text = fmt::format("{}{}", page.number, reply.text);
    if (how == 1 && verb == Verb::acknowledge && page.incident.id.value != 0) {
      reply.text = fmt::format("ACK {}!", rules::print_incident(page.incident.id));
    }
    if (how == 2 && verb == Verb::note) reply.text = "u";
    if (how == 3) reply.about = send.message;
  }
  post(std::move(reply), wait, chance);
}

// Whoever brings it may bring it twice.
void People::post(rules::Replied reply, Time wait, Chance& chance) {
  reply.id = fmt::format("reply-{}", ++last_reply_);
  ++unfinished_;
  agenda_.after(wait, [this, reply] {
    --unfinished_;
    (void)process_.tell(reply);
  });
  if (chance.happens(0.2)) {
    agenda_.after(wait + chance.between(1ms, 20s), [this, reply] { (void)process_.tell(reply); });
  }
}

bool People::write(std::uint64_t person, ReplyOf what) {
  constexpr std::array addresses{"+1", "+2", "+3", "+4", "+5", "+6", "+7", "+8"};  // as the team has them
  Chance chance = chances_.at("writes", agenda_.now());
  rules::Replied reply;
  reply.channel = "sms";
  reply.address = addresses.at(person % addresses.size());
  int times = 1;
  switch (what) {
    case ReplyOf::nonsense:
      reply.text = "who is this";
      times = 8;
      break;
    case ReplyOf::wrong_number:
      reply.text = "77c";
      break;
    case ReplyOf::what_never_was:
      reply.text = "c R-99999";
      break;
    case ReplyOf::stranger:
      reply.text = "c";
      reply.address = "+99";
      break;
    case ReplyOf::key_of_nobody:
      reply.channel = "voice";
      reply.form = rules::ReplyForm::key;
      reply.text = "8";
      break;
    case ReplyOf::bare_word:
      reply.text = chance.happens(0.5) ? "c" : "e";
      break;
  }
  for (int time = 0; time < times; ++time) post(reply, time * 700ms, chance);
  return process_.is_up();
}

bool People::update(std::uint64_t person) {
  if (shown_.empty()) return false;
  const Shown& shown = shown_[shown_.size() - 1 - chances_.at("update", agenda_.now()).below(shown_.size())];
  return process_.tell(rules::Update{.incident = shown.incident,
                                     .by = people.at(person % people.size()),
                                     .text = fmt::format("as of {}", print_time(agenda_.now()))});
}

bool People::follow(std::uint64_t person, bool wanted) {
  if (shown_.empty()) return false;
  const Shown& shown = shown_[shown_.size() - 1 - chances_.at("follow", agenda_.now()).below(shown_.size())];
  return process_.tell(
      rules::Follow{.incident = shown.incident, .by = people.at(person % people.size()), .wanted = wanted});
}

bool People::do_something(std::uint64_t person, std::uint64_t deed) {
  const std::uint64_t losses = process_.memory_losses();
  const bool is_a_verb = deed <= static_cast<std::uint64_t>(Verb::note);
  if (shown_.empty()) return false;
  const std::uint64_t most = std::min<std::uint64_t>(shown_.size(), 4);
  const Shown& shown = shown_[shown_.size() - 1 - chances_.at("deed", agenda_.now()).below(most)];
  Deed done{.verb = is_a_verb ? static_cast<Verb>(deed) : Verb::acknowledge,
            .incident = shown.incident,
            .by = people.at(person % people.size()),
            .tries = 0,
            .losses = shown.losses};
  if (!is_a_verb) done.incident.value += 100'000;
  if (shown.losses != losses) return false;
  act(0ns, std::move(done));
  return true;
}

void People::act(Time wait, Deed deed) {
  ++unfinished_;
  agenda_.after(wait, [this, deed = std::move(deed)] {
    if (deed.losses == process_.memory_losses()) return say(deed);
    --unfinished_;
  });
}

void People::say(const Deed& deed) {
  if (on_verb) on_verb(deed.verb);
  Question question;
  question.method = "POST";
  question.path = fmt::format("/v1/incidents/{}/{}", rules::print_incident(deed.incident), path_of(deed.verb));
  question.peer = fmt::format("127.0.1.{}", number_of(deed.by) % 200);
  question.request = ++last_request_;
  question.is_listened_to = question.request % 16 == 0;  // long texts
  question.arrival = VerbCame{.request = question.request,
                              .verb = deed.verb,
                              .incident = deed.incident,
                              .by = deed.by,
                              .who = deed.verb == Verb::call ? "gus" : ""};
  switch (deed.verb) {
    case Verb::acknowledge:
    case Verb::escalate:
    case Verb::resolve:
      question.body = fmt::format(R"({{"by":"{}"}})", deed.by);
      break;
    case Verb::snooze:
      question.body = fmt::format(R"({{"by":"{}","for":"7m"}})", deed.by);
      break;
    case Verb::call:
      question.body = fmt::format(R"({{"by":"{}","who":"gus"}})", deed.by);
      break;
    case Verb::note:
      question.body = fmt::format(R"({{"by":"{}","text":"noted"}})", deed.by);
      break;
  }
  process_.ask(std::move(question), persons_patience, [this, deed](std::optional<int> status) {
    --unfinished_;
    // A verb that may have been done is said again, as people do; escalating twice would climb twice.
    const bool again = !status || *status == 503;
    if (!again || deed.tries >= 200 || deed.verb == Verb::escalate) return;
    Deed next = deed;
    ++next.tries;
    act(chances_.at("says it again", agenda_.now()).between(500ms, 4s), std::move(next));
  });
}

// ---- monitoring

Sender::Sender(Agenda& agenda,
               const Chances& chances,
               Process& process,
               std::uint64_t& last_request,
               rules::Instant epoch,
               std::uint64_t number,
               const GroupPlan& plan)
    : agenda_{agenda},
      chances_{chances},
      process_{process},
      last_request_{last_request},
      epoch_{epoch},
      number_{number},
      plan_{plan},
      alertname_{fmt::format("Alert{}", number)},
      series_(2U * plan.members) {}

bool Sender::fire(unsigned member) {
  if (member >= plan_.members) return false;
  if (series_[series_of(member, false)].firing || series_[series_of(member, true)].firing) return false;
  const std::size_t one = series_of(member, plan_.warns);
  series_[one] = Series{.firing = true, .fired_at = agenda_.now(), .ended_at = {}, .ever = true};
  if (!away_) news(one);
  return true;
}

bool Sender::end(unsigned member) {
  if (member >= plan_.members) return false;
  bool any = false;
  for (const bool warning : {false, true}) {
    const std::size_t one = series_of(member, warning);
    if (!series_[one].firing) continue;
    any = true;
    series_[one].firing = false;
    series_[one].ended_at = agenda_.now();
    if (!away_) news(one);
  }
  return any;
}

bool Sender::rise(unsigned member) {
  if (member >= plan_.members || !series_[series_of(member, true)].firing) return false;
  end(member);
  const std::size_t one = series_of(member, false);
  series_[one] = Series{.firing = true, .fired_at = agenda_.now(), .ended_at = {}, .ever = true};
  if (!away_) news(one);
  return true;
}

void Sender::die(Time length, bool forgets) {
  away_ = true;
  went_away();
  agenda_.after(length, [this, forgets, number = ++death_number_] {
    if (number != death_number_) return;
    away_ = false;
    came_back(forgets);
  });
}

void Sender::babble() {
  Question question;
  question.method = "POST";
  question.path = plan_.form == SenderForm::api_v2 ? "/api/v2/alerts" : "/v1/alerts/alertmanager";
  question.peer = fmt::format("127.0.2.{}", number_ % 250);
  question.request = ++last_request_;
  question.body = "{";
  process_.ask(std::move(question), std::chrono::seconds{10}, [](std::optional<int>) {});
}

std::string Sender::labels_of(std::size_t series) const {
  return fmt::format(R"({{"alertname":"{}","service":"{}","instance":"{}","severity":"{}"}})",
                     alertname_,
                     plan_.service,
                     series / 2,
                     series % 2 == 1 ? "warning" : "critical");
}

ReportedAlert Sender::reported(std::size_t series, bool firing) const {
  return ReportedAlert{.group = alertname_,
                       .name = fmt::format("{}/{}", alertname_, series / 2),
                       .firing = firing,
                       .severity = series % 2 == 1 ? "warning" : "critical"};
}

std::string Sender::print(Time time) const {
  return rules::print_rfc3339(epoch_ + std::chrono::floor<rules::Duration>(time));
}

void Sender::post(const std::string& path,
                  const std::string& body,
                  const std::vector<ReportedAlert>& alerts,
                  bool is_twin,
                  Time patience,
                  Process::Then then) {
  Question question;
  question.method = "POST";
  question.path = path;
  question.peer = fmt::format("127.{}.2.{}", is_twin ? 1 : 0, number_ % 250);
  question.request = ++last_request_;
  const std::string number = std::to_string(question.request);
  question.body.reserve(body.size() + 16);
  for (const char letter : body) {
    if (letter == '@') {
      question.body += number;
    } else {
      question.body += letter;
    }
  }
  question.arrival =
      ReportsCame{.request = question.request, .api_v2 = plan_.form == SenderForm::api_v2, .alerts = alerts};
  process_.ask(std::move(question), patience, std::move(then));
}

// ---- Alertmanager

void Alertmanager::news(std::size_t series) {
  known_.insert(series);
  if (is_running_) return;
  is_running_ = true;
  flush_after(chance("group wait").between(10ms, 1s));
}

void Alertmanager::went_away() {
  ++life_;
  is_running_ = false;
  is_telling_ = false;
  known_.clear();
}

void Alertmanager::came_back(bool forgot) {
  if (forgot) told_.reset();
  // Prometheus tells it again what fires, and for 15 minutes what has ended.
  for (std::size_t one = 0; one < series_.size(); ++one) {
    const Series& series = series_[one];
    if (series.firing || (series.ever && agenda_.now() - series.ended_at < 15min)) known_.insert(one);
  }
  if (known_.empty()) return;
  is_running_ = true;
  flush_after(chance("hears again").between(1s, 60s));
}

void Alertmanager::flush_after(Time wait) {
  agenda_.after(wait, [this, life = life_] {
    if (life == life_) flush();
  });
}

bool Alertmanager::must_tell(const Notification& notification) const {
  const std::vector<std::size_t>& firing = notification.firing;
  const std::vector<std::size_t>& resolved = notification.resolved;
  if (!told_) return !firing.empty();
  if (std::any_of(firing.begin(), firing.end(), [this](std::size_t one) { return !told_->firing.contains(one); })) {
    return true;
  }
  if (firing.empty()) return !told_->firing.empty();
  const auto is_new = [this](std::size_t one) { return !told_->resolved.contains(one); };
  if (std::any_of(resolved.begin(), resolved.end(), is_new)) return true;
  return agenda_.now() - told_->at >= plan_.repeats;
}

std::shared_ptr<Alertmanager::Notification> Alertmanager::compose() {
  auto notification = std::make_shared<Notification>();
  std::string alerts;
  for (const std::size_t one : known_) {
    const Series& series = series_[one];
    (series.firing ? notification->firing : notification->resolved).push_back(one);
    notification->alerts.push_back(reported(one, series.firing));
    if (!alerts.empty()) alerts += ',';
    alerts += fmt::format(R"({{"status":"{}","labels":{},"annotations":{{}},"startsAt":"{}","endsAt":"{}",)"
                          R"("generatorURL":"http://prometheus/?request=@"}})",
                          series.firing ? "firing" : "resolved",
                          labels_of(one),
                          print(series.fired_at),
                          series.firing ? "0001-01-01T00:00:00Z" : print(series.ended_at));
  }
  notification->body = fmt::format(
      R"({{"receiver":"rouse","status":"{}","version":"4","groupKey":"{}","truncatedAlerts":0,"alerts":[{}]}})",
      notification->firing.empty() ? "resolved" : "firing",
      alertname_,
      alerts);
  notification->began = agenda_.now();
  notification->until = agenda_.now() + std::max<Time>(plan_.interval, 10s);
  notification->number = ++notifications_;
  return notification;
}

void Alertmanager::flush() {
  if (known_.empty()) {
    is_running_ = false;
    return;
  }
  next_flush_ = agenda_.now() + plan_.interval;
  const std::shared_ptr<Notification> notification = compose();
  if (!must_tell(*notification)) return flushed(notification, true);
  is_telling_ = true;
  tell(notification);
  if (plan_.twin) {
    // The other one waits 15 s for this one's word that it has told; now and then that does not arrive.
    agenda_.after(15s + chance("twin").between(0ms, 3s), [this, notification] { tell_again(notification); });
  }
}

void Alertmanager::tell(const std::shared_ptr<Notification>& notification) {
  const Time patience = notification->until - agenda_.now();
  post("/v1/alerts/alertmanager",
       notification->body,
       notification->alerts,
       false,
       patience,
       [this, notification, life = life_](std::optional<int> status) {
         if (life != life_) return;
         if (status && *status < 500) {
           is_telling_ = false;
           if (*status < 300) {
             told_ = Told{.firing = {notification->firing.begin(), notification->firing.end()},
                          .resolved = {notification->resolved.begin(), notification->resolved.end()},
                          .at = agenda_.now()};
           }
           return flushed(notification, *status < 300);
         }
         Chance drawn = chances_.of("tries again", number_, notification->began / 1s, agenda_.now() / 1s);
         const double spread = 0.5 + static_cast<double>(drawn.below(1000)) / 1000.0;
         const Time wait{static_cast<std::int64_t>(notification->wait_ms * spread * 1e6)};
         notification->wait_ms = std::min(notification->wait_ms * 1.5, 60'000.0);
         if (agenda_.now() + wait >= notification->until) {
           agenda_.at(notification->until, [this, notification, life] {
             if (life != life_) return;
             is_telling_ = false;
             flushed(notification, false);
           });
           return;
         }
         agenda_.after(wait, [this, notification, life] {
           if (life == life_) tell(notification);
         });
       });
}

// The other Alertmanager of a pair: the same body once more, late, but never behind a newer one.
void Alertmanager::tell_again(const std::shared_ptr<Notification>& notification) {
  if (notification->number != notifications_ || agenda_.now() > notification->began + 40s) return;
  post("/v1/alerts/alertmanager",
       notification->body,
       notification->alerts,
       true,
       10s,
       [this, notification](std::optional<int> status) {
         if (status && *status < 500) return;
         agenda_.after(chance("twin tries again").between(500ms, 5s),
                       [this, notification] { tell_again(notification); });
       });
}

void Alertmanager::flushed(const std::shared_ptr<Notification>& notification, bool well) {
  if (well) {
    for (const std::size_t one : notification->resolved) {
      // Unless it fired again in the meantime.
      if (!series_[one].firing && series_[one].ended_at <= notification->began) known_.erase(one);
    }
  }
  flush_after(std::max<Time>(next_flush_ - agenda_.now(), 1ms));
}

// ---- Prometheus

namespace {

constexpr Time resend_delay = 60s;
constexpr Time resolved_for = 15min;
constexpr Time post_timeout = 10s;
constexpr std::size_t most_queued = 4;

}  // namespace

void Prometheus::news(std::size_t /*series*/) {
  if (is_evaluating_) return;
  is_evaluating_ = true;
  evaluate_after(chance("evaluates").between(10ms, 1s));
}

void Prometheus::went_away() {
  ++life_;
  is_evaluating_ = false;
  is_posting_ = false;
  queue_.clear();
  sent_at_.clear();
}

void Prometheus::came_back(bool forgot) {
  for (Series& series : series_) {
    // Pending again, unless its state was kept: then it fires as of its first time.
    if (series.firing && forgot) series.fired_at = agenda_.now();
    if (!series.firing) series.ever = false;  // what has ended is not remembered
  }
  is_evaluating_ = true;
  evaluate_after(chance("evaluates").between(1s, 65s));
}

void Prometheus::evaluate_after(Time wait) {
  agenda_.after(wait, [this, life = life_] {
    if (life == life_) evaluate();
  });
}

void Prometheus::evaluate() {
  const Time now = agenda_.now();
  Batch batch;
  std::string alerts;
  bool any = false;
  for (std::size_t one = 0; one < series_.size(); ++one) {
    const Series& series = series_[one];
    if (!series.ever || (!series.firing && now - series.ended_at >= resolved_for)) continue;
    any = true;
    const auto sent = sent_at_.find(one);
    const bool is_due = sent == sent_at_.end() || sent->second + resend_delay <= now ||
                        (!series.firing && series.ended_at > sent->second) || series.fired_at > sent->second;
    // What fired and ended unseen has never been an alert.
    if (!is_due || (sent == sent_at_.end() && !series.firing)) continue;
    sent_at_[one] = now;
    batch.alerts.push_back(reported(one, series.firing));
    if (!alerts.empty()) alerts += ',';
    alerts += fmt::format(R"({{"labels":{},"annotations":{{}},"startsAt":"{}","endsAt":"{}",)"
                          R"("generatorURL":"http://prometheus/?request=@"}})",
                          labels_of(one),
                          print(series.fired_at),
                          print(series.firing ? now + 4 * std::max(resend_delay, plan_.interval) : series.ended_at));
  }
  if (!batch.alerts.empty()) {
    batch.body = "[" + alerts + "]";
    queue_.push_back(std::move(batch));
    if (queue_.size() > most_queued) queue_.pop_front();
    if (!is_posting_) post_next();
  }
  if (!any) {
    is_evaluating_ = false;
    return;
  }
  evaluate_after(plan_.interval);
}

void Prometheus::post_next() {
  if (queue_.empty()) return;
  const Batch batch = std::move(queue_.front());
  queue_.pop_front();
  is_posting_ = true;
  post("/api/v2/alerts", batch.body, batch.alerts, false, post_timeout, [this, life = life_](std::optional<int>) {
    if (life != life_) return;
    is_posting_ = false;  // whatever was said: there is no second attempt
    post_next();
  });
}

std::unique_ptr<Sender> make_sender(Agenda& agenda,
                                    const Chances& chances,
                                    Process& process,
                                    std::uint64_t& last_request,
                                    rules::Instant epoch,
                                    std::uint64_t number,
                                    const GroupPlan& plan) {
  if (plan.form == SenderForm::api_v2) {
    return std::make_unique<Prometheus>(agenda, chances, process, last_request, epoch, number, plan);
  }
  return std::make_unique<Alertmanager>(agenda, chances, process, last_request, epoch, number, plan);
}

}  // namespace simulation
