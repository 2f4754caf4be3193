// The `log` provider: a page is one line in the daemon's log. For trying out, and as the last of a channel's providers.
#pragma once

#include <functional>
#include <string>
#include <string_view>

#include "daemon/channels/provider.hpp"

namespace channels {

class LogProvider final : public Provider {
 public:
  // `write_line` gets one line without its end and without control characters. It must not throw.
  LogProvider(std::function<void(std::string_view line)> write_line, std::string public_url);

  // Accepts at once, as long as the message may leave.
  void attempt(const rules::Send& send,
               std::chrono::milliseconds limit,
               std::function<bool()> may_leave,
               std::function<void(TryResult)> done) override;

  // The same line twice is read twice.
  [[nodiscard]] bool honours_keys() const override { return false; }

 private:
  std::function<void(std::string_view)> write_line_;
  std::string public_url_;
};

}  // namespace channels
