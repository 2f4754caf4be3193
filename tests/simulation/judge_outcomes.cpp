// I2, behind a page that has left: how it ended is on the disk at once, since the next provider, the next rule and the
// next step follow from that; and no provider is tried for longer than its time.
#include <map>
#include <utility>

#include <fmt/format.h>

#include "tests/simulation/judges.hpp"

namespace simulation {
namespace {

constexpr Time tries_last = std::chrono::seconds{15};

class OutcomesJudge final : public Judge {
 public:
  using Judge::Judge;

  void pass_time(Time until) override {
    const Time passed = until - now_.now;
    if (now_.pauses > 0) return;
    for (auto& [name, delivery] : deliveries_) {
      delivery.lasted += passed;
      if (!delivery.has_ended || !now_.can_work() || now_.is_appending || now_.is_in_memory) continue;
      delivery.unsaid += passed;
      if (delivery.unsaid > promptly) {
        fail("I2",
             fmt::format(
                 "message {} has ended at provider {}, and the disk has not heard", name.first.value, name.second + 1));
      }
    }
  }

  void see(const Row& row) override {
    if (const auto* asked = std::get_if<TryAsked>(&row.what)) {
      on(*asked);
    } else if (const auto* ended = std::get_if<TryEnded>(&row.what)) {
      on(*ended);
    } else if (const auto* refused = std::get_if<Refused>(&row.what)) {
      deliveries_[{refused->message, refused->provider}].has_ended = true;
    } else if (std::holds_alternative<DaemonEnded>(row.what)) {
      deliveries_.clear();
    }
  }

  void event(const Committed& /*row*/, const codec::StampedEvent& one, const Contract::Answer& /*asks*/) override {
    if (const auto* ended = std::get_if<rules::SendEnded>(&one.event))
      deliveries_.erase({ended->message, ended->provider});
  }

 private:
  using Name = std::pair<rules::MessageId, std::uint32_t>;
  // One message at one provider, from its first try to the row that says how it ended.
  struct Delivery {
    Time lasted{};  // in which the daemon ran
    Time unsaid{};
    unsigned tries{};  // that have no outcome; of several, which one an outcome belongs to does not show
    bool has_ended{};
  };

  void on(const TryAsked& asked) {
    Delivery& delivery = deliveries_[{asked.send->message, asked.send->provider}];
    ++delivery.tries;
    if (delivery.lasted > tries_last + promptly && !now_.is_in_memory) {
      fail("I2",
           fmt::format("message {} is tried once more at provider {}, {} ms after the first time",
                       asked.send->message.value,
                       asked.send->provider + 1,
                       delivery.lasted / std::chrono::milliseconds{1}));
    }
  }

  void on(const TryEnded& ended) {
    const auto found = deliveries_.find({ended.send->message, ended.send->provider});
    if (found == deliveries_.end()) return;
    Delivery& delivery = found->second;
    const bool is_clear = delivery.tries == 1;
    if (is_clear) delivery.tries = 0;
    const bool is_final =
        ended.outcome == channels::TryOutcome::accepted || ended.outcome == channels::TryOutcome::refused;
    if (is_clear && is_final) delivery.has_ended = true;
  }

  std::map<Name, Delivery> deliveries_;
};

}  // namespace

std::unique_ptr<Judge> judge_of_outcomes(const Situation& situation, Judge::Fail fail) {
  return std::make_unique<OutcomesJudge>(situation, std::move(fail));
}

}  // namespace simulation
