#include "daemon/channels/sip_lines.hpp"

#include <charconv>
#include <utility>

#include "daemon/words/clean.hpp"

namespace channels {
namespace {

constexpr std::size_t reason_bytes = 120;

// Colours of a terminal: ESC [ numbers m, or ESC [ ; m.
std::string without_colours(std::string_view line) {
  std::string plain;
  for (std::size_t place = 0; place < line.size(); ++place) {
    if (line[place] != '\x1b') {
      plain += line[place];
      continue;
    }
    std::size_t end = place + 1;
    if (end < line.size() && line[end] == '[') ++end;
    while (end < line.size() && ((line[end] >= '0' && line[end] <= '9') || line[end] == ';')) ++end;
    place = end < line.size() && line[end] == 'm' ? end : end - 1;
  }
  return plain;
}

bool take(std::string_view& text, std::string_view prefix) {
  if (!text.starts_with(prefix)) return false;
  text.remove_prefix(prefix.size());
  return true;
}

// What stands behind the last `mark`; the name in front of it is the other end's.
bool take_behind(std::string_view& text, std::string_view mark) {
  const std::size_t place = text.find(mark);
  if (place == std::string_view::npos) return false;
  text.remove_prefix(place + mark.size());
  return true;
}

std::string harmless(std::string_view text) {
  return words::shorten(words::visible(text), reason_bytes);
}

// "486 Busy Here": three digits and the reason; a reason alone has the code 0.
SipLine with_code(SipWord word, std::string_view text) {
  SipLine line{.word = word, .code = 0, .text = {}};
  std::uint32_t code = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), code);
  if (error == std::errc() && end == text.data() + 3 && code >= 100 && code <= 699 &&
      (text.size() == 3 || text[3] == ' ')) {
    line.code = code;
    text.remove_prefix(text.size() == 3 ? 3 : 4);
  }
  line.text = harmless(text);
  return line;
}

std::optional<SipLine> key_of(std::string_view text) {
  constexpr std::string_view keys = "0123456789*#ABCD";
  if (text.size() < 2 || text[1] != '\'' || keys.find(text[0]) == std::string_view::npos) return std::nullopt;
  return SipLine{.word = SipWord::key, .code = 0, .text = std::string(1, text[0])};
}

}  // namespace

std::optional<SipLine> read_sip_line(std::string_view line) {
  const std::string plain = without_colours(line);
  std::string_view text = plain;
  while (text.starts_with(' ')) text.remove_prefix(1);
  if (text.starts_with('/')) return std::nullopt;  // it repeats what it is told, letter by letter
  if (text == "baresip is ready.") return SipLine{.word = SipWord::ready, .code = 0, .text = {}};
  if (text.starts_with("All ") && text.find("registered successfully") != std::string_view::npos)
    return SipLine{.word = SipWord::registered, .code = 0, .text = {}};
  if (take(text, "reg: ")) {
    if (!take_behind(text, ": ")) return std::nullopt;
    take(text, "Register: ");
    return with_code(SipWord::not_registered, text);
  }
  if (take(text, "call: SIP Progress: ")) {
    SipLine progress = with_code(SipWord::ringing, text);
    if (progress.code < 100 || progress.code >= 200) return std::nullopt;
    if (progress.code < 180) progress.word = SipWord::trying;
    return progress;
  }
  if (take(text, "received event: '")) {
    // RFC 4733: the end of the key follows as a second event.
    return text.ends_with("(end=0)") ? key_of(text) : std::nullopt;
  }
  if (take(text, "call: received DTMF: '")) return key_of(text);  // by SIP INFO
  if (take(text, "menu: ua_connect failed: ")) return SipLine{SipWord::cannot_dial, 0, harmless(text)};
  if (std::string_view rest = text; take_behind(rest, ": session closed")) {
    if (!rest.empty() && !take(rest, ": ")) return std::nullopt;
    return with_code(SipWord::closed, rest);
  }
  if (text.find(": Call established: ") != std::string_view::npos)
    return SipLine{.word = SipWord::established, .code = 0, .text = {}};
  return std::nullopt;
}

}  // namespace channels
