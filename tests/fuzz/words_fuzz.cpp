// What strangers write in labels, and what people are shown of it: texts, subjects, pictures, JSON. One byte chooses
// how it is drawn; the rest, parted at 0xFF, is what each of the fields says.
#include <array>
#include <vector>

#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>

#include "daemon/words/clean.hpp"
#include "daemon/words/json.hpp"
#include "daemon/words/mattermost.hpp"
#include "daemon/words/message.hpp"
#include "daemon/words/page.hpp"
#include "daemon/words/segments.hpp"
#include "daemon/words/slack.hpp"
#include "daemon/words/terminal.hpp"
#include "rules/apply.hpp"
#include "rules/message_words.hpp"
#include "rules/view.hpp"
#include "tests/fuzz/claim.hpp"
#include "tests/fuzz/input.hpp"
#include "tests/fuzz/policies.hpp"
#include "tests/fuzz/text.hpp"

namespace fuzz {
namespace {

constexpr std::string_view url = "https://rouse.example.org";

// Of Slack's own marks only dates and links are made by us; all others would be a stranger's.
void check_slack(const std::string& text) {
  for (std::size_t at = text.find('<'); at != std::string::npos; at = text.find('<', at + 1)) {
    const std::string_view rest = std::string_view{text}.substr(at);
    claim(rest.starts_with("<!date^") || rest.starts_with("<http"), "a mark of Slack's that nobody meant: {}", text);
  }
}

// A sign that calls people stands behind a letter or digit, where it calls nobody.
void check_mentions(std::string_view text) {
  for (std::size_t at = text.find('@'); at != std::string_view::npos; at = text.find('@', at + 1)) {
    const char before = at == 0 ? ' ' : text[at - 1];
    const bool is_word = (before >= '0' && before <= '9') || ((before | 0x20) >= 'a' && (before | 0x20) <= 'z');
    claim(is_word, "a mention: {}", text);
  }
}

void check_clean(std::string_view text) {
  const std::string seen = words::visible(text);
  claim_clean(seen, "what was made visible");
  claim(words::visible(seen) == seen, "what is visible changes when it is made visible again");
  claim(seen.size() <= 6 * text.size(), "{} bytes became {}", text.size(), seen.size());
  const std::string folded = words::fold_to_gsm(seen);
  claim_clean(folded, "what was folded");
  claim_clean(words::spoken(text), "what is spoken");
  check_mentions(words::markdown_escaped(text));
  check_slack(words::slack_shortened(words::escaped_for_slack(text), 40));
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

// Every word that a template can have, in each of the ways to write it.
std::string template_of_all_words() {
  std::string words;
  for (const rules::TemplateWord& word : rules::template_words) {
    if (word.name == "incidents") continue;
    words += word.is_flag ? fmt::format("{{{{#{0}}}}}x{{{{/{0}}}}}{{{{^{0}}}}}y{{{{/{0}}}}} ", word.name)
                          : fmt::format("{{{{{0}}}}} {{{{{{{0}}}}}}} ", word.name);
  }
  return words + "{{#incidents}}\n" + words + "{{/incidents}}";
}

// Headlines and buttons are plain text, in which Slack reads no marks.
void check_blocks(const boost::json::array& blocks) {
  check_json(boost::json::serialize(blocks), "Slack's blocks");
  const auto check = [](const boost::json::value& text) {
    if (text.at("type").as_string() == "mrkdwn") check_slack(std::string{text.at("text").as_string()});
  };
  for (const boost::json::value& block : blocks) {
    if (const auto* const text = block.as_object().if_contains("text")) check(*text);
    const auto* const elements = block.as_object().if_contains("elements");
    if (elements == nullptr) continue;
    for (const boost::json::value& element : elements->as_array()) check(element);
  }
}

void check_channels(const rules::Send& send, const words::Wording& wording) {
  const std::string sms = words::sms_text(wording, send);
  claim_clean(sms, "a text message", true);
  claim(words::count_segments(sms).count <= words::most_sms_segments, "a text message of too many segments");
  const std::string said = words::voice_script(wording, send);
  claim_clean(said, "a call");
  claim(said.find_first_of("<>{}&@$") == std::string::npos && said.size() <= 4000, "what cannot be spoken: {}", said);
  const std::string subject = words::email_subject(wording, send);
  claim_clean(subject, "a mail's subject");
  claim(subject.size() <= 200, "a mail's subject of {} bytes", subject.size());
  claim_clean(words::email_plain(wording, send), "a mail", true);
  const std::string html = words::email_html(wording, send);
  claim_clean(html, "a mail in HTML", true);
  claim(html.find("<script") == std::string::npos, "a mail with a script: {}", html);
  const std::string chat = words::chat_text(wording, send);
  claim_clean(chat, "a post", true);
  claim(chat.size() <= words::chat_bytes, "a post of {} bytes", chat.size());
  check_mentions(chat);
  const std::string push = words::push_text(wording, send);
  claim_clean(push, "a push message", true);
  claim(push.size() <= words::push_bytes, "a push message of {} bytes", push.size());
  if (!send.pages.empty()) {
    const words::SlackMessage slack = words::slack_page(wording, send);
    check_blocks(slack.blocks);
    check_slack(slack.text);
    check_mentions(words::mattermost_page(wording, send, {}).message);
  }
  for (const rules::NoticeFacts& notice : send.notices) {
    check_slack(words::slack_notice(wording, send, notice));
    check_blocks(words::slack_restated(notice, url).blocks);
    check_mentions(words::mattermost_notice(wording, send, notice));
    check_mentions(words::mattermost_restated(notice, url, {}).message);
  }
}

void check_send(const rules::Send& send) {
  words::Wording wording{.public_url = std::string{url}, .templates = {}};
  check_channels(send, wording);
  static const std::string all_words = template_of_all_words();
  for (const std::string_view channel : rules::template_channels) {
    wording.templates.push_back({.channel = std::string{channel}, .text = all_words});
  }
  check_channels(send, wording);
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
