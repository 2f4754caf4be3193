#include "tests/daemon/journal/crash_images.hpp"

#include <algorithm>
#include <fstream>
#include <iterator>
#include <stdexcept>
#include <utility>

#include <fcntl.h>
#include <unistd.h>
#include <xxhash.h>

namespace crash {

namespace {

constexpr std::uint64_t sector = 512;
constexpr std::uint64_t a_folder = 0;  // in place of a file's number

std::string parent_of(const std::string& path) {
  const std::size_t slash = path.rfind('/');
  return slash == std::string::npos ? std::string() : path.substr(0, slash);
}

void put(std::string& file, std::uint64_t offset, std::string_view bytes) {
  if (file.size() < offset + bytes.size()) file.resize(offset + bytes.size());
  bytes.copy(file.data() + offset, bytes.size());
}

// The parts of a write, each within one sector.
template <class Action>
void for_each_sector(std::uint64_t offset, std::uint64_t size, const Action& action) {
  for (std::uint64_t at = offset; at < offset + size;) {
    const std::uint64_t end = std::min((at / sector + 1) * sector, offset + size);
    action(at / sector, at, end);
    at = end;
  }
}

}  // namespace

std::uint64_t Image::digest() const {
  XXH3_state_t* const state = XXH3_createState();
  XXH3_64bits_reset(state);
  for (const std::string& folder : folders) XXH3_64bits_update(state, folder.c_str(), folder.size() + 1);
  for (const auto& [name, bytes] : files) {
    const std::uint64_t size = bytes.size();
    XXH3_64bits_update(state, name.c_str(), name.size() + 1);
    XXH3_64bits_update(state, &size, sizeof size);
    XXH3_64bits_update(state, bytes.data(), bytes.size());
  }
  const std::uint64_t digest = XXH3_64bits_digest(state);
  XXH3_freeState(state);
  return digest;
}

void Image::put_into(const std::filesystem::path& folder) const {
  // What is not of the image goes; what is there is written over, which is cheaper than making it.
  std::vector<std::filesystem::path> strange;
  std::set<std::string> made;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(folder)) {
    const std::string below = entry.path().string().substr(folder.native().size() + 1);
    if (!files.contains(below) && !folders.contains(below)) strange.push_back(entry.path());
    made.insert(below);
  }
  for (const std::filesystem::path& path : strange) std::filesystem::remove_all(path);
  for (const std::string& name : folders) {
    if (!made.contains(name)) std::filesystem::create_directories(folder / name);
  }
  for (const auto& [name, bytes] : files) {
    const int descriptor = ::open((folder / name).c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (descriptor < 0 || ::pwrite(descriptor, bytes.data(), bytes.size(), 0) != static_cast<ssize_t>(bytes.size())) {
      throw std::runtime_error("cannot write " + (folder / name).string());
    }
    ::close(descriptor);
  }
}

Image image_of(const std::filesystem::path& folder) {
  Image image;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(folder)) {
    const std::string below = entry.path().lexically_relative(folder).string();
    if (entry.is_directory()) {
      image.folders.insert(below);
    } else if (!is_left_out(below)) {
      std::ifstream file(entry.path(), std::ios::binary);
      image.files[below] = std::string(std::istreambuf_iterator<char>(file), {});
    }
  }
  return image;
}

Disk::Disk(const Record& record) {
  for (const std::string& folder : record.start.folders) names_[folder] = a_folder;
  for (const auto& [name, bytes] : record.start.files) {
    const std::uint64_t file = record.start_numbers.at(name);
    names_[name] = file;
    files_[file].durable = bytes;
  }
}

void Disk::perform(std::string& file, const Pending& pending) {
  if (pending.kind == Operation::Kind::truncate) {
    file.resize(pending.offset);
  } else {
    put(file, pending.offset, pending.bytes);
  }
}

void Disk::perform(const NameChange& change) {
  for (const auto& [name, file] : change.names) {
    if (file) {
      names_[name] = *file;
    } else {
      names_.erase(name);
    }
  }
}

void Disk::change_name(NameChange change) {
  change.number = next_change_++;
  changes_.push_back(std::move(change));
}

