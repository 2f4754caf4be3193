// Who a server is over TLS, and whose clients' certificates it believes: read once, never changed, shared by the
// servers of all loops. A renewed certificate is a new TlsKeys; connections that are open keep what they began with.
#pragma once

#include <chrono>
#include <memory>
#include <string>

#include <tl/expected.hpp>

namespace net {

// PEM files.
struct TlsFiles {
  std::string certificate_file;       // the chain, own certificate first
  std::string key_file;               // without a passphrase
  std::string client_authority_file;  // "" = no certificates of clients are asked for
  // Every client must show a certificate that the authority signed; else one that shows a wrong one is refused, and one
  // that shows none is not.
  bool needs_client_certificate = false;
};

class TlsKeys {
 public:
  // Any thread. What cannot be used is named with its file, and nothing of what is in it.
  [[nodiscard]] static tl::expected<std::shared_ptr<const TlsKeys>, std::string> read(const TlsFiles& files);

  // Until when the own certificate is good.
  [[nodiscard]] std::chrono::sys_seconds ends() const { return ends_; }

  struct Internals;
  [[nodiscard]] Internals& internals() const { return *internals_; }

 private:
  TlsKeys(std::shared_ptr<Internals> internals, std::chrono::sys_seconds ends);
  std::shared_ptr<Internals> internals_;
  std::chrono::sys_seconds ends_;
};

}  // namespace net
