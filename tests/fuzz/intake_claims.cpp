#include "tests/fuzz/intake_claims.hpp"

#include <algorithm>
#include <array>
#include <string>

#include <boost/json/parse.hpp>

#include "daemon/intake/answer.hpp"
#include "daemon/intake/intake.hpp"
#include "daemon/intake/map.hpp"
#include "rules/codec/codec.hpp"
#include "tests/fuzz/claim.hpp"
#include "tests/fuzz/text.hpp"

namespace fuzz {
namespace {

using Result = tl::expected<intake::Parsed, intake::Refused>;

intake::Context make_context(bool has_small_limits) {
  intake::Context context;
  context.source = "prometheus";
  context.ignore_labels = {"prometheus_replica", "severity"};
  context.routing_labels = {"alertname", "service", "severity"};
  context.seed = 42;
  context.identity = rules::identity_of(rules::Identity{context.ignore_labels});
  if (has_small_limits) {
    context.limits = {.body_bytes = 2048,
                      .labels = 4,
                      .label_bytes = 64,  // more than the mark of a cut takes
                      .annotation_bytes = 16,
                      .url_bytes = 13,
                      .rejected_listed = 2,
                      .excerpt_bytes = 10};
  }
  return context;
}

Result parse(intake::Parser& parser, intake::Body body, rules::ReportForm form, const intake::Context& context) {
  return form == rules::ReportForm::webhook ? parser.alertmanager(body, context) : parser.api_v2(body, context);
}

std::string bytes_of(const Result& result) {
  // Which words are found for what is no JSON may depend on what lies behind it; that it is refused may not.
  if (!result) return fmt::format("{} {}", result.error().status, result.error().total);
  std::string bytes = codec::encode(result->event);
  bytes += fmt::format(" {} {}", result->rejected_count, result->total);
  for (const intake::Rejected& one : result->rejected)
    bytes += fmt::format(" {} {} {}", one.index, one.why, one.excerpt);
  return bytes;
}

void check_labels(const rules::Labels& labels,
                  const intake::Limits& limits,
                  std::size_t most,
                  std::size_t longest,
                  std::string_view what) {
  claim(labels.size() <= most, "{} {}, and the limit is {}", labels.size(), what, most);
  for (std::size_t index = 0; index < labels.size(); ++index) {
    const rules::LabelView label = labels[index];
    claim(is_utf8(label.name) && is_utf8(label.value), "one of the {} is not UTF-8", what);
    claim(!label.name.empty(), "one of the {} has no name", what);
    claim(label.name.size() <= limits.label_bytes || label.name == intake::left_out_label,
          "a name of {} bytes",
          label.name.size());
    claim(label.value.size() <= longest || label.name == intake::left_out_label,
          "a value of {} bytes",
          label.value.size());
    claim(index == 0 || labels[index - 1].name < label.name, "{} are out of order", what);
  }
}

void check_rejected(const std::vector<intake::Rejected>& rejected, const intake::Context& context) {
  claim(rejected.size() <= context.limits.rejected_listed, "{} rejected alerts are listed", rejected.size());
  for (const intake::Rejected& one : rejected) {
    claim(!one.why.empty(), "an alert is rejected without a word");
    claim_clean(one.why, "why an alert was rejected");
    claim_clean(one.excerpt, "an excerpt");
    claim(one.excerpt.size() <= context.limits.excerpt_bytes, "an excerpt of {} bytes", one.excerpt.size());
  }
}

void check_answer(const std::string& answer) {
  boost::system::error_code error;
  static_cast<void>(boost::json::parse(answer, error));
  claim(!error && is_utf8(answer), "the answer is no JSON: {}", answer);
}

void check_parsed(const intake::Parsed& parsed, const intake::Context& context, rules::ReportForm form) {
  const auto& reports = parsed.event.reports;
  claim(reports.size() + parsed.rejected_count == parsed.total,
        "{} alerts were taken and {} rejected, of {}",
        reports.size(),
        parsed.rejected_count,
        parsed.total);
  claim(parsed.rejected.size() == std::min<std::size_t>(parsed.rejected_count, context.limits.rejected_listed),
        "rejected alerts are missing");
  claim(parsed.event.form == form && parsed.event.source == context.source, "whose it is has changed");
  for (const rules::Report& report : reports) {
    claim(!report.labels.empty(), "an alert without labels was taken");
    // What was left out is told in a label of its own, and routing labels stay.
    check_labels(report.labels,
                 context.limits,
                 context.limits.labels + context.routing_labels.size() + 1,
                 context.limits.label_bytes,
                 "labels");
    check_labels(
        report.annotations, context.limits, context.limits.labels, context.limits.annotation_bytes, "annotations");
    claim(report.generator_url.size() <= context.limits.url_bytes && is_utf8(report.generator_url),
          "a link is too long, or not UTF-8");
    claim(report.keyed_for == context.identity, "a report is keyed for something else");
    claim(report.key == rules::key_of(report.labels, context.ignore_labels, context.seed), "a report has another key");
  }
  check_rejected(parsed.rejected, context);
  if (form == rules::ReportForm::webhook) {
    check_answer(intake::alertmanager_answer(parsed));
  } else if (const std::string answer = intake::api_v2_answer(parsed); !answer.empty()) {
    check_answer(answer);
  }
  const std::string bytes = codec::encode(parsed.event);
  const auto read = codec::decode_event(bytes);
  claim(read.has_value() && codec::encode(*read) == bytes, "the reports are not the same after the journal");
}

void check_refused(const intake::Refused& refused, const intake::Context& context) {
  static constexpr std::array statuses{400, 413};
  claim(std::find(statuses.begin(), statuses.end(), refused.status) != statuses.end(), "status {}", refused.status);
  claim(!refused.why.empty(), "a body is refused without a word");
  claim_clean(refused.why, "why a body was refused");
  check_rejected(refused.rejected, context);
}

// Reads the body twice, with a parser that has read others and with a new one, and where it lies: always the same.
template <class Parse>
void check_twice(std::string_view input, rules::ReportForm form, const Parse& parse_with) {
  const bool has_small_limits = !input.empty() && input.front() % 2 == 1;
  const std::string body{input.substr(std::min<std::size_t>(1, input.size()))};
  const intake::Context context = make_context(has_small_limits);
  static intake::Parser used;  // keeps its buffers from body to body, as the daemon's does
  const Result result = parse_with(used, intake::Body{std::string_view{body}}, context);
  if (result) {
    check_parsed(*result, context, form);
  } else {
    check_refused(result.error(), context);
  }
  intake::Parser fresh;
  std::string padded = body;
  padded.append(intake::body_padding, has_small_limits ? '}' : '\0');
  const intake::Body where_it_lies{std::string_view{padded}.substr(0, body.size()), padded.size()};
  const std::string again = bytes_of(parse_with(fresh, where_it_lies, context));
  claim(again == bytes_of(result), "the same body, another answer: {} and {}", bytes_of(result), again);
}

// A map with pointers of every kind.
intake::Map make_map() {
  rules::FieldMap fields;
  fields.each = "/a";
  fields.labels = {{"alertname", "/b"}, {"service", "/c/d"}, {"severity", "/c"}, {"cluster", "/e/1/f"}, {"x", ""}};
  fields.annotations = {{"summary", "/b"}, {"g", "/~0~1"}};
  fields.constants = {{"team", "shop"}};
  fields.status = "/s";
  fields.firing = {"1", "bad"};
  fields.resolved = {"0", "ok"};
  fields.starts_at = "/t";
  fields.ends_at = "/u";
  return intake::Map{fields};
}

}  // namespace

void check_body(std::string_view input, rules::ReportForm form) {
  check_twice(input, form, [form](intake::Parser& parser, intake::Body body, const intake::Context& context) {
    return parse(parser, body, form, context);
  });
}

void check_grafana(std::string_view input) {
  check_twice(
      input, rules::ReportForm::webhook, [](intake::Parser& parser, intake::Body body, const intake::Context& context) {
        return parser.grafana(body, context);
      });
}

void check_mapped(std::string_view input) {
  static const intake::Map map = make_map();
  check_twice(
      input, rules::ReportForm::webhook, [](intake::Parser& parser, intake::Body body, const intake::Context& context) {
        return parser.mapped(body, context, map);
      });
}

void check_pagerduty(std::string_view input) {
  const auto read = [](intake::Parser& parser, intake::Body body, const intake::Context& context) -> Result {
    tl::expected<intake::PagerDutyEvent, intake::Refused> event = parser.pagerduty(body, context, "made");
    if (!event) {
      claim(!event.error().errors.empty(), "an event is refused and nothing is wrong with it");
      for (const std::string& error : event.error().errors) claim_clean(error, "what is wrong with an event");
      check_answer(intake::pagerduty_refusal(event.error()));
      return tl::unexpected{std::move(event.error())};
    }
    claim(!event->dedup_key.empty() && is_utf8(event->dedup_key), "an event has no dedup_key");
    claim(event->native_key.size() == 32, "a native key of {} bytes", event->native_key.size());
    check_answer(intake::pagerduty_answer(event->dedup_key));
    const bool has_report = event->action != intake::PagerDutyEvent::Action::acknowledge;
    claim(event->parsed.event.reports.size() == (has_report ? 1U : 0U), "an event has another number of reports");
    if (has_report) {
      claim(event->parsed.event.reports[0].native_key == event->native_key, "a report has another native key");
    }
    return std::move(event->parsed);
  };
  check_twice(input, rules::ReportForm::webhook, read);
}

}  // namespace fuzz
