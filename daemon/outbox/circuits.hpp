// Which providers are believed to work. A message is not held up for 15 s by a provider that has just failed three in a
// row while another one of its channel works: its circuit is open, and what comes is refused at once, so that the rules
// go on to the next. It opens to the next one and never to nothing: only while a later provider of the channel is
// closed, has not refused what it was given last, and can work at all. So the last one always tries.
//
// After 30 s one message probes it; each probe that fails doubles that, up to 10 min. When a later provider fails
// meanwhile the probe is due at once. An answer that refuses a message opens nothing: who answers is there.
//
// A webhook without a `url` of its own calls each person's: it has a circuit for each address.
//
// The loop's thread, as the outbox, which owns it. Times are of the boot clock.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "daemon/outbox/health.hpp"
#include "rules/effect.hpp"
#include "rules/policy.hpp"

namespace outbox {

inline constexpr unsigned failures_to_open = 3;
inline constexpr std::chrono::seconds first_probe_wait{30};
inline constexpr std::chrono::minutes longest_probe_wait{10};

// What the end of a message says about the provider that had it.
enum class Sign : std::uint8_t {
  none,     // nothing: it was withdrawn, or something else than the provider ended it
  works,    // it took the message
  refuses,  // it answered, and did not want it
  fails,    // transient errors until the time was over, or no answer
};

struct Circuit {
  unsigned failures{};  // in a row
  bool is_open{};
  bool is_probed{};  // by a message that is on its way
  bool has_refused{};
  std::chrono::nanoseconds probe_wait{};
  std::chrono::nanoseconds probe_at{};
  std::string why;  // the last failure, for people
};

// One provider at its place in its channel. Outlives a reload when it is the same after it.
struct Line {
  rules::Provider provider;
  std::map<std::string, Circuit> circuits;                      // by key(); those that have failed or refused lately
  std::shared_ptr<Health> health = std::make_shared<Health>();  // read by any thread

  // Whose circuit a message to this address is of: a webhook of the contact's own is one, a server that ntfy contacts
  // name is one, everything else is "", the provider's.
  [[nodiscard]] std::string key(const std::string& address) const;
  [[nodiscard]] bool is_any_open() const;
};

class Circuits {
 public:
  // Whether a message that a provider refuses at once must not count as a way out. May be empty: all can work.
  using CanWork = std::function<bool(const std::string& channel, std::uint32_t index)>;

  void follow(const std::vector<rules::Channel>& channels, CanWork can_work);

  // Null when that is not followed: its messages are always tried.
  [[nodiscard]] std::shared_ptr<Line> find(const std::string& channel, std::uint32_t index) const;

  using Lines = std::map<std::string, std::vector<std::shared_ptr<Line>>>;
  [[nodiscard]] const Lines& lines() const { return channels_; }

  enum class Way : std::uint8_t { open_to_it, probe, refused };
  // For the first try of a message. With `probe` the end of this message must be heard.
  [[nodiscard]] Way ask(const rules::Send& send, std::chrono::nanoseconds at);

  // Whether the message would find a later provider.
  [[nodiscard]] bool has_way_out(const rules::Send& send) const;

  // What a message that is refused is told.
  [[nodiscard]] std::string why_open(const rules::Send& send) const;

  void hear(Line& line,
            const rules::Send& send,
            Sign sign,
            bool was_probe,
            std::chrono::nanoseconds at,
            std::string_view why);

 private:
  Lines channels_;
  CanWork can_work_;
};

}  // namespace outbox
