#include "config/zone_file.hpp"

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>
#include <memory>
#include <optional>
#include <random>
#include <sstream>
#include <string>
#include <vector>

#include <gtest/gtest.h>
#include <unistd.h>

namespace {

namespace fs = std::filesystem;
using namespace std::chrono_literals;
using config::parse_zone;
using config::parse_zone_rule;
using config::read_zone;
using rules::Choice;
using rules::Instant;
using rules::Zone;
using rules::ZoneRule;
using rules::ZoneRuleDay;

const fs::path system_folder = "/usr/share/zoneinfo";

std::string contents(const fs::path& path) {
  std::ifstream file{path, std::ios::binary};
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

struct CloseProcess {
  void operator()(std::FILE* process) const { pclose(process); }
};
using Process = std::unique_ptr<std::FILE, CloseProcess>;

bool is_installed(const std::string& program) {
  return std::system(("command -v " + program + " >/dev/null 2>&1").c_str()) == 0;
}

class TemporaryFolder {
 public:
  TemporaryFolder() {
    std::string name = (fs::temp_directory_path() / "rouse-zones-XXXXXX").string();
    path_ = mkdtemp(name.data()) == nullptr ? fs::path{} : fs::path{name};
  }
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;
  ~TemporaryFolder() {
    std::error_code ignored;
    if (!path_.empty()) fs::remove_all(path_, ignored);
  }
  [[nodiscard]] const fs::path& path() const { return path_; }

 private:
  fs::path path_;
};

// Names of all zones below a folder, without those that count leap seconds.
std::vector<std::string> names_in(const fs::path& folder) {
  std::vector<std::string> names;
  const auto options = fs::directory_options::follow_directory_symlink;
  for (auto entry = fs::recursive_directory_iterator{folder, options}; entry != fs::recursive_directory_iterator{};
       ++entry) {
    if (entry->path().filename() == "right") {
      entry.disable_recursion_pending();
      continue;
    }
    if (!entry->is_regular_file()) continue;
    std::array<char, 4> magic{};
    std::ifstream{entry->path(), std::ios::binary}.read(magic.data(), magic.size());
    if (std::string_view{magic.data(), magic.size()} == "TZif") {
      names.push_back(entry->path().lexically_relative(folder).string());
    }
  }
  std::ranges::sort(names);
  return names;
}

// One line of `zdump -v`: what clocks show at a second just before or at a change.
struct Shown {
  std::int64_t at{};
  rules::ZoneOffset offset;
};

// "PATH  Sun Mar  8 10:00:00 2020 UT = Sun Mar  8 03:00:00 2020 PDT isdst=1 gmtoff=-25200"
std::optional<std::pair<std::string, Shown>> parse_line(const std::string& line) {
  std::istringstream words{line};
  std::string path, weekday, month, day, time, year, ut, equals, abbreviation, is_dst, offset, skipped;
  words >> path >> weekday >> month >> day >> time >> year >> ut >> equals;
  for (int i = 0; i < 5; ++i) words >> skipped;
  if (!(words >> abbreviation >> is_dst >> offset) || ut != "UT") return std::nullopt;
  static const std::string months = "JanFebMarAprMayJunJulAugSepOctNovDec";
  const std::chrono::year_month_day date{std::chrono::year{std::stoi(year)},
                                         std::chrono::month{static_cast<unsigned>(months.find(month)) / 3 + 1},
                                         std::chrono::day{static_cast<unsigned>(std::stoul(day))}};
  const std::int64_t at = std::chrono::sys_days{date}.time_since_epoch() / 1s + std::stoi(time.substr(0, 2)) * 3600 +
                          std::stoi(time.substr(3, 2)) * 60 + std::stoi(time.substr(6, 2));
  return std::pair{path, Shown{at, {std::stoi(offset.substr(7)), is_dst == "isdst=1", abbreviation}}};
}

// What zdump says about files from 2020 to 2100, in two processes, each for half of them.
std::map<std::string, std::vector<Shown>> dump(const std::vector<std::string>& paths) {
  std::array<std::string, 2> commands{"zdump -v -c 2020,2101", "zdump -v -c 2020,2101"};
  for (std::size_t i = 0; i < paths.size(); ++i) commands[i % 2] += " '" + paths[i] + "'";
  const std::array<Process, 2> processes{Process{popen(commands[0].c_str(), "r")},
                                         Process{popen(commands[1].c_str(), "r")}};
  std::map<std::string, std::vector<Shown>> result;
  for (const std::string& path : paths) result[path];
  for (const Process& process : processes) {
    std::array<char, 1024> buffer{};
    while (process != nullptr && std::fgets(buffer.data(), buffer.size(), process.get()) != nullptr) {
      if (const auto line = parse_line(buffer.data())) result[line->first].push_back(line->second);
    }
  }
  return result;
}

void expect_as_dumped(const Zone& zone, const std::vector<Shown>& dumped) {
  using std::chrono::seconds;
  std::vector<std::int64_t> expected;
  for (std::size_t i = 0; i < dumped.size(); ++i) {
    const rules::ZoneOffset& offset = zone.offset_at(Instant{seconds{dumped[i].at}});
    EXPECT_EQ(offset, dumped[i].offset) << zone.name << " at " << dumped[i].at << ": " << offset.seconds << ' '
                                        << offset.abbreviation;
    if (i % 2 == 1) expected.push_back(dumped[i].at);
  }
  std::vector<std::int64_t> changes;
  Instant instant{std::chrono::sys_days{std::chrono::year{2020} / 1 / 1} - 1ms};
  const Instant end{std::chrono::sys_days{std::chrono::year{2101} / 1 / 1}};
  while (const std::optional<Instant> next = zone.next_transition_after(instant)) {
    if (*next >= end) break;
    instant = *next;
    changes.push_back(instant.time_since_epoch() / 1s);
  }
  EXPECT_EQ(changes, expected) << zone.name;
}

// Reads these zones of a folder and holds them against zdump, each file content once.
void expect_zones_as_dumped(const fs::path& folder, const std::vector<std::string>& names) {
  std::map<std::string, std::vector<Zone>> by_content;
  std::map<std::string, std::string> path_of;
  for (const std::string& name : names) {
    const auto zone = read_zone(name, folder);
    ASSERT_TRUE(zone) << zone.error();
    EXPECT_EQ(zone->name, name);
    const std::string bytes = contents(folder / name);
    by_content[bytes].push_back(*zone);
    path_of.emplace(bytes, (folder / name).string());
  }
  std::vector<std::string> paths;
  for (const auto& [bytes, path] : path_of) paths.push_back(path);
  const auto dumped = dump(paths);
  ASSERT_EQ(dumped.size(), paths.size());
  std::size_t lines = 0;
  for (const auto& [bytes, zones] : by_content) {
    const std::vector<Shown>& shown = dumped.at(path_of.at(bytes));
    lines += shown.size();
    expect_as_dumped(zones.front(), shown);
    for (Zone zone : zones) {
      zone.name = zones.front().name;
      EXPECT_EQ(zone, zones.front());
    }
  }
  // Some zones never change clocks, but one in ten has to, or zdump was not understood.
  EXPECT_GE(lines, names.size() / 10 * 2 * 81);
}

TEST(ZoneFile, EveryInstalledZoneChangesClocksWhenZdumpSaysSo) {
  if (!is_installed("zdump")) GTEST_SKIP() << "zdump is not installed (Debian: libc-bin)";
  if (!fs::exists(system_folder / "UTC")) GTEST_SKIP() << "tzdata is not installed";
  const std::vector<std::string> names = names_in(system_folder);
  ASSERT_GE(names.size(), 300U);
  expect_zones_as_dumped(system_folder, names);
}

// zic 2.36 loses a few changes of clocks when it writes slim files (Ojinaga's of October 2022, Gaza's from 2073 on):
// what counts is what zdump reads in each file.
TEST(ZoneFile, SlimAndFatFilesOfAZoneGiveOneTableOrThoseThatZdumpConfirms) {
  if (!is_installed("zdump")) GTEST_SKIP() << "zdump is not installed (Debian: libc-bin)";
  if (!is_installed("zic")) GTEST_SKIP() << "zic is not installed (Debian: libc-bin, in /usr/sbin)";
  if (!fs::exists(system_folder / "tzdata.zi")) GTEST_SKIP() << "tzdata.zi is not installed (Debian: tzdata)";
  const TemporaryFolder slim;
  const TemporaryFolder fat;
  for (const auto& [form, folder] : {std::pair{"slim", &slim}, std::pair{"fat", &fat}}) {
    const std::string command = std::string{"zic -b "} + form + " -d '" + folder->path().string() + "' '" +
                                (system_folder / "tzdata.zi").string() + "'";
    ASSERT_EQ(std::system(command.c_str()), 0) << command;
  }
  const std::vector<std::string> names = names_in(slim.path());
  ASSERT_GE(names.size(), 300U);
  std::vector<std::string> unlike_fat;
  std::vector<std::string> unlike_installed;
  for (const std::string& name : names) {
    const auto from_slim = read_zone(name, slim.path());
    const auto from_fat = read_zone(name, fat.path());
    ASSERT_TRUE(from_slim) << from_slim.error();
    ASSERT_TRUE(from_fat) << from_fat.error();
    if (*from_slim != *from_fat) unlike_fat.push_back(name);
    if (read_zone(name, system_folder) != from_slim) unlike_installed.push_back(name);
  }
  EXPECT_LE(unlike_fat.size(), names.size() / 50);
  expect_zones_as_dumped(fat.path(), unlike_fat);
  expect_zones_as_dumped(slim.path(), unlike_fat);
  // The test above confirms the tables of the installed files.
  expect_zones_as_dumped(slim.path(), unlike_installed);
}

// ---- files made by hand ----

std::string big_endian(std::uint64_t value, unsigned bytes) {
  std::string result;
  for (unsigned i = bytes; i-- > 0;) result += static_cast<char>(value >> (8 * i) & 0xff);
  return result;
}

struct Type {
  std::int32_t offset{};
  char is_dst{};
  char name_at{};
};

struct File {
  char version = '2';
  std::vector<std::pair<std::int64_t, char>> transitions{{1'000'000, 1}};
  std::vector<Type> types{{0, 0, 0}, {3600, 1, 4}};
  std::string names{"AAA\0BBB\0", 8};
  std::uint32_t leap_seconds = 0;
  std::string footer = "\nAAA0BBB,M3.5.0,M10.5.0\n";

  [[nodiscard]] std::string bytes() const {
    const auto header = [this](std::size_t transition_count) {
      return std::string{"TZif"} + version + std::string(15, '\0') + big_endian(0, 4) + big_endian(0, 4) +
             big_endian(leap_seconds, 4) + big_endian(transition_count, 4) + big_endian(types.size(), 4) +
             big_endian(names.size(), 4);
    };
    std::string type_bytes;
    for (const Type& type : types) {
      type_bytes += big_endian(static_cast<std::uint32_t>(type.offset), 4) + type.is_dst + type.name_at;
    }
    std::string result = header(0) + type_bytes + names + std::string(leap_seconds * std::size_t{8}, '\0');
    result += header(transitions.size());
    for (const auto& [at, type] : transitions) result += big_endian(static_cast<std::uint64_t>(at), 8);
    for (const auto& [at, type] : transitions) result += type;
    return result + type_bytes + names + std::string(leap_seconds * std::size_t{12}, '\0') + footer;
  }
};

std::string error_of(const File& file) {
  const auto zone = parse_zone("Test/Zone", file.bytes());
  return zone ? "no error" : zone.error();
}

TEST(ZoneFile, ReadsAFileMadeByHand) {
  const auto zone = parse_zone("Test/Zone", File{}.bytes());
  ASSERT_TRUE(zone) << zone.error();
  EXPECT_EQ(zone->name, "Test/Zone");
  EXPECT_EQ(zone->offset_at(Instant{0s}).abbreviation, "AAA");
  EXPECT_EQ(zone->transitions.size(), 1U);
  EXPECT_TRUE(zone->rule);
}

TEST(ZoneFile, WithoutARuleTheLastOffsetStays) {
  File file;
  file.footer = "\n\n";
  const auto zone = parse_zone("Test/Zone", file.bytes());
  ASSERT_TRUE(zone) << zone.error();
  EXPECT_FALSE(zone->rule);
  EXPECT_EQ(zone->offset_at(Instant::max()).abbreviation, "BBB");
}

TEST(ZoneFile, ATransitionAtTheBigBangOnlySaysWhatHeldFirst) {
  File file;
  file.footer = "\n\n";
  file.transitions = {{-(std::int64_t{1} << 59), 1}, {-(std::int64_t{1} << 58), 0}, {50, 1}};
  const auto zone = parse_zone("Test/Zone", file.bytes());
  ASSERT_TRUE(zone) << zone.error();
  EXPECT_TRUE(zone->is_well_formed());
  EXPECT_EQ(zone->offset_at(Instant{0s}).abbreviation, "AAA");
  EXPECT_EQ(zone->offset_at(Instant{50s}).abbreviation, "BBB");
}

TEST(ZoneFile, SaysWhatIsWrongWithAFile) {
  const auto expect_error = [](const File& file, const std::string& part) {
    EXPECT_NE(error_of(file).find(part), std::string::npos) << error_of(file) << "\ninstead of: " << part;
  };
  File file;
  file.version = '\0';
  expect_error(file, "version 1");
  file = {};
  file.leap_seconds = 1;
  expect_error(file, "leap seconds");
  file = {};
  file.types.clear();
  expect_error(file, "names no offset");
  file = {};
  file.types[0].offset = 30 * 3600;
  expect_error(file, "offset of 108000 seconds");
  file = {};
  file.types[0].is_dst = 2;
  expect_error(file, "daylight mark");
  file = {};
  file.types[0].name_at = 8;
  expect_error(file, "beyond its end");
  file = {};
  file.names.back() = 'B';
  expect_error(file, "without end");
  file = {};
  file.names[1] = '\n';
  expect_error(file, "odd abbreviation \"A?A\"");
  file = {};
  file.transitions = {{5, 0}, {5, 1}};
  expect_error(file, "out of order");
  file = {};
  file.transitions = {{5, 2}};
  expect_error(file, "unknown offset");
  file = {};
  file.transitions = {{std::int64_t{1} << 60, 1}};
  expect_error(file, "beyond all years");
  file = {};
  file.footer = "\nAAA0BBB\n";
  expect_error(file, "makes no sense: \"AAA0BBB\"");
  file = {};
  file.footer = "\nAAA0";
  expect_error(file, "lacks the rule");
  file = {};
  file.footer = "";
  expect_error(file, "lacks the rule");
  EXPECT_EQ(parse_zone("X", "").error(), "the file of time zone \"X\" is not a TZif file");
  EXPECT_EQ(parse_zone("X", std::string(config::zone_file_limit_bytes + 1, 'T')).error(),
            "the file of time zone \"X\" has more than 256 KiB");
}

TEST(ZoneFile, NoCutOfAFileIsRead) {
  const std::string bytes = File{}.bytes();
  for (std::size_t length = 0; length < bytes.size(); ++length) {
    EXPECT_FALSE(parse_zone("Test/Zone", std::string_view{bytes}.substr(0, length))) << length;
  }
}

TEST(ZoneFile, NoBytesDoHarm) {
  const unsigned seed = std::random_device{}();
  SCOPED_TRACE(testing::Message() << "seed " << seed);
  std::mt19937 random{seed};
  const auto below = [&random](std::size_t limit) {
    return std::uniform_int_distribution<std::size_t>{0, limit - 1}(random);
  };
  File several;
  several.types.push_back({-5400, 0, 0});
  several.transitions = {{-90'000'000'000, 0}, {1, 1}, {100'000, 2}, {2'000'000'000, 0}};
  const std::vector<std::string> originals{File{}.bytes(), several.bytes()};
  std::size_t read = 0;
  for (int round = 0; round < 20'000; ++round) {
    std::string bytes = originals[below(originals.size())];
    for (std::size_t changes = 1 + below(4); changes-- > 0;) {
      const std::size_t at = below(4) == 0 ? bytes.size() - 1 - below(30) : below(bytes.size());
      bytes[at] = below(2) == 0 ? static_cast<char>(below(256)) : "0123456789,./-+<>MJ\n\xff"[below(21)];
    }
    const auto zone = parse_zone("Test/Zone", bytes);
    if (!zone) continue;
    ++read;
    ASSERT_TRUE(zone->is_well_formed());
    for (const Instant instant : {Instant::min(), Instant{0s}, Instant{4'000'000'000s}, Instant::max()}) {
      const rules::LocalTime local = zone->to_local(instant);
      ASSERT_LE(zone->to_instant(local, Choice::first), zone->to_instant(local, Choice::last));
      const auto next = zone->next_transition_after(instant);
      ASSERT_TRUE(!next || *next > instant);
    }
  }
  EXPECT_GT(read, 100U);
}

// ---- names ----

TEST(ZoneFile, NamesThatLeaveTheFolderAreNone) {
  const TemporaryFolder folder;
  fs::create_directory(folder.path() / "zones");
  std::ofstream{folder.path() / "outside", std::ios::binary} << File{}.bytes();
  std::ofstream{folder.path() / "zones" / "inside", std::ios::binary} << File{}.bytes();
  EXPECT_TRUE(read_zone("inside", folder.path() / "zones"));
  for (const std::string& name : {std::string{"../outside"},
                                  std::string{"./inside"},
                                  (folder.path() / "outside").string(),
                                  std::string{},
                                  std::string{"/"},
                                  std::string{"inside/"},
                                  std::string{"a//b"},
                                  std::string{"in\nside"},
                                  std::string("a\0b", 3),
                                  std::string(300, 'a')}) {
    const auto zone = read_zone(name, folder.path() / "zones");
    ASSERT_FALSE(zone) << name;
    EXPECT_NE(zone.error().find("is not the name of a time zone"), std::string::npos) << zone.error();
    EXPECT_EQ(zone.error().find('\n'), std::string::npos);
  }
}

TEST(ZoneFile, SaysWhichZoneOrFolderIsMissing) {
  const TemporaryFolder folder;
  fs::create_directory(folder.path() / "Europe");
  const std::string path = folder.path().string();
  EXPECT_EQ(read_zone("Mars/Base", folder.path()).error(), "there is no time zone \"Mars/Base\" in " + path);
  EXPECT_EQ(read_zone("Europe", folder.path()).error(), "there is no time zone \"Europe\" in " + path);
  EXPECT_NE(read_zone("UTC", folder.path() / "none").error().find("is tzdata installed?"), std::string::npos);
}

// ---- rules ----

TEST(ZoneRule, ReadsAllFormsOfPosixAndItsExtensions) {
  const auto fixed = parse_zone_rule("<+03>-3");
  ASSERT_TRUE(fixed) << fixed.error();
  EXPECT_EQ(fixed->standard, (rules::ZoneOffset{3 * 3600, false, "+03"}));
  EXPECT_FALSE(fixed->has_daylight);

  const auto weekdays = parse_zone_rule("EET-2EEST,M3.5.0/3,M10.5.0/4:30:15");
  ASSERT_TRUE(weekdays) << weekdays.error();
  EXPECT_EQ(weekdays->daylight, (rules::ZoneOffset{3 * 3600, true, "EEST"}));
  EXPECT_EQ(weekdays->daylight_starts, (ZoneRuleDay{ZoneRuleDay::Kind::month_week_day, 3, 5, 0, 3 * 3600}));
  EXPECT_EQ(weekdays->daylight_ends,
            (ZoneRuleDay{ZoneRuleDay::Kind::month_week_day, 10, 5, 0, 4 * 3600 + 30 * 60 + 15}));

  const auto odd = parse_zone_rule("<-02>+2:30<-01>1:15:05,J60/-1,365/+167");
  ASSERT_TRUE(odd) << odd.error();
  EXPECT_EQ(odd->standard.seconds, -9000);
  EXPECT_EQ(odd->daylight.seconds, -(3600 + 15 * 60 + 5));
  EXPECT_EQ(odd->daylight_starts, (ZoneRuleDay{ZoneRuleDay::Kind::julian, 0, 0, 60, -3600}));
  EXPECT_EQ(odd->daylight_ends, (ZoneRuleDay{ZoneRuleDay::Kind::zero_based, 0, 0, 365, 167 * 3600}));

  const auto usual_time = parse_zone_rule("PST8PDT,M3.2.0,M11.1.0");
  ASSERT_TRUE(usual_time) << usual_time.error();
  EXPECT_EQ(usual_time->daylight_starts.seconds, 2 * 3600);
}

TEST(ZoneRule, NonsenseIsNone) {
  for (const std::string_view text : {"",
                                      "A",
                                      "AB0",
                                      "AAA",
                                      "AAA25",
                                      "AAA0BBB",
                                      "AAA0BBB,",
                                      "AAA0BBB,M3.5.0",
                                      "AAA0BBB,M3.5.0,",
                                      "AAA0BBB,M13.1.0,J1",
                                      "AAA0BBB,M0.1.0,J1",
                                      "AAA0BBB,M1.6.0,J1",
                                      "AAA0BBB,M1.0.0,J1",
                                      "AAA0BBB,M1.1.7,J1",
                                      "AAA0BBB,J0,J1",
                                      "AAA0BBB,J366,J1",
                                      "AAA0BBB,366,J1",
                                      "AAA0BBB,J1/168,J2",
                                      "AAA0BBB,J1/1:60,J2",
                                      "AAA0BBB,J1,J2x",
                                      "<AAA0",
                                      "<A>0",
                                      ":UTC",
                                      "AAA 0",
                                      "AAA0 ",
                                      "AAA0000",
                                      "AAA--1",
                                      "AAA0BBB,M1.1,J1",
                                      "AAA0BBB,J1/,J2"}) {
    EXPECT_FALSE(parse_zone_rule(text)) << text;
  }
  EXPECT_EQ(parse_zone_rule("A\nB").error(), "not a POSIX TZ rule: \"A?B\"");
}

}  // namespace
