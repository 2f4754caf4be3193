# What every target of the house shares: warnings, sanitizers, faster tools when they are there, and two
# functions that make "one folder, one library, one test program" a single line.

find_program(ROUSE_CCACHE ccache)
if(ROUSE_CCACHE AND NOT CMAKE_CXX_COMPILER_LAUNCHER)
  set(CMAKE_CXX_COMPILER_LAUNCHER ${ROUSE_CCACHE})
  if(ROUSE_PRECOMPILE)  # else ccache stores nothing that uses a precompiled header
    set(CMAKE_CXX_COMPILER_LAUNCHER ${CMAKE_COMMAND} -E env CCACHE_SLOPPINESS=pch_defines,time_macros ${ROUSE_CCACHE})
  endif()
endif()
find_program(ROUSE_MOLD mold)
if(ROUSE_MOLD)
  add_link_options(-fuse-ld=mold)
endif()

find_package(Threads REQUIRED)
find_package(Boost 1.81 REQUIRED COMPONENTS json url)
find_package(fmt REQUIRED)
find_package(spdlog REQUIRED)
find_package(yaml-cpp REQUIRED)
find_package(simdjson REQUIRED)
find_package(OpenSSL REQUIRED)
find_package(SQLite3 REQUIRED)
find_package(CLI11 REQUIRED)
find_package(CURL 7.88 REQUIRED)
find_package(tl-expected REQUIRED)
find_package(prometheus-cpp REQUIRED CONFIG)
find_package(PkgConfig REQUIRED)
pkg_check_modules(RE2 REQUIRED IMPORTED_TARGET re2)
pkg_check_modules(XXHASH REQUIRED IMPORTED_TARGET libxxhash)
pkg_check_modules(GMIME REQUIRED IMPORTED_TARGET gmime-3.0)
pkg_check_modules(SYSTEMD REQUIRED IMPORTED_TARGET libsystemd)

add_library(rouse_options INTERFACE)
target_include_directories(rouse_options INTERFACE ${PROJECT_SOURCE_DIR})
target_compile_options(rouse_options INTERFACE
  -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wsign-conversion -Wold-style-cast
  -Wnon-virtual-dtor -Woverloaded-virtual -Wformat=2 -Wimplicit-fallthrough)
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
  # Optimising, g++ 12 sees uninitialised members in moved variants (every Effect) and overlaps in std::string's operator+
  # that are not there; clang and the sanitizers look for the real ones.
  target_compile_options(rouse_options INTERFACE
    -Wduplicated-cond -Wduplicated-branches -Wlogical-op -Wsuggest-override
    -Wno-missing-field-initializers -Wno-maybe-uninitialized -Wno-restrict)
else()
  # libstdc++ 12's own std::stable_sort uses what it deprecates.
  target_compile_options(rouse_options INTERFACE
    -Wno-missing-field-initializers -Wno-missing-designated-field-initializers -Wno-deprecated-declarations)
endif()
# Asio and Beast bodies are compiled once, in daemon/net.
target_compile_definitions(rouse_options INTERFACE
  BOOST_ASIO_SEPARATE_COMPILATION BOOST_BEAST_SEPARATE_COMPILATION BOOST_ASIO_NO_DEPRECATED
  SPDLOG_FMT_EXTERNAL ROUSE_VERSION="${PROJECT_VERSION}")
if(ROUSE_SANITIZE)
  target_compile_options(rouse_options INTERFACE -fsanitize=${ROUSE_SANITIZE} -fno-omit-frame-pointer)
  target_link_options(rouse_options INTERFACE -fsanitize=${ROUSE_SANITIZE})
  if(ROUSE_SANITIZE MATCHES "thread")
    target_compile_definitions(rouse_options INTERFACE BOOST_ASIO_DISABLE_FENCED_BLOCK)
  endif()
  if(ROUSE_SANITIZE MATCHES "undefined")
    target_compile_options(rouse_options INTERFACE -fno-sanitize-recover=undefined)
    if(CMAKE_CXX_COMPILER_ID MATCHES "Clang")
      target_compile_options(rouse_options INTERFACE -fno-sanitize=function)
    endif()
  endif()
endif()

# Tests are compiled without -O, whatever they test: compiling them is most of what a run of all tests costs.
set(ROUSE_TEST_OPTIONS "")
if(ROUSE_SANITIZE OR NOT CMAKE_BUILD_TYPE STREQUAL "Debug")
  set(ROUSE_TEST_OPTIONS -O0 -U_FORTIFY_SOURCE)
