#include "daemon/words/twilio_errors.hpp"

#include <algorithm>
#include <array>

namespace words {
namespace {

struct ErrorText {
  std::uint32_t code;
  std::string_view text;
};
// Those that a working set-up meets, by what has to be done. https://www.twilio.com/docs/api/errors
constexpr std::array error_texts{
    ErrorText{10004, "too many calls at the same time for this account"},
    ErrorText{13223, "this is no telephone number that can be called"},
    ErrorText{13224, "this number cannot be called by Twilio"},
    ErrorText{13225, "Twilio does not call this number"},
    ErrorText{13227, "calls to this country are not allowed in the account's geographic permissions"},
    ErrorText{20003, "the account's credentials are refused: account_sid and auth_token_file do not fit"},
    ErrorText{20404, "there is no such account: account_sid is wrong"},
    ErrorText{20429, "too many requests at the same time for this account"},
    ErrorText{21201, "no number to call was given"},
    ErrorText{21205, "Twilio takes no callback at this URL: server.public_url must be an address of the internet"},
    ErrorText{21210, "`from` is not a number of this account, nor a verified one"},
    ErrorText{21211, "this is no telephone number"},
    ErrorText{21212, "`from` is no telephone number"},
    ErrorText{21214, "this number cannot be called"},
    ErrorText{21215, "calls to this country are not allowed in the account's geographic permissions"},
    ErrorText{21219, "a trial account reaches verified numbers only, and this is none"},
    ErrorText{21408, "texts to this country are not allowed in the account's geographic permissions"},
    ErrorText{21601, "`from` is no number that can send texts"},
    ErrorText{21603, "`from` is missing"},
    ErrorText{21606, "`from` is no number of this account that can send texts"},
    ErrorText{21608, "a trial account reaches verified numbers only, and this is none"},
    ErrorText{21609, "Twilio takes no callback at this URL: server.public_url must be an address of the internet"},
    ErrorText{21610, "this number has sent STOP, so no text reaches it until it sends START"},
    ErrorText{21611, "too many texts wait for this sender"},
    ErrorText{21612, "`from` cannot send texts to this number"},
    ErrorText{21614, "this number takes no texts: it is no mobile telephone"},
    ErrorText{21617, "the text is longer than Twilio takes"},
    ErrorText{21659, "`from` is no number of this account, nor a short code"},
    ErrorText{21703, "the messaging service has no sender"},
    ErrorText{30001, "it waited too long at Twilio"},
    ErrorText{30002, "the account is suspended"},
    ErrorText{30003, "the telephone is off or out of reach"},
    ErrorText{30004, "the message was blocked"},
    ErrorText{30005, "the number is unknown or no longer exists"},
    ErrorText{30006, "a landline, or a carrier that takes no texts"},
    ErrorText{30007, "a carrier took it for spam"},
    ErrorText{30008, "the carrier does not say why"},
    ErrorText{30034, "the sender is not registered with the carriers (A2P 10DLC)"},
    ErrorText{30036, "it waited too long at Twilio"},
};

}  // namespace

std::string_view twilio_error_text(std::uint32_t code) {
  const auto* const found =
      std::find_if(error_texts.begin(), error_texts.end(), [code](const ErrorText& one) { return one.code == code; });
  return found == error_texts.end() ? std::string_view() : found->text;
}

}  // namespace words
