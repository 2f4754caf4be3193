#include <utility>

#include "daemon/channels/provider.hpp"

namespace channels {

void Provider::look_up(const rules::Send& /*send*/,
                       std::chrono::milliseconds /*limit*/,
                       std::function<void(TryResult)> done) {
  done({TryOutcome::unanswered, {}, {}});
}

namespace {

class Refusing final : public Provider {
 public:
  explicit Refusing(std::string why) : why_(std::move(why)) {}

  void attempt(const rules::Send& /*send*/,
               std::chrono::milliseconds /*limit*/,
               std::function<bool()> may_leave,
               std::function<void(TryResult)> done) override {
    if (!may_leave()) return done({TryOutcome::withdrawn, {}, {}});
    done({TryOutcome::refused, why_, {}});
  }

  [[nodiscard]] bool honours_keys() const override { return false; }

 private:
  std::string why_;
};

}  // namespace

std::unique_ptr<Provider> refusing_provider(std::string why) {
  return std::make_unique<Refusing>(std::move(why));
}

}  // namespace channels
