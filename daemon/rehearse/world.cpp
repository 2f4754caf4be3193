#include "daemon/rehearse/world.hpp"

#include <algorithm>
#include <stdexcept>
#include <utility>

#include "rules/codec/codec.hpp"

namespace rehearse {
namespace {

constexpr rules::Duration tries_last{std::chrono::seconds{15}};

rules::StoreId store_of(std::uint64_t key_seed) {
  rules::StoreId store{};
  std::uint64_t value = key_seed;
  for (std::uint8_t& byte : store) {
    value = value * 6364136223846793005ULL + 1442695040888963407ULL;
    byte = static_cast<std::uint8_t>(value >> 56U);
  }
  return store;
}

}  // namespace

rules::State new_state(const rules::StoreId& store) {
  rules::State state;
  state.store = store;
  for (std::size_t index = 0; index < 8; ++index) state.seed = (state.seed << 8U) | store[index];
  return state;
}

World::World(std::shared_ptr<const rules::Policy> policy, rules::Instant start, std::uint64_t key_seed)
    : state_{new_state(store_of(key_seed))}, now_{start} {
  apply(rules::PolicyLoaded{std::move(policy)});
  apply(rules::Started{.run = 1});
  // As if the daemon had run for long: what is not judged right after a start is judged.
  state_.started_at = start - std::chrono::hours{24};
}

World::World(rules::State state)
    : state_{std::move(state)}, now_{state_.last.at}, wall_ahead_{state_.last.wall - state_.last.at} {
  for (const auto& [id, message] : state_.messages) {
    rules::Send send;
    send.message = id;
    send.provider = message.provider;
    pending_.push_back(
        Pending{.ends = now_, .outcome = rules::SendOutcome::accepted, .send = std::move(send), .sent = now_});
  }
}

std::optional<rules::Instant> World::next_outcome() const {
  std::optional<rules::Instant> next;
  for (const Pending& pending : pending_) {
    if (!next || pending.ends < *next) next = pending.ends;
  }
  return next;
}

std::optional<rules::Instant> World::next_due() const {
  const std::optional<rules::Instant> outcome = next_outcome();
  const std::optional<rules::Instant> deadline = rules::next_deadline(state_);
  if (!outcome) return deadline;
  if (!deadline) return outcome;
  return std::min(*outcome, *deadline);
}

bool World::settle_providers() {
  const auto due =
      std::find_if(pending_.begin(), pending_.end(), [this](const Pending& pending) { return pending.ends <= now_; });
  if (due == pending_.end()) return false;
  const Pending ended = std::move(*due);
  pending_.erase(due);
  if (ended.outcome == rules::SendOutcome::accepted) record(ended.send, ended.sent);
  apply(rules::SendEnded{
      .message = ended.send.message, .provider = ended.send.provider, .outcome = ended.outcome, .detail = "rehearsed"});
  return true;
}

void World::advance_to(rules::Instant instant) {
  while (settle_providers()) {
  }
  for (;;) {
    const std::optional<rules::Instant> due = next_due();
    if (!due || *due > instant) break;
    now_ = std::max(now_, *due);
    if (settle_providers()) continue;
    apply(rules::ClockReached{.until = now_});
  }
  now_ = std::max(now_, instant);
}

std::optional<rules::Verdict> World::tell(rules::Instant at, const rules::Event& event) {
  if (at > now_) advance_to(at - rules::Duration{1});
  now_ = std::max(now_, at);
  while (settle_providers()) {
  }
  const std::optional<rules::Verdict> verdict = apply(event);
  while (settle_providers()) {
  }
  return verdict;
}

void World::restart(rules::Instant at, rules::Duration down) {
  if (at > now_) advance_to(at - rules::Duration{1});
  now_ = std::max(now_, at);
  while (settle_providers()) {
  }
  pending_.clear();  // what providers would have said, nobody hears
  tl::expected<rules::State, std::string> recovered = codec::decode_state(codec::encode_state(state_));
  if (!recovered) throw std::logic_error{"the state does not survive its own encoding: " + recovered.error()};
  state_ = std::move(*recovered);
  now_ += down;
  apply(rules::Started{.run = state_.run + 1});
  while (settle_providers()) {
  }
}

void World::behave(const std::string& channel, std::uint32_t provider, Behaviour behaviour) {
  behaviours_[{channel, provider}] = behaviour;
}

std::optional<rules::Verdict> World::apply(const rules::Event& event) {
  std::optional<rules::Verdict> verdict;
  for (rules::Effect& effect : rules::apply(state_, event, rules::Stamp{.at = now_, .wall = now_ + wall_ahead_})) {
    if (auto* send = std::get_if<rules::Send>(&effect)) {
      perform(*send);
    } else if (const auto* withdraw = std::get_if<rules::Withdraw>(&effect)) {
      // The next try looks at the flag and does not begin.
      for (Pending& pending : pending_) {
        if (pending.send.message != withdraw->message || pending.outcome != rules::SendOutcome::refused) continue;
        pending.outcome = rules::SendOutcome::withdrawn;
        pending.ends = now_;
      }
    } else if (const auto* said = std::get_if<rules::Verdict>(&effect)) {
      verdict = *said;
    } else if (const auto* changed = std::get_if<rules::Changed>(&effect)) {
      changes_.push_back(StateChange{.at = now_, .incident = changed->incident, .state = changed->state});
    } else if (const auto* held = std::get_if<rules::Held>(&effect)) {
      holds_.push_back(HeldRecord{.at = now_, .incident = held->incident, .because = held->because});
    }
  }
  const bool is_set = verdict && verdict->code == rules::VerdictCode::done;
  if (is_set && std::holds_alternative<rules::SilenceSet>(event) &&
      std::find(silences_.begin(), silences_.end(), verdict->text) == silences_.end()) {
    silences_.push_back(verdict->text);
  }
  return verdict;
}

void World::perform(const rules::Send& send) {
  const auto found = behaviours_.find({send.channel, send.provider});
  const Behaviour behaviour = found == behaviours_.end() ? Behaviour::works : found->second;
  Pending pending{.ends = now_, .outcome = rules::SendOutcome::accepted, .send = send, .sent = now_};
  switch (behaviour) {
    case Behaviour::works:
      break;
    case Behaviour::fails:
      pending.outcome = rules::SendOutcome::refused;
      break;
    case Behaviour::busy:
      pending.outcome = rules::SendOutcome::refused;
      pending.ends = now_ + tries_last;
      break;
    case Behaviour::time_out:
      pending.outcome = rules::SendOutcome::unanswered;
      pending.ends = now_ + tries_last;
      record(send, now_);  // it may have arrived
      break;
  }
  pending_.push_back(std::move(pending));
}

void World::record(const rules::Send& send, rules::Instant at) {
  rules::Send message = send;
  message.pages.clear();
  for (const rules::PageFacts& page : send.pages) {
    if (!listed_.emplace(page.id, true).second) continue;
    pages_.push_back(LeftPage{.at = at, .message = message, .page = page});
  }
  if (!send.notices.empty() && listed_notices_.emplace(send.message, true).second) {
    notices_.push_back(LeftNotice{.at = at, .message = send});
  }
}

}  // namespace rehearse
