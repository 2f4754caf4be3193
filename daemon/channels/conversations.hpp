// Programs that are talked with: each has a private folder, reads lines and writes lines, until it is done or must go.
// A telephone is one (channels/telephones).
//
// One thread of its own makes the folders, starts, feeds, hears, kills and reaps, so that neither a disk nor a program
// holds up the loop. Orders go to it and news come back through one ring each; the loop's thread is the other end.
// A program runs as channels/spawn says, and is killed with the process that started it, however that ends.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "daemon/clock.hpp"

namespace channels {

using ConversationId = std::uint64_t;

// The folder is there, with its files, for its owner alone; or `folder` is empty and `detail` says why not.
struct FolderMade {
  std::string folder;
  std::string detail;
};
// The program runs, or does not: `detail` says why.
struct ProgramStarted {
  bool is_running = false;
  std::string detail;
  bool may_work_later = false;  // the machine had nothing to start it with
};
// One line that it wrote, without its end; what is longer than 1,000 bytes is cut there.
struct LineHeard {
  std::string line;
};
// may_say said no: the line was not written.
struct LineWithheld {};
// The time that wake_at() named.
struct AlarmRang {
  std::uint64_t number{};
};
// The program has ended, by itself or not. The last news but of an alarm.
struct ProgramEnded {
  bool has_run = true;          // false: there is no such program, or it could not be run
  std::string last;             // the last line that it wrote
  bool may_work_later = false;  // it has not run for something that the machine did not have
};

using ConversationNews = std::variant<FolderMade, ProgramStarted, LineHeard, LineWithheld, AlarmRang, ProgramEnded>;

class Conversations {
 public:
  // `wake` is called on the thread when there is something to deliver; it has the loop's thread call deliver() soon.
  // The clock outlives it. Throws std::system_error when the kernel gives no eventfd.
  Conversations(const roused::Clock& clock, std::function<void()> wake);
  // Ends what runs: asked by SIGTERM, killed half a second later. Takes all folders away.
  ~Conversations();
  Conversations(const Conversations&) = delete;
  Conversations& operator=(const Conversations&) = delete;

  // Stands for the folder in what a file has.
  static constexpr std::string_view own_folder = "@FOLDER@";
  struct File {
    std::string name;
    std::string content;
  };

  // All on the loop's thread, and at once. What is said of a conversation that is over does nothing.
  ConversationId begin(std::vector<File> files);                // -> FolderMade
  void start(ConversationId id, std::vector<std::string> run);  // -> ProgramStarted, LineHeard ..., ProgramEnded
  // `may_say` is asked on the thread, right before the first byte of the line would be written.
  void say(ConversationId id, std::string line, std::function<bool()> may_say = {});
  void wake_at(ConversationId id, std::chrono::nanoseconds boot, std::uint64_t number);  // the one alarm; -> AlarmRang
  // Kills its program if one runs, takes the folder away. No news of it come any more.
  void end(ConversationId id);

  // Loop thread: hands out what has come. False when nothing had.
  bool deliver(const std::function<void(ConversationId, ConversationNews&&)>& hear);

  struct Internals;

 private:
  std::unique_ptr<Internals> internals_;
  ConversationId last_id_ = 0;
};

}  // namespace channels
