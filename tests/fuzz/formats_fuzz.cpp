// Bodies of the formats that are not Alertmanager's: Grafana's webhook, PagerDuty's events, JSON that a map reads. The
// first byte chooses which, and limits; the rest is the body.
#include "tests/fuzz/claim.hpp"
#include "tests/fuzz/intake_claims.hpp"

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const std::string_view input = fuzz::text_of(data, size);
  switch (data[0] / 2 % 3) {
    case 0:
      fuzz::check_grafana(input);
      break;
    case 1:
      fuzz::check_pagerduty(input);
      break;
    default:
      fuzz::check_mapped(input);
      break;
  }
  return 0;
}
