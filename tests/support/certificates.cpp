#include "tests/support/certificates.hpp"

#include <stdexcept>
#include <vector>

#include <fmt/format.h>

#include "tests/support/folder.hpp"
#include "tests/support/process.hpp"

namespace support {
namespace {

void openssl(const std::filesystem::path& folder, std::vector<std::string> arguments) {
  arguments.insert(arguments.begin(), "openssl");
  const Finished finished = run(Launch{.arguments = std::move(arguments), .folder = folder});
  if (finished.code != 0) throw std::runtime_error("openssl: " + finished.output);
}

void make(const std::filesystem::path& folder,
          std::string_view file,
          std::string_view common_name,
          std::string_view authority,
          std::string_view extensions) {
  const std::string name{file};
  const std::string signer{authority};
  write_file(folder / (name + ".ext"), extensions);
  openssl(folder,
          {"req",
           "-newkey",
           "ec",
           "-pkeyopt",
           "ec_paramgen_curve:prime256v1",
           "-nodes",
           "-subj",
           fmt::format("/CN={}", common_name),
           "-keyout",
           name + ".key",
           "-out",
           name + ".csr"});
  openssl(folder,
          {"x509",
           "-req",
           "-in",
           name + ".csr",
           "-CA",
           signer + ".pem",
           "-CAkey",
           signer + ".key",
           "-CAcreateserial",
           "-days",
           "2",
           "-extfile",
           name + ".ext",
           "-out",
           name + ".pem"});
}

}  // namespace

void make_authority(const std::filesystem::path& folder, std::string_view name) {
  openssl(folder,
          {"req",
           "-x509",
           "-newkey",
           "ec",
           "-pkeyopt",
           "ec_paramgen_curve:prime256v1",
           "-nodes",
           "-days",
           "2",
           "-subj",
           fmt::format("/CN={}", name),
           "-keyout",
           fmt::format("{}.key", name),
           "-out",
           fmt::format("{}.pem", name)});
}

void make_server_certificate(const std::filesystem::path& folder, std::string_view name, std::string_view authority) {
  make(
      folder, name, "localhost", authority, "subjectAltName=DNS:localhost,IP:127.0.0.1\nextendedKeyUsage=serverAuth\n");
}

void make_client_certificate(const std::filesystem::path& folder,
                             std::string_view file,
                             std::string_view common_name,
                             std::string_view authority) {
  make(folder, file, common_name, authority, "extendedKeyUsage=clientAuth\n");
}

}  // namespace support
