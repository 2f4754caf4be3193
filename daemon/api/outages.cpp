#include "daemon/api/outages.hpp"

#include <algorithm>
#include <optional>
#include <utility>

#include <fmt/format.h>

#include "daemon/api/answers.hpp"
#include "daemon/api/ask.hpp"
#include "daemon/words/clean.hpp"
#include "daemon/words/page.hpp"
#include "rules/moment.hpp"
#include "rules/rfc3339.hpp"

namespace api {
namespace {

constexpr std::size_t looked_at_a_step = 10'000;

struct Entry {
  std::string id;
  std::string title;
  std::string text;
  std::string link;
  rules::Instant at;
};

// One line; U+FFFE and U+FFFF are no characters of XML.
std::string xml(std::string_view text) {
  std::string safe;
  const std::string clean = words::visible(text);
  for (std::size_t at = 0; at < clean.size(); ++at) {
    const char one = clean[at];
    const std::string_view rest = std::string_view{clean}.substr(at);
    if (rest.starts_with("\xEF\xBF\xBE") || rest.starts_with("\xEF\xBF\xBF")) {
      safe += "\xEF\xBF\xBD";
      at += 2;
    } else if (one == '&') {
      safe += "&amp;";
    } else if (one == '<') {
      safe += "&lt;";
    } else if (one == '>') {
      safe += "&gt;";
    } else if (one == '"') {
      safe += "&quot;";
    } else if (one == '\'') {
      safe += "&#39;";
    } else {
      safe += one;
    }
  }
  return safe;
}

void add_entries(const rules::IncidentView& view, std::string_view public_url, std::vector<Entry>& entries) {
  const std::string name = rules::print_incident(view.facts.id);
  const std::string link = words::incident_url(view.facts.id, public_url);
  const std::string title = fmt::format("{}: {}", name, view.facts.summary);
  const std::string head =
      fmt::format("{}{}{}", view.facts.severity, view.facts.service.empty() ? "" : " on ", view.facts.service);
  entries.push_back({fmt::format("urn:rouse:{}", view.facts.uid), title, head, link, view.opened_at});
  std::size_t updates = 0;
  for (const rules::Reason& reason : view.timeline) {
    if (reason.kind != rules::ReasonKind::updated) continue;
    entries.push_back(
        {fmt::format("urn:rouse:{}:update:{}:{}", view.facts.uid, reason.at.time_since_epoch().count(), ++updates),
         "Update on " + title,
         fmt::format("{} ({})", reason.saw, reason.rule),
         link,
         reason.at});
  }
  if (view.resolved_at)
    entries.push_back({fmt::format("urn:rouse:{}:end:{}", view.facts.uid, view.resolved_at->time_since_epoch().count()),
                       "Over: " + title,
                       "The outage is over.",
                       link,
                       *view.resolved_at});
}

}  // namespace

std::string atom_feed(const std::vector<Outage>& outages, std::string_view public_url, rules::Instant started) {
  std::vector<Entry> entries;
  for (const Outage& outage : outages) add_entries(outage.incident, public_url, entries);
  std::stable_sort(
      entries.begin(), entries.end(), [](const Entry& left, const Entry& right) { return left.at > right.at; });
  const rules::Instant updated = entries.empty() ? started : entries.front().at;
  std::string feed = fmt::format(
      "<?xml version=\"1.0\" encoding=\"utf-8\"?>\n<feed xmlns=\"http://www.w3.org/2005/Atom\">\n"
      "  <id>{}</id>\n  <title>Outages</title>\n  <updated>{}</updated>\n  <author><name>rouse</name></author>\n",
      public_url.empty() ? "urn:rouse:outages" : xml(fmt::format("{}/v1/outages.atom", public_url)),
      rules::print_rfc3339(updated));
  if (!public_url.empty()) feed += fmt::format("  <link rel=\"self\" href=\"{}/v1/outages.atom\"/>\n", xml(public_url));
  for (const Entry& entry : entries) {
    feed += fmt::format(
        "  <entry>\n    <id>{}</id>\n    <title>{}</title>\n    <updated>{}</updated>\n    <published>{}</published>\n",
        xml(entry.id),
        xml(entry.title),
        rules::print_rfc3339(entry.at),
        rules::print_rfc3339(entry.at));
    if (!entry.link.empty()) feed += fmt::format("    <link href=\"{}\"/>\n", xml(entry.link));
    feed += fmt::format("    <content type=\"text\">{}</content>\n  </entry>\n", xml(entry.text));
  }
  return feed + "</feed>\n";
}

Call handle_outages(const net::Request& request, const Services& services) {
  if (request.method != "GET") return not_allowed("GET, HEAD");
  struct Gathered {
    std::vector<Outage> outages;
    std::optional<rules::IncidentId> before;  // looked at down to this one
  };
  return ask_in_steps<Gathered>(
      [](const rules::State& state, Gathered& gathered) {
        auto newest = gathered.before ? std::make_reverse_iterator(state.incidents.lower_bound(*gathered.before))
                                      : state.incidents.rbegin();
        for (std::size_t looked = 0; newest != state.incidents.rend(); ++newest, ++looked) {
          if (looked == looked_at_a_step) return true;
          gathered.before = newest->first;
          if (!newest->second.ever_published) continue;
          if (std::optional<rules::IncidentView> view = rules::view_incident(state, newest->first))
            gathered.outages.push_back({*std::move(view)});
          if (gathered.outages.size() == most_outages) return false;
        }
        return false;
      },
      [settings = services.settings, started = services.started](const Gathered& gathered) {
        net::Response response = ok(atom_feed(gathered.outages, settings->server.public_url, started));
        response.content_type = "application/atom+xml; charset=utf-8";
        return response;
      });
}

}  // namespace api
