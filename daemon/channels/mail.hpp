// Mails as bytes: what we send, and what comes back to us. GMime does the work and gets the hostile bytes.
//
// Our mails have names (Message-IDs) that carry the message and a mark over it and the address that it went to, so that
// a reply, or a bounce, is known to be about that message and to come from there; nothing needs to be remembered.
//
// Any thread; compose_mail() and read_mail() wait for each other. Any bytes are safe.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "daemon/links/signer.hpp"
#include "rules/ids.hpp"
#include "rules/time.hpp"

namespace channels {

struct Mail {
  std::string from;  // addresses as rules::is_mail_address() takes them
  std::string to;
  std::string to_name;
  std::string reply_to;  // "" = from
  std::string subject;
  std::string plain;
  std::string html;     // "" = plain alone
  std::string name;     // its Message-ID, without angles
  std::string answers;  // In-Reply-To, without angles; "" = none
  std::vector<std::string> references;
  std::string incidents;  // "R-1, R-2"; "" = none
  rules::Instant date;
  bool is_urgent{};
  bool is_answer{};  // to a mail of a person; else it was nobody's word that caused it
};

// With CR LF at the ends of its lines. No value of a field, whatever is in it, becomes a second field.
[[nodiscard]] std::string compose_mail(const Mail& mail);

// What somebody's mail says, as far as it is looked at.
struct IncomingMail {
  std::string name;                  // its Message-ID, without angles; "" = none
  std::string from;                  // the one address of its From; "" = none, or several
  std::vector<std::string> answers;  // names in In-Reply-To and References, nearest first; at most 100
  std::string subject;
  std::string text;     // the first line that is neither empty nor quoted; at most 1,000 bytes
  bool is_automatic{};  // written by a program, or to a list: it is no word of anybody
  struct Bounce {       // a report that a mail could not be delivered, for good
    std::string name;   // of that mail
    std::string recipient;
    std::string detail;  // "5.1.1", and the server's word
  };
  std::optional<Bounce> bounce;
};
[[nodiscard]] IncomingMail read_mail(std::string_view bytes);

// "KEY.MESSAGE.MARK@DOMAIN", for a message that goes to this address.
[[nodiscard]] std::string mail_name(const links::Signer& signer,
                                    std::string_view key,
                                    rules::MessageId message,
                                    std::string_view address,
                                    std::string_view domain);

struct NamedMessage {
  std::string key;
  rules::MessageId message;
};
// The message of a name that we gave to a mail to this address; nothing when it is forged, or was another's.
[[nodiscard]] std::optional<NamedMessage> message_of(const links::Signer& signer,
                                                     std::string_view name,
                                                     std::string_view address);

}  // namespace channels
