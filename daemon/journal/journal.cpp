#include "daemon/journal/journal.hpp"

namespace journal {

std::string_view to_string(Outcome outcome) {
  switch (outcome) {
    case Outcome::committed:
      return "committed";
    case Outcome::full:
      return "full";
    case Outcome::failed:
      return "failed";
    case Outcome::unknown:
      return "unknown";
    case Outcome::fenced:
      return "fenced";
  }
  return "unknown";
}

}  // namespace journal
