// Small configurations for stories that are told to the rules: one for each 32 bits, all of the kind that the loader of
// configurations lets through.
#pragma once

#include <cstdint>
#include <memory>

#include "rules/policy.hpp"

namespace fuzz {

[[nodiscard]] std::shared_ptr<const rules::Policy> make_policy(std::uint32_t bits);

}  // namespace fuzz
