// The policy of a configuration as the engine is given it.
#pragma once

#include <memory>
#include <stdexcept>
#include <utility>

#include "config/load.hpp"
#include "rules/codec/codec.hpp"

namespace rehearse {

// Throws std::runtime_error with what is wrong with the configuration.
inline std::shared_ptr<const rules::Policy> policy_of(config::Loaded loaded) {
  if (!loaded) throw std::runtime_error(config::print(loaded.error()));
  auto policy = std::make_shared<rules::Policy>(std::move(loaded->policy));
  policy->hash = codec::hash_of(*policy);
  return policy;
}

}  // namespace rehearse
