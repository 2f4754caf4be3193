// What keeps one event from stopping everybody else's pages. An event is journaled before it is applied; were the
// process to die of applying it, every start would replay it and die again. So the place is marked while an event is
// applied, and an event at which the process died twice is set aside: its bytes go to a file of their own below the
// store's folder, no later start applies it, and last_resort is told.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <utility>

#include <tl/expected.hpp>

#include "daemon/journal/journal.hpp"
#include "rules/codec/codec.hpp"

namespace roused {

// The row of an event, and its place in the row, from 0.
using EventPlace = std::pair<std::uint64_t, std::uint32_t>;

// Where the process is, in memory that outlives it: a mapped file. Survives any death of the process; after a power cut
// it may say anything, and what it says then is forgotten by the first event that is applied. One thread.
class ApplyMark {
 public:
  struct Death {
    EventPlace place;
    std::uint32_t times{};  // that a process died there, one after the other
  };

  // Takes what the last process left in the file, and counts it. Without the file (a full disk) nothing is marked.
  explicit ApplyMark(const std::filesystem::path& file);
  ~ApplyMark();
  ApplyMark(const ApplyMark&) = delete;
  ApplyMark& operator=(const ApplyMark&) = delete;

  // Where the last process died, if it died while it applied an event.
  [[nodiscard]] const std::optional<Death>& death() const { return death_; }
  [[nodiscard]] bool is_kept() const { return record_ != nullptr; }

  void begin(EventPlace place);
  void end();
  // The event there will not be applied any more.
  void forget();

 private:
  struct Record;
  Record* record_{};
  std::optional<Death> death_;
};

// The events that were set aside: one file each, "SET-ASIDE/ROW-INDEX.event", holding the event as the journal has it.
// Read once, before there are threads; never changed while one looks.
class SetAside {
 public:
  SetAside() = default;
  // Errors: a file that cannot be read.
  [[nodiscard]] static tl::expected<SetAside, std::string> load(const std::filesystem::path& folder);

  // Compared byte by byte: after a repair the number of a row may belong to another one.
  [[nodiscard]] bool contains(EventPlace place, const codec::StampedEvent& event) const;
  [[nodiscard]] std::size_t size() const { return events_.size(); }
  [[nodiscard]] bool empty() const { return events_.empty(); }

  struct Added {
    std::string text;            // what it is, for whoever is told
    std::filesystem::path file;  // where its bytes are
  };
  // Takes the event out of the journal's row and writes it down, durably.
  [[nodiscard]] tl::expected<Added, std::string> add(journal::Journal& journal,
                                                     const std::filesystem::path& folder,
                                                     EventPlace place);

 private:
  std::map<EventPlace, std::string> events_;
};

// "reports from 10.0.0.7: alertname=DiskFull, service=db", "an acknowledgement of R-12 by olga".
[[nodiscard]] std::string describe(const rules::Event& event);

}  // namespace roused
