// I2: each message that the contract asks for comes to a provider's door at its instant, with the pages it must have,
// and nothing else does. What differs is named by what it breaks: I3, I4, I5, I8 or I13.
#include <algorithm>
#include <map>
#include <set>
#include <tuple>

#include <fmt/format.h>

#include "rules/moment.hpp"
#include "rules/rfc3339.hpp"
#include "rules/view.hpp"
#include "tests/simulation/judges.hpp"

namespace simulation {
namespace {

using namespace std::chrono_literals;

// One page or notice, as a line that can be compared.
std::string line_of(const Contract::Page& page) {
  return fmt::format("page {} of {} ({}, step {}, round {})",
                     page.id.value,
                     rules::print_incident(page.incident),
                     rules::to_text(page.reason),
                     page.step,
                     page.round);
}
std::string line_of(const rules::PageFacts& page) {
  return fmt::format("page {} of {} ({}, step {}, round {})",
                     page.id.value,
                     rules::print_incident(page.incident.id),
                     rules::to_text(page.reason),
                     page.step,
                     page.round);
}
std::string line_of(rules::IncidentId incident,
                    rules::NoticeKind kind,
                    const std::string& by,
                    const std::string& text) {
  // The words are of times, and of what providers said.
  if (kind == rules::NoticeKind::turn_at_risk) return fmt::format("notice of a turn of {} at risk", by);
  return fmt::format("notice of {} ({}, by {}){}{}",
                     rules::print_incident(incident),
                     rules::to_text(kind),
                     by,
                     text.empty() ? "" : ": ",
                     text);
}

std::vector<std::string> lines_of(const Contract::Ask& ask) {
  std::vector<std::string> lines;
  for (const Contract::Page& page : ask.pages) lines.push_back(line_of(page));
  for (const Contract::Notice& notice : ask.notices) {
    lines.push_back(line_of(notice.incident, notice.kind, notice.by, notice.text));
  }
  std::sort(lines.begin(), lines.end());
  return lines;
}
std::vector<std::string> lines_of(const rules::Send& send) {
  std::vector<std::string> lines;
  for (const rules::PageFacts& page : send.pages) lines.push_back(line_of(page));
  for (const rules::NoticeFacts& notice : send.notices) {
    lines.push_back(line_of(notice.incident.id, notice.kind, notice.by, notice.text));
  }
  std::sort(lines.begin(), lines.end());
  return lines;
}

class PagingJudge final : public Judge {
 public:
  using Judge::Judge;

  // Two things may be late: what is due by itself and not on the disk, and what is on the disk and not at the door.
  void pass_time(Time until) override {
    if (!now_.can_work()) return;
    const Time length = until - now_.now;
    for (auto& [name, order] : orders_) {
      if (!order.is_wanted || now_.is_in_memory) continue;
      // What became of it was told by another way than by its provider's answer, which the outbox waits for.
      if (under_way_.contains(name.first)) continue;
      order.waited += length;
      if (order.waited > promptly) {
        fail("I2",
             fmt::format("{} had to leave {} ms ago and has not: {}",
                         print(name, order.asks.front().to),
                         order.waited / 1ms,
                         fmt::join(lines_of(order.asks.front()), ", ")));
      }
    }
    if (now_.is_appending || now_.is_in_memory) return;
    const std::optional<rules::Instant> due = now_.contract.next_due();
    if (!due) return;
    const Time not_yet = std::max<Time>(*due - now_.at_now(), 0ns);
    if (length <= not_yet) return;
    overdue_ += length - not_yet;
    if (overdue_ > promptly) {
      fail(
          "I2",
          fmt::format(
              "what is due at {} is late by {} ms, excused time left out", rules::print_rfc3339(*due), overdue_ / 1ms));
    }
  }

  void event(const Committed& row, const codec::StampedEvent& one, const Contract::Answer& asks) override {
    overdue_ = {};
    if (const auto* ended = std::get_if<rules::SendEnded>(&one.event)) {
      orders_.erase(Name{ended->message, ended->provider});
    }
    for (const Contract::Ask& ask : asks.asks) {
      if (row.found) continue;  // nobody let it go; the start asks for it again
      const Name name{ask.message, ask.provider};
      const auto [found, is_new] = orders_.try_emplace(name);
      Order& order = found->second;
      order.asks.push_back(ask);
      if (!is_new && !order.is_wanted) continue;  // it is under way, and its outcome will be shared
      order.is_wanted = true;
      order.waited = {};
      order.is_from_memory = order.is_from_memory || now_.is_in_memory;
      // It may have left before its row was on the disk. One that was taken back in between never came to the door, and
      // what remained of it did, under the same name.
      if (const auto early = early_.find(name); early != early_.end()) {
        const std::size_t before = early->second.size();
        std::erase_if(early->second, [&](const auto& send) { return fits(*send, order); });
        if (early->second.size() < before) order.is_wanted = false;
        if (early->second.empty()) early_.erase(early);
      }
    }
    for (const rules::MessageId message : asks.withdrawn) {
      for (auto order = orders_.lower_bound(Name{message, 0}); order != orders_.end() && order->first.first == message;
           ++order) {
        order->second.is_wanted = false;
      }
    }
  }

