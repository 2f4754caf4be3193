// The one list of configuration keys that are read and checked although nothing acts on them yet. Building what a key
// promises ends with taking its line out of the list.
#pragma once

#include <string_view>

namespace config {

/// `path` is the way to the key through the sections, without the names that users choose and without the nesting of
/// routes: "server.tls", "services.owner", "route.active", "channels.twilio".
[[nodiscard]] bool acts_on(std::string_view path);

}  // namespace config
