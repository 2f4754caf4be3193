// I3, I4 and I8 at the provider's door: what rings, how often, and what must not begin to leave any more.
#include <algorithm>
#include <map>
#include <set>
#include <utility>

#include <fmt/format.h>

#include "rules/moment.hpp"
#include "tests/simulation/judges.hpp"

namespace simulation {
namespace {

using namespace std::chrono_literals;

bool is_alarm_of_the_daemon(const rules::Send& send) {
  return send.message.value > (std::uint64_t{1} << 62U);
}

// I3. A key is a promise to a provider and to a person.
class RingsJudge final : public Judge {
 public:
  using Judge::Judge;

  void see(const Row& row) override {
    if (const auto* asked = std::get_if<TryAsked>(&row.what)) {
      on(*asked);
    } else if (const auto* ended = std::get_if<TryEnded>(&row.what)) {
      if (ended->outcome == channels::TryOutcome::unanswered) keys_[ended->send->key].in_doubt = true;
    } else if (const auto* reached = std::get_if<Reached>(&row.what)) {
      on(*reached);
    } else if (std::holds_alternative<DaemonStarted>(row.what)) {
      on_start();
    }
  }

 private:
  struct Key {
    bool in_doubt{};  // an outcome is not known: it may come again, marked
    bool rang{};
    bool rang_unmarked{};
  };

  void on(const TryAsked& asked) {
    const rules::Send& send = *asked.send;
    if (is_alarm_of_the_daemon(send)) return;
    const auto [known, is_new] = key_of_message_.try_emplace(send.message, send.key);
    if (!is_new && known->second != send.key) {
      fail("I3", fmt::format("message {} is sent under two keys", send.message.value));
    }
    const auto [message, is_new_key] = message_of_key_.try_emplace(send.key, send.message);
    if (!is_new_key && message->second != send.message) {
      fail("I3", fmt::format("messages {} and {} have one key", message->second.value, send.message.value));
    }
  }

  void on(const Reached& reached) {
    const rules::Send& send = *reached.send;
    if (lost_keys_.contains(send.key) || is_alarm_of_the_daemon(send)) return;
    Key& key = keys_[send.key];
    key.in_doubt = key.in_doubt || send.possible_duplicate;
    // A marked one may arrive before the first, which was slow.
    if (key.rang_unmarked && !send.possible_duplicate) {
      fail("I3", fmt::format("key {} rings twice, and the second is not marked", send.key));
    }
    if (key.rang && !key.in_doubt) {
      fail("I3", fmt::format("key {} rings twice, though its outcome was known", send.key));
    }
    key.rang = true;
    key.rang_unmarked = key.rang_unmarked || !send.possible_duplicate;
    for (const rules::PageFacts& page : send.pages) {
      const auto [known, is_new] = key_of_page_.try_emplace(page.id, send.key);
      if (!is_new && known->second != send.key) {
        fail("I3", fmt::format("page {} rings under two keys", page.id.value));
      }
    }
  }

  // What has no outcome on the disk may come again. What was never on it is gone, and its numbers may be given again.
  void on_start() {
    if (now_.has_lost_memory) {
      for (auto one = key_of_message_.begin(); one != key_of_message_.end();) {
        if (one->first.value <= now_.contract.last_message()) {
          ++one;
          continue;
        }
        lost_keys_.insert(one->second);
        message_of_key_.erase(one->second);
        one = key_of_message_.erase(one);
      }
      std::erase_if(key_of_page_, [this](const auto& one) {
        return one.first.value > now_.contract.last_page() || lost_keys_.contains(one.second);
      });
    }
    for (const auto& [message, key] : key_of_message_) {
      if (now_.contract.is_under_way(message)) keys_[key].in_doubt = true;
    }
  }

  std::map<std::string, Key> keys_;
  std::set<std::string> lost_keys_;
  std::map<rules::MessageId, std::string> key_of_message_;
  std::map<std::string, rules::MessageId> message_of_key_;
  std::map<rules::PageId, std::string> key_of_page_;
};

// I4. Once somebody has been told that it is theirs, or over, none of the pages so far begins to leave.
class ClosingJudge final : public Judge {
 public:
  using Judge::Judge;

  void event(const Committed& /*row*/, const codec::StampedEvent& /*one*/, const Contract::Answer& asks) override {
    for (const auto& [id, last_page] : asks.closed) committed_[id] = last_page;
  }

