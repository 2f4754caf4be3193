#include "daemon/api/intake_paths.hpp"

#include <array>
#include <cerrno>
#include <cstdint>
#include <system_error>
#include <utility>

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>
#include <fmt/format.h>
#include <unistd.h>

#include "daemon/api/access.hpp"
#include "daemon/api/answers.hpp"
#include "daemon/api/grafana_signature.hpp"
#include "daemon/api/senders.hpp"
#include "daemon/intake/answer.hpp"
#include "daemon/intake/map.hpp"

namespace api {
namespace {

namespace json = boost::json;

// On top of a body: the report around it.
constexpr std::size_t event_bytes = 512;
constexpr std::size_t most_why_bytes = 1024;
constexpr std::string_view mapped_prefix = "/v1/alerts/";

Rejection rejection_of(int status) {
  if (status == 413) return Rejection::too_large;
  return status == 503 ? Rejection::overloaded : Rejection::body;
}

net::Response refused_body(const intake::Refused& refused) {
  if (refused.rejected.empty()) return net::problem(static_cast<unsigned>(refused.status), refused.why);
  json::array rejected;
  for (const intake::Rejected& one : refused.rejected) {
    json::object entry;
    entry["index"] = one.index;
    entry["reason"] = one.why;
    rejected.emplace_back(std::move(entry));
  }
  json::object body;
  const std::string_view title = net::reason_phrase(static_cast<unsigned>(refused.status));
  body["type"] = "about:blank";
  body["title"] = json::string(title.data(), title.size());
  body["status"] = refused.status;
  body["detail"] = refused.why;
  body["rejected"] = std::move(rejected);
  net::Response response;
  response.status = static_cast<unsigned>(refused.status);
  response.content_type = "application/problem+json";
  response.body = json::serialize(body) + "\n";
  return response;
}

// A refusal, of which the engine hears when the source is known: its sender may never send again what was refused.
Call refuse(net::Response response,
            const std::string& why,
            const std::string& source,
            rules::Instant now,
            const Services& services) {
  std::optional<rules::Event> told = refusal_event(source, response.status, why, now, services);
  if (!told) return response;
  services.metrics->refused_request(response.status);
  Tell tell;
  tell.bytes = event_bytes + source.size() + why.size();
  tell.event = *std::move(told);
  tell.render = [response = std::move(response)](const roused::Reply&) { return response; };
  return tell;
}

std::optional<Call> refuse_unless_json(const net::Request& request,
                                       const std::string& source,
                                       rules::Instant now,
                                       const Services& services) {
  const std::optional<std::string_view> type = request.headers.find("Content-Type");
  if (!type || type->empty() || is_json_type(*type)) return std::nullopt;
  services.metrics->rejected(source, Rejection::content_type);
  const std::string why =
      "alerts are taken as JSON: send the header `Content-Type: application/json` (curl: -H 'Content-Type: "
      "application/json')";
  return refuse(net::problem(415, why), why, source, now, services);
}

// A sender that had to prove its name is called by it.
std::string source_of(const net::Request& request, const Services& services) {
  return request.sender.empty() ? source_name_of(*services.policy(), request.peer, {}) : request.sender;
}

intake::Body body_of(const net::Request& request) {
  const std::string_view bytes = request.body;
  return bytes.empty() ? intake::Body{bytes} : intake::Body{bytes, bytes.size() + net::PaddedBuffer::padding};
}

intake::Context context_for(const std::string& source, const Services& services) {
  intake::Context context = services.context();
  context.source = source;
  return context;
}

void keep(const std::vector<intake::Rejected>& rejected, const std::string& source, const Services& services) {
  if (!services.keep_rejected) return;
  for (const intake::Rejected& one : rejected) services.keep_rejected(source, one);
}

// ---- formats that hold batches ----

using Parse = tl::expected<intake::Parsed, intake::Refused>;
using Render = std::string (*)(const intake::Parsed&);

// `named` = the body has no say in who its sender is.
Call take_batch(const net::Request& request,
                Parse parsed,
                std::string source,
                bool named,
                Render render,
                rules::Instant now,
                const Services& services) {
  if (!parsed) {
    services.metrics->rejected(source, rejection_of(parsed.error().status));
    keep(parsed.error().rejected, source, services);
    return refuse(refused_body(parsed.error()), parsed.error().why, source, now, services);
  }
  if (!named && request.sender.empty()) source = source_name_of(*services.policy(), request.peer, parsed->external_url);
  services.senders->heard(source);
  services.metrics->rejected(source, Rejection::alert, parsed->rejected_count);
  keep(parsed->rejected, source, services);
  std::string text = render(*parsed);
  // Nothing was said, so nothing has to be kept.
  if (parsed->event.reports.empty() && parsed->event.truncated == 0) return ok(std::move(text));

  Tell tell;
  tell.bytes = request.body.size() + event_bytes;
  parsed->event.source = std::move(source);
  tell.event = std::move(parsed->event);
  tell.render = [text = std::move(text)](const roused::Reply& reply) {
    if (std::optional<net::Response> refusal = not_durable(reply)) return *std::move(refusal);
    return ok(text);
  };
  return tell;
}

Call take_alertmanager(const net::Request& request,
                       rules::Instant now,
                       const Services& services,
                       intake::Parser& parser) {
  if (request.method != "POST") return not_allowed("POST");
  const std::string source = source_of(request, services);
  if (std::optional<Call> refusal = refuse_unless_json(request, source, now, services)) return *std::move(refusal);
  return take_batch(request,
                    parser.alertmanager(body_of(request), context_for(source, services)),
                    source,
                    false,
                    intake::alertmanager_answer,
                    now,
                    services);
}

Call take_api_v2(const net::Request& request, rules::Instant now, const Services& services, intake::Parser& parser) {
  const std::string source = source_of(request, services);
  if (std::optional<Call> refusal = refuse_unless_json(request, source, now, services)) return *std::move(refusal);
  return take_batch(request,
                    parser.api_v2(body_of(request), context_for(source, services)),
                    source,
                    true,
                    intake::api_v2_answer,
                    now,
                    services);
}

// Once a source signs, nothing is taken here without a signature, and the signature tells which source it is.
Call take_grafana(const net::Request& request, rules::Instant now, const Services& services, intake::Parser& parser) {
  if (request.method != "POST" && request.method != "PUT") return not_allowed("POST, PUT");
  std::string source = source_of(request, services);
  const bool must_be_signed = !services.signers().empty();
  if (must_be_signed) {
    auto signer = grafana_signer_of(services.signers(), request.headers, request.body, now);
    if (!signer) {
      net::Response response = net::problem(signer.error().status, signer.error().why);
      if (response.status == 401) response.headers.add("WWW-Authenticate", "HMAC-SHA256");
      return response;
    }
    source = *std::move(signer);
  }
  if (std::optional<Call> refusal = refuse_unless_json(request, source, now, services)) return *std::move(refusal);
  return take_batch(request,
                    parser.grafana(body_of(request), context_for(source, services)),
                    source,
                    must_be_signed,
                    intake::alertmanager_answer,
                    now,
                    services);
}

// "a, b, c", or what stands for nothing.
template <class Each>
std::string names_of(const std::vector<Each>& all) {
  constexpr std::size_t most = 20;
  std::string names;
  for (std::size_t index = 0; index < all.size() && index < most; ++index) {
    names += (index == 0 ? "" : ", ") + all[index].id;
  }
  if (all.size() > most) names += ", ...";
  return names.empty() ? "none" : names;
}

Call take_mapped(const net::Request& request,
                 std::string_view name,
                 rules::Instant now,
                 const Services& services,
                 intake::Parser& parser) {
  const intake::Map* const map = services.map_of(name);
  if (map == nullptr) {
    if (services.policy()->source(name) != nullptr) {
      return net::problem(404,
                          fmt::format("the source {} has no `map` in the configuration, which says how its JSON "
                                      "becomes alerts",
                                      name));
    }
    return net::problem(404,
                        fmt::format("no source is called {}: alertmanager and grafana are built in, others are mapped "
                                    "by `sources` in the configuration, which has: {}",
                                    name,
                                    names_of(services.policy()->sources)));
  }
  if (request.method != "POST") return not_allowed("POST");
  const std::string source{name};
  if (std::optional<Call> refusal = refuse_unless_json(request, source, now, services)) return *std::move(refusal);
  return take_batch(request,
                    parser.mapped(body_of(request), context_for(source, services), *map),
                    source,
                    true,
                    intake::alertmanager_answer,
                    now,
                    services);
}

// ---- PagerDuty ----

net::Response pagerduty_response(unsigned status, std::string body) {
  net::Response response;
  response.status = status;
  response.body = std::move(body);
  return response;
}

Call take_pagerduty(const net::Request& request, rules::Instant now, const Services& services, intake::Parser& parser) {
  if (request.method != "POST") return not_allowed("POST");
  const std::string source = source_of(request, services);
  if (std::optional<Call> refusal = refuse_unless_json(request, source, now, services)) return *std::move(refusal);
  tl::expected<intake::PagerDutyEvent, intake::Refused> event =
      parser.pagerduty(body_of(request), context_for(source, services), services.make_key());
  if (!event) {
    const intake::Refused& refused = event.error();
    services.metrics->rejected(source, rejection_of(refused.status));
    std::string why = refused.why;
    for (const std::string& error : refused.errors) why += "; " + error;
    return refuse(pagerduty_response(static_cast<unsigned>(refused.status), intake::pagerduty_refusal(refused)),
                  why,
                  source,
                  now,
                  services);
  }
  services.senders->heard(source);
  Tell tell;
  tell.bytes = request.body.size() + event_bytes;
  if (event->action == intake::PagerDutyEvent::Action::acknowledge) {
    tell.event = rules::SenderAcknowledged{
        .source = source, .native_keys = {event->native_key}, .by = event->client.empty() ? source : event->client};
  } else {
    tell.event = std::move(event->parsed.event);
  }
  tell.render = [text = intake::pagerduty_answer(event->dedup_key)](const roused::Reply& reply) {
    if (std::optional<net::Response> refusal = not_durable(reply)) return *std::move(refusal);
    return pagerduty_response(202, text);
  };
  return tell;
}

// What changed around a service is no problem of it: it is taken, so that its sender goes on, and kept nowhere.
Call take_change(const net::Request& request) {
  if (request.method != "POST") return not_allowed("POST");
  return pagerduty_response(202, R"({"status":"success","message":"Change event received; nothing is kept of it"})");
}

// ---- heartbeats ----

Call take_beat(const net::Request& request, std::string_view name, const Services& services) {
  if (services.policy()->heartbeat(name) == nullptr) {
    return net::problem(
        404,
        fmt::format("no heartbeat is called {0}: add `heartbeats: {{ {0}: {{ every: 1h, grace: 5m }} }}` "
                    "to the configuration, which has: {1}",
                    name,
                    names_of(services.policy()->heartbeats)));
  }
  if (request.method != "GET" && request.method != "POST") return not_allowed("GET, HEAD, POST");
  Tell tell;
  tell.bytes = event_bytes + name.size();
  tell.event = rules::Beat{.heartbeat = std::string{name}, .source = source_of(request, services)};
  tell.render = [](const roused::Reply& reply) {
    if (std::optional<net::Response> refusal = not_durable(reply)) return *std::move(refusal);
    return ok(R"({"status":"ok"})");
  };
  return tell;
}

// What follows a prefix when it is one name.
std::optional<std::string_view> name_after(std::string_view prefix, std::string_view path) {
  if (!path.starts_with(prefix)) return std::nullopt;
  path.remove_prefix(prefix.size());
  if (path.empty() || path.find('/') != std::string_view::npos) return std::nullopt;
  return path;
}

}  // namespace

std::string random_key() {
  std::array<std::uint64_t, 2> random{};
  if (::getentropy(random.data(), sizeof random) != 0)
    throw std::system_error{errno, std::generic_category(), "getentropy"};
  return fmt::format("{:016x}{:016x}", random[0], random[1]);
}

void Services::use_sources() {
  maps_.clear();
  signers_.clear();
  for (const rules::SourceSettings& source : policy_->sources) {
    if (source.map) maps_.emplace(source.id, *source.map);
    if (source.signature.empty()) continue;
    GrafanaSigner signer;
    signer.source = source.id;
    for (const auto& [name, value] : source.signature) {
      if (name == "secret_file" && read_secrets) signer.secrets = read_secrets(value);
      if (name == "header") signer.header = value;
      if (name == "timestamp_header") signer.timestamp_header = value;
    }
    signers_.push_back(std::move(signer));
  }
}

const intake::Map* Services::map_of(std::string_view source) const {
  const auto found = maps_.find(source);
  return found == maps_.end() ? nullptr : &found->second;
}

std::optional<rules::Event> refusal_event(
    const std::string& source, unsigned status, std::string_view why, rules::Instant now, const Services& services) {
  if (status != 400 && status != 413 && status != 415) return std::nullopt;
  const bool is_configured = services.policy()->source(source) != nullptr ||
                             (services.keyring() != nullptr && services.keyring()->has_sender(source));
  if (!services.senders->must_tell(source, is_configured, now)) return std::nullopt;
  return rules::BatchRefused{.source = source, .status = status, .why = std::string{why.substr(0, most_why_bytes)}};
}

std::optional<rules::Event> refusal_event(const net::Refusal& refusal, rules::Instant now, const Services& services) {
  // Whoever has not proved to be a sender calls nobody.
  if (!is_intake(refusal.path) || (services.settings->access && refusal.sender.empty())) return std::nullopt;
  const std::optional<std::string_view> name = name_after(mapped_prefix, refusal.path);
  const std::string source = name && services.map_of(*name) != nullptr ? std::string{*name}
                             : refusal.sender.empty() ? source_name_of(*services.policy(), refusal.peer, {})
                                                      : std::string{refusal.sender};
  return refusal_event(source, refusal.status, refusal.detail, now, services);
}

std::optional<Call> handle_intake(const net::Request& request,
                                  rules::Instant now,
                                  const Services& services,
                                  intake::Parser& parser) {
  const std::string_view path = request.path;
  if (path == "/v1/alerts/alertmanager") return take_alertmanager(request, now, services, parser);
  if (path == "/v1/alerts/grafana") return take_grafana(request, now, services, parser);
  if (path == "/api/v2/alerts" && request.method == "POST") return take_api_v2(request, now, services, parser);
  if (path == "/v2/enqueue") return take_pagerduty(request, now, services, parser);
  if (path == "/v2/change/enqueue") return take_change(request);
  if (const auto name = name_after(mapped_prefix, path)) return take_mapped(request, *name, now, services, parser);
  if (const auto name = name_after("/v1/heartbeats/", path)) return take_beat(request, *name, services);
  return std::nullopt;
}

}  // namespace api
