// RFC 3339.
#include "rules/rfc3339.hpp"
#include "tests/fuzz/claim.hpp"

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using fuzz::claim;
  using namespace std::chrono;
  const std::string_view text = fuzz::text_of(data, size);
  if (const auto instant = rules::parse_rfc3339(text)) {
    const std::string printed = rules::print_rfc3339(*instant);
    claim(printed.size() == 24, "{} is printed as {}", text, printed);
    const auto again = rules::parse_rfc3339(printed);
    claim(again == instant, "{} is another instant as {}", text, printed);
    claim(text.size() >= 20, "{} is too short to be an instant", text);
    // What comes later is printed as something that sorts later.
    const rules::Instant next = *instant + milliseconds{1};
    claim(rules::print_rfc3339(next) >= printed, "{} does not sort after {}", rules::print_rfc3339(next), printed);
  }
  // Any number is an instant that can be printed and read.
  std::int64_t number = 0;
  for (std::size_t index = 0; index < size && index < 8; ++index)
    number = static_cast<std::int64_t>(static_cast<std::uint64_t>(number) << 8U | data[index]);
  const rules::Instant any{milliseconds{number}};
  const std::string printed = rules::print_rfc3339(any);
  const auto read = rules::parse_rfc3339(printed);
  claim(read.has_value() && printed.size() == 24, "{} ms are printed as {}", number, printed);
  const rules::Instant first{sys_days{year{0} / 1 / 1}};
  const rules::Instant behind{sys_days{year{10000} / 1 / 1}};
  if (any >= first && any < behind) claim(*read == any, "{} ms are another instant as {}", number, printed);
  return 0;
}
