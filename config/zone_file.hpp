// Reads time zones from the system's TZif files (RFC 8536, version 2 or later) with the POSIX rule at their end.
// Both forms that Debian and others install are read: "fat" files list each transition until 2037, "slim" ones leave
// to the rule what it says anyway. Both give equal tables.
#pragma once

#include <cstddef>
#include <filesystem>
#include <string>
#include <string_view>

#include <tl/expected.hpp>

#include "rules/zone.hpp"

namespace config {

/// A larger file is refused: the largest of tzdata has 4 KiB.
inline constexpr std::size_t zone_file_limit_bytes = 256 * 1024;

/// Reads the zone of this name, such as "America/Vancouver", from a zoneinfo folder (the caller honours TZDIR).
/// The error is a sentence without the name of the caller's file or line.
[[nodiscard]] tl::expected<rules::Zone, std::string> read_zone(
    std::string_view name, const std::filesystem::path& folder = "/usr/share/zoneinfo");

/// Reads the bytes of a TZif file. Any bytes are safe to pass.
[[nodiscard]] tl::expected<rules::Zone, std::string> parse_zone(std::string_view name, std::string_view bytes);

/// Reads a POSIX TZ string such as `EET-2EEST,M3.5.0/3,M10.5.0/4` with the extensions of RFC 8536 (times from -167 h
/// to 167 h).
[[nodiscard]] tl::expected<rules::ZoneRule, std::string> parse_zone_rule(std::string_view text);

}  // namespace config
