#include "daemon/channels/smtp.hpp"

#include <algorithm>
#include <charconv>
#include <set>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "daemon/channels/webhook.hpp"
#include "daemon/net/hmac.hpp"
#include "daemon/words/clean.hpp"
#include "daemon/words/message.hpp"
#include "daemon/words/page.hpp"
#include "rules/mail_address.hpp"
#include "rules/moment.hpp"

namespace channels {
namespace {

constexpr std::size_t subject_bytes = 150;
constexpr std::size_t name_digits = 32;

std::string_view domain_of(std::string_view address) {
  return address.substr(address.find('@') + 1);
}

// smtp://HOST:PORT/... -> HOST
std::string_view host_of(std::string_view url) {
  const std::size_t scheme = url.find("://");
  std::string_view host = scheme == std::string_view::npos ? url : url.substr(scheme + 3);
  host = host.substr(0, host.find('/'));
  if (host.starts_with('[')) return host.substr(0, host.find(']') + 1);
  return host.substr(0, host.find(':'));
}

// A name that only begins like an address of this machine is another's.
bool is_loopback(std::string_view host) {
  return host == "localhost" || host == "[::1]" ||
         (host.starts_with("127.") && host.find_first_not_of("0123456789.") == std::string_view::npos);
}

// A name for the incident's thread that every mail about it can work out. Nobody was ever sent it.
std::string thread_name(const rules::IncidentFacts& incident, std::string_view domain) {
  const std::string uid = incident.uid.empty() ? rules::print_incident(incident.id) : incident.uid;
  return fmt::format("incident.{}@{}", net::sha256(uid).substr(0, name_digits), domain);
}

std::vector<const rules::IncidentFacts*> incidents_of(const rules::Send& send) {
  std::vector<const rules::IncidentFacts*> all;
  std::set<rules::IncidentId> seen;
  const auto add = [&](const rules::IncidentFacts& incident) {
    if (incident.id.value != 0 && seen.insert(incident.id).second) all.push_back(&incident);
  };
  for (const rules::PageFacts& page : send.pages) add(page.incident);
  for (const rules::NoticeFacts& notice : send.notices) add(notice.incident);
  return all;
}

// Where nobody reads replies nothing asks for one.
rules::Send without_numbers(rules::Send send) {
  for (rules::PageFacts& page : send.pages) page.number = 0;
  return send;
}

bool has_own_subject(const SmtpSettings& settings) {
  return std::any_of(settings.templates.begin(), settings.templates.end(), [](const rules::Template& one) {
    return one.channel == "email_subject";
  });
}

words::Links links_of(const SmtpSettings& settings, const rules::Send& send, rules::Instant now) {
  words::Links all;
  if (!settings.has_links || settings.signer == nullptr || settings.public_url.empty()) return all;
  std::set<rules::IncidentId> seen;
  for (const rules::PageFacts& page : send.pages) {
    if (words::is_own_alarm(page) || !seen.insert(page.incident.id).second) continue;
    const auto link = [&](links::Action action) {
      links::Link made;
      made.person = send.person;
      made.incident = page.incident.id;
      made.message = send.message;
      made.action = action;
      made.until = std::max(now, send.composed_at) + links::link_lasts;
      return fmt::format("{}/v1/links/{}", settings.public_url, settings.signer->token(made));
    };
    words::IncidentLinks one;
    one.incident = page.incident.id;
    one.acknowledge = link(links::Action::acknowledge);
    if (page.incident.id.value != 0) {
      one.escalate = link(links::Action::escalate);
      one.close = link(links::Action::close);
    }
    all.push_back(std::move(one));
  }
  return all;
}

std::string name_of(const SmtpSettings& settings, const rules::Send& send) {
  const std::string_view domain = domain_of(settings.from);
  if (settings.signer != nullptr) return mail_name(*settings.signer, send.key, send.message, send.address, domain);
  return fmt::format("{}.{}@{}", send.key, send.message.value, domain);
}

// By which the engine knows a mail that is read twice.
std::string id_of(const IncomingMail& mail) {
  if (!mail.name.empty()) return mail.name;
  std::string all = fmt::format("{}\n{}\n{}", mail.from, mail.subject, mail.text);
  for (const std::string& name : mail.answers) all += "\n" + name;
  return net::sha256(all).substr(0, name_digits);
}

tl::expected<std::string, std::string> read_password(const std::string& file) {
  tl::expected<std::vector<std::string>, std::string> secrets = read_secrets(file);
  if (!secrets) return tl::unexpected(std::move(secrets.error()));
  return std::move(secrets->front());
}

}  // namespace

tl::expected<SmtpSettings, std::string> smtp_settings(const rules::Provider& provider,
                                                      std::string_view public_url,
                                                      const net::OutboundRules& outbound) {
  SmtpSettings settings;
  MailServer server;
  MailServer mailbox;
  std::chrono::seconds every{30};
  std::string tls;
  std::string password_file;
  std::string mailbox_password_file;
  server.url = provider.url;
  server.outbound = mailbox.outbound = outbound;
  settings.timeout = provider.timeout;
  settings.public_url = public_url;
  for (const auto& [name, value] : provider.settings) {
    if (name == "from") settings.from = value;
    if (name == "reply_to") settings.reply_to = value;
    if (name == "username") server.username = value;
    if (name == "password_file") password_file = value;
    if (name == "ca_file") server.ca_file = value;
    if (name == "tls") tls = value;
    if (name == "replies.url") mailbox.url = value;
    if (name == "replies.username") mailbox.username = value;
    if (name == "replies.password_file") mailbox_password_file = value;
    if (name == "replies.ca_file") mailbox.ca_file = value;
    if (name == "replies.every") {
      std::int64_t seconds = 0;
      std::from_chars(value.data(), value.data() + value.size(), seconds);
      if (seconds > 0) every = std::chrono::seconds{seconds};
    }
  }
  if (!rules::is_mail_address(settings.from)) return tl::unexpected(std::string("`from` is no mail address"));
  if (!password_file.empty()) {
    tl::expected<std::string, std::string> password = read_password(password_file);
    if (!password) return tl::unexpected(std::move(password.error()));
    server.password = *std::move(password);
  }
  // A password never goes over a wire that can be listened to.
  server.requires_tls =
      !server.username.empty() || tls == "required" || (tls.empty() && !is_loopback(host_of(server.url)));
  settings.server = std::make_shared<const MailServer>(std::move(server));
  if (!mailbox.url.empty()) {
    tl::expected<std::string, std::string> password = read_password(mailbox_password_file);
    if (!password) return tl::unexpected(std::move(password.error()));
    mailbox.password = *std::move(password);
    while (mailbox.url.ends_with('/')) mailbox.url.pop_back();
    if (mailbox.url.find('/', mailbox.url.find("://") + 3) == std::string::npos) mailbox.url += "/INBOX";
    settings.replies = SmtpReplies{std::make_shared<const MailServer>(std::move(mailbox)), every};
  }
  return settings;
}

std::optional<Mail> mail_of(const SmtpSettings& settings, const rules::Send& whole, rules::Instant now) {
  const rules::Send send = settings.replies ? whole : without_numbers(whole);
  if (!rules::is_mail_address(send.address)) return std::nullopt;
  const words::Wording wording{settings.public_url, settings.templates};
  const words::Links links = links_of(settings, send, now);
  Mail mail;
  mail.from = settings.from;
  mail.reply_to = settings.reply_to;
  mail.to = send.address;
  mail.to_name = send.person_name;
  mail.plain = words::email_plain(wording, send, links);
  mail.html = words::email_html(wording, send, links);
  mail.name = name_of(settings, send);
  mail.date = send.composed_at == rules::Instant{} ? now : send.composed_at;
  mail.is_urgent = std::any_of(send.pages.begin(), send.pages.end(), [](const rules::PageFacts& page) {
    return !words::is_test(page) && page.incident.urgency == rules::Urgency::high;
  });
  const std::vector<const rules::IncidentFacts*> incidents = incidents_of(send);
  for (const rules::IncidentFacts* const incident : incidents)
    mail.incidents += (mail.incidents.empty() ? "" : ", ") + rules::print_incident(incident->id);
  if (incidents.size() == 1) {
    mail.answers = thread_name(*incidents.front(), domain_of(settings.from));
    mail.references = {mail.answers};
  }
  if (incidents.size() == 1 && !has_own_subject(settings)) {
    // The same in every mail about it, whatever has become of it: readers put together what is called the same.
    const rules::IncidentFacts& incident = *incidents.front();
    mail.subject = words::shorten(
        fmt::format("[{}]{} {}", rules::print_incident(incident.id), incident.drill ? " DRILL" : "", incident.summary),
        subject_bytes);
  } else {
    mail.subject = words::email_subject(wording, send);
  }
  return mail;
}

std::optional<rules::Event> event_of(const SmtpSettings& settings, const IncomingMail& mail) {
  if (settings.signer == nullptr) return std::nullopt;
  if (mail.bounce) {
    const std::optional<NamedMessage> message = message_of(*settings.signer, mail.bounce->name, mail.bounce->recipient);
    if (!message) return std::nullopt;
    rules::DeliveryReported report;
    report.message = message->message;
    report.key = message->key;
    report.delivery = rules::Delivery::failed;
    report.detail = mail.bounce->detail.empty() ? "the mail came back" : "the mail came back: " + mail.bounce->detail;
    return report;
  }
  if (mail.is_automatic || mail.from.empty() || mail.text.empty()) return std::nullopt;
  for (const std::string& name : mail.answers) {
    const std::optional<NamedMessage> message = message_of(*settings.signer, name, mail.from);
    if (!message) continue;
    rules::Replied reply;
    reply.channel = settings.channel;
    reply.address = mail.from;
    reply.text = mail.text;
    reply.about = message->message;
    reply.id = id_of(mail);
    return reply;
  }
  return std::nullopt;
}

Mail answer_of(const SmtpSettings& settings, const IncomingMail& mail, const std::string& text, rules::Instant now) {
  Mail answer;
  answer.from = settings.from;
  answer.reply_to = settings.reply_to;
  answer.to = mail.from;
  std::string_view subject = mail.subject;
  while (subject.starts_with("Re: ") || subject.starts_with("RE: ")) subject.remove_prefix(4);
  answer.subject = fmt::format("Re: {}", subject);
  answer.plain = text + "\n";
  answer.name = fmt::format("answer.{}@{}",
                            net::sha256(fmt::format("{}\n{}\n{}", mail.name, mail.from, text)).substr(0, name_digits),
                            domain_of(settings.from));
  answer.answers = mail.name;
  answer.references.assign(mail.answers.rbegin(), mail.answers.rend());
  constexpr std::size_t most_references = 20;
  if (answer.references.size() > most_references)
    answer.references.erase(answer.references.begin(), answer.references.end() - most_references);
  if (!mail.name.empty()) answer.references.push_back(mail.name);
  answer.date = now;
  answer.is_answer = true;
  return answer;
}

SmtpProvider::SmtpProvider(
    MailRunner& runner, const roused::Clock& clock, SmtpSettings settings, TellEngine tell, Complain complain)
    : runner_(runner), clock_(clock), settings_(std::make_shared<const SmtpSettings>(std::move(settings))) {
  if (!settings_->replies || !tell || settings_->signer == nullptr) return;
  MailRunner::OnMail on_mail = [&runner, &clock, tell = std::move(tell), complain, its = settings_](
                                   IncomingMail mail, MailRunner::Settled settled) {
    std::optional<rules::Event> event = event_of(*its, mail);
    if (!event) return settled(true);
    const bool is_reply = std::holds_alternative<rules::Replied>(*event);
    tell(*std::move(event),
         [&runner, &clock, complain, its, is_reply, mail = std::move(mail), settled = std::move(settled)](
             const Told& told) {
           // What is not on the disk is read again; the engine knows by its name that it was there.
           settled(told.is_durable);
           if (!is_reply || !told.is_durable || !told.verdict || told.verdict->text.empty()) return;
           MailOrder order;
           order.server = its->server;
           order.mail = answer_of(*its, mail, told.verdict->text, clock.read().wall);
           order.limit = its->timeout;
           runner.submit(std::move(order), [complain](const TryResult& result) {
             if (complain && result.outcome != TryOutcome::accepted)
               complain("a reply by mail counts, but its answer could not be mailed", result.detail);
           });
         });
  };
  mailbox_ = runner_.watch(
      settings_->replies->server, settings_->replies->every, std::move(on_mail), [complain](const std::string& why) {
        if (complain && !why.empty()) complain("the mailbox of replies cannot be read: replies by mail wait", why);
      });
}

SmtpProvider::~SmtpProvider() {
  if (mailbox_) runner_.unwatch(*mailbox_);
}

void SmtpProvider::attempt(const rules::Send& send,
                           std::chrono::milliseconds limit,
                           std::function<bool()> may_leave,
                           std::function<void(TryResult)> done) {
  std::optional<Mail> mail = mail_of(*settings_, send, clock_.read().wall);
  if (!mail) return done({TryOutcome::refused, "the contact's address is no mail address", {}});
  MailOrder order;
  order.server = settings_->server;
  order.mail = *std::move(mail);
  order.limit = std::min(settings_->timeout, limit);
  order.may_leave = std::move(may_leave);
  runner_.submit(std::move(order), std::move(done));
}

}  // namespace channels
