#include "daemon/channels/probe.hpp"

#include <cstdlib>
#include <thread>
#include <utility>

#include <boost/json/object.hpp>
#include <boost/json/parse.hpp>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include "daemon/channels/mail_talk.hpp"
#include "daemon/channels/mattermost.hpp"
#include "daemon/channels/ntfy.hpp"
#include "daemon/channels/registry.hpp"
#include "daemon/channels/sip.hpp"
#include "daemon/channels/slack.hpp"
#include "daemon/channels/smtp.hpp"
#include "daemon/channels/twilio.hpp"
#include "daemon/channels/webhook.hpp"
#include "daemon/net/client.hpp"
#include "daemon/words/clean.hpp"

namespace channels {
namespace {

using std::chrono::milliseconds;

constexpr std::size_t detail_bytes = 160;

struct Found {
  bool works{};
  std::string detail;
};

struct Probe {
  const rules::Provider& provider;
  const net::OutboundRules& outbound;
  milliseconds limit;
};

Found failed(std::string why) {
  return {.works = false, .detail = std::move(why)};
}

tl::expected<net::ClientResult, std::string> call(const Probe& probe, net::ClientRequest request) {
  request.timeout = probe.limit;
  return net::http_call(std::move(request), net::ClientOptions{.outbound = probe.outbound});
}

// Any answer but 200 is a failure; `credentials` is what a 401 and a 403 are about.
Found judged(const tl::expected<net::ClientResult, std::string>& answer, std::string_view credentials) {
  if (!answer) return failed(answer.error());
  if (answer->status == 401 || answer->status == 403) {
    return failed(fmt::format("{} refused ({})", credentials, answer->status));
  }
  if (answer->status != 200) return failed(fmt::format("it answered {}", answer->status));
  return {.works = true, .detail = {}};
}

// Connects, and with https looks whose certificate it is; not a byte of a request leaves.
Found connects(const Probe& probe, const std::string& url) {
  net::ClientRequest request;
  request.url = url;
  bool has_connected = false;
  request.before_first_byte = [&has_connected] {
    has_connected = true;
    return false;
  };
  const tl::expected<net::ClientResult, std::string> answer = call(probe, std::move(request));
  if (has_connected) return {.works = true, .detail = {}};
  return failed(answer ? "it answered what nobody asked" : answer.error());
}

Found probe_twilio(const Probe& probe) {
  const tl::expected<TwilioSettings, std::string> settings = twilio_settings(probe.provider, "");
  if (!settings) return failed(settings.error());
  const bool has_key = !settings->api_key_sid.empty();
  Found found = judged(call(probe, twilio_probe(*settings)), has_key ? "the API key is" : "the account's token is");
  // A key may send, and not read the account: the token is believed by nothing that it could be tried with.
  if (found.works && has_key) found.detail = "the auth token, which proves callbacks, was not tried";
  return found;
}

Found probe_slack(const Probe& probe) {
  const tl::expected<SlackSettings, std::string> settings = slack_settings(probe.provider, "");
  if (!settings) return failed(settings.error());
  const tl::expected<net::ClientResult, std::string> answer = call(probe, slack_probe(*settings));
  Found found = judged(answer, "the bot's token is");
  if (!found.works) return found;
  // 200 whatever it thinks of the token: {"ok": false, "error": "invalid_auth"}
  boost::system::error_code error;
  const boost::json::value body = boost::json::parse(answer->body, error);
  const boost::json::object* const said = error ? nullptr : body.if_object();
  const boost::json::value* const ok = said == nullptr ? nullptr : said->if_contains("ok");
  if (ok == nullptr || !ok->is_bool()) return failed("what it answered is not Slack's");
  if (ok->get_bool()) return found;
  const boost::json::value* const why = said->if_contains("error");
  const std::string_view word =
      why != nullptr && why->is_string() ? std::string_view{why->get_string()} : std::string_view{"no reason given"};
  return failed("its test of the bot's token says " + words::shorten(words::visible(word), detail_bytes));
}

Found probe_mattermost(const Probe& probe) {
  const tl::expected<MattermostSettings, std::string> settings = mattermost_settings(probe.provider, "");
  if (!settings) return failed(settings.error());
  return judged(call(probe, mattermost_probe(*settings)), "the bot's token is");
}

Found probe_ntfy(const Probe& probe) {
  const tl::expected<NtfySettings, std::string> settings = ntfy_settings(probe.provider, "");
  if (!settings) return failed(settings.error());
  Found found = judged(call(probe, ntfy_probe(*settings)), "the credentials are");
  if (found.works) found.detail = "it is healthy; whether the topics may be written to was not tried";
  return found;
}

Found probe_webhook(const Probe& probe) {
  if (!probe.provider.secret_file.empty()) {
    if (const auto secrets = read_secrets(probe.provider.secret_file); !secrets) return failed(secrets.error());
  }
  if (probe.provider.url.empty()) return {.works = true, .detail = "not tried: each contact has a URL of its own"};
  Found found = connects(probe, probe.provider.url);
  if (found.works) found.detail = "it takes connections; nothing was asked of it";
  return found;
}

Found probe_smtp(const Probe& probe) {
  const tl::expected<SmtpSettings, std::string> settings = smtp_settings(probe.provider, "", probe.outbound);
  if (!settings) return failed(settings.error());
  prepare_mail();
  MailCut cut;
  if (const auto greeted = greet_mail_server(*settings->server, probe.limit, cut); !greeted) {
    return failed(greeted.error());
  }
  if (!settings->replies) return {.works = true, .detail = {}};
  if (const auto greeted = greet_mail_server(*settings->replies->server, probe.limit, cut); !greeted) {
    return failed("mail can be sent, but the mailbox of replies cannot be read: " + greeted.error());
  }
  return {.works = true, .detail = "the mailbox of replies, too"};
}

bool is_program(const std::string& path) {
  struct stat about{};
  return ::stat(path.c_str(), &about) == 0 && S_ISREG(about.st_mode) && ::access(path.c_str(), X_OK) == 0;
}

// As the shell would find it: a path, or a name in one of the folders of PATH.
bool has_program(const std::string& name) {
  if (name.find('/') != std::string::npos) return is_program(name);
  const char* const path = std::getenv("PATH");  // NOLINT(concurrency-mt-unsafe): nobody sets it
  for (std::string_view rest = path == nullptr ? "/usr/bin:/bin" : path; !rest.empty();) {
    const std::size_t end = std::min(rest.find(':'), rest.size());
    if (end > 0 && is_program(fmt::format("{}/{}", rest.substr(0, end), name))) return true;
    rest.remove_prefix(std::min(end + 1, rest.size()));
  }
  return false;
}

std::string why_no_program(const std::string& name) {
  if (has_program(name)) return {};
  return fmt::format("{} is not there, or is no program that may be run", words::visible(name));
}

Found probe_command(const Probe& probe) {
  if (probe.provider.run.empty()) return failed("there is no program to run");
  if (std::string why = why_no_program(probe.provider.run.front()); !why.empty()) return failed(std::move(why));
  return {.works = true, .detail = "the program is there; it was not run"};
}

// "pbx.example.org:5061" of "sip:rouse@pbx.example.org:5061;transport=tcp"
std::string sip_host(std::string_view address) {
  if (address.starts_with("sip:")) address.remove_prefix(4);
  if (const std::size_t at = address.rfind('@'); at != std::string_view::npos) address.remove_prefix(at + 1);
  address = address.substr(0, address.find(';'));
  const std::size_t colon = address.rfind(':');
  const std::size_t bracket = address.rfind(']');
  const bool has_port = colon != std::string_view::npos && (bracket == std::string_view::npos || colon > bracket);
  return std::string{address} + (has_port ? "" : ":5060");
}

Found probe_sip(const Probe& probe) {
  const tl::expected<SipSettings, std::string> settings = sip_settings(probe.provider);
  if (!settings) return failed(settings.error());
  for (const std::string& program : {settings->baresip, settings->espeak, settings->sox}) {
    if (std::string why = why_no_program(program); !why.empty()) return failed(std::move(why));
  }
  const std::string host = sip_host(settings->proxy.empty() ? settings->account : settings->proxy);
  if (settings->transport != "tcp") {
    return {.works = true, .detail = fmt::format("its programs are there; {} was not asked anything (udp)", host)};
  }
  // baresip connects by itself: what the rules for outbound calls say of names is not asked of it.
  const Found found = connects({.provider = probe.provider, .outbound = {}, .limit = probe.limit}, "http://" + host);
  if (!found.works) return found;
  return {.works = true,
          .detail = fmt::format("its programs are there and {} takes connections; the account was not tried", host)};
}

Found probe_one(const Probe& probe) {
  switch (probe.provider.kind) {
    case rules::ProviderKind::twilio:
      return probe_twilio(probe);
    case rules::ProviderKind::slack:
      return probe_slack(probe);
    case rules::ProviderKind::mattermost:
      return probe_mattermost(probe);
    case rules::ProviderKind::ntfy:
      return probe_ntfy(probe);
    case rules::ProviderKind::webhook:
      return probe_webhook(probe);
    case rules::ProviderKind::smtp:
      return probe_smtp(probe);
    case rules::ProviderKind::command:
      return probe_command(probe);
    case rules::ProviderKind::sip:
      return probe_sip(probe);
    case rules::ProviderKind::log:
      return {.works = true, .detail = "it writes to the log of roused"};
  }
  return failed("nobody knows how to try it");
}

}  // namespace

std::vector<Probed> probe_all(const std::vector<rules::Channel>& all,
                              const net::OutboundRules& outbound,
                              milliseconds limit) {
  std::vector<Probed> probed;
  std::vector<const rules::Provider*> providers;
  for (const rules::Channel& channel : all) {
    std::uint32_t number = 0;
    for (const rules::Provider& provider : channel.providers) {
      providers.push_back(&provider);
      probed.push_back(Probed{.channel = channel.name,
                              .number = ++number,
                              .kind = std::string{name_of(provider.kind)},
                              .works = false,
                              .detail = {},
                              .took = {}});
    }
  }
  std::vector<std::thread> threads;
  threads.reserve(providers.size());
  for (std::size_t index = 0; index < providers.size(); ++index) {
    threads.emplace_back([&, index] {
      const auto begin = std::chrono::steady_clock::now();
      Found found = probe_one({.provider = *providers[index], .outbound = outbound, .limit = limit});
      probed[index].works = found.works;
      probed[index].detail = std::move(found.detail);
      probed[index].took = std::chrono::duration_cast<milliseconds>(std::chrono::steady_clock::now() - begin);
    });
  }
  for (std::thread& one : threads) one.join();
  return probed;
}

}  // namespace channels
