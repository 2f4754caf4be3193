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

void Outbox::perform(roused::SendOrder order) {
  ++counters_.performed;
  take(std::move(order));
}

void Outbox::take(roused::SendOrder order) {
  const auto [message, is_new] = messages_.try_emplace(order.send.message);
  if (!is_new) {
    message->second.push_back(std::move(order));
    ++held_back_;
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
  for (const auto& [number, delivery] : deliveries_)
    if (!delivery.is_under_way) due_.erase({delivery.due, number});
}

bool Outbox::is_idle() const {
  return under_way_ == 0 && (is_stopping_ || deliveries_.empty());
}

void Outbox::begin_try(Deliveries::iterator delivery, nanoseconds at) {
  Delivery& one = delivery->second;
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
  if (!one.deadline || ROUSE_MUTANT("tries-never-end")) one.deadline = at + tries_last;
  const auto left = std::chrono::floor<std::chrono::milliseconds>(*one.deadline - at);
  const auto limit = std::max(left, std::chrono::milliseconds{1});
  one.honours_keys = provider->honours_keys();
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
  judge(delivery, std::move(result));
}

void Outbox::judge(Deliveries::iterator delivery, TryResult result) {
  Delivery& one = delivery->second;
  switch (result.outcome) {
    case TryOutcome::accepted:
      return end(delivery, SendOutcome::accepted, std::move(result.detail));
    case TryOutcome::withdrawn:
      return end(delivery, SendOutcome::withdrawn, std::move(result.detail));
    case TryOutcome::refused:
      return end(delivery, SendOutcome::refused, std::move(result.detail));
    case TryOutcome::unanswered:
      ++counters_.tries_unanswered;
      one.was_unanswered = true;
      one.unanswered_detail = result.detail;
      one.order.send.possible_duplicate = true;
      if (!one.honours_keys) return end(delivery, SendOutcome::unanswered, std::move(result.detail));
      return try_again(delivery, std::move(result));
    case TryOutcome::transient:
      ++counters_.tries_transient;
      return try_again(delivery, std::move(result));
  }
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

void Outbox::end(Deliveries::iterator delivery, SendOutcome outcome, std::string detail) {
  Delivery& one = delivery->second;
  if (one.was_unanswered && outcome != SendOutcome::accepted && outcome != SendOutcome::unanswered) {
    detail = detail.empty() ? one.unanswered_detail : fmt::format("{}; then: {}", one.unanswered_detail, detail);
    outcome = SendOutcome::unanswered;
  }
  const rules::SendEnded ended{
      one.order.send.message, one.order.send.provider, outcome, words::shorten(words::visible(detail), detail_bytes)};
  due_.erase({one.due, delivery->first});
  deliveries_.erase(delivery);
  const std::size_t sharing = go_on_after(ended);
  // Last, and from a copy: whoever hears it may perform the next order.
  for (std::size_t reports = 0; reports < 1 + sharing; ++reports) report(ended);
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
