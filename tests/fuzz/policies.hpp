// Small configurations for stories that are told to the rules: one for each 32 bits, and as many ways of correlation as
// 24 bits have, all of the kind that the loader of configurations lets through. Correlation 0 is that of a file which
// says nothing of it.
#pragma once

#include <cstdint>
#include <memory>

#include "rules/policy.hpp"

namespace fuzz {

[[nodiscard]] std::shared_ptr<const rules::Policy> make_policy(std::uint32_t bits, std::uint32_t correlation = 0);

}  // namespace fuzz
