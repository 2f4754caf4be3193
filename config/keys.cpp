#include "config/keys.hpp"

#include <algorithm>
#include <array>

namespace config {

namespace {

constexpr std::array nothing_acts_on{
    std::string_view("access"),
    std::string_view("audit"),
    std::string_view("channels.slack"),
    std::string_view("channels.smtp"),
    std::string_view("channels.twilio"),
    std::string_view("contract"),
    std::string_view("correlation.flapping"),
    std::string_view("correlation.hold"),
    std::string_view("correlation.recovery_grace"),
    std::string_view("correlation.startup_grace"),
    std::string_view("correlation.storm"),
    std::string_view("heartbeats"),
    std::string_view("inhibit_rules"),
    std::string_view("publish"),
    std::string_view("rotations.fairness"),
    std::string_view("rotations.handover"),
    std::string_view("route.active"),
    std::string_view("route.otherwise"),
    std::string_view("server.tls"),
    std::string_view("services.contract"),
    std::string_view("services.depends_on"),
    std::string_view("services.maintenance"),
    std::string_view("services.owner"),
    std::string_view("sources"),
    std::string_view("storage.retention"),
    std::string_view("time_intervals"),
};

}  // namespace

bool acts_on(std::string_view path) {
  return std::find(nothing_acts_on.begin(), nothing_acts_on.end(), path) == nothing_acts_on.end();
}

}  // namespace config
