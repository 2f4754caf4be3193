// One call from dialling to hanging up, as decisions: what is heard of the telephone and of the engine goes in, what is
// to be done comes out. No clock, thread or process: channels/telephones does what it says, tests say what they like.
//
//   ready -> dial -> ringing: the try is accepted, from here on it is told what became of it
//                 -> answered: the message is played; 4, 5 and a confirmed 6 go to the engine, whose answer is spoken;
//                    * plays it again, other keys do nothing; without a key that did something until its end nobody
//                    has heard it
//
// Busy and declined are the person's: accepted, and unheard. That the exchange will not connect it is a refusal, that
// it cannot now is transient. Nothing but 100 until the time for the try is over is unanswered, and hung up.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "daemon/channels/provider.hpp"
#include "daemon/channels/sip_lines.hpp"
#include "daemon/channels/tell.hpp"
#include "rules/event.hpp"
#include "rules/ids.hpp"

namespace channels {

struct SipCallFacts {
  rules::MessageId message;
  std::string key;           // of the message
  std::uint32_t provider{};  // index in the channel's order
  std::string channel;       // of the contact, "voice"
  std::string address;       // the contact's, as configured
  std::string confirm_close = "To close it, press 6 once more. To hear the message again, press star.";
  std::chrono::nanoseconds ring_for{std::chrono::seconds{30}};
  std::chrono::nanoseconds until{};  // boot clock: the end of the time for this try
};

// What is to be done, in this order.
struct SipDial {};
struct SipPlayMessage {};  // from its beginning
struct SipSpeak {          // these words, in place of the message
  std::string text;
};
struct SipHangUp {};
struct SipFinish {};  // nothing follows: the telephone may go
struct SipAnswer {    // of the try; at most one, and always one before SipFinish
  TryResult result;
};
struct SipTell {
  rules::Event event;
  bool wants_answer = false;  // then told() is called
};
using SipAction = std::variant<SipDial, SipPlayMessage, SipSpeak, SipHangUp, SipFinish, SipAnswer, SipTell>;
using SipActions = std::vector<SipAction>;

class SipCall {
 public:
  using Time = std::chrono::nanoseconds;  // boot clock

  explicit SipCall(SipCallFacts facts) : facts_(std::move(facts)), wakes_at_(facts_.until) {}

  // The telephone can dial; the message takes so long, with all its repeats.
  SipActions ready(Time now, Time message_takes);
  // It cannot be had: nothing has left.
  SipActions cannot(TryOutcome outcome, std::string why);
  SipActions withheld();  // may_leave said no
  SipActions hear(Time now, const SipLine& line);
  SipActions told(const Told& told);
  // The words of a SipSpeak are being played and take so long; or they could not be made: zero.
  SipActions speaking(Time now, Time takes);
  SipActions alarm(Time now);  // at wakes_at(), or later
  SipActions program_ended();  // by itself, or after SipHangUp
  SipActions stop();           // the daemon stops: the call is cut

  // When alarm() is to be called. Changes with every call above.
  [[nodiscard]] Time wakes_at() const { return wakes_at_; }
  [[nodiscard]] bool is_over() const { return stage_ == Stage::over; }

 private:
  // Somebody who leans on the keys, or a machine that hears itself: then the call is over, and its line free.
  static constexpr std::uint32_t most_keys = 30;

  enum class Stage : std::uint8_t { preparing, dialling, ringing, talking, closing, over };

  void answer(TryOutcome outcome, std::string detail);
  void report(rules::Delivery delivery, std::string detail);
  void hang_up(Time now);
  void finish();
  void on_key(Time now, const std::string& key);
  // How it ended when nobody has heard it.
  [[nodiscard]] std::string_view without_key() const;
  void on_closed(std::uint32_t code, const std::string& why);
  SipActions done();

  SipCallFacts facts_;
  Stage stage_ = Stage::preparing;
  Time wakes_at_;
  Time message_takes_{};
  bool is_answered_ = false;     // the try
  bool is_heard_ = false;        // a key has done what it says, or it was done before
  bool is_asking_ = false;       // a key went to the engine, which has not answered
  bool is_early_ = false;        // sound was sent before it was answered
  bool is_confirming_ = false;   // 6 was pressed once
  bool hangs_up_after_ = false;  // what is spoken now is the last word
  std::uint32_t keys_ = 0;       // that went to the engine
  std::uint32_t pressed_ = 0;    // of all kinds
  SipActions actions_;
};

}  // namespace channels
