// The `smtp` provider: pages and notices by mail through the shop's own server.
//
// A mail is plain text and HTML, with a signed link for each thing that can be done when links are served. All mails
// about an incident are one thread, by a name that stands for the incident and a subject that stays the same. With
// `replies` its mailbox is looked into: the first line of an answer to one of our mails, from the address that the mail
// went to, is a reply, and what the engine says is mailed back; a report that a mail could not be delivered makes that
// page fail. Whatever else comes is nobody's word and gets no answer.
//
//   4xx, no connection, cut off before the end of the message -> transient
//   5xx to the sender, the recipient or the message, a wrong password, a certificate that is not believed -> refused
//   the whole message sent and no word back -> unanswered
//
// Keys are not honoured: a mail has the same Message-ID in every try, but SMTP says nothing of servers that would look
// at it (RFC 5321, 4.5.3.2 and 6.1, expects duplicates). So what is unanswered goes on to the next provider.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <tl/expected.hpp>

#include "daemon/channels/mail_runner.hpp"
#include "daemon/channels/provider.hpp"
#include "daemon/channels/tell.hpp"
#include "daemon/clock.hpp"
#include "daemon/links/signer.hpp"
#include "rules/policy.hpp"

namespace channels {

struct SmtpReplies {
  std::shared_ptr<const MailServer> server;  // imap:// or imaps://, with the mailbox
  std::chrono::milliseconds every{30'000};
};

struct SmtpSettings {
  std::shared_ptr<const MailServer> server;
  std::string from;
  std::string reply_to;  // "" = from
  std::chrono::milliseconds timeout{10'000};
  std::string public_url;                         // for links; "" = none
  std::shared_ptr<const links::Signer> signer{};  // null: mails are not known again
  bool has_links{};                               // signed links are served
  std::optional<SmtpReplies> replies{};
  std::vector<rules::Template> templates{};
  std::string channel{"email"};  // that people are reached by: whose contact writes back
};

// Reads the files that the configuration names. An error says what is wrong, without secrets.
[[nodiscard]] tl::expected<SmtpSettings, std::string> smtp_settings(const rules::Provider& provider,
                                                                    std::string_view public_url,
                                                                    const net::OutboundRules& outbound = {});

// The mail for this message; nothing when an address cannot stand in one. `now` is the wall clock's.
[[nodiscard]] std::optional<Mail> mail_of(const SmtpSettings& settings, const rules::Send& send, rules::Instant now);

// What a mail that came in tells the engine: rules::Replied or rules::DeliveryReported; nothing when it is nobody's
// word.
[[nodiscard]] std::optional<rules::Event> event_of(const SmtpSettings& settings, const IncomingMail& mail);

// What is written back, in the thread of what was written.
[[nodiscard]] Mail answer_of(const SmtpSettings& settings,
                             const IncomingMail& mail,
                             const std::string& text,
                             rules::Instant now);

class SmtpProvider final : public Provider {
 public:
  // For the log; without secrets.
  using Complain = std::function<void(std::string_view what, std::string_view why)>;

  // Runner and clock outlive the provider and every try. `tell` may be empty: then nobody's replies are looked for.
  SmtpProvider(MailRunner& runner,
               const roused::Clock& clock,
               SmtpSettings settings,
               TellEngine tell = {},
               Complain complain = {});
  ~SmtpProvider() override;

  void attempt(const rules::Send& send,
               std::chrono::milliseconds limit,
               std::function<bool()> may_leave,
               std::function<void(TryResult)> done) override;

  [[nodiscard]] bool honours_keys() const override { return false; }

 private:
  MailRunner& runner_;
  const roused::Clock& clock_;
  const std::shared_ptr<const SmtpSettings> settings_;
  std::optional<MailboxId> mailbox_;
};

}  // namespace channels
