#include "daemon/channels/telephones.hpp"

#include <algorithm>
#include <filesystem>
#include <optional>
#include <string_view>
#include <system_error>
#include <utility>

#include <fmt/format.h>

#include "daemon/words/clean.hpp"
#include "daemon/words/message.hpp"

namespace channels {
namespace {

using std::chrono::nanoseconds;

constexpr std::string_view message_file = "message.wav";
constexpr std::uint32_t times_said = 3;
constexpr std::chrono::milliseconds for_voice{8'000};
constexpr std::chrono::seconds silence_behind{20};  // baresip hangs up where a sound ends: we do, before
constexpr std::size_t bytes_a_second = 16'000;      // 8 kHz, 16 bits, one channel
constexpr std::size_t header_bytes = 44;
constexpr std::size_t spoken_bytes = 4000;
constexpr std::size_t reason_bytes = 200;

std::string configuration_of(const SipSettings& settings) {
  std::string text = fmt::format(R"(call_max_calls 1
call_local_timeout 120
audio_source aufile,{0}/{1}
audio_level no
ausrc_srate 8000
auplay_srate 8000
ausrc_channels 1
auplay_channels 1
rtp_timeout 60
statmode_default off
redial_attempts 0
module_path /usr/lib/baresip/modules
module stdio.so
module g711.so
module aufile.so
module_tmp account.so
module_app menu.so
)",
                                 Conversations::own_folder,
                                 message_file);
  if (!settings.interface.empty()) text += fmt::format("net_interface {}\n", settings.interface);
  return text;
}

std::string account_of(const SipSettings& settings) {
  std::string text = fmt::format("<{};transport={}>", settings.account, settings.transport);
  if (!settings.username.empty()) text += ";auth_user=" + settings.username;
  // Without a password it would ask for one on its stdin.
  text += ";auth_pass=" + (settings.password.empty() ? std::string("none") : settings.password);
  if (!settings.proxy.empty()) text += fmt::format(";outbound=\"{};transport={}\"", settings.proxy, settings.transport);
  text += fmt::format(";regint={};answermode=manual;audio_codecs=pcmu,pcma;mwi=no;call_transfer=no\n",
                      settings.registers ? 600 : 0);
  return text;
}

// Nothing when it is no sound with anything in it.
std::optional<nanoseconds> length_of(const std::string& file) {
  std::error_code error;
  const std::uintmax_t bytes = std::filesystem::file_size(file, error);
  if (error || bytes <= header_bytes) return std::nullopt;
  const auto all = std::chrono::milliseconds{(bytes - header_bytes) * 1000 / bytes_a_second};
  return all > silence_behind ? std::optional<nanoseconds>{all - silence_behind} : std::nullopt;
}

// Nobody has been called yet when a program was not to be had, was too slow or was killed.
bool may_work_later(const CommandResult& result) {
  return result.end == CommandEnd::no_room || result.end == CommandEnd::ran_over || result.end == CommandEnd::died;
}

}  // namespace

struct Telephones::Call {
  explicit Call(SipCallFacts facts) : decides(std::move(facts)) {}
  SipCall decides;
  std::shared_ptr<const SipSettings> settings;
  std::string uri;
  std::string text;
  std::function<bool()> may_leave;
  std::function<void(TryResult)> done;
  std::string folder;
  std::optional<nanoseconds> message_takes;  // once it is made
  bool has_line = false;
  bool is_started = false;
  std::uint32_t spoken = 0;  // answers that were made
  nanoseconds alarm{nanoseconds::max()};
};

Telephones::Telephones(const roused::Clock& clock, CommandRunner& commands, std::function<void()> wake, TellEngine tell)
    : clock_(clock),
      commands_(commands),
      tell_(std::move(tell)),
      self_(std::make_shared<Telephones*>(this)),
      conversations_(clock, std::move(wake)) {}

Telephones::~Telephones() = default;

void Telephones::call(std::shared_ptr<const SipSettings> settings, SipOrder order) {
  std::deque<ConversationId>& waiting = waiting_[settings->account];
  if (is_stopping_) return order.done({TryOutcome::transient, "roused stops", {}});
  if (waiting.size() >= most_waiting) return order.done({TryOutcome::transient, "too many calls wait for a line", {}});
  order.facts.until = clock_.read().boot + order.limit;
  order.facts.ring_for = settings->ring_for;
  const ConversationId id = conversations_.begin(
      {{"config", configuration_of(*settings)}, {"accounts", account_of(*settings)}, {"contacts", {}}});
  Call& one = calls_.emplace(id, Call(std::move(order.facts))).first->second;
  one.uri = std::move(order.uri);
  one.text = std::move(order.text);
  one.may_leave = std::move(order.may_leave);
  one.done = std::move(order.done);
  std::uint32_t& in_use = in_use_[settings->account];
  if (in_use < settings->lines) {
    ++in_use;
    one.has_line = true;
  } else {
    waiting.push_back(id);
  }
  one.settings = std::move(settings);
  set_alarm(id, one);
}

bool Telephones::deliver() {
  return conversations_.deliver([this](ConversationId id, ConversationNews&& news) { hear(id, std::move(news)); });
}

void Telephones::stop() {
  is_stopping_ = true;
  while (!calls_.empty()) perform(calls_.begin()->first, calls_.begin()->second.decides.stop());
}

void Telephones::hear(ConversationId id, ConversationNews&& news) {
  const auto found = calls_.find(id);
  if (found == calls_.end()) return;
  Call& one = found->second;
  const nanoseconds now = clock_.read().boot;
  if (auto* made = std::get_if<FolderMade>(&news)) {
    if (made->folder.empty()) return perform(id, one.decides.cannot(TryOutcome::transient, std::move(made->detail)));
    one.folder = std::move(made->folder);
    return make_sound(id, one.text, times_said, std::string(message_file));
  }
  if (const auto* started = std::get_if<ProgramStarted>(&news)) {
    if (!started->is_running)
      perform(id,
              one.decides.cannot(started->may_work_later ? TryOutcome::transient : TryOutcome::refused,
                                 fmt::format("{} {}", one.settings->baresip, started->detail)));
    return;
  }
  if (const auto* heard = std::get_if<LineHeard>(&news)) {
    const std::optional<SipLine> line = read_sip_line(heard->line);
    if (!line) return;
    const bool registers = one.settings->registers;
    if (line->word == (registers ? SipWord::registered : SipWord::ready)) {
      if (one.message_takes) perform(id, one.decides.ready(now, *one.message_takes));
    } else if (line->word == SipWord::not_registered) {
      const bool is_final = line->code >= 400 && line->code < 500 && line->code != 408;
      perform(id,
              one.decides.cannot(is_final ? TryOutcome::refused : TryOutcome::transient,
                                 fmt::format("the exchange does not register us: {} {}", line->code, line->text)));
    } else {
      perform(id, one.decides.hear(now, *line));
    }
    return;
  }
  if (std::holds_alternative<LineWithheld>(news)) return perform(id, one.decides.withheld());
  if (const auto* ended = std::get_if<ProgramEnded>(&news)) {
    if (!ended->has_run) {
      return perform(id,
                     one.decides.cannot(ended->may_work_later ? TryOutcome::transient : TryOutcome::refused,
                                        words::shorten(words::visible(ended->last), reason_bytes)));
    }
    return perform(id, one.decides.program_ended());
  }
  if (std::holds_alternative<AlarmRang>(news)) {
    one.alarm = nanoseconds::max();
    if (now >= one.decides.wakes_at() && !one.has_line) {
      return perform(
          id, one.decides.cannot(TryOutcome::transient, fmt::format("all {} lines are in use", one.settings->lines)));
    }
    perform(id, one.decides.alarm(now));
  }
}

// Whatever is called here may come back with another call, so the call is looked for anew each time.
void Telephones::perform(ConversationId id, SipActions actions) {
  for (SipAction& action : actions) {
    const auto found = calls_.find(id);
    if (found == calls_.end()) return;
    Call& one = found->second;
    if (std::holds_alternative<SipDial>(action)) {
      conversations_.say(id, "/dial " + one.uri, one.may_leave);
    } else if (std::holds_alternative<SipPlayMessage>(action)) {
      conversations_.say(id, fmt::format("/ausrc aufile,{}/{}", one.folder, message_file));
    } else if (const auto* speak = std::get_if<SipSpeak>(&action)) {
      make_sound(id, words::spoken(speak->text), 1, fmt::format("answer-{}.wav", ++one.spoken));
    } else if (std::holds_alternative<SipHangUp>(action)) {
      conversations_.say(id, "/hangup");
      conversations_.say(id, "/quit");
    } else if (auto* answer = std::get_if<SipAnswer>(&action)) {
      const std::function<void(TryResult)> done = std::exchange(one.done, {});
      if (done) done(std::move(answer->result));
    } else if (auto* tell = std::get_if<SipTell>(&action)) {
      std::function<void(const Told&)> heard;
      if (tell->wants_answer) {
        heard = [self = std::weak_ptr<Telephones*>(self_), id](const Told& told) {
          const std::shared_ptr<Telephones*> telephones = self.lock();
          if (!telephones) return;
          const auto call = (*telephones)->calls_.find(id);
          if (call != (*telephones)->calls_.end()) (*telephones)->perform(id, call->second.decides.told(told));
        };
      }
      if (tell_) tell_(std::move(tell->event), std::move(heard));
    } else if (std::holds_alternative<SipFinish>(action)) {
      const std::shared_ptr<const SipSettings> settings = one.settings;
      const bool had_line = one.has_line;
      calls_.erase(found);
      // When the daemon stops its program is asked to end, which lets the other side know: see ~Conversations.
      if (!is_stopping_) conversations_.end(id);
      if (had_line) give_line_to_next(settings->account);
      return;
    }
  }
  if (const auto found = calls_.find(id); found != calls_.end()) set_alarm(id, found->second);
}

void Telephones::set_alarm(ConversationId id, Call& call) {
  if (call.decides.wakes_at() == call.alarm) return;
  call.alarm = call.decides.wakes_at();
  conversations_.wake_at(id, call.alarm, 0);
}

// espeak-ng speaks at 22 kHz; sox makes of it what a telephone carries, with pauses, so many times over.
void Telephones::make_sound(ConversationId id, const std::string& text, std::uint32_t times, const std::string& name) {
  const Call& one = calls_.at(id);
  const std::string raw = one.folder + "/raw-" + name;
  Command speak;
  speak.run = {one.settings->espeak, "--stdin", "-b", "1", "-s", "150", "-v", one.settings->voice, "-w", raw};
  speak.input = words::shorten(text, spoken_bytes);
  speak.limit = for_voice;
  commands_.submit(
      std::move(speak), [self = std::weak_ptr<Telephones*>(self_), id, times, name, raw](CommandResult result) {
        const std::shared_ptr<Telephones*> held = self.lock();
        if (!held) return;
        Telephones& all = **held;
        const auto found = all.calls_.find(id);
        if (found == all.calls_.end()) return;
        if (result.end != CommandEnd::exited || result.code != 0)
          return all.on_sound(id, name, result, fmt::format("{}: {}", found->second.settings->espeak, result.detail));
        Command convert;
        convert.run = {found->second.settings->sox,
                       "-q",
                       raw,
                       "-r",
                       "8000",
                       "-c",
                       "1",
                       "-b",
                       "16",
                       found->second.folder + "/" + name,
                       "pad",
                       "0.5",
                       "1.5"};
        if (times > 1) convert.run.insert(convert.run.end(), {"repeat", std::to_string(times - 1)});
        convert.run.insert(convert.run.end(), {"pad", "0", std::to_string(silence_behind.count())});
        convert.limit = for_voice;
        all.commands_.submit(std::move(convert), [self, id, name](CommandResult converted) {
          const std::shared_ptr<Telephones*> still_held = self.lock();
          if (!still_held) return;
          const auto call = (*still_held)->calls_.find(id);
          if (call == (*still_held)->calls_.end()) return;
          (*still_held)
              ->on_sound(id, name, converted, fmt::format("{}: {}", call->second.settings->sox, converted.detail));
        });
      });
}

void Telephones::on_sound(ConversationId id,
                          const std::string& name,
                          const CommandResult& result,
                          const std::string& why) {
  Call& one = calls_.at(id);
  const bool is_made = result.end == CommandEnd::exited && result.code == 0;
  const std::optional<nanoseconds> takes = is_made ? length_of(one.folder + "/" + name) : std::nullopt;
  if (name == message_file) {
    if (!takes)
      return perform(id,
                     one.decides.cannot(may_work_later(result) ? TryOutcome::transient : TryOutcome::refused,
                                        "the message cannot be spoken: " + why));
    one.message_takes = takes;
    return start_if_possible(id);
  }
  // An older answer than the one that is wanted.
  if (name != fmt::format("answer-{}.wav", one.spoken)) return;
  if (takes) conversations_.say(id, fmt::format("/ausrc aufile,{}/{}", one.folder, name));
  perform(id, one.decides.speaking(clock_.read().boot, takes.value_or(nanoseconds{0})));
}

void Telephones::start_if_possible(ConversationId id) {
  Call& one = calls_.at(id);
  if (!one.has_line || !one.message_takes || std::exchange(one.is_started, true)) return;
  conversations_.start(id, {one.settings->baresip, "-f", one.folder, "-v"});
}

void Telephones::give_line_to_next(const std::string& account) {
  std::deque<ConversationId>& waiting = waiting_[account];
  while (!waiting.empty()) {
    const ConversationId id = waiting.front();
    waiting.pop_front();
    const auto found = calls_.find(id);
    if (found == calls_.end()) continue;
    found->second.has_line = true;
    return start_if_possible(id);
  }
  --in_use_[account];
}

}  // namespace channels
