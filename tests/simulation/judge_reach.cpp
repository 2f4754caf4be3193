// I16 and I17: that people are reached, whatever their providers do. Judged without what the contract asks for at each
// instant: from which incidents want somebody, which pages wait, what comes to a provider's door, and what rings.
#include <algorithm>
#include <map>
#include <set>

#include <fmt/format.h>

#include "rules/moment.hpp"
#include "tests/simulation/judges.hpp"

namespace simulation {
namespace {

using namespace std::chrono_literals;

// A try has 15 s, and 5 s more until nobody waits for its answer any longer.
constexpr Time a_provider_takes = 20s + 500ms;
constexpr Time longest_wait = 60s;  // over the budget, too

int most_providers(const rules::Policy& policy) {
  std::size_t most = 0;
  for (const rules::Channel& channel : policy.channels) most = std::max(most, channel.providers.size());
  return static_cast<int>(most);
}

// I16. From one name to the next there is no more than the longest wait of a step, a minute's gather over the budget, a
// minute until a tree begins again, and what each provider takes.
class IdsJudge final : public Judge {
 public:
  using Judge::Judge;

  void pass_time(Time until) override {
    if (!now_.can_work() || now_.is_appending || now_.is_in_memory || wanted_.empty()) return;
    since_row_ += until - now_.now;
    for (auto& [id, before] : wanted_) {
      const Time waited = before + since_row_;
      if (waited > most_) {
        fail("I16",
             fmt::format("{} wants somebody, and for {} s nothing has rung for it and nobody else was tried",
                         rules::print_incident(id),
                         waited / 1s));
      }
    }
  }

  void row_ended(const Committed& /*row*/) override {
    const rules::Policy* const policy = now_.contract.policy();
    if (policy == nullptr) return;
    rules::Duration wait{};
    for (const rules::CallTree& tree : policy->call_trees) {
      for (const rules::Step& step : tree.steps) wait = std::max(wait, step.wait);
      wait = std::max(wait, tree.last_resort.every);
    }
    most_ = std::max<Time>(most_, wait + longest_wait + 1min + most_providers(*policy) * a_provider_takes);
    std::map<rules::IncidentId, Time> wanted;
    for (const rules::IncidentId id : now_.contract.calling()) {
      const auto before = wanted_.find(id);
      wanted[id] = before == wanted_.end() ? Time{} : before->second + since_row_;
    }
    wanted_ = std::move(wanted);
    since_row_ = {};
  }

  void see(const Row& row) override {
    if (const auto* reached = std::get_if<Reached>(&row.what)) {
      for (const rules::PageFacts& page : reached->send->pages) name(page.incident.id);
    } else if (const auto* asked = std::get_if<TryAsked>(&row.what)) {
      for (const rules::PageFacts& page : asked->send->pages) {
        if (seen_.insert(page.id).second) name(page.incident.id);
      }
    } else if (std::holds_alternative<DaemonEnded>(row.what)) {
      since_row_ = {};  // a start goes on from the last stamp when the wall clock stands before it
      if (now_.has_lost_memory) seen_.clear();  // numbers may be given again
    }
  }

 private:
  void name(rules::IncidentId id) {
    if (const auto found = wanted_.find(id); found != wanted_.end()) found->second = -since_row_;
  }

  Time most_{};
  std::map<rules::IncidentId, Time> wanted_;  // time since it was named, in which the daemon could work
  Time since_row_{};                          // not in there yet
  std::set<rules::PageId> seen_;
};

// I17.
class WaitsJudge final : public Judge {
 public:
  using Judge::Judge;

  void pass_time(Time until) override {
    if (!now_.can_work() || now_.is_appending || now_.is_in_memory) return;
    const Time length = until - now_.now;
    for (auto& [id, waited] : waiting_) {
      waited += length;
      if (waited > longest_wait + promptly) {
        fail("I17", fmt::format("page {} has been due for {} ms, and has come to no provider", id.value, waited / 1ms));
      }
    }
    for (auto& [id, leaving] : leaving_) {
      leaving.waited += length;
      if (leaving.well.empty()) continue;
      const std::uint32_t place = *leaving.well.begin();
      const Time limit = (place - leaving.first + 1) * a_provider_takes;
      if (leaving.waited > limit) {
        fail("I17",
             fmt::format("message {} has not rung in {} ms, and provider {} of {} works",
                         id.value,
                         leaving.waited / 1ms,
                         place + 1,
                         leaving.channel));
      }
    }
  }

  void event(const Committed& /*row*/, const codec::StampedEvent& /*one*/, const Contract::Answer& asks) override {
    for (const rules::MessageId id : asks.withdrawn) leaving_.erase(id);
  }

  void row_ended(const Committed& /*row*/) override {
    const std::map<rules::PageId, Contract::Page>& pages = now_.contract.pages();
    std::erase_if(waiting_, [&](const auto& one) { return !pages.contains(one.first); });
    for (const auto& [id, page] : pages) {
      if (!at_door_.contains(id)) waiting_.try_emplace(id);
    }
    std::erase_if(at_door_, [&](rules::PageId id) { return !pages.contains(id); });
    std::erase_if(leaving_, [this](const auto& one) { return !now_.contract.is_under_way(one.first); });
  }

  void see(const Row& row) override {
    if (const auto* asked = std::get_if<TryAsked>(&row.what)) {
      on(*asked->send);
    } else if (const auto* reached = std::get_if<Reached>(&row.what)) {
      leaving_.erase(reached->send->message);
    } else if (const auto* turned = std::get_if<ProviderTurned>(&row.what)) {
      const Provider provider{turned->channel, turned->provider};
      if (turned->works) {
        ill_.erase(provider);
        return;
      }
      ill_.insert(provider);
      for (auto& [id, leaving] : leaving_) {
        if (leaving.channel == turned->channel) leaving.well.erase(turned->provider);
      }
    } else if (std::holds_alternative<DaemonEnded>(row.what)) {
      leaving_.clear();
      at_door_.clear();
      waiting_.clear();
    }
  }

 private:
  using Provider = std::pair<std::string, std::uint32_t>;
  struct Leaving {
    std::string channel;
    std::uint32_t first{};         // provider that it came to
    std::set<std::uint32_t> well;  // that have worked ever since, from the first on
    Time waited{};
  };

  void on(const rules::Send& send) {
    for (const rules::PageFacts& page : send.pages) {
      waiting_.erase(page.id);
      at_door_.insert(page.id);
    }
    if (send.pages.empty() || !now_.contract.is_under_way(send.message)) return;
    const auto [found, is_new] = leaving_.try_emplace(send.message);
    if (!is_new) return;
    found->second.channel = send.channel;
    found->second.first = send.provider;
    const rules::Channel* const channel = now_.contract.policy()->channel(send.channel);
    for (std::uint32_t index = send.provider; channel != nullptr && index < channel->providers.size(); ++index) {
      if (!ill_.contains(Provider{send.channel, index})) found->second.well.insert(index);
    }
  }

  std::set<Provider> ill_;
  std::map<rules::PageId, Time> waiting_;
  std::set<rules::PageId> at_door_;
  std::map<rules::MessageId, Leaving> leaving_;
};

}  // namespace

std::unique_ptr<Judge> judge_of_ids(const Situation& situation, Judge::Fail fail) {
  return std::make_unique<IdsJudge>(situation, std::move(fail));
}
std::unique_ptr<Judge> judge_of_waits(const Situation& situation, Judge::Fail fail) {
  return std::make_unique<WaitsJudge>(situation, std::move(fail));
}

}  // namespace simulation
