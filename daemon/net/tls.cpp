#include "daemon/net/tls.hpp"

#include <ctime>
#include <utility>

#include <boost/asio/ssl/error.hpp>
#include <fmt/format.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include "daemon/net/tls_internals.hpp"

namespace net {

namespace ssl = asio::ssl;

namespace {

// A name with a zero byte in it is not what it looks like to whoever reads it as text.
void add_name(std::vector<std::string>& names, const ASN1_STRING* text) {
  unsigned char* bytes = nullptr;
  const int size = ::ASN1_STRING_to_UTF8(&bytes, text);
  if (size < 0) return;
  std::string name(reinterpret_cast<const char*>(bytes), static_cast<std::size_t>(size));
  ::OPENSSL_free(bytes);
  if (!name.empty() && name.find('\0') == std::string::npos) names.push_back(std::move(name));
}

std::chrono::sys_seconds end_of(const X509* certificate) {
  std::tm parts{};
  if (certificate == nullptr || ::ASN1_TIME_to_tm(::X509_get0_notAfter(certificate), &parts) != 1) return {};
  return std::chrono::sys_seconds{std::chrono::seconds{::timegm(&parts)}};
}

}  // namespace

TlsKeys::TlsKeys(std::shared_ptr<Internals> internals, std::chrono::sys_seconds ends)
    : internals_(std::move(internals)), ends_(ends) {}

tl::expected<std::shared_ptr<const TlsKeys>, std::string> TlsKeys::read(const TlsFiles& files) {
  ssl::context context(ssl::context::tls_server);
  context.set_options(ssl::context::default_workarounds | ssl::context::no_tlsv1 | ssl::context::no_tlsv1_1);
  error_code error;
  // A key with a passphrase is an error, and nobody is asked for it on a terminal.
  context.set_password_callback([](std::size_t, ssl::context::password_purpose) { return std::string{}; }, error);
  std::string wrong;
  const auto check = [&](const std::string& file) {
    if (error && wrong.empty()) wrong = fmt::format("TLS: cannot use {}: {}", file, error.message());
    return !error;
  };
  (void)context.use_certificate_chain_file(files.certificate_file, error);
  if (!check(files.certificate_file)) return tl::unexpected(wrong);
  (void)context.use_private_key_file(files.key_file, ssl::context::pem, error);
  if (!check(files.key_file)) return tl::unexpected(wrong);
  if (!files.client_authority_file.empty()) {
    (void)context.load_verify_file(files.client_authority_file, error);
    if (!check(files.client_authority_file)) return tl::unexpected(wrong);
    const ssl::verify_mode needed = files.needs_client_certificate ? ssl::verify_fail_if_no_peer_cert : 0;
    (void)context.set_verify_mode(ssl::verify_peer | needed, error);
    if (!check(files.client_authority_file)) return tl::unexpected(wrong);
    // Clients learn whose certificates are wanted, and choose one of theirs by it.
    ::SSL_CTX_set_client_CA_list(context.native_handle(),
                                 ::SSL_load_client_CA_file(files.client_authority_file.c_str()));
    // Sessions are not resumed across a certificate check (OpenSSL asks for a context id otherwise).
    ::SSL_CTX_set_session_cache_mode(context.native_handle(), SSL_SESS_CACHE_OFF);
    ::SSL_CTX_set_options(context.native_handle(), SSL_OP_NO_TICKET);
  }
  const std::chrono::sys_seconds ends = end_of(::SSL_CTX_get0_certificate(context.native_handle()));
  auto internals = std::make_shared<Internals>(Internals{std::move(context)});
  return std::shared_ptr<const TlsKeys>(new TlsKeys(std::move(internals), ends));
}

std::vector<std::string> peer_names(SSL* connection) {
  std::vector<std::string> names;
  X509* const certificate = ::SSL_get1_peer_certificate(connection);
  if (certificate == nullptr) return names;
  if (::SSL_get_verify_result(connection) == X509_V_OK) {
    const X509_NAME* const subject = ::X509_get_subject_name(certificate);
    for (int at = -1; (at = ::X509_NAME_get_index_by_NID(subject, NID_commonName, at)) >= 0;)
      add_name(names, ::X509_NAME_ENTRY_get_data(::X509_NAME_get_entry(subject, at)));
    auto* const others =
        static_cast<GENERAL_NAMES*>(::X509_get_ext_d2i(certificate, NID_subject_alt_name, nullptr, nullptr));
    for (int index = 0; index < sk_GENERAL_NAME_num(others); ++index) {
      const GENERAL_NAME* const other = sk_GENERAL_NAME_value(others, index);
      if (other->type == GEN_DNS) add_name(names, other->d.dNSName);
    }
    GENERAL_NAMES_free(others);
  }
  ::X509_free(certificate);
  return names;
}

bool is_plain_http(const error_code& error) {
  return error.category() == asio::error::get_ssl_category() &&
         ERR_GET_REASON(static_cast<unsigned long>(error.value())) == SSL_R_HTTP_REQUEST;
}

}  // namespace net
