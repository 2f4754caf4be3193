// Telephone calls through the shop's own exchange (SIP), without a service in between. A call is one baresip of its
// own, driven over its stdin and stdout by channels/sip_call, with a private folder for its configuration and the
// message as sound, made by espeak-ng and sox. Not over baresip's control port: whoever reaches that makes it dial and
// load code.
//
// An exchange connects so many calls at a time (`lines`); more wait, first come, first served, while their messages are
// made, and are transient when the time for their try is over before a line is free.
#pragma once

#include <chrono>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <string>

#include "daemon/channels/command_runner.hpp"
#include "daemon/channels/conversations.hpp"
#include "daemon/channels/sip_call.hpp"
#include "daemon/channels/tell.hpp"
#include "daemon/clock.hpp"

namespace channels {

struct SipSettings {
  std::string account;    // "sip:rouse@pbx.example.org"
  std::string username;   // "" = that of the account
  std::string password;   // "" = the exchange asks for none; without blanks, quotes, angles and semicolons
  std::string transport;  // udp or tcp; not tls: baresip 1.0 does not look whose certificate it is
  std::string proxy;      // "sip:proxy.example.org"; "" = none
  std::string interface;  // its name or address; "" = the one of the default route
  std::string voice;      // of espeak-ng
  std::uint32_t lines = 2;
  bool registers = false;  // the exchange connects only who is registered
  std::chrono::milliseconds ring_for{30'000};
  std::string baresip;  // programs: a path, or a name sought in PATH
  std::string espeak;
  std::string sox;
};

struct SipOrder {
  SipCallFacts facts;  // `until` is set by call()
  std::string uri;     // whom to dial; without blanks and control characters
  std::string text;    // what is said
  std::chrono::milliseconds limit{};
  std::function<bool()> may_leave;
  std::function<void(TryResult)> done;
};

// All calls on the loop's thread. What it is made with outlives it; destroyed before the command runner.
class Telephones {
 public:
  static constexpr std::size_t most_waiting = 256;  // of one account; more are transient at once

  // `wake` as in Conversations.
  Telephones(const roused::Clock& clock, CommandRunner& commands, std::function<void()> wake, TellEngine tell);
  ~Telephones();
  Telephones(const Telephones&) = delete;
  Telephones& operator=(const Telephones&) = delete;

  // `done` is called once, at once or from deliver().
  void call(std::shared_ptr<const SipSettings> settings, SipOrder order);

  // Calls back for what has come. False when nothing had.
  bool deliver();

  // The daemon stops: every call is cut and told so; none begins any more. The programs end with this object.
  void stop();

  [[nodiscard]] std::size_t pending() const { return calls_.size(); }

 private:
  struct Call;
  using Calls = std::map<ConversationId, Call>;

  void hear(ConversationId id, ConversationNews&& news);
  void perform(ConversationId id, SipActions actions);
  void make_sound(ConversationId id, const std::string& text, std::uint32_t times, const std::string& name);
  void on_sound(ConversationId id, const std::string& name, const CommandResult& result, const std::string& why);
  void start_if_possible(ConversationId id);
  void give_line_to_next(const std::string& account);
  void set_alarm(ConversationId id, Call& call);

  const roused::Clock& clock_;
  CommandRunner& commands_;
  TellEngine tell_;
  Calls calls_;
  std::map<std::string, std::uint32_t> in_use_;                // lines of an account
  std::map<std::string, std::deque<ConversationId>> waiting_;  // for one of them
  bool is_stopping_ = false;
  std::shared_ptr<Telephones*> self_;  // what comes back later looks here whether somebody is left
  Conversations conversations_;
};

}  // namespace channels