endif()

# With ROUSE_PRECOMPILE (the sanitizer presets) what nearly every file reads of others' headers is read once; it is a
# fifth of the time. The other presets compile every file alone, so a missing #include is found there.
if(ROUSE_PRECOMPILE)
  target_compile_options(rouse_options INTERFACE -pthread)  # some packages ask for it; it must not differ
  # Two, because what is compiled with it must be compiled like it: libraries as PIC, test programs as PIE without -O.
  add_library(rouse_headers STATIC EXCLUDE_FROM_ALL ${PROJECT_SOURCE_DIR}/cmake/headers.cpp)
  target_precompile_headers(rouse_headers PRIVATE ${PROJECT_SOURCE_DIR}/cmake/headers.hpp)
  add_executable(rouse_test_headers EXCLUDE_FROM_ALL ${PROJECT_SOURCE_DIR}/cmake/headers.cpp)
  target_precompile_headers(rouse_test_headers PRIVATE ${PROJECT_SOURCE_DIR}/cmake/headers.hpp <gmock/gmock.h> <gtest/gtest.h>)
  foreach(target rouse_headers rouse_test_headers)
    target_compile_options(${target} PRIVATE "SHELL:-Xclang -fno-pch-timestamp")
    target_link_libraries(${target} PRIVATE rouse_options fmt::fmt tl::expected Boost::headers Boost::json)
  endforeach()
  target_compile_options(rouse_test_headers PRIVATE ${ROUSE_TEST_OPTIONS})
  target_compile_definitions(rouse_test_headers PRIVATE GTEST_HAS_PTHREAD=1)  # as GTest::gtest has it
endif()

# rouse_library(NAME [DEPENDS target...] [FOLDERS folder...]): every .cpp of this folder, and of those below it that are
# named, becomes the static library rouse_NAME.
function(rouse_library name)
  cmake_parse_arguments(ARG "" "" "DEPENDS;EXCLUDE;FOLDERS" ${ARGN})
  file(GLOB sources CONFIGURE_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/*.cpp)
  foreach(folder IN LISTS ARG_FOLDERS)
    file(GLOB more CONFIGURE_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/${folder}/*.cpp)
    list(APPEND sources ${more})
  endforeach()
  foreach(excluded IN LISTS ARG_EXCLUDE)
    list(REMOVE_ITEM sources ${CMAKE_CURRENT_SOURCE_DIR}/${excluded})
  endforeach()
  if(sources)
    add_library(rouse_${name} STATIC ${sources})
    target_link_libraries(rouse_${name} PUBLIC rouse_options ${ARG_DEPENDS})
    if(ROUSE_PRECOMPILE)
      target_precompile_headers(rouse_${name} REUSE_FROM rouse_headers)
    endif()
  else()
    add_library(rouse_${name} INTERFACE)
    target_link_libraries(rouse_${name} INTERFACE rouse_options ${ARG_DEPENDS})
  endif()
endfunction()

# rouse_tests(NAME [DEPENDS target...]): every *_test.cpp of this folder becomes the program NAME_tests, each test known to
# ctest under the label NAME. tests/run gives the labels simulation and live stages of their own.
function(rouse_tests name)
  cmake_parse_arguments(ARG "" "" "DEPENDS" ${ARGN})
  file(GLOB sources CONFIGURE_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/*_test.cpp)
  if(NOT sources)
    return()
  endif()
  add_executable(${name}_tests ${sources})
  target_link_libraries(${name}_tests PRIVATE rouse_options ${ARG_DEPENDS} GTest::gmock GTest::gtest_main)
  target_compile_options(${name}_tests PRIVATE ${ROUSE_TEST_OPTIONS})
  if(ROUSE_PRECOMPILE)
    target_precompile_headers(${name}_tests REUSE_FROM rouse_test_headers)
  endif()
  target_compile_definitions(${name}_tests PRIVATE ROUSE_SOURCE_DIR="${PROJECT_SOURCE_DIR}" ROUSE_BINARY_DIR="${PROJECT_BINARY_DIR}")
  gtest_discover_tests(${name}_tests DISCOVERY_MODE PRE_TEST WORKING_DIRECTORY ${PROJECT_SOURCE_DIR} PROPERTIES TIMEOUT 300 LABELS ${name})
endfunction()
