// What baresip writes about a call, of which the other end of the call wrote a part; each input is one line.
#include "daemon/channels/sip_lines.hpp"
#include "tests/fuzz/claim.hpp"
#include "tests/fuzz/text.hpp"

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using channels::SipWord;
  using fuzz::claim;
  const std::string_view text = fuzz::text_of(data, size);
  const std::optional<channels::SipLine> line = channels::read_sip_line(text);
  if (!line) return 0;
  claim(line->code == 0 || (line->code >= 100 && line->code <= 699), "{} is no code of SIP", line->code);
  claim(line->text.size() <= 120, "a reason of {} bytes", line->text.size());
  fuzz::claim_clean(line->text, "a reason");
  if (line->word == SipWord::key) {
    claim(line->text.size() == 1 && std::string_view("0123456789*#ABCD").find(line->text) != std::string_view::npos,
          "{} is no key",
          line->text);
  }
  if (line->word == SipWord::ringing) claim(line->code >= 180 && line->code < 200, "{} rings", line->code);
  return 0;
}