  void see(const Row& row) override {
    if (const auto* answered = std::get_if<Answered>(&row.what); answered != nullptr && answered->status == 200) {
      // Whatever a 200 is about, all that is on the disk by now has been told to somebody, or could have been.
      for (const auto& [id, page] : std::exchange(committed_, {})) closed_[id] = page;
    } else if (const auto* began = std::get_if<TryBegan>(&row.what)) {
      for (const rules::PageFacts& page : began->send->pages) {
        const auto closed = closed_.find(page.incident.id);
        if (closed == closed_.end() || page.id.value > closed->second) continue;
        fail("I4",
             fmt::format("a page of {} begins to leave after the 200 to what closed it",
                         rules::print_incident(page.incident.id)));
      }
    }
  }

 private:
  std::map<rules::IncidentId, std::uint64_t> committed_;  // the last page when it closed
  std::map<rules::IncidentId, std::uint64_t> closed_;
};

// I8. No storm: the gather of a second, the budget, and one message a minute beyond it.
class BudgetsJudge final : public Judge {
 public:
  using Judge::Judge;

  void event(const Committed& /*row*/, const codec::StampedEvent& one, const Contract::Answer& asks) override {
    for (const Contract::Ask& ask : asks.asks) composed_[ask.message] = ask.composed_at;
    const auto* ended = std::get_if<rules::SendEnded>(&one.event);
    const auto* reported = std::get_if<rules::DeliveryReported>(&one.event);
    rules::MessageId nowhere;
    if (ended != nullptr &&
        (ended->outcome == rules::SendOutcome::refused || ended->outcome == rules::SendOutcome::withdrawn)) {
      nowhere = ended->message;
    }
    if (reported != nullptr && reported->delivery == rules::Delivery::failed) {
      nowhere = reported->message;
      seen_.insert(reported->key);  // by the next provider it is the same message, and counts once
    }
    if (nowhere.value == 0 || now_.contract.is_under_way(nowhere)) return;
    for (auto& [to, sent] : sent_) {
      std::erase_if(sent, [&](const auto& message) { return message.second == nowhere; });
    }
  }

  void see(const Row& row) override {
    const auto* asked = std::get_if<TryAsked>(&row.what);
    if (asked == nullptr) return;
    const rules::Send& send = *asked->send;
    // Test pages are asked for by hand, at most one a minute, and wait behind nothing.
    if (!send.pages.empty() && send.pages.front().reason == rules::PageReason::test) return;
    const auto composed = composed_.find(send.message);
    if (composed == composed_.end() || now_.contract.policy() == nullptr || !seen_.insert(send.key).second) return;
    const rules::Instant at = composed->second;
    auto& sent = sent_[{send.person, send.contact}];
    const rules::Budget& budget = now_.contract.policy()->budget;
    std::erase_if(sent, [&](const auto& one) { return one.first + budget.within <= at; });
    // One that a crash kept back is judged by when it was composed.
    const bool is_newest = sent.empty() || sent.back().first <= at;
    if (!sent.empty() && is_newest && !now_.is_in_memory) {
      const rules::Duration since = at - sent.back().first;
      if (since < 1s) {
        fail("I8", fmt::format("{} by {} gets two messages within {} ms", send.person, send.contact, since.count()));
      }
      if (budget.pages > 0 && sent.size() >= budget.pages && since < 60s) {
        fail("I8",
             fmt::format("{} by {} gets message {} of a budget of {}, {} ms after the last",
                         send.person,
                         send.contact,
                         sent.size() + 1,
                         budget.pages,
                         since.count()));
      }
    }
    sent.emplace_back(at, send.message);
    std::sort(sent.begin(), sent.end());
  }

 private:
  std::map<rules::MessageId, rules::Instant> composed_;
  std::set<std::string> seen_;
  std::map<std::pair<std::string, std::string>, std::vector<std::pair<rules::Instant, rules::MessageId>>> sent_;
};

}  // namespace

std::unique_ptr<Judge> judge_of_rings(const Situation& situation, Judge::Fail fail) {
  return std::make_unique<RingsJudge>(situation, std::move(fail));
}
std::unique_ptr<Judge> judge_of_closing(const Situation& situation, Judge::Fail fail) {
  return std::make_unique<ClosingJudge>(situation, std::move(fail));
}
std::unique_ptr<Judge> judge_of_budgets(const Situation& situation, Judge::Fail fail) {
  return std::make_unique<BudgetsJudge>(situation, std::move(fail));
}

}  // namespace simulation
