#include "daemon/intake/reading.hpp"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "daemon/intake/text.hpp"
#include "rules/rfc3339.hpp"

namespace intake {
namespace {

using json::Error;
using json::Type;
using json::Value;
using Pair = Scratch::Pair;

constexpr std::string_view ellipsis = "\xE2\x80\xA6";  // U+2026
constexpr std::size_t usual_alert_bytes = 400;         // in the captured bodies; a wrong guess costs a move
constexpr std::size_t most_scratch_pairs = 4096;       // what one wild alert may leave behind

// Go's zero time, 0001-01-01T00:00:00Z, whatever the zone it was printed in.
constexpr rules::Instant first_real_instant{std::chrono::sys_days{std::chrono::year{2} / 1 / 1}};

bool is_among(const std::vector<std::string>& names, std::string_view name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

// One bit a known field, to see when one comes twice.
class Once {
 public:
  // 1 when this field was seen before.
  std::uint64_t again(unsigned field) {
    const bool seen = (seen_ >> field & 1U) != 0;
    seen_ |= 1U << field;
    return seen ? 1 : 0;
  }

 private:
  unsigned seen_{};
};

}  // namespace

Reading::Reading(
    const Context& context, rules::ReportForm form, std::size_t body_bytes, json::Document& document, Scratch& scratch)
    : context_{context}, body_bytes_{body_bytes}, document_{document}, scratch_{scratch} {
  parsed_.event.source = context.source;
  parsed_.event.form = form;
  scratch_.made.clear();
}

Error Reading::text(Value value, std::size_t depth, Text& text) {
  Type type{};
  if (const Error error = value.type().get(type)) return error;
  switch (type) {
    case Type::string:
      text.form = Text::Form::string;
      return json::string(value, text.view);
    case Type::null: {
      text.form = Text::Form::null;
      std::string_view written;
      return json::token(value, type, written);
    }
    case Type::number:
      text.form = Text::Form::number;
      return json::token(value, type, text.view);
    case Type::boolean:
      text.form = Text::Form::boolean;
      return json::token(value, type, text.view);
    default: {
      text.form = Text::Form::compound;
      const std::string_view opening = value.raw_json_token();
      if (const Error error = json::check(value, depth)) return error;
      text.view = scratch_.made.emplace_back(compact(raw_since(opening.data())));
      return simdjson::SUCCESS;
    }
  }
}

void Reading::begin_batch() {
  parsed_.event.reports.clear();
  parsed_.event.reports.reserve(body_bytes_ / usual_alert_bytes + 1);
  parsed_.rejected.clear();
  parsed_.rejected_count = 0;
  parsed_.total = 0;
}

void Reading::begin_alert() {
  ++parsed_.total;
  scratch_.made.clear();
  scratch_.pairs.clear();
}

void Reading::take(rules::Report&& report) {
  report.key = rules::key_of(report.labels, context_.ignore_labels, context_.seed);
  report.keyed_for = context_.identity;
  parsed_.event.reports.push_back(std::move(report));
}

Error Reading::alerts(json::Array array, std::size_t depth) {
  begin_batch();
  return json::each_element(array, [this, depth](Value element) { return alert(element, depth + 1); });
}

Error Reading::alert(Value value, std::size_t depth) {
  begin_alert();
  Type type{};
  if (const Error error = value.type().get(type)) return error;
  const std::string_view first_token = value.raw_json_token();
  if (type != Type::object) {
    if (const Error error = json::check(value, depth)) return error;
    const bool is_array = type == Type::array;
    reject("not an object", is_array ? raw_since(first_token.data()) : first_token);
    return simdjson::SUCCESS;
  }
  json::Object object;
  if (const Error error = value.get_object().get(object)) return error;
  rules::Report report;
  LabelsSeen seen = LabelsSeen::missing;
  if (const Error error = members(object, depth, report, seen)) return error;
  if (!report.labels.empty()) {
    take(std::move(report));
    return simdjson::SUCCESS;
  }
  const std::string_view why = seen == LabelsSeen::missing     ? "labels are missing"
                               : seen == LabelsSeen::no_object ? "labels are not an object"
                                                               : "no label has a value";
  reject(why, raw_since(first_token.data()));
  return simdjson::SUCCESS;
}

Error Reading::members(json::Object object, std::size_t depth, rules::Report& report, LabelsSeen& seen) {
  enum Field : unsigned { labels_field, annotations_field, status_field, starts_field, ends_field, url_field };
  Once once;
  bool status_is_known = false;
  std::uint64_t& duplicates = parsed_.oddities.duplicate_names;
  const bool has_status = parsed_.event.form == rules::ReportForm::webhook;
  const std::size_t inner = depth + 1;
  const Error error = json::each_member(object, [&](std::string_view name, Value value) {
    if (name == "labels") {
      duplicates += once.again(labels_field);
      return labels(value, inner, report.labels, seen);
    }
    if (name == "annotations") {
      duplicates += once.again(annotations_field);
      return annotations(value, inner, report.annotations);
    }
    if (name == "startsAt") {
      duplicates += once.again(starts_field);
      return time(value, inner, report.starts_at);
    }
    if (name == "endsAt") {
      duplicates += once.again(ends_field);
      return time(value, inner, report.ends_at);
    }
    if (name == "generatorURL") {
      duplicates += once.again(url_field);
      return url(value, inner, report.generator_url);
    }
    if (has_status && name == "status") {
      duplicates += once.again(status_field);
      return status(value, inner, report.status, status_is_known);
    }
    return json::check(value, inner);
  });
  if (has_status && !status_is_known) ++parsed_.oddities.unknown_status;
  return error;
}

Error Reading::status(Value value, std::size_t depth, rules::ReportStatus& status, bool& known) {
  Text written;
  if (const Error error = text(value, depth, written)) return error;
  const bool resolved = written.form == Text::Form::string && written.view == "resolved";
  known = resolved || (written.form == Text::Form::string && written.view == "firing");
  status = resolved ? rules::ReportStatus::resolved : rules::ReportStatus::firing;
  return simdjson::SUCCESS;
}

Error Reading::time(Value value, std::size_t depth, std::optional<rules::Instant>& instant) {
  Text written;
  if (const Error error = text(value, depth, written)) return error;
  instant.reset();
  if (written.form == Text::Form::null) return simdjson::SUCCESS;
  if (written.form == Text::Form::string) instant = rules::parse_rfc3339(written.view);
  if (!instant) ++parsed_.oddities.unreadable_times;
  if (instant && *instant < first_real_instant) instant.reset();
  return simdjson::SUCCESS;
}

Error Reading::url(Value value, std::size_t depth, std::string& url) {
  Text written;
  if (const Error error = text(value, depth, written)) return error;
  url.clear();
  if (written.form == Text::Form::null) return simdjson::SUCCESS;
  if (written.form != Text::Form::string) {
    ++parsed_.oddities.unreadable_fields;
  } else if (written.view.size() > context_.limits.url_bytes) {
    ++parsed_.oddities.truncated_values;
  } else {
    url = written.view;
  }
  return simdjson::SUCCESS;
}

Error Reading::labels(Value value, std::size_t depth, rules::Labels& labels, LabelsSeen& seen) {
  labels = rules::Labels{};
  Type type{};
  if (const Error error = value.type().get(type)) return error;
  if (type != Type::object) {
    seen = type == Type::null ? LabelsSeen::missing : LabelsSeen::no_object;
    return json::check(value, depth);
  }
  seen = LabelsSeen::read;
  if (const Error error = read_pairs(value, depth)) return error;
  keep_labels(labels);
  return simdjson::SUCCESS;
}

Error Reading::annotations(Value value, std::size_t depth, rules::Labels& annotations) {
  annotations = rules::Labels{};
  Type type{};
  if (const Error error = value.type().get(type)) return error;
  if (type != Type::object) {
    if (type != Type::null) ++parsed_.oddities.unreadable_fields;
    return json::check(value, depth);
  }
  if (const Error error = read_pairs(value, depth)) return error;
  keep_annotations(annotations);
  return simdjson::SUCCESS;
}

Error Reading::read_pairs(Value value, std::size_t depth) {
  scratch_.pairs.clear();
  if (scratch_.pairs.capacity() > most_scratch_pairs) scratch_.pairs.shrink_to_fit();
  json::Object object;
  if (const Error error = value.get_object().get(object)) return error;
  const Error error = json::each_member(object, [&](std::string_view name, Value member) {
    Text written;
    if (const Error problem = text(member, depth + 1, written)) return problem;
    if (written.form != Text::Form::string) ++parsed_.oddities.non_string_values;
    if (name.empty()) {
      ++parsed_.oddities.unnamed_values;
    } else {
      scratch_.pairs.push_back({name, written.view, scratch_.pairs.size()});
    }
    return simdjson::SUCCESS;
  });
  if (error) return error;
  sort_pairs();
  return simdjson::SUCCESS;
}

rules::Labels Reading::labels_of_pairs() {
  rules::Labels labels;
  sort_pairs();
  keep_labels(labels);
  return labels;
}

rules::Labels Reading::annotations_of_pairs() {
  rules::Labels annotations;
  sort_pairs();
  keep_annotations(annotations);
  return annotations;
}

void Reading::sort_pairs() {
  std::vector<Pair>& pairs = scratch_.pairs;
  const auto does_not_ascend = [](const Pair& left, const Pair& right) { return left.name >= right.name; };
  if (std::adjacent_find(pairs.begin(), pairs.end(), does_not_ascend) != pairs.end()) {
    std::sort(pairs.begin(), pairs.end(), [](const Pair& left, const Pair& right) {
      const int order = left.name.compare(right.name);
      return order != 0 ? order < 0 : left.order < right.order;
    });
    std::size_t kept = 0;
    for (std::size_t index = 0; index < pairs.size(); ++index) {
      const bool is_last_of_name = index + 1 == pairs.size() || pairs[index].name != pairs[index + 1].name;
      if (is_last_of_name) pairs[kept++] = pairs[index];
    }
    parsed_.oddities.duplicate_names += pairs.size() - kept;
    pairs.resize(kept);
  }
  // After the last of each name has won: an empty one takes an earlier value away.
  std::erase_if(pairs, [](const Pair& pair) { return pair.value.empty(); });
}

void Reading::keep_labels(rules::Labels& labels) {
  std::vector<Pair>& pairs = scratch_.pairs;
  const Limits& limits = context_.limits;
  for (Pair& pair : pairs) {
    if (pair.name.size() > limits.label_bytes) pair.name = cut_label(pair.name);
    if (pair.value.size() > limits.label_bytes) pair.value = cut_label(pair.value);
  }
  if (pairs.size() > limits.labels) {
    ++parsed_.oddities.truncated_sets;
    rules::Labels left_out;
    std::size_t kept = limits.labels;
    for (std::size_t index = limits.labels; index < pairs.size(); ++index) {
      if (is_among(context_.routing_labels, pairs[index].name)) {
        pairs[kept++] = pairs[index];
      } else {
        left_out.add(pairs[index].name, pairs[index].value);
      }
    }
    pairs.resize(kept);
    left_out.seal();
    if (!left_out.empty()) {
      const std::string mark = fmt::format("{} {}", left_out.size(), rules::hex(rules::fingerprint_of(left_out)));
      pairs.push_back({left_out_label, scratch_.made.emplace_back(mark), pairs.size()});
    }
  }
  fill(labels);
}

void Reading::keep_annotations(rules::Labels& annotations) {
  std::vector<Pair>& pairs = scratch_.pairs;
  const Limits& limits = context_.limits;
  if (pairs.size() > limits.labels) {
    ++parsed_.oddities.truncated_sets;
    pairs.resize(limits.labels);
  }
  for (Pair& pair : pairs) {
    if (pair.name.size() > limits.label_bytes) pair.name = cut_label(pair.name);
    if (pair.value.size() <= limits.annotation_bytes) continue;
    ++parsed_.oddities.truncated_values;
    std::string& cut = scratch_.made.emplace_back();
    cut = beginning_of(pair.value, limits.annotation_bytes - ellipsis.size());
    pair.value = cut += ellipsis;
  }
  fill(annotations);
}

void Reading::fill(rules::Labels& set) {
  std::size_t bytes = 0;
  for (const Pair& pair : scratch_.pairs) bytes += pair.name.size() + pair.value.size();
  set.reserve(scratch_.pairs.size(), bytes);
  for (const Pair& pair : scratch_.pairs) set.add(pair.name, pair.value);
  set.seal();
}

// Two long values that differ behind the cut must not become one alert: what was cut away stands there as a hash.
std::string_view Reading::cut_label(std::string_view text) {
  ++parsed_.oddities.truncated_values;
  rules::Labels whole;
  whole.add("", text);
  whole.seal();
  const std::string mark =
      fmt::format("{}[{} bytes {}]", ellipsis, text.size(), rules::hex(rules::fingerprint_of(whole)));
  std::string& cut = scratch_.made.emplace_back();
  cut = beginning_of(text, context_.limits.label_bytes - mark.size());
  return cut += mark;
}

void Reading::reject(std::string_view why, std::string_view raw) {
  ++parsed_.rejected_count;
  if (parsed_.rejected.size() >= context_.limits.rejected_listed) return;
  const std::size_t last = raw.find_last_not_of(" \t\n\r");
  parsed_.rejected.push_back({.index = parsed_.total - 1,
                              .why = std::string{why},
                              .excerpt = excerpt_of(raw.substr(0, last + 1), context_.limits.excerpt_bytes)});
}

std::string_view Reading::raw_since(const char* begin) {
  const char* next_token{};
  if (document_.current_location().get(next_token) || next_token <= begin) return {};
  const std::string_view raw{begin, static_cast<std::size_t>(next_token - begin)};
  return raw.substr(0, raw.find_last_of("]}") + 1);
}

}  // namespace intake