void Disk::apply(const Operation& operation) {
  switch (operation.kind) {
    case Operation::Kind::create:
      files_[operation.file];
      change_name({.folder = parent_of(operation.path), .names = {{operation.path, operation.file}}});
      return;
    case Operation::Kind::make_folder:
      change_name({.folder = parent_of(operation.path), .names = {{operation.path, a_folder}}});
      return;
    case Operation::Kind::remove:
      change_name({.folder = parent_of(operation.path), .names = {{operation.path, std::nullopt}}});
      return;
    case Operation::Kind::rename: {
      const std::string from = parent_of(operation.path);
      const std::string to = parent_of(operation.target);
      if (from == to) {
        change_name({.folder = from, .names = {{operation.path, std::nullopt}, {operation.target, operation.file}}});
        return;
      }
      change_name({.folder = to, .names = {{operation.target, operation.file}}});
      change_name({.folder = from, .names = {{operation.path, std::nullopt}}, .needs = next_change_ - 1});
      return;
    }
    case Operation::Kind::write:
    case Operation::Kind::truncate:
      files_[operation.file].pending.push_back({operation.kind, operation.offset, operation.bytes});
      return;
    case Operation::Kind::sync: {
      File& file = files_[operation.file];
      for (const Pending& pending : file.pending) perform(file.durable, pending);
      file.pending.clear();
      return;
    }
    case Operation::Kind::sync_folder:
      sync_folder(operation.path);
      return;
    case Operation::Kind::mark:
      return;
  }
}

void Disk::sync_folder(const std::string& folder) {
  std::set<std::size_t> needed;
  for (const NameChange& change : changes_) {
    if (change.folder == folder && change.needs) needed.insert(*change.needs);
  }
  std::vector<NameChange> left;
  for (NameChange& change : changes_) {
    if (change.folder == folder || needed.contains(change.number)) {
      perform(change);
    } else {
      left.push_back(std::move(change));
    }
  }
  changes_ = std::move(left);
  forget_unreachable();
}

void Disk::forget_unreachable() {
  std::set<std::uint64_t> reachable;
  for (const auto& [name, file] : names_) reachable.insert(file);
  for (const NameChange& change : changes_) {
    for (const auto& [name, file] : change.names) {
      if (file) reachable.insert(*file);
    }
  }
  // An open file without a name may still be written to, but no power cut brings it back.
  for (auto& [number, file] : files_) {
    if (!reachable.contains(number)) file.pending.clear();
  }
}

std::vector<Disk::Thing> Disk::undecided() const {
  std::vector<Thing> things;
  for (const auto& [number, file] : files_) {
    std::map<std::uint64_t, std::uint32_t> writes;  // by sector
    for (const Pending& pending : file.pending) {
      if (pending.kind == Operation::Kind::truncate) continue;
      for_each_sector(pending.offset, pending.bytes.size(), [&](std::uint64_t index, auto, auto) { ++writes[index]; });
    }
    for (const auto& [index, count] : writes) things.push_back({Thing::Kind::sector, count + 1});
    for (const Pending& pending : file.pending) {
      if (pending.kind == Operation::Kind::truncate) things.push_back({Thing::Kind::truncation, 2});
    }
  }
  for (std::size_t i = 0; i < changes_.size(); ++i) things.push_back({Thing::Kind::name, 2});
  return things;
}

