#include "daemon/api/twilio_signature.hpp"

#include <algorithm>

#include "daemon/api/access.hpp"
#include "daemon/net/hmac.hpp"

namespace api {
namespace {

constexpr std::string_view header = "X-Twilio-Signature";
constexpr std::size_t signature_length = 28;  // base64 of 20 bytes
constexpr std::ptrdiff_t most_fields = 100;   // Twilio sends 20 to 50

bool is_base64(char letter) {
  return (letter >= 'A' && letter <= 'Z') || (letter >= 'a' && letter <= 'z') || (letter >= '0' && letter <= '9') ||
         letter == '+' || letter == '/' || letter == '=';
}

// Names and values in the order in which they are signed, a pair that is there twice once.
std::string signed_fields(net::Form form) {
  std::sort(form.begin(), form.end());
  form.erase(std::unique(form.begin(), form.end()), form.end());
  std::string text;
  for (const auto& [name, value] : form) text.append(name).append(value);
  return text;
}

// Of a body that is no form only its hash is signed, as a part of the query.
bool has_its_hash(const net::Request& request) {
  const std::optional<std::string> said = request.parameter("bodySHA256");
  return said && net::equal_in_constant_time(*said, net::sha256(request.body));
}

}  // namespace

std::string twilio_signature(std::string_view auth_token, std::string_view url, net::Form form) {
  return net::hmac_sha1_base64(auth_token, std::string(url) + signed_fields(std::move(form)));
}

std::vector<std::string> twilio_signed_urls(std::string_view url) {
  std::vector<std::string> all{std::string(url)};
  const std::size_t scheme = url.find("://");
  if (scheme == std::string_view::npos) return all;
  const std::size_t host = scheme + 3;
  const std::size_t path = std::min(url.find_first_of("/?#", host), url.size());
  const std::string_view authority = url.substr(host, path - host);
  const std::size_t colon = authority.rfind(':');
  const std::size_t bracket = authority.rfind(']');
  const bool has_port = colon != std::string_view::npos && (bracket == std::string_view::npos || bracket < colon);
  std::string other(url.substr(0, host));
  if (has_port) {
    other += authority.substr(0, colon);
  } else {
    other.append(authority).append(url.starts_with("https:") ? ":443" : ":80");
  }
  all.push_back(other.append(url.substr(path)));
  return all;
}

std::optional<NotSigned> why_not_read_twilio(const std::vector<TwilioAccount>& accounts,
                                             std::string_view public_url,
                                             const net::Request& request) {
  if (accounts.empty())
    return NotSigned{403, "no provider of the configuration is twilio, so nothing is expected here"};
  if (public_url.empty())
    return NotSigned{403,
                     "`server.public_url` is not set, and Twilio's signature is over that URL: nothing is believed"};
  if (request.headers.count(header) != 1) return NotSigned{403, "the header X-Twilio-Signature is missing"};
  const std::string_view said = *request.headers.find(header);
  if (said.size() != signature_length || !std::all_of(said.begin(), said.end(), is_base64))
    return NotSigned{403, "the header X-Twilio-Signature is no signature: it has 28 characters of base64"};
  if (std::count(request.body.begin(), request.body.end(), '&') >= most_fields)
    return NotSigned{400, "a callback of Twilio has not as many fields as this"};
  return std::nullopt;
}

std::optional<NotSigned> why_not_twilio(const std::vector<TwilioAccount>& accounts,
                                        std::string_view public_url,
                                        const net::Request& request,
                                        const net::Form& form) {
  if (auto refusal = why_not_read_twilio(accounts, public_url, request)) return refusal;
  const std::string_view said = *request.headers.find(header);
  const bool is_json = is_json_type(request.headers.find("Content-Type").value_or(std::string_view()));
  const std::string fields = is_json ? std::string() : signed_fields(form);
  bool fits = false;
  bool could_read = false;
  std::string url = std::string(public_url) + request.path;
  if (!request.query.empty()) url += "?" + request.query;
  for (const std::string& one : twilio_signed_urls(url)) {
    const std::string text = one + fields;
    for (const TwilioAccount& account : accounts) {
      for (const std::string& token : account.auth_tokens) {
        could_read = true;
        fits |= net::equal_in_constant_time(net::hmac_sha1_base64(token, text), said);
      }
    }
  }
  if (!could_read) return NotSigned{503, "Twilio's auth token cannot be read, so no signature can be checked"};
  if (is_json && !has_its_hash(request)) fits = false;
  if (fits) return std::nullopt;
  return NotSigned{403,
                   "the header X-Twilio-Signature does not fit: it must be made with the account's auth token over "
                   "`server.public_url` and this path"};
}

}  // namespace api
