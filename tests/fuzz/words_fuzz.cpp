// What strangers write in labels, and what people are shown of it: texts, subjects, pictures, JSON. One byte chooses
// how it is drawn; the rest, parted at 0xFF, is what each of the fields says.
#include <array>
#include <vector>

#include <boost/json/parse.hpp>

#include "daemon/words/clean.hpp"
#include "daemon/words/json.hpp"
#include "daemon/words/page.hpp"
#include "daemon/words/terminal.hpp"
#include "rules/apply.hpp"
#include "rules/view.hpp"
#include "tests/fuzz/claim.hpp"
#include "tests/fuzz/input.hpp"
#include "tests/fuzz/policies.hpp"
#include "tests/fuzz/text.hpp"

namespace fuzz {
namespace {

constexpr std::string_view url = "https://rouse.example.org";

void check_clean(std::string_view text) {
  const std::string seen = words::visible(text);
  claim_clean(seen, "what was made visible");
  claim(words::visible(seen) == seen, "what is visible changes when it is made visible again");
  claim(seen.size() <= 6 * text.size(), "{} bytes became {}", text.size(), seen.size());
  for (const std::size_t most : {0U, 1U, 3U, 7U, 40U}) {
    const std::string cut = words::shorten(seen, most);
    claim(cut.size() <= most || seen.size() <= most, "{} bytes, and {} are allowed", cut.size(), most);
    claim(is_utf8(cut), "cut within a character");
  }
}

void check_json(const std::string& json, std::string_view what) {
  boost::system::error_code error;
  static_cast<void>(boost::json::parse(json, error));
  claim(!error && is_utf8(json), "{} is no JSON: {}", what, json);
}

void check_send(const rules::Send& send) {
  claim_clean(words::page_text(send, url), "a page", true);
  const std::string subject = words::subject(send);
  claim_clean(subject, "a subject");
  claim(subject.size() <= 200 && !subject.empty(), "a subject of {} bytes", subject.size());
  check_json(words::page_json(send, url), "the body of a webhook");
}

void check_view(const rules::State& state, const words::Drawing& drawing) {
  const rules::Instant now = state.last.at;
  rules::IncidentFilter filter{.state = rules::StateFilter::all, .alerts = true};
  const rules::IncidentList list = rules::list_incidents(state, filter);
  words::Drawing plain = drawing;
  plain.colour = false;
  claim_clean(words::draw_list(list, now, plain), "a list", true);
  check_json(words::list_json(list, true, url), "a list");
  for (const auto& [id, incident] : state.incidents) {
    const auto view = rules::view_incident(state, id);
    claim(view.has_value(), "an incident cannot be seen");
    const std::string picture = words::draw_incident(*view, now, plain);
    claim_clean(picture, "a picture", true);
    if (!drawing.unicode) {
      // Labels keep their letters; the drawing itself needs none but ASCII.
      claim(picture.find("\xE2\x94") == std::string::npos, "an ASCII picture has lines");
    }
    static_cast<void>(words::draw_incident(*view, now, drawing));
    const std::string json = words::incident_json(*view, true, url);
    check_json(json, "an incident");
    const auto read = words::parse_incident_json(json);
    claim(read.has_value() && words::incident_json(*read, true, url) == json,
          "an incident is something else when read back");
    for (const rules::Reason& reason : view->timeline) claim_clean(words::because_text(reason), "a reason");
  }
}

}  // namespace
}  // namespace fuzz

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace fuzz;
  Input input{data, size};
  Bits bits{input.byte()};
  words::Drawing drawing;
  drawing.unicode = bits.flag();
  drawing.colour = bits.flag();
  drawing.width = bits.of(std::array<std::size_t, 4>{100, 20, 1, 60});
  drawing.timeline = bits.of(std::array<std::size_t, 2>{12, 1000});
  std::string_view rest = input.rest();
  std::vector<std::string> fields;
  while (fields.size() < 9) {
    const std::size_t end = std::min(rest.find('\xFF'), rest.size());
    fields.emplace_back(rest.substr(0, end));
    rest.remove_prefix(std::min(end + 1, rest.size()));
  }
  for (std::string& field : fields) {
    check_clean(field);
    field = utf8_of(field);  // what intake and the API let through is UTF-8
  }

  rules::State state;
  rules::Instant now{std::chrono::sys_days{std::chrono::year{2026} / 3 / 6}};
  const auto tell = [&](const rules::Event& event) {
    for (const rules::Effect& effect : rules::apply(state, event, {.at = now, .wall = now})) {
      if (const auto* send = std::get_if<rules::Send>(&effect)) check_send(*send);
    }
    now += std::chrono::seconds{40};
  };
  tell(rules::PolicyLoaded{make_policy(0)});
  tell(rules::Started{1});
  rules::Report report;
  report.labels = rules::Labels{
      {{"alertname", fields[0]}, {"severity", fields[1]}, {"service", fields[2]}, {"x" + fields[3], fields[4]}}};
  report.annotations = rules::Labels{{{"summary", fields[5]}}};
  rules::ReportsArrived arrived{.source = fields[6], .reports = {report}, .truncated = 1};
  tell(arrived);
  arrived.reports.front().labels = rules::Labels{{{"alertname", fields[0]}, {"service", fields[2]}, {"y", fields[5]}}};
  tell(arrived);
  const rules::IncidentId first{1};
  const std::string by = fields[7].empty() ? "olga" : fields[7];
  tell(rules::Note{first, by, fields[8]});
  tell(rules::CallIn{first, by, fields[8]});
  tell(rules::SendEnded{rules::MessageId{1}, 0, rules::SendOutcome::refused, fields[8]});
  tell(rules::ClockReached{now});
  check_view(state, drawing);
  tell(rules::Acknowledge{first, by});
  tell(rules::ClockReached{now});
  check_view(state, drawing);
  tell(rules::Resolve{first, by});
  check_view(state, drawing);
  return 0;
}
