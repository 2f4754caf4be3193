#include "config/keys.hpp"

#include <algorithm>
#include <array>

namespace config {

namespace {

constexpr std::array nothing_acts_on{
    std::string_view("contract"),
    std::string_view("rotations.fairness"),
    std::string_view("rotations.handover"),
    std::string_view("services.contract"),
    std::string_view("services.owner"),
    std::string_view("storage.retention"),
};

}  // namespace

bool acts_on(std::string_view path) {
  return std::find(nothing_acts_on.begin(), nothing_acts_on.end(), path) == nothing_acts_on.end();
}

}  // namespace config
