#include "rules/route.hpp"

namespace rules {
namespace {

bool collect(const Route& route, const Labels& labels, std::vector<const Route*>& found) {
  if (!all_match(route.matchers, labels)) return false;
  bool a_child_matched = false;
  for (const Route& child : route.routes) {
    if (!collect(child, labels, found)) continue;
    a_child_matched = true;
    if (!child.goes_on) break;
  }
  if (!a_child_matched) found.push_back(&route);
  return true;
}

}  // namespace

std::vector<const Route*> matching_routes(const Route& root, const Labels& labels) {
  std::vector<const Route*> found;
  collect(root, labels, found);
  if (found.empty()) found.push_back(&root);
  return found;
}

}  // namespace rules
