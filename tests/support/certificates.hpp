// Certificates by openssl, for a folder of the test.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>

namespace support {

// NAME.pem and NAME.key of an authority. All three throw std::runtime_error with what openssl said.
void make_authority(const std::filesystem::path& folder, std::string_view name);

// NAME.pem and NAME.key, signed by the authority of that folder; for localhost and 127.0.0.1.
void make_server_certificate(const std::filesystem::path& folder, std::string_view name, std::string_view authority);

// FILE.pem and FILE.key with `common_name`, signed by the authority of that folder.
void make_client_certificate(const std::filesystem::path& folder,
                             std::string_view file,
                             std::string_view common_name,
                             std::string_view authority);

}  // namespace support
