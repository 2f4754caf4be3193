// What baresip 1.0 writes about its one call, line by line. Pure, any thread, any bytes: what a line says was in part
// written by the other end, so reasons are made harmless and keys are one of 0-9, *, #, A-D.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace channels {

enum class SipWord : std::uint8_t {
  ready,           // it takes commands
  registered,      // with the account's exchange
  not_registered,  // `code` as in SIP, 0 when no answer came; `text` why
  trying,          // the exchange has the call (100)
  ringing,         // 180 to 199
  established,     // somebody, or something, answered
  closed,          // by the other side, or there was no way to it: `code` as in SIP or 0; `text` why
  key,             // `text` is the one key that was pressed
  cannot_dial,     // `text` why
};

struct SipLine {
  SipWord word{};
  std::uint32_t code = 0;
  std::string text;
  bool operator==(const SipLine&) const = default;
};

// Nothing when the line is none of these.
[[nodiscard]] std::optional<SipLine> read_sip_line(std::string_view line);

}  // namespace channels
