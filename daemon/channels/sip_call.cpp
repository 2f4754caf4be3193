#include "daemon/channels/sip_call.hpp"

#include <utility>

#include <fmt/format.h>

#include "daemon/words/message.hpp"

namespace channels {
namespace {

using std::chrono::seconds;

constexpr std::chrono::milliseconds for_goodbye{2'000};  // from hanging up to the program's end
constexpr seconds for_engine{10};                        // from a key to the verdict
constexpr seconds for_voice{10};                         // from a verdict to its voice
constexpr seconds after_words{1};                        // before the last word is followed by hanging up
constexpr seconds for_second_key{10};                    // after it was asked for

std::string in_words(std::uint32_t code, const std::string& why) {
  if (code == 0) return why.empty() ? std::string("the connection ended") : why;
  return why.empty() ? fmt::format("SIP {}", code) : fmt::format("SIP {} {}", code, why);
}

bool is_busy(std::uint32_t code) {
  return code == 486 || code == 600;
}

// Before anything rang: whether the exchange may connect it later.
bool may_work_later(std::uint32_t code) {
  return code == 0 || code == 408 || code == 480 || code == 487 || code == 491 || (code >= 500 && code < 600);
}

// After it rang: nobody took it, as opposed to a call that the exchange could not bring to its end.
bool is_nobody(std::uint32_t code) {
  return code == 0 || is_busy(code) || code == 408 || code == 480 || code == 487 || code == 603 || code == 607 ||
         code == 608;
}

}  // namespace

SipActions SipCall::done() {
  return std::exchange(actions_, {});
}

void SipCall::answer(TryOutcome outcome, std::string detail) {
  if (std::exchange(is_answered_, true)) return;
  actions_.emplace_back(SipAnswer{TryResult{outcome, std::move(detail), {}}});
}

void SipCall::report(rules::Delivery delivery, std::string detail) {
  actions_.emplace_back(SipTell{
      .event = rules::DeliveryReported{facts_.message, facts_.key, delivery, std::move(detail), facts_.provider},
      .wants_answer = false});
}

void SipCall::hang_up(Time now) {
  stage_ = Stage::closing;
  wakes_at_ = now + for_goodbye;
  actions_.emplace_back(SipHangUp{});
}

void SipCall::finish() {
  stage_ = Stage::over;
  wakes_at_ = Time::max();
  actions_.emplace_back(SipFinish{});
}

SipActions SipCall::ready(Time now, Time message_takes) {
  if (stage_ != Stage::preparing) return {};
  message_takes_ = message_takes;
  if (now >= facts_.until) return cannot(TryOutcome::transient, "no time was left to dial");
  stage_ = Stage::dialling;
  wakes_at_ = facts_.until;
  actions_.emplace_back(SipDial{});
  return done();
}

SipActions SipCall::cannot(TryOutcome outcome, std::string why) {
  if (stage_ != Stage::preparing) return {};
  answer(outcome, std::move(why));
  finish();
  return done();
}

SipActions SipCall::withheld() {
  if (stage_ != Stage::dialling) return {};
  answer(TryOutcome::withdrawn, {});
  finish();
  return done();
}

SipActions SipCall::hear(Time now, const SipLine& line) {
  if (stage_ == Stage::preparing || stage_ == Stage::over) return {};
  switch (line.word) {
    case SipWord::ringing:
      is_early_ = is_early_ || line.code == 183;
      if (stage_ != Stage::dialling) break;
      stage_ = Stage::ringing;
      wakes_at_ = now + facts_.ring_for;
      answer(TryOutcome::accepted, "it rings");
      break;
    case SipWord::established:
      if (stage_ != Stage::dialling && stage_ != Stage::ringing) break;
      stage_ = Stage::talking;
      wakes_at_ = now + message_takes_;
      answer(TryOutcome::accepted, "answered");
      report(rules::Delivery::delivered, "answered");
      // With early media the message has been playing to a ringing telephone.
      if (is_early_) actions_.emplace_back(SipPlayMessage{});
      break;
    case SipWord::closed:
      on_closed(line.code, line.text);
      break;
    case SipWord::cannot_dial:
      if (stage_ == Stage::dialling) {
        answer(TryOutcome::refused, line.text);
        finish();
      }
      break;
    case SipWord::key:
      if (stage_ == Stage::talking) on_key(now, line.text);
      break;
    case SipWord::ready:
    case SipWord::registered:
    case SipWord::not_registered:
    case SipWord::trying:
      break;
  }
  return done();
}

void SipCall::on_closed(std::uint32_t code, const std::string& why) {
  if (stage_ == Stage::closing) return;  // our own hanging up: the program ends by itself
  const std::string detail = in_words(code, why);
  if (stage_ == Stage::dialling) {
    if (is_busy(code)) {
      answer(TryOutcome::accepted, "busy: " + detail);
      report(rules::Delivery::unheard, "busy: " + detail);
    } else {
      answer(may_work_later(code) ? TryOutcome::transient : TryOutcome::refused, detail);
    }
  } else if (stage_ == Stage::ringing) {
    report(is_nobody(code) ? rules::Delivery::unheard : rules::Delivery::failed,
           (is_busy(code) || code == 603 ? "it rang, and the call was declined: " : "it rang, and nobody answered: ") +
               detail);
  } else if (stage_ == Stage::talking && !is_heard_ && !is_asking_) {
    report(rules::Delivery::unheard, fmt::format("answered, and hung up: {}", without_key()));
  }
  finish();
}

std::string_view SipCall::without_key() const {
  return pressed_ == 0 ? "no key was pressed" : "no key that was pressed did anything";
}

void SipCall::on_key(Time now, const std::string& key) {
  if (is_asking_ || pressed_ > most_keys) return;  // the same key twice, out of impatience
  hangs_up_after_ = ++pressed_ > most_keys;
  if (hangs_up_after_) {
    wakes_at_ = now + for_voice;
    actions_.emplace_back(SipSpeak{"That was enough for one call. Good bye."});
    return;
  }
  if (key == "*") {
    is_confirming_ = false;
    wakes_at_ = now + message_takes_;
    actions_.emplace_back(SipPlayMessage{});
    return;
  }
  if (key == "6" && !std::exchange(is_confirming_, true)) {
    wakes_at_ = now + for_voice + for_second_key;
    actions_.emplace_back(SipSpeak{facts_.confirm_close});
    return;
  }
  is_confirming_ = false;
  if (key != "4" && key != "5" && key != "6") {
    wakes_at_ = now + for_voice + for_second_key;
    actions_.emplace_back(SipSpeak{"This key does nothing. " + std::string(words::voice_keys)});
    return;
  }
  is_asking_ = true;
  wakes_at_ = now + for_engine;
  rules::Replied reply;
  reply.channel = facts_.channel;
  reply.address = facts_.address;
  reply.form = rules::ReplyForm::key;
  reply.text = key;
  reply.about = facts_.message;
  reply.id = fmt::format("{}-{}", facts_.key, ++keys_);
  actions_.emplace_back(SipTell{.event = std::move(reply), .wants_answer = true});
}

SipActions SipCall::told(const Told& told) {
  if (!std::exchange(is_asking_, false)) return {};
  const bool is_done = !told.verdict || told.verdict->code == rules::VerdictCode::done ||
                       told.verdict->code == rules::VerdictCode::already_resolved;
  is_heard_ = is_heard_ || (told.is_durable && is_done);
  if (stage_ != Stage::talking) return {};
  std::string text;
  if (!told.is_durable)
    text = "It could not be written down. Please press the key again.";
  else if (told.verdict)
    text = told.verdict->text;
  if (text.empty()) text = is_done ? "Thank you." : "This key does nothing here.";
  hangs_up_after_ = told.is_durable && is_done;
  wakes_at_ = wakes_at_ + for_voice;
  actions_.emplace_back(SipSpeak{std::move(text)});
  return done();
}

SipActions SipCall::speaking(Time now, Time takes) {
  if (stage_ != Stage::talking || is_asking_) return {};
  wakes_at_ = now + takes + (hangs_up_after_ ? Time{after_words} : Time{for_second_key});
  return {};
}

SipActions SipCall::alarm(Time now) {
  if (now < wakes_at_) return {};
  switch (stage_) {
    case Stage::preparing:
      return cannot(TryOutcome::transient, "the telephone was not ready in time");
    case Stage::over:
      break;
    case Stage::dialling:
      answer(TryOutcome::unanswered, "nothing came back but that it is being tried");
      hang_up(now);
      break;
    case Stage::ringing:
      report(
          rules::Delivery::unheard,
          fmt::format("it rang for {} s, and nobody answered", std::chrono::floor<seconds>(facts_.ring_for).count()));
      hang_up(now);
      break;
    case Stage::talking:
      if (std::exchange(is_asking_, false)) {
        // The verdict is late; the event is on its way all the same, and counts when it arrives.
        is_heard_ = true;
        hangs_up_after_ = true;
        wakes_at_ = now + for_voice;
        actions_.emplace_back(SipSpeak{"Your key was taken."});
        break;
      }
      if (!is_heard_) report(rules::Delivery::unheard, fmt::format("answered, and {}", without_key()));
      hang_up(now);
      break;
    case Stage::closing:
      finish();
      break;
  }
  return done();
}

SipActions SipCall::program_ended() {
  switch (stage_) {
    case Stage::preparing:
      return cannot(TryOutcome::transient, "the telephone program ended");
    case Stage::dialling:
      answer(TryOutcome::unanswered, "the telephone program ended while it dialled");
      break;
    case Stage::ringing:
      report(rules::Delivery::unheard, "it rang, and the telephone program ended");
      break;
    case Stage::talking:
      if (!is_heard_ && !is_asking_)
        report(rules::Delivery::unheard, "answered, and the telephone program ended before a key");
      break;
    case Stage::closing:
      break;
    case Stage::over:
      return {};
  }
  finish();
  return done();
}

SipActions SipCall::stop() {
  switch (stage_) {
    case Stage::preparing:
      return cannot(TryOutcome::transient, "roused stops");
    case Stage::dialling:
      answer(TryOutcome::unanswered, "roused stops");
      break;
    case Stage::ringing:
      report(rules::Delivery::unheard, "it rang, and roused stopped");
      break;
    case Stage::talking:
      if (!is_heard_ && !is_asking_) report(rules::Delivery::unheard, "answered, and roused stopped before a key");
      break;
    case Stage::closing:
      break;
    case Stage::over:
      return {};
  }
  finish();
  return done();
}

}  // namespace channels
