#include "daemon/words/segments.hpp"

#include <cstdint>
#include <string>
#include <utility>

namespace words {
namespace {

// The basic alphabet without ASCII.
constexpr std::u32string_view beyond_ascii = U"£¥èéùìòÇØøÅåΔΦΓΛΩΠΨΣΘΞÆæßÉ¤¡ÄÖÑÜ§¿äöñüà";

// 1 or 2 septets, 0 = it is not in the alphabet.
std::size_t septets(char32_t value) {
  if (value == U'\n' || value == U'\r') return 1;
  if (value < 0x20 || value == 0x7F || value == U'`') return 0;
  if (value < 0x80) return std::u32string_view(U"^{}\\[~]|").find(value) == std::u32string_view::npos ? 1 : 2;
  if (value == 0x20AC) return 2;
  return beyond_ascii.find(value) == std::u32string_view::npos ? 0 : 1;
}

std::u32string decoded(std::string_view text) {
  std::u32string all;
  for (std::size_t at = 0; at < text.size();) {
    const auto lead = static_cast<std::uint8_t>(text[at]);
    const std::size_t size = lead < 0x80                   ? 1
                             : lead >= 0xF0 && lead < 0xF5 ? 4
                             : lead >= 0xE0                ? 3
                             : lead >= 0xC2                ? 2
                                                           : 0;
    char32_t value = size == 1 ? lead : lead & (0x7FU >> size);
    bool is_whole = size > 0 && lead < 0xF5 && at + size <= text.size();
    for (std::size_t next = 1; is_whole && next < size; ++next) {
      const auto byte = static_cast<std::uint8_t>(text[at + next]);
      is_whole = (byte & 0xC0U) == 0x80U;
      value = (value << 6U) | (byte & 0x3FU);
    }
    all += is_whole ? value : U'\xFFFD';
    at += is_whole ? size : 1;
  }
  return all;
}

// From U+00C0 and from U+1E00 on: the plain letter, '.' = there is none or it is in the alphabet as it is.
constexpr std::string_view latin =
    "AAAA....E.EEIIIID.OOOO.x.UUU.YT..aaa...c..ee.iiid..ooo./..uu.yty"
    "AaAaAaCcCcCcCcDdDdEeEeEeEeEeGgGgGgGgHhHhIiIiIiIiIiIiJjKkkLlLlLlL"
    "lLlNnNnNnnNnOoOoOoOoRrRrRrSsSsSsSsTtTtTtUuUuUuUuUuUuWwYyYZzZzZzs"
    "bBBb...Cc.DDd....FfG...IKkl..NnOOo..Pp.....tTtTUu.VYyZz........."
    "....DDdLLlNNnAaIiOoUuUuUuUuUu.AaAa..GgGgKkOoOo..jDDdGg..NnAa..Oo"
    "AaAaEeEeIiIiOoOoRrRrUuUuSsTt..HhNd..ZzAaEeOoOoOoOoYylnt...ACcLTs"
    "z..BU.EeJj.qRrYy";
constexpr std::string_view latin_additional =
    "AaBbBbBbCcDdDdDdDdDdEeEeEeEeEeFfGgHhHhHhHhHhIiIiKkKkKkLlLlLlLlMm"
    "MmMmNnNnNnNnOoOoOoOoPpPpRrRrRrRrSsSsSsSsSsTtTtTtTtUuUuUuUuUuVvVv"
    "WwWwWwWwWwXxXxYyZzZzZzhtwyas....AaAaAaAaAaAaAaAaAaAaAaAaEeEeEeEe"
    "EeEeEeEeIiIiOoOoOoOoOoOoOoOoOoOoOoOoUuUuUuUuUuUuUuYyYyYyYy....Yy";

constexpr std::pair<char32_t, std::string_view> plain_words[] = {
    {U'`', "'"},    {0xA0, " "},    {0xA2, "c"},    {0xA6, "|"},    {0xA9, "(C)"},  {0xAB, "\""},   {0xAD, ""},
    {0xAE, "(R)"},  {0xB0, "deg"},  {0xB1, "+-"},   {0xB2, "2"},    {0xB3, "3"},    {0xB4, "'"},    {0xB5, "u"},
    {0xB7, "."},    {0xB9, "1"},    {0xBB, "\""},   {0xBC, "1/4"},  {0xBD, "1/2"},  {0xBE, "3/4"},  {0x2010, "-"},
    {0x2011, "-"},  {0x2012, "-"},  {0x2013, "-"},  {0x2014, "-"},  {0x2015, "-"},  {0x2018, "'"},  {0x2019, "'"},
    {0x201A, "'"},  {0x201B, "'"},  {0x201C, "\""}, {0x201D, "\""}, {0x201E, "\""}, {0x2022, "*"},  {0x2026, "..."},
    {0x202F, " "},  {0x2032, "'"},  {0x2033, "\""}, {0x2039, "<"},  {0x203A, ">"},  {0x2044, "/"},  {0x2122, "(TM)"},
    {0x2190, "<-"}, {0x2192, "->"}, {0x2212, "-"},  {0x2248, "~"},  {0x2260, "!="}, {0x2264, "<="}, {0x2265, ">="},
    {0x3000, " "},  {0xFE0F, ""}};

std::string_view plain(char32_t value, char& room) {
  for (const auto& [from, to] : plain_words) {
    if (from == value) return to;
  }
  if (value >= 0x300 && value <= 0x36F) return "";
  room = '.';
  if (value >= 0xC0 && value < 0xC0 + latin.size()) room = latin[value - 0xC0];
  if (value >= 0x1E00 && value < 0x1E00 + latin_additional.size()) room = latin_additional[value - 0x1E00];
  if (value >= 0x2000 && value <= 0x200A) room = ' ';
  if ((value >= 0x2190 && value <= 0x2BFF) || (value >= 0x1F000 && value <= 0x1FAFF)) room = '*';
  if (value >= 0xFF01 && value <= 0xFF5E) room = static_cast<char>(value - 0xFF01 + '!');
  return room == '.' ? std::string_view{"\0", 1} : std::string_view{&room, 1};
}

std::string encoded(char32_t value) {
  const auto tail = [value](unsigned shift) { return static_cast<char>(0x80U | ((value >> shift) & 0x3FU)); };
  if (value < 0x80) return {static_cast<char>(value)};
  if (value < 0x800) return {static_cast<char>(0xC0U | (value >> 6U)), tail(0)};
  if (value < 0x10000) return {static_cast<char>(0xE0U | (value >> 12U)), tail(6), tail(0)};
  return {static_cast<char>(0xF0U | (value >> 18U)), tail(12), tail(6), tail(0)};
}

}  // namespace

Segments count_segments(std::string_view text) {
  const std::u32string all = decoded(text);
  Segments segments{.count = 1, .units = 0, .is_gsm = true};
  for (const char32_t value : all) segments.is_gsm = segments.is_gsm && septets(value) > 0;
  const auto size_of = [&](char32_t value) -> std::size_t {
    return segments.is_gsm ? septets(value) : value > 0xFFFF ? 2 : 1;
  };
  for (const char32_t value : all) segments.units += size_of(value);
  if (segments.units <= (segments.is_gsm ? 160U : 70U)) return segments;
  const std::size_t room = segments.is_gsm ? 153 : 67;
  std::size_t used = 0;
  for (const char32_t value : all) {
    if (used + size_of(value) > room) {
      ++segments.count;
      used = 0;
    }
    used += size_of(value);
  }
  return segments;
}

std::string fold_to_gsm(std::string_view text) {
  std::string folded;
  for (const char32_t value : decoded(text)) {
    char room = '.';
    const std::string_view equivalent = septets(value) > 0 ? std::string_view{"\0", 1} : plain(value, room);
    folded += equivalent == std::string_view{"\0", 1} ? encoded(value) : std::string{equivalent};
  }
  return folded;
}

}  // namespace words
