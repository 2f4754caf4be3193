// What a power cut may leave of a recorded run: the disk behind the operations.
//
// Durable is what was synced: a file's bytes and size when the file was, a name when its folder was. Of the rest:
// - each 512 byte sector of a file stands, on its own, at any of the contents it has had since it was synced;
// - a truncation has happened or not;
// - a file that grew may be as long as it was to be, with zeros where no data came, or only as long as its data;
// - a name that was made, renamed or removed is so or not, each on its own: folders are kept in no order. A rename
//   within a folder happens whole or not at all; one into another folder may leave both names, never none.
// Not modelled, since nothing could promise anything then: a sector torn in itself, damage to what was synced.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <random>
#include <set>
#include <string>
#include <vector>

#include "tests/daemon/journal/file_recorder.hpp"

namespace crash {

using Random = std::mt19937_64;

struct Image {
  std::map<std::string, std::string> files;
  std::set<std::string> folders;

  bool operator==(const Image&) const = default;
  [[nodiscard]] std::uint64_t digest() const;
  // Whatever else is in the folder goes.
  void put_into(const std::filesystem::path& folder) const;
};

// The files of a folder, as an image without power cut has them.
Image image_of(const std::filesystem::path& folder);

class Disk {
 public:
  explicit Disk(const Record& record);

  void apply(const Operation& operation);

  // What became of each thing that is not durable. The things are listed in the order in which they were begun, as far
  // as they have one; a thing has `versions` outcomes, 0: nothing of it reached the disk, the last: all of it did.
  struct Thing {
    enum class Kind : std::uint8_t { sector, truncation, name } kind{};
    std::uint32_t versions{};
  };
  [[nodiscard]] std::vector<Thing> undecided() const;

  // One outcome for each of undecided(); in files that grow without their data there are zeros.
  [[nodiscard]] Image after_power_cut(const std::vector<std::uint32_t>& outcomes, bool sizes_survive) const;

 private:
  struct Pending {  // of a file
    Operation::Kind kind{};
    std::uint64_t offset{};
    std::string bytes;
  };
  struct File {
    std::string durable;
    std::vector<Pending> pending;
  };
  struct NameChange {
    std::string folder;
    std::vector<std::pair<std::string, std::optional<std::uint64_t>>> names;  // to file, or to nothing
    std::size_t number{};
    std::optional<std::size_t> needs;  // the number of the change without which this one cannot be
  };

  static void perform(std::string& file, const Pending& pending);
  void perform(const NameChange& change);
  void change_name(NameChange change);
  void sync_folder(const std::string& folder);
  void forget_unreachable();

  std::map<std::uint64_t, File> files_;
  std::map<std::string, std::uint64_t> names_;  // durable; folders are file 0
  std::vector<NameChange> changes_;
  std::size_t next_change_ = 0;
};

// Which images of one moment are looked at: all of them when they are at most `all_up_to`, else `samples`, beginning
// with those that a weak design falls over first: nothing, all, all names without data, all data without names, each
// thing alone missing.
struct Choice {
  std::uint64_t all_up_to = 32;
  std::uint64_t samples = 12;
};

struct Selection {
  double possible = 0;
  std::vector<Image> images;
};

Selection images_of(const Disk& disk, const Choice& choice, Random& random);

}  // namespace crash
