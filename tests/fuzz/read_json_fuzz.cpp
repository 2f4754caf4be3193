// What rousectl reads of a daemon, or of whatever answers in its place.
#include "daemon/words/json.hpp"
#include "daemon/words/terminal.hpp"
#include "tests/fuzz/claim.hpp"
#include "tests/fuzz/text.hpp"

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using fuzz::claim;
  const std::string_view text = fuzz::text_of(data, size);
  const rules::Instant now{std::chrono::sys_days{std::chrono::year{2026} / 3 / 6}};
  const words::Drawing drawing;
  if (const auto view = words::parse_incident_json(text)) {
    fuzz::claim_clean(words::draw_incident(*view, now, drawing), "a picture", true);
    const std::string json = words::incident_json(*view, true, "");
    const auto again = words::parse_incident_json(json);
    claim(again.has_value(), "what was read cannot be written and read: {}", again.has_value() ? "" : again.error());
    claim(words::incident_json(*again, true, "") == json, "what was read is something else when written and read");
  } else {
    fuzz::claim_clean(view.error(), "an error");
  }
  if (const auto list = words::parse_list_json(text)) {
    fuzz::claim_clean(words::draw_list(*list, now, drawing), "a list", true);
  } else {
    fuzz::claim_clean(list.error(), "an error");
  }
  if (const auto views = words::parse_on_call_json(text)) {
    fuzz::claim_clean(words::draw_on_call(*views, now, drawing), "a table", true);
  } else {
    fuzz::claim_clean(views.error(), "an error");
  }
  return 0;
}