Image Disk::after_power_cut(const std::vector<std::uint32_t>& outcomes, bool sizes_survive) const {
  std::size_t thing = 0;
  std::map<std::uint64_t, std::string> contents;
  for (const auto& [number, file] : files_) {
    std::string& bytes = contents[number] = file.durable;
    std::map<std::uint64_t, std::uint32_t> writes;
    for (const Pending& pending : file.pending) {
      if (pending.kind == Operation::Kind::truncate) continue;
      for_each_sector(
          pending.offset, pending.bytes.size(), [&](std::uint64_t index, auto, auto) { writes[index] = 0; });
    }
    for (auto& [index, left] : writes) left = outcomes[thing++];
    for (const Pending& pending : file.pending) {
      if (pending.kind == Operation::Kind::truncate) {
        if (outcomes[thing++] != 0) perform(bytes, pending);
        continue;
      }
      const std::string_view all = pending.bytes;
      for_each_sector(pending.offset, all.size(), [&](std::uint64_t index, std::uint64_t begin, std::uint64_t end) {
        std::uint32_t& left = writes[index];
        if (left == 0) return;
        --left;
        put(bytes, begin, all.substr(begin - pending.offset, end - begin));
      });
      if (sizes_survive && bytes.size() < pending.offset + all.size()) bytes.resize(pending.offset + all.size());
    }
  }
  std::map<std::string, std::uint64_t> names = names_;
  std::set<std::size_t> lost;
  for (const NameChange& change : changes_) {
    if (outcomes[thing++] == 0 || (change.needs && lost.contains(*change.needs))) {
      lost.insert(change.number);
      continue;
    }
    for (const auto& [name, file] : change.names) {
      if (file) {
        names[name] = *file;
      } else {
        names.erase(name);
      }
    }
  }
  Image image;
  for (const auto& [name, file] : names) {
    bool has_way = true;
    for (std::string folder = parent_of(name); !folder.empty(); folder = parent_of(folder)) {
      has_way = has_way && names.contains(folder);
    }
    if (!has_way) continue;
    if (file == a_folder) {
      image.folders.insert(name);
    } else {
      image.files[name] = contents.at(file);
    }
  }
  return image;
}

Selection images_of(const Disk& disk, const Choice& choice, Random& random) {
  const std::vector<Disk::Thing> things = disk.undecided();
  Selection selection;
  selection.possible = 1;
  bool has_sectors = false;
  for (const Disk::Thing& thing : things) {
    selection.possible *= thing.versions;
    has_sectors = has_sectors || thing.kind == Disk::Thing::Kind::sector;
  }
  if (has_sectors) selection.possible *= 2;  // sizes
  std::vector<std::uint32_t> outcomes(things.size(), 0);
  const auto add = [&](bool sizes_survive) {
    selection.images.push_back(disk.after_power_cut(outcomes, sizes_survive));
  };
  if (things.empty() || selection.possible <= static_cast<double>(choice.all_up_to)) {
    for (;;) {
      add(false);
      if (has_sectors) add(true);
      std::size_t digit = 0;
      while (digit < things.size() && ++outcomes[digit] == things[digit].versions) outcomes[digit++] = 0;
      if (digit == things.size()) return selection;
    }
  }
  const auto set_all = [&](auto of) {
    for (std::size_t i = 0; i < things.size(); ++i) outcomes[i] = of(things[i]);
  };
  const auto all = [](const Disk::Thing& thing) { return thing.versions - 1; };
  const auto none = [](const Disk::Thing&) { return 0U; };
  const auto names_only = [&](const Disk::Thing& thing) {
    return thing.kind == Disk::Thing::Kind::name ? all(thing) : 0U;
  };
  const auto data_only = [&](const Disk::Thing& thing) {
    return thing.kind == Disk::Thing::Kind::name ? 0U : all(thing);
  };
  set_all(none), add(false);
  set_all(all), add(true);
  set_all(names_only), add(false), add(true);
  set_all(data_only), add(true);
  while (selection.images.size() < choice.samples) {
    switch (random() % 4) {
      case 0: {  // torn: all before, nothing from there on
        const std::size_t border = random() % (things.size() + 1);
        for (std::size_t i = 0; i < things.size(); ++i) outcomes[i] = i < border ? all(things[i]) : 0;
        break;
      }
      case 1:  // one alone is missing
        set_all(all);
        outcomes[random() % things.size()] = 0;
        break;
      case 2:  // one alone is there
        set_all(none);
        outcomes[random() % things.size()] = 1;
        break;
      default: {
        const std::uint64_t share = std::uint64_t{10} + 20 * (random() % 5);
        for (std::size_t i = 0; i < things.size(); ++i) {
          outcomes[i] =
              random() % 100 < share ? all(things[i]) : static_cast<std::uint32_t>(random() % things[i].versions);
        }
      }
    }
    add(random() % 2 == 0);
  }
  return selection;
}

}  // namespace crash
