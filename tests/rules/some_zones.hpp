// Zones that tests name, made by hand: no test here depends on the tzdata that happens to be installed.
#pragma once

#include "rules/zone.hpp"

namespace some_zones {

using rules::Zone;
using rules::ZoneRuleDay;

inline ZoneRuleDay on_weekday(int month, int week, int weekday, int seconds) {
  return {ZoneRuleDay::Kind::month_week_day, month, week, weekday, seconds};
}

inline Zone of_rule(
    std::string name, rules::ZoneOffset standard, rules::ZoneOffset daylight, ZoneRuleDay starts, ZoneRuleDay ends) {
  Zone zone;
  zone.name = std::move(name);
  zone.rule = rules::ZoneRule{std::move(standard), true, std::move(daylight), starts, ends};
  return zone;
}

inline Zone fixed(std::string name, int offset_seconds) {
  Zone zone;
  zone.name = name;
  zone.offsets = {{offset_seconds, false, std::move(name)}};
  return zone;
}

// PST8PDT,M3.2.0,M11.1.0: clocks skip 02:00 to 03:00 in March and show 01:00 to 02:00 twice in November.
inline Zone vancouver() {
  return of_rule("America/Vancouver",
                 {-8 * 3600, false, "PST"},
                 {-7 * 3600, true, "PDT"},
                 on_weekday(3, 2, 0, 2 * 3600),
                 on_weekday(11, 1, 0, 2 * 3600));
}

// EET-2EEST,M3.5.0/3,M10.5.0/4
inline Zone bucharest() {
  return of_rule("Europe/Bucharest",
                 {2 * 3600, false, "EET"},
                 {3 * 3600, true, "EEST"},
                 on_weekday(3, 5, 0, 3 * 3600),
                 on_weekday(10, 5, 0, 4 * 3600));
}

// <+1030>-10:30<+11>-11,M10.1.0,M4.1.0: half an hour of daylight time, across the turn of the year.
inline Zone lord_howe() {
  return of_rule("Australia/Lord_Howe",
                 {10 * 3600 + 1800, false, "+1030"},
                 {11 * 3600, true, "+11"},
                 on_weekday(10, 1, 0, 2 * 3600),
                 on_weekday(4, 1, 0, 2 * 3600));
}

// <+00>0<+02>-2,M3.5.0/1,M10.5.0/3: two hours of daylight time.
inline Zone troll() {
  return of_rule("Antarctica/Troll",
                 {0, false, "+00"},
                 {2 * 3600, true, "+02"},
                 on_weekday(3, 5, 0, 3600),
                 on_weekday(10, 5, 0, 3 * 3600));
}

// IST-1GMT0,M10.5.0,M3.5.0/1: winter is the exception.
inline Zone dublin() {
  return of_rule("Europe/Dublin",
                 {3600, false, "IST"},
                 {0, true, "GMT"},
                 on_weekday(10, 5, 0, 2 * 3600),
                 on_weekday(3, 5, 0, 3600));
}

}  // namespace some_zones
