# One place for compiler flags. Warnings are errors from the first day.
add_library(bp_flags INTERFACE)
target_include_directories(bp_flags INTERFACE ${CMAKE_SOURCE_DIR}/src)
target_compile_options(bp_flags INTERFACE
  -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wno-sign-conversion -Wnon-virtual-dtor -Woverloaded-virtual
  -Werror
  # The same bits everywhere (ARCHITECTURE.md, "Same bits"): no contraction the source does not spell out.
  -ffp-contract=off -fno-fast-math
  -march=x86-64-v2 -mtune=generic
  -fno-omit-frame-pointer)
if(CMAKE_CXX_COMPILER_ID MATCHES "Clang")
  target_compile_options(bp_flags INTERFACE -Wno-gnu-anonymous-struct -Wno-nested-anon-types -Wno-pass-failed)
  target_link_options(bp_flags INTERFACE -fuse-ld=lld)
else()
  target_compile_options(bp_flags INTERFACE -Wno-maybe-uninitialized -Wno-uninitialized -Wno-psabi)
endif()
if(BEDPLATE_SANITIZE)
  target_compile_options(bp_flags INTERFACE -fsanitize=${BEDPLATE_SANITIZE} -fno-sanitize-recover=all)
  target_link_options(bp_flags INTERFACE -fsanitize=${BEDPLATE_SANITIZE})
  if(BEDPLATE_SANITIZE MATCHES "undefined")
    # signed/unsigned wrap in hashes is meant; shifts, alignment, bounds, overflow of int stay checked
    target_compile_options(bp_flags INTERFACE -fno-sanitize=vptr)
  endif()
endif()
if(BEDPLATE_FUZZERS)
  target_compile_options(bp_flags INTERFACE -fsanitize=fuzzer-no-link)  # coverage of the code under test, not of the harness
endif()
find_program(CCACHE ccache)
if(CCACHE AND NOT CMAKE_CXX_COMPILER_LAUNCHER)
  # Paths are hashed relative to the tree, so that a fresh clone finds what another one compiled.
  set(CMAKE_CXX_COMPILER_LAUNCHER env CCACHE_BASEDIR=${CMAKE_SOURCE_DIR} CCACHE_NOHASHDIR=1
      CCACHE_SLOPPINESS=pch_defines,time_macros ${CCACHE})
endif()

# bp_precompile(TARGET FROM HEADERS...)
# Standard headers are up to half of what compiling takes. FROM makes them and everybody else takes its copy; the dev
# preset goes without, so that a file that forgets an include is seen.
function(bp_precompile TARGET FROM)
  if(BEDPLATE_PRECOMPILED AND "${TARGET}" STREQUAL "${FROM}")
    target_precompile_headers(${TARGET} PRIVATE ${ARGN})
  elseif(BEDPLATE_PRECOMPILED)
    target_precompile_headers(${TARGET} REUSE_FROM ${FROM})
  endif()
endfunction()
if(BEDPLATE_PRECOMPILED AND CMAKE_CXX_COMPILER_ID MATCHES "Clang")
  target_compile_options(bp_flags INTERFACE "SHELL:-Xclang -fno-pch-timestamp")  # or ccache never finds anything again
endif()
