#include "daemon/poison.hpp"

#include <atomic>
#include <cerrno>
#include <charconv>
#include <new>
#include <vector>

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/mman.h>
#include <unistd.h>

#include "daemon/journal/files.hpp"
#include "rules/moment.hpp"

namespace roused {
namespace {

constexpr std::uint64_t record_magic = 0x31'6b'72'61'6d'75'6f'72;  // "roumark1"
constexpr std::size_t most_words = 200;

int sync_whole(int descriptor) {
  return ::fsync(descriptor);
}

template <class Verb>
std::string of(std::string_view what, const Verb& verb) {
  return fmt::format("{} of {} by {}", what, rules::print_incident(verb.incident), verb.by);
}

}  // namespace

// Written with plain stores; the kernel keeps the page whatever becomes of the process.
struct ApplyMark::Record {
  std::uint64_t magic{};
  std::uint64_t sequence{};
  std::uint32_t index{};
  std::atomic<std::uint32_t> is_applying{};
  // The place at which a process died last, and how often in a row.
  std::uint64_t dead_sequence{};
  std::uint32_t dead_index{};
  std::uint32_t deaths{};
};

ApplyMark::ApplyMark(const std::filesystem::path& file) {
  static_assert(std::atomic<std::uint32_t>::is_always_lock_free);
  const int descriptor = ::open(file.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  if (descriptor < 0) return;
  // Real blocks, so that a full disk is found out here and not by a store into the mapping.
  const bool has_room = ::posix_fallocate(descriptor, 0, sizeof(Record)) == 0;
  void* const mapped =
      has_room ? ::mmap(nullptr, sizeof(Record), PROT_READ | PROT_WRITE, MAP_SHARED, descriptor, 0) : MAP_FAILED;
  ::close(descriptor);
  if (mapped == MAP_FAILED) return;
  record_ = static_cast<Record*>(mapped);
  if (record_->magic != record_magic) {
    new (record_) Record{};
    record_->magic = record_magic;
    return;
  }
  if (record_->is_applying == 0) return;
  const bool is_same = record_->dead_sequence == record_->sequence && record_->dead_index == record_->index;
  record_->deaths = is_same ? record_->deaths + 1 : 1;
  record_->dead_sequence = record_->sequence;
  record_->dead_index = record_->index;
  record_->is_applying = 0;
  death_ = Death{.place = {record_->sequence, record_->index}, .times = record_->deaths};
}

ApplyMark::~ApplyMark() {
  if (record_ != nullptr) ::munmap(record_, sizeof(Record));
}

void ApplyMark::begin(EventPlace place) {
  if (record_ == nullptr) return;
  record_->sequence = place.first;
  record_->index = place.second;
  record_->is_applying.store(1, std::memory_order_release);
}

void ApplyMark::end() {
  if (record_ != nullptr) record_->is_applying.store(0, std::memory_order_release);
}

void ApplyMark::forget() {
  if (record_ == nullptr) return;
  record_->deaths = 0;
  record_->dead_sequence = 0;
  record_->dead_index = 0;
}

tl::expected<SetAside, std::string> SetAside::load(const std::filesystem::path& folder) {
  SetAside loaded;
  std::error_code error;
  std::filesystem::directory_iterator entries{folder, error};
  if (error == std::errc::no_such_file_or_directory) return loaded;
  if (error) return tl::unexpected{fmt::format("cannot read {}: {}", folder.string(), error.message())};
  for (const std::filesystem::directory_entry& entry : entries) {
    const std::string name = entry.path().filename().string();
    EventPlace place;
    const char* const end = name.data() + name.size();
    const auto row = std::from_chars(name.data(), end, place.first);
    if (row.ec != std::errc{} || row.ptr == end || *row.ptr != '-') continue;
    const auto index = std::from_chars(row.ptr + 1, end, place.second);
    if (index.ec != std::errc{} || std::string_view{index.ptr, end} != ".event") continue;
    tl::expected<std::string, std::string> bytes = journal::read_file(entry.path());
    if (!bytes) return tl::unexpected{bytes.error()};
    loaded.events_[place] = std::move(*bytes);
  }
  return loaded;
}

bool SetAside::contains(EventPlace place, const codec::StampedEvent& event) const {
  const auto found = events_.find(place);
  return found != events_.end() && found->second == codec::encode_batch(std::vector{event});
}

tl::expected<SetAside::Added, std::string> SetAside::add(journal::Journal& journal,
                                                         const std::filesystem::path& folder,
                                                         EventPlace place) {
  std::optional<codec::StampedEvent> event;
  const tl::expected<void, std::string> read = journal.replay(place.first, [&](const journal::Row& row) {
    tl::expected<std::vector<codec::StampedEvent>, std::string> batch = codec::decode_batch(row.body);
    if (row.sequence == place.first && batch && place.second < batch->size()) event = (*batch)[place.second];
    return false;
  });
  if (!read) return tl::unexpected{read.error()};
  if (!event) return tl::unexpected{fmt::format("row {} has no event {}", place.first, place.second)};
  std::string bytes = codec::encode_batch(std::vector{*event});
  const std::filesystem::path file = folder / fmt::format("{}-{}.event", place.first, place.second);
  if (journal::Done made = journal::make_directory(folder, sync_whole); !made) return tl::unexpected{made.error()};
  if (journal::Done written = journal::replace_file(file, {bytes}, sync_whole); !written) {
    return tl::unexpected{written.error()};
  }
  events_[place] = std::move(bytes);
  return Added{.text = describe(event->event), .file = file};
}

std::string describe(const rules::Event& event) {
  struct Describer {
    std::string operator()(const rules::PolicyLoaded&) const { return "a configuration"; }
    std::string operator()(const rules::Started&) const { return "a start"; }
    std::string operator()(const rules::ReportsArrived& arrived) const {
      std::string text = fmt::format("{} reports from {}", arrived.reports.size(), arrived.source);
      const char* separator = ": ";
      for (const rules::Report& report : arrived.reports) {
        if (text.size() > most_words) return text + "; ...";
        text += separator;
        text += rules::in_short(report.labels);
        separator = "; ";
      }
      return text;
    }
    std::string operator()(const rules::Acknowledge& verb) const { return of("an acknowledgement", verb); }
    std::string operator()(const rules::Escalate& verb) const { return of("an escalation", verb); }
    std::string operator()(const rules::Snooze& verb) const { return of("a snooze", verb); }
    std::string operator()(const rules::CallIn& verb) const { return of("a call", verb); }
    std::string operator()(const rules::Resolve& verb) const { return of("a resolve", verb); }
    std::string operator()(const rules::Note& verb) const { return of("a note", verb); }
    std::string operator()(const rules::SendEnded& ended) const {
      return fmt::format("the outcome of message {}", ended.message.value);
    }
    std::string operator()(const rules::ClockReached&) const { return "a deadline"; }
    std::string operator()(const rules::ClockStepped&) const { return "a step of the wall clock"; }
    std::string operator()(const rules::Reconciled& listed) const {
      return fmt::format("a list of {} alerts of {}", listed.alerts.size(), listed.source);
    }
    std::string operator()(const rules::SenderAcknowledged& said) const {
      return fmt::format("an acknowledgement of {}", said.source);
    }
    std::string operator()(const rules::BatchRefused& refused) const {
      return fmt::format("a refused batch of {}", refused.source);
    }
    std::string operator()(const rules::Beat& beat) const { return fmt::format("a beat of {}", beat.heartbeat); }
    std::string operator()(const rules::SilenceSet& verb) const { return fmt::format("a silence by {}", verb.by); }
    std::string operator()(const rules::SilenceExpired& verb) const {
      return fmt::format("the end of a silence by {}", verb.by);
    }
    std::string operator()(const rules::DeliveryReported& reported) const {
      return fmt::format("what became of message {}", reported.message.value);
    }
    std::string operator()(const rules::Replied& reply) const { return fmt::format("a reply by {}", reply.channel); }
    std::string operator()(const rules::Update& verb) const { return of("an update", verb); }
    std::string operator()(const rules::Follow& verb) const { return of("a wish for updates", verb); }
    std::string operator()(const rules::TestPage& verb) const { return fmt::format("a test page to {}", verb.who); }
  };
  return std::visit(Describer{}, event);
}

}  // namespace roused
