// I18: a message that was refused without a try had somewhere to go, and went there.
#include <map>
#include <set>
#include <utility>

#include <fmt/format.h>

#include "tests/simulation/judges.hpp"

namespace simulation {
namespace {

constexpr std::size_t failures_before = 3;  // messages in a row

class CircuitsJudge final : public Judge {
 public:
  using Judge::Judge;

  void see(const Row& row) override {
    if (const auto* asked = std::get_if<TryAsked>(&row.what)) {
      tried_.insert({asked->send->message, asked->send->provider});
      met_.insert(asked->send->message);
      channels_[asked->send->message] = asked->send->channel;
    } else if (const auto* ended = std::get_if<TryEnded>(&row.what)) {
      refused_at_last_[{ended->send->message, ended->send->provider}] = ended->outcome == channels::TryOutcome::refused;
    } else if (std::holds_alternative<DaemonEnded>(row.what)) {
      tried_.clear();
      met_.clear();
      withdrawn_.clear();
      refused_at_last_.clear();
      failures_.clear();
    }
  }

  void event(const Committed& row, const codec::StampedEvent& one, const Contract::Answer& asks) override {
    for (const rules::Effect& effect : now_.effects) {
      if (const auto* send = std::get_if<rules::Send>(&effect)) channels_[send->message] = send->channel;
    }
    withdrawn_.insert(asks.withdrawn.begin(), asks.withdrawn.end());
    const auto* ended = std::get_if<rules::SendEnded>(&one.event);
    const rules::Policy* const policy = now_.contract.policy();
    if (ended == nullptr || policy == nullptr) return;
    // What failed while the disk was full counts as well.
    if (tried_.contains({ended->message, ended->provider})) return count(*ended);
    if (row.found || now_.is_in_memory) return;
    if (ended->outcome != rules::SendOutcome::refused) return;
    const std::string& channel = channels_[ended->message];
    const rules::Channel* const known = policy->channel(channel);
    const std::size_t last = known == nullptr ? 0 : known->providers.size() - 1;
    if (ended->provider >= last) {
      fail("I18", fmt::format("message {} was passed over by the last provider of {}", ended->message.value, channel));
    }
    if (failures_[{channel, ended->provider}] < failures_before) {
      fail("I18",
           fmt::format("message {} was passed over by provider {} of {}, which had not failed",
                       ended->message.value,
                       ended->provider + 1,
                       channel));
    }
    const bool is_wanted = !withdrawn_.contains(ended->message);
    if (is_wanted && !now_.contract.is_under_way(ended->message) && !met_.contains(ended->message)) {
      fail("I18", fmt::format("message {} was passed over and went nowhere", ended->message.value));
    }
  }

 private:
  void count(const rules::SendEnded& ended) {
    if (ended.outcome == rules::SendOutcome::withdrawn) return;
    std::size_t& failures = failures_[{channels_[ended.message], ended.provider}];
    const bool is_failure =
        ended.outcome == rules::SendOutcome::unanswered ||
        (ended.outcome == rules::SendOutcome::refused && !refused_at_last_[{ended.message, ended.provider}]);
    failures = is_failure ? failures + 1 : 0;
  }

  std::set<std::pair<rules::MessageId, std::uint32_t>> tried_;  // by this life of the daemon
  std::set<rules::MessageId> met_;
  std::set<rules::MessageId> withdrawn_;
  std::map<rules::MessageId, std::string> channels_;
  std::map<std::pair<rules::MessageId, std::uint32_t>, bool> refused_at_last_;
  std::map<std::pair<std::string, std::uint32_t>, std::size_t> failures_;  // of messages in a row
};

}  // namespace

std::unique_ptr<Judge> judge_of_circuits(const Situation& situation, Judge::Fail fail) {
  return std::make_unique<CircuitsJudge>(situation, std::move(fail));
}

}  // namespace simulation