  void see(const Row& row) override {
    if (const auto* asked = std::get_if<TryAsked>(&row.what)) {
      on(asked->send);
      under_way_.insert(asked->send->message);
    } else if (const auto* refused = std::get_if<Refused>(&row.what)) {
      const auto order = orders_.find(Name{refused->message, refused->provider});
      if (order != orders_.end()) order->second.is_wanted = false;
    } else if (const auto* ended = std::get_if<TryEnded>(&row.what)) {
      const auto one = under_way_.find(ended->send->message);
      if (one != under_way_.end()) under_way_.erase(one);
      const Name name{ended->send->message, ended->send->provider};
      if (ended->outcome == channels::TryOutcome::unanswered) unanswered_.insert(name);
    } else if (std::holds_alternative<DaemonEnded>(row.what)) {
      orders_.clear();
      early_.clear();
      under_way_.clear();
      unanswered_.clear();
      overdue_ = {};
    } else if (std::holds_alternative<DaemonStarted>(row.what)) {
      overdue_ = {};
    } else if (std::holds_alternative<RoomAgain>(row.what)) {
      overdue_ = {};
      // All that left from memory is on the disk now, and asked for by it.
      if (!early_.empty()) fail_unasked(*early_.begin()->second.front());
      early_.clear();
    }
  }

 private:
  using Name = std::pair<rules::MessageId, std::uint32_t>;  // and its provider
  struct Order {
    std::vector<Contract::Ask> asks;
    bool is_wanted{};       // it has not come to the door, and must
    bool is_from_memory{};  // it was let go while the disk refused: marked
    Time waited{};          // time in which it could have
  };

  static std::string print(const Name& name, const Contract::Address& to) {
    return fmt::format("message {} to {} by {}, provider {}", name.first.value, to.first, to.second, name.second + 1);
  }

  void on(const std::shared_ptr<const rules::Send>& send) {
    if (send->message.value > (std::uint64_t{1} << 62U)) return;  // the daemon's own alarm
    const Name name{send->message, send->provider};
    const auto found = orders_.find(name);
    if (found != orders_.end() && fits(*send, found->second)) {
      found->second.is_wanted = false;
    } else if (now_.is_in_memory && send->possible_duplicate) {
      early_[name].push_back(send);  // while the disk refuses, pages leave from memory, marked
    } else if (found == orders_.end()) {
      fail_unasked(*send);
    } else {
      fail_wrong(*send, found->second);
    }
  }

  [[nodiscard]] bool fits(const rules::Send& send, const Order& order) const {
    const std::vector<std::string> lines = lines_of(send);
    const bool was_unanswered = unanswered_.contains(Name{send.message, send.provider});
    return std::any_of(order.asks.begin(), order.asks.end(), [&](const Contract::Ask& ask) {
      const bool is_marked_right = send.possible_duplicate == ask.marked ||
                                   (send.possible_duplicate && (was_unanswered || order.is_from_memory));
      return ask.to == Contract::Address{send.person, send.contact} && is_marked_right && lines_of(ask) == lines;
    });
  }

  void fail_wrong(const rules::Send& send, const Order& order) {
    const std::vector<std::string> lines = lines_of(send);
    const Contract::Ask& ask = order.asks.back();
    const std::vector<std::string> wanted = lines_of(ask);
    const bool lacks = !std::includes(lines.begin(), lines.end(), wanted.begin(), wanted.end());
    const bool is_reloaded = now_.reloaded_at == ask.composed_at;
    std::string invariant = lacks ? "I2" : "I3";
    if (lacks && (wanted.size() > 1 || lines.size() > 1)) invariant = "I8";
    if (is_reloaded) invariant = "I13";
    fail(invariant,
         fmt::format("message {} to {} by {}{} says {}; it must go to {} by {}{} and say {}",
                     send.message.value,
                     send.person,
                     send.contact,
                     send.possible_duplicate ? " (marked)" : "",
                     fmt::join(lines, ", "),
                     ask.to.first,
                     ask.to.second,
                     ask.marked ? " (marked)" : "",
                     fmt::join(wanted, ", ")));
  }

  void fail_unasked(const rules::Send& send) {
    std::string invariant = "I3";
    std::string why = "the contract does not ask for it";
    const bool is_closed = std::any_of(send.pages.begin(), send.pages.end(), [this](const rules::PageFacts& page) {
      const std::optional<Contract::IncidentNow> incident = now_.contract.incident(page.incident.id);
      return incident && incident->state != rules::IncidentState::triggered;
    });
    if (!now_.decided_keys.contains(send.key)) {
      invariant = "I5";
      why = "no event on the disk asks for it";
    } else if (is_closed) {
      invariant = "I4";
      why = "its incident is acknowledged or over";
    } else if (now_.reloaded_at && now_.at_now() - *now_.reloaded_at < 5s) {
      invariant = "I13";
      why = "the reload before it does not ask for it";
    }
    fail(invariant,
         fmt::format("message {} to {} by {}, provider {}, comes to the door, and {}: {}",
                     send.message.value,
                     send.person,
                     send.contact,
                     send.provider + 1,
                     why,
                     fmt::join(lines_of(send), ", ")));
  }

  std::map<Name, Order> orders_;  // asked for, and without an outcome on the disk
  std::map<Name, std::vector<std::shared_ptr<const rules::Send>>>
      early_;                                  // left from memory; their events come to the disk later
  std::multiset<rules::MessageId> under_way_;  // tries without an end
  std::set<Name> unanswered_;                  // a try of it, by this run
  Time overdue_{};                             // how long the earliest due instant has been late, excused time left out
};

}  // namespace

std::unique_ptr<Judge> judge_of_paging(const Situation& situation, Judge::Fail fail) {
  return std::make_unique<PagingJudge>(situation, std::move(fail));
}

}  // namespace simulation
