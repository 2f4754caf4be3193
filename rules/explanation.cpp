#include "rules/explanation.hpp"

namespace rules {

std::string_view to_text(RouteFate fate) {
  switch (fate) {
    case RouteFate::taken:
      return "taken";
    case RouteFate::passed_through:
      return "passed_through";
    case RouteFate::no_match:
      return "no_match";
    case RouteFate::not_asked:
      return "not_asked";
  }
  return "";
}

std::string_view to_text(IncidentFate fate) {
  switch (fate) {
    case IncidentFate::opens:
      return "opens";
    case IncidentFate::joins:
      return "joins";
    case IncidentFate::reopens:
      return "reopens";
    case IncidentFate::refreshes:
      return "refreshes";
  }
  return "";
}

}  // namespace rules
