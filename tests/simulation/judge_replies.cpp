// I19 and I20: what people answer. Judged from what the daemon keeps of each contact and from what an event asks for.
#include <algorithm>
#include <deque>
#include <map>
#include <set>
#include <utility>

#include <fmt/format.h>

#include "tests/simulation/judges.hpp"

namespace simulation {
namespace {

constexpr std::size_t ids_remembered = 100;
constexpr unsigned answers_to_nonsense = 5;

std::string who_replied(const Situation& now, const rules::Replied& reply) {
  if (!reply.person.empty() || now.contract.policy() == nullptr) return reply.person;
  const rules::Person* const person = now.contract.whose(reply.channel, reply.address);
  return person == nullptr ? "" : person->id;
}

// I19. The figure of a contact's heard pages grows by what this person answered, and by nothing else.
class HeardJudge final : public Judge {
 public:
  using Judge::Judge;

  void see(const Row& /*row*/) override {}
  void event(const Committed& /*row*/, const codec::StampedEvent& one, const Contract::Answer& /*asks*/) override {
    const auto* reply = std::get_if<rules::Replied>(&one.event);
    const std::string who = reply == nullptr ? "" : who_replied(now_, *reply);
    for (const auto& [to, reachable] : now_.replayed.reachability) {
      std::uint64_t& before = heard_[to];
      if (reachable.heard > before && (reply == nullptr || who != to.first)) {
        fail("I19", fmt::format("a page to {} by {} counts as heard, and nobody answered", to.first, to.second));
      }
      before = reachable.heard;
    }
  }

 private:
  std::map<std::pair<std::string, std::string>, std::uint64_t> heard_;
};

// I20.
class RepliesJudge final : public Judge {
 public:
  using Judge::Judge;

  void see(const Row& /*row*/) override {}
  void event(const Committed& /*row*/, const codec::StampedEvent& one, const Contract::Answer& asks) override {
    for (const Contract::Ask& ask : asks.asks) {
      if (!ask.pages.empty()) not_understood_[ask.to.first] = 0;  // whoever is paged may ask again
    }
    const auto* reply = std::get_if<rules::Replied>(&one.event);
    if (reply == nullptr || now_.contract.policy() == nullptr) return;
    const std::string who = who_replied(now_, *reply);
    if (who.empty()) {
      if (!is_silent()) fail("I20", fmt::format("{} is nobody's, and what it says is acted upon", reply->address));
      return;
    }
    std::deque<std::string>& ids = ids_[who];
    if (!reply->id.empty() && std::find(ids.begin(), ids.end(), reply->id) != ids.end()) {
      if (!is_silent()) fail("I20", fmt::format("{} of {} acts twice", reply->id, who));
      return;
    }
    ids.push_back(reply->id);
    if (ids.size() > ids_remembered) ids.pop_front();
    unsigned& in_a_row = not_understood_[who];
    const std::string said = answer();
    if (code() == rules::VerdictCode::done) {
      if (!said.empty()) in_a_row = 0;
    } else if (++in_a_row > answers_to_nonsense && !said.empty() && reply->form == rules::ReplyForm::text &&
               reply->person.empty()) {
      fail("I20", fmt::format("{} is answered what did nothing for the {}th time in a row: {}", who, in_a_row, said));
    }
  }

 private:
  [[nodiscard]] rules::VerdictCode code() const {
    for (const rules::Effect& effect : now_.effects) {
      if (const auto* verdict = std::get_if<rules::Verdict>(&effect)) return verdict->code;
    }
    return rules::VerdictCode::done;
  }
  [[nodiscard]] std::string answer() const {
    for (const rules::Effect& effect : now_.effects) {
      if (const auto* verdict = std::get_if<rules::Verdict>(&effect)) return verdict->text;
    }
    return "";
  }
  // It changes nothing that anybody sees, and is not answered.
  [[nodiscard]] bool is_silent() const {
    return now_.effects.size() == 1 && std::holds_alternative<rules::Verdict>(now_.effects.front()) && answer().empty();
  }

  std::map<std::string, std::deque<std::string>> ids_;
  std::map<std::string, unsigned> not_understood_;
};

}  // namespace

std::unique_ptr<Judge> judge_of_heard(const Situation& situation, Judge::Fail fail) {
  return std::make_unique<HeardJudge>(situation, std::move(fail));
}
std::unique_ptr<Judge> judge_of_replies(const Situation& situation, Judge::Fail fail) {
  return std::make_unique<RepliesJudge>(situation, std::move(fail));
}

}  // namespace simulation
