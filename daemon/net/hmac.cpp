#include "daemon/net/hmac.hpp"

#include <algorithm>
#include <array>
#include <iterator>

#include <fmt/format.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

namespace net {
namespace {

struct Digest {
  std::array<unsigned char, EVP_MAX_MD_SIZE> bytes{};
  unsigned int size = 0;
};

Digest hmac(const EVP_MD* hash, std::string_view secret, std::string_view text) {
  Digest digest;
  HMAC(hash,
       secret.data(),
       static_cast<int>(secret.size()),
       reinterpret_cast<const unsigned char*>(text.data()),
       text.size(),
       digest.bytes.data(),
       &digest.size);
  return digest;
}

std::string hex_of(const Digest& digest) {
  std::string hex;
  hex.reserve(std::size_t{2} * digest.size);
  for (unsigned int index = 0; index < digest.size; ++index)
    fmt::format_to(std::back_inserter(hex), "{:02x}", digest.bytes[index]);
  return hex;
}

}  // namespace

std::string hmac_sha256(std::string_view secret, std::string_view text) {
  return hex_of(hmac(EVP_sha256(), secret, text));
}

std::string hmac_sha1_base64(std::string_view secret, std::string_view text) {
  const Digest digest = hmac(EVP_sha1(), secret, text);
  return base64({reinterpret_cast<const char*>(digest.bytes.data()), digest.size});
}

std::string sha256(std::string_view text) {
  Digest digest;
  EVP_Digest(text.data(), text.size(), digest.bytes.data(), &digest.size, EVP_sha256(), nullptr);
  return hex_of(digest);
}

std::string base64(std::string_view bytes) {
  // Room for the end mark that OpenSSL writes, too.
  std::string text((bytes.size() + 2) / 3 * 4 + 1, '\0');
  const int written = EVP_EncodeBlock(reinterpret_cast<unsigned char*>(text.data()),
                                      reinterpret_cast<const unsigned char*>(bytes.data()),
                                      static_cast<int>(bytes.size()));
  text.resize(static_cast<std::size_t>(written));
  return text;
}

std::optional<std::string> from_base64(std::string_view text) {
  if (text.size() % 4 != 0) return std::nullopt;
  std::size_t padding = 0;
  while (padding < 2 && padding < text.size() && text[text.size() - 1 - padding] == '=') ++padding;
  const std::string_view letters = text.substr(0, text.size() - padding);
  // OpenSSL would step over blanks.
  const bool is_plain = std::all_of(letters.begin(), letters.end(), [](char one) {
    return (one >= 'A' && one <= 'Z') || (one >= 'a' && one <= 'z') || (one >= '0' && one <= '9') || one == '+' ||
           one == '/';
  });
  if (!is_plain) return std::nullopt;
  std::string bytes(text.size() / 4 * 3, '\0');
  const int written = EVP_DecodeBlock(reinterpret_cast<unsigned char*>(bytes.data()),
                                      reinterpret_cast<const unsigned char*>(text.data()),
                                      static_cast<int>(text.size()));
  if (written < 0) return std::nullopt;
  bytes.resize(static_cast<std::size_t>(written) - padding);
  return bytes;
}

bool equal_in_constant_time(std::string_view left, std::string_view right) {
  return left.size() == right.size() && CRYPTO_memcmp(left.data(), right.data(), left.size()) == 0;
}

}  // namespace net
