// Bodies of Alertmanager's API v2, as Prometheus posts them.
#include "tests/fuzz/claim.hpp"
#include "tests/fuzz/intake_claims.hpp"

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  fuzz::check_body(fuzz::text_of(data, size), rules::ReportForm::api_v2);
  return 0;
}
