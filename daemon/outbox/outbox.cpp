#include "daemon/outbox/outbox.hpp"

#include <algorithm>
#include <atomic>
#include <string_view>

#include <fmt/format.h>

#include "daemon/words/clean.hpp"
#include "rules/mutant.hpp"

namespace outbox {
namespace {

using channels::TryOutcome;
using channels::TryResult;
using rules::SendOutcome;
using std::chrono::nanoseconds;

constexpr int tries_a_turn = 64;
constexpr std::uint32_t most_doublings = 10;

bool is_withdrawn(const std::shared_ptr<const std::atomic<bool>>& flag) {
  if (ROUSE_MUTANT("no-look-before-send")) return false;
  return flag != nullptr && flag->load(std::memory_order_acquire);
}

}  // namespace

Outbox::Outbox(const roused::Clock& clock, roused::Random& random, FindProvider find, Ended ended)
    : clock_(clock),
      random_(random),
      find_(std::move(find)),
      ended_(std::move(ended)),
      self_(std::make_shared<Outbox*>(this)) {}

Outbox::~Outbox() = default;

void Outbox::follow(const std::vector<rules::Channel>& channels, Circuits::CanWork can_work) {
  circuits_.follow(channels, std::move(can_work));
  std::vector<ProviderHealth> all;
  for (const auto& [channel, lines] : circuits_.lines())
    for (std::uint32_t index = 0; index < lines.size(); ++index)
      all.push_back({channel, index, lines[index]->provider.kind, lines[index]->health});
  const std::lock_guard lock{health_mutex_};
  health_ = std::move(all);
}

std::vector<Outbox::ProviderHealth> Outbox::health() const {
  const std::lock_guard lock{health_mutex_};
  return health_;
}

void Outbox::perform(roused::SendOrder order) {
  ++counters_.performed;
  take(std::move(order));
}

void Outbox::take(roused::SendOrder order) {
  const auto [message, is_new] = messages_.try_emplace(order.send.message);
  if (!is_new) {
    const rules::MessageId id = order.send.message;
    message->second.push_back(std::move(order));
    ++held_back_;
    for (auto one = deliveries_.begin(); one != deliveries_.end(); ++one) {
      if (one->second.order.send.message != id) continue;
      if (one->second.is_looking && is_overtaken(one->second)) end(one, SendOutcome::unanswered, {});
      return;
    }
    return;
  }
  const auto delivery = deliveries_.try_emplace(next_number_++).first;
  delivery->second.order = std::move(order);
  schedule(delivery, now());
}

bool Outbox::turn() {
  for (int begun = 0; begun < tries_a_turn; ++begun) {
    const nanoseconds at = now();
    if (due_.empty() || due_.begin()->first > at) return false;
    const Deliveries::iterator delivery = deliveries_.find(due_.begin()->second);
    if (delivery->second.is_under_way) {
      ++counters_.overrun;
      answered(delivery->first, delivery->second.tries, {TryOutcome::unanswered, "the provider never answered", {}});
    } else {
      begin_try(delivery, at);
    }
  }
  return !due_.empty() && due_.begin()->first <= now();
}

std::optional<nanoseconds> Outbox::next_timer() const {
  if (due_.empty()) return std::nullopt;
  return std::max(due_.begin()->first - now(), nanoseconds{0});
}

void Outbox::stop_starting() {
  is_stopping_ = true;
  std::vector<std::uint64_t> looked_for;
  for (const auto& [number, delivery] : deliveries_) {
    if (!delivery.is_under_way) due_.erase({delivery.due, number});
    if (delivery.is_looking) looked_for.push_back(number);
  }
  for (const std::uint64_t number : looked_for)
    if (const auto found = deliveries_.find(number); found != deliveries_.end())
      end(found, SendOutcome::unanswered, {});
}

bool Outbox::is_idle() const {
  return under_way_ == 0 && (is_stopping_ || deliveries_.empty());
}

void Outbox::begin_try(Deliveries::iterator delivery, nanoseconds at) {
  Delivery& one = delivery->second;
  if (one.is_looking) return look(delivery, at);
  const std::shared_ptr<const std::atomic<bool>> flag = one.order.withdrawn;
  if (is_withdrawn(flag)) return judge(delivery, {TryOutcome::withdrawn, {}, {}});
  // A copy: the provider may answer at once and still look at it, when the delivery has ended.
  rules::Send send = one.order.send;
  if (ROUSE_MUTANT("fresh-key-per-retry") && one.tries > 0) send.key = fmt::format("{:032x}", random_.next());
  channels::Provider* const provider = find_(send.channel, send.provider);
  if (provider == nullptr) {
    // Its order of preference counts from 1 for people.
    std::string detail = fmt::format("channel {} has no provider {}", send.channel, send.provider + 1);
    return judge(delivery, {TryOutcome::refused, std::move(detail), {}});
  }
  if (one.tries == 0) {
    one.line = circuits_.find(send.channel, send.provider);
    const Circuits::Way way = circuits_.ask(send, at);
    one.is_probe = way == Circuits::Way::probe;
    if (way == Circuits::Way::refused) {
      ++counters_.passed_over;
      return end(delivery, SendOutcome::refused, circuits_.why_open(send));
    }
  }
  if (!one.deadline || ROUSE_MUTANT("tries-never-end")) one.deadline = at + tries_last;
  const auto left = std::chrono::floor<std::chrono::milliseconds>(*one.deadline - at);
  const auto limit = std::max(left, std::chrono::milliseconds{1});
  one.honours_keys = provider->honours_keys();
  one.begun = at;
  one.is_under_way = true;
  ++one.tries;
  ++under_way_;
  ++counters_.tries;
  schedule(delivery, at + limit + overrun_grace);
  std::function<bool()> may_leave = [flag] { return !is_withdrawn(flag); };
  std::function<void(TryResult)> done =
      [self = std::weak_ptr<Outbox*>(self_), number = delivery->first, of_try = one.tries](TryResult result) {
        if (const std::shared_ptr<Outbox*> outbox = self.lock()) (*outbox)->answered(number, of_try, std::move(result));
      };
  provider->attempt(send, limit, std::move(may_leave), std::move(done));
}

void Outbox::answered(std::uint64_t number, std::uint32_t of_try, TryResult result) {
  const Deliveries::iterator delivery = deliveries_.find(number);
  if (delivery == deliveries_.end()) return;
  if (!delivery->second.is_under_way || delivery->second.tries != of_try) return;
  delivery->second.is_under_way = false;
  --under_way_;
  if (const Delivery& one = delivery->second; one.line != nullptr && !one.is_looking) {
    Health& health = *one.line->health;
    const roused::ClockReading read = clock_.read();
    health.tries[static_cast<std::size_t>(result.outcome)].fetch_add(1, std::memory_order_relaxed);
    health.nanoseconds.fetch_add(static_cast<std::uint64_t>((read.boot - one.begun).count()),
                                 std::memory_order_relaxed);
    if (result.outcome == TryOutcome::accepted)
      health.last_success.store(read.wall.time_since_epoch().count(), std::memory_order_relaxed);
  }
  judge(delivery, std::move(result));
}

void Outbox::judge(Deliveries::iterator delivery, TryResult result) {
  Delivery& one = delivery->second;
  if (one.is_looking && result.outcome != TryOutcome::accepted) return look_again(delivery);
  switch (result.outcome) {
    case TryOutcome::accepted:
      one.sign = Sign::works;
      return end(delivery, SendOutcome::accepted, std::move(result.detail), std::move(result.reference));
    case TryOutcome::withdrawn:
      return end(delivery, SendOutcome::withdrawn, std::move(result.detail));
    case TryOutcome::refused:
      one.sign = Sign::refuses;
      return end(delivery, SendOutcome::refused, std::move(result.detail));
    case TryOutcome::unanswered:
      ++counters_.tries_unanswered;
      one.sign = Sign::fails;
      one.was_unanswered = true;
      one.unanswered_detail = result.detail;
      one.order.send.possible_duplicate = true;
      if (!one.honours_keys) {
        if (is_stopping_ || is_overtaken(one)) return end(delivery, SendOutcome::unanswered, std::move(result.detail));
        one.is_looking = true;
        return look(delivery, now());
      }
      return try_again(delivery, std::move(result));
    case TryOutcome::transient:
      ++counters_.tries_transient;
      one.sign = Sign::fails;
      // The message that probes is not held up for the whole time, when it has somewhere to go.
      if (one.is_probe && !one.was_unanswered && circuits_.has_way_out(one.order.send))
        return end(delivery, SendOutcome::refused, fmt::format("its circuit stays open: {}", result.detail));
      return try_again(delivery, std::move(result));
  }
}

void Outbox::look(Deliveries::iterator delivery, nanoseconds at) {
  Delivery& one = delivery->second;
  const auto left = std::chrono::floor<std::chrono::milliseconds>(*one.deadline - at);
  const bool is_over = left.count() <= 0 && one.looks > 0;
  const rules::Send send = one.order.send;
  channels::Provider* const provider = find_(send.channel, send.provider);
  if (is_over || provider == nullptr || is_withdrawn(one.order.withdrawn))
    return end(delivery, SendOutcome::unanswered, {});
  const auto limit = one.looks == 0 ? std::max(left, least_look) : left;
  ++one.looks;
  ++counters_.looks;
  one.is_under_way = true;
  ++one.tries;
  ++under_way_;
  schedule(delivery, at + limit + overrun_grace);
  std::function<void(TryResult)> done =
      [self = std::weak_ptr<Outbox*>(self_), number = delivery->first, of_try = one.tries](TryResult result) {
        if (const std::shared_ptr<Outbox*> outbox = self.lock()) (*outbox)->answered(number, of_try, std::move(result));
      };
  provider->look_up(send, limit, std::move(done));
}

// It does not know of it (yet). A status callback may still come: the rules hear of that by themselves.
void Outbox::look_again(Deliveries::iterator delivery) {
  Delivery& one = delivery->second;
  const nanoseconds at = now();
  if (is_stopping_ || at >= *one.deadline || is_overtaken(one)) return end(delivery, SendOutcome::unanswered, {});
  const std::uint32_t doublings = std::min(one.looks - 1, most_doublings);
  schedule(delivery, std::min(at + nanoseconds(first_look_wait) * (std::int64_t{1} << doublings), *one.deadline));
}

// The rules have gone on to another provider: they were told what became of this one.
bool Outbox::is_overtaken(const Delivery& delivery) const {
  const auto waiting = messages_.find(delivery.order.send.message);
  if (waiting == messages_.end()) return false;
  return std::any_of(waiting->second.begin(), waiting->second.end(), [&](const roused::SendOrder& order) {
    return order.send.provider != delivery.order.send.provider;
  });
}

void Outbox::try_again(Deliveries::iterator delivery, TryResult result) {
  Delivery& one = delivery->second;
  const nanoseconds at = now();
  const nanoseconds left = *one.deadline - at;
  if (left < least_left) {
    if (result.outcome == TryOutcome::unanswered)
      return end(delivery, SendOutcome::unanswered, std::move(result.detail));
    std::string detail = fmt::format("no success within {} s: {}", tries_last.count(), result.detail);
    return end(delivery, SendOutcome::refused, std::move(detail));
  }
  nanoseconds wait = drawn_wait(one.doublings, left);
  if (result.retry_after && *result.retry_after <= left - least_left / 4)
    wait = std::max<nanoseconds>(wait, *result.retry_after);
  one.doublings = std::min(one.doublings + 1, most_doublings);
  schedule(delivery, at + wait);
}

// Doubling waits would leave the second half of the 15 s unused, so none is drawn around more than half of what is
// left.
nanoseconds Outbox::drawn_wait(std::uint32_t doublings, nanoseconds left) {
  const nanoseconds middle = std::min<nanoseconds>(nanoseconds(first_wait) * (std::int64_t{1} << doublings), left / 2);
  const std::uint64_t span = static_cast<std::uint64_t>(middle.count()) + 1;
  return middle / 2 + nanoseconds(static_cast<std::int64_t>(random_.next() % span));
}

void Outbox::schedule(Deliveries::iterator delivery, nanoseconds due) {
  Delivery& one = delivery->second;
  due_.erase({one.due, delivery->first});
  one.due = due;
  if (one.is_under_way || !is_stopping_) due_.emplace(due, delivery->first);
}

void Outbox::end(Deliveries::iterator delivery, SendOutcome outcome, std::string detail, std::string reference) {
  Delivery& one = delivery->second;
  if (one.is_under_way) --under_way_;  // a question whose answer is not waited for
  if (one.is_looking && outcome == SendOutcome::unanswered) detail = one.unanswered_detail;
  if (one.was_unanswered && outcome != SendOutcome::accepted && outcome != SendOutcome::unanswered) {
    detail = detail.empty() ? one.unanswered_detail : fmt::format("{}; then: {}", one.unanswered_detail, detail);
    outcome = SendOutcome::unanswered;
  }
  hear(one, outcome, detail);
  const rules::SendEnded ended{one.order.send.message,
                               one.order.send.provider,
                               outcome,
                               words::shorten(words::visible(detail), detail_bytes),
                               std::move(reference)};
  due_.erase({one.due, delivery->first});
  deliveries_.erase(delivery);
  const std::size_t sharing = go_on_after(ended);
  // Last, and from a copy: whoever hears it may perform the next order.
  for (std::size_t reports = 0; reports < 1 + sharing; ++reports) report(ended);
}

// An end that the provider had no part in says nothing about it: it was withdrawn, or a callback had told the rules
// what became of it.
void Outbox::hear(Delivery& delivery, SendOutcome outcome, const std::string& detail) {
  if (delivery.line == nullptr) return;
  const bool is_its_own = outcome != SendOutcome::withdrawn && !is_stopping_ && !is_overtaken(delivery);
  const Sign sign = is_its_own || delivery.sign == Sign::works ? delivery.sign : Sign::none;
  circuits_.hear(*delivery.line, delivery.order.send, sign, delivery.is_probe, now(), detail);
}

// Orders of the same message that came while it was under way: those to the same provider share the outcome (their
// number is the answer), the others begin.
std::size_t Outbox::go_on_after(const rules::SendEnded& ended) {
  const auto message = messages_.find(ended.message);
  std::vector<roused::SendOrder> waiting = std::move(message->second);
  messages_.erase(message);
  held_back_ -= waiting.size();
  std::size_t sharing = 0;
  for (roused::SendOrder& order : waiting) {
    if (order.send.provider == ended.provider)
      ++sharing;
    else
      take(std::move(order));
  }
  return sharing;
}

void Outbox::report(const rules::SendEnded& ended) {
  switch (ended.outcome) {
    case SendOutcome::accepted:
      ++counters_.accepted;
      break;
    case SendOutcome::refused:
      ++counters_.refused;
      break;
    case SendOutcome::unanswered:
      ++counters_.unanswered;
      break;
    case SendOutcome::withdrawn:
      ++counters_.withdrawn;
      break;
  }
  ended_(ended);
}

}  // namespace outbox
