// Bodies of Alertmanager's webhook.
#include "tests/fuzz/claim.hpp"
#include "tests/fuzz/intake_claims.hpp"

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  fuzz::check_body(fuzz::text_of(data, size), rules::ReportForm::webhook);
  return 0;
}
