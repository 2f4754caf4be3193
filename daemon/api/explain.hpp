// POST /v1/explain: an alert in, its whole way out; changes nothing. The engine only copies what the alert would touch;
// the rehearsal runs on the asker's own thread, and is cut short when it takes too much.
#pragma once

#include "daemon/api/api.hpp"

namespace api {

// The body is an alert, {"labels": {...}, "annotations": {...}}, with `at` beside it when it is not to come now: never
// before now, and at most 31 days ahead.
[[nodiscard]] Call handle_explain(const net::Request& request,
                                  rules::Instant now,
                                  const Services& services,
                                  intake::Parser& parser);

}  // namespace api
