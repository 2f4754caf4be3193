// What is found in the mailbox of replies: each input is one mail. Whatever it holds, only an answer to a mail of ours,
// from the address that it went to, tells the engine anything, and what is written back is one mail without a field
// that a stranger wrote.
#include <algorithm>
#include <memory>
#include <string>

#include "daemon/channels/mail.hpp"
#include "daemon/channels/smtp.hpp"
#include "rules/mail_address.hpp"
#include "tests/fuzz/claim.hpp"
#include "tests/fuzz/text.hpp"

namespace fuzz {
namespace {

constexpr rules::Instant now{std::chrono::seconds{1'790'000'000}};

// The names in the corpus are of message 7 to olga@example.org under this key; nobody finds another by chance.
channels::SmtpSettings settings() {
  channels::SmtpSettings made;
  made.server = std::make_shared<const channels::MailServer>();
  made.from = "rouse@example.org";
  made.signer = std::make_shared<const links::Signer>(std::vector<std::string>{std::string(32, 'k')});
  return made;
}

std::string lower(std::string text) {
  std::transform(text.begin(), text.end(), text.begin(), [](char one) {
    return one >= 'A' && one <= 'Z' ? static_cast<char>(one - 'A' + 'a') : one;
  });
  return text;
}

void check_read(const channels::IncomingMail& mail) {
  claim_clean(mail.text, "the line");
  claim_clean(mail.subject, "the subject");
  claim_clean(mail.name, "the name");
  claim(mail.text.size() <= 1'000 && mail.subject.size() <= 200, "a text is too long");
  claim(mail.from.empty() || rules::is_mail_address(mail.from), "the sender is no address");
  claim(mail.answers.size() <= 100, "{} names are too many", mail.answers.size());
  if (mail.bounce) claim_clean(mail.bounce->detail, "what a server says");
}

void check_event(const channels::IncomingMail& mail, const rules::Event& event) {
  if (const auto* const reply = std::get_if<rules::Replied>(&event)) {
    claim(!mail.is_automatic, "a program's word is taken for a person's");
    claim(lower(reply->address) == "olga@example.org" && reply->about.value == 7, "a name was forged");
    claim(!reply->text.empty() && !reply->id.empty(), "a reply without words or name");
  } else {
    const auto& report = std::get<rules::DeliveryReported>(event);
    claim(report.message.value == 7 && report.delivery == rules::Delivery::failed, "a bounce was forged");
    claim_clean(report.detail, "what a server says");
  }
}

void check_answer(const channels::SmtpSettings& settings, const channels::IncomingMail& mail) {
  const std::string bytes = channels::compose_mail(channels::answer_of(settings, mail, "R-12: acknowledged", now));
  claim(is_utf8(bytes) && bytes.find('\0') == std::string::npos, "an answer is not fit for the wire");
  std::size_t line = 0;
  for (const char one : bytes) {
    line = one == '\n' ? 0 : line + 1;
    claim(line <= 999, "an answer has a line of more than 998 bytes");
  }
  std::size_t fields = 0;
  for (std::size_t at = 0; bytes.compare(at, 2, "\r\n") != 0;) {
    const std::size_t end = bytes.find("\r\n", at);
    claim(end != std::string::npos, "the fields of an answer do not end");
    const bool is_folded = bytes[at] == ' ' || bytes[at] == '\t';
    claim(is_folded || bytes.find(':', at) < end, "a line that is no field");
    fields += is_folded ? 0 : 1;
    at = end + 2;
  }
  claim(fields <= 13, "{} fields are more than ours", fields);
  claim(channels::read_mail(bytes).is_automatic, "our own answer would be taken for a reply");
}

}  // namespace
}  // namespace fuzz

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const channels::SmtpSettings settings = fuzz::settings();
  const channels::IncomingMail mail = channels::read_mail(fuzz::text_of(data, size));
  fuzz::check_read(mail);
  const std::optional<rules::Event> event = channels::event_of(settings, mail);
  if (!event) return 0;
  fuzz::check_event(mail, *event);
  if (std::holds_alternative<rules::Replied>(*event)) fuzz::check_answer(settings, mail);
  return 0;
}
