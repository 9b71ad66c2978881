# bp_room(NAME [DEPS rooms...] [LIBS libraries...])
# Builds src/NAME as the library bp_NAME. By suffix, a file is:
#   *_test.cc   part of NAME_test (GoogleTest), one executable a room
#   *_simulation_test.cc  part of NAME_simulation_test: it takes minutes, and so runs beside the room's other tests
#   *_bench.cc  part of NAME_bench (Google Benchmark)
#   *_fuzz.cc   a libFuzzer executable of its own; without fuzzers a test replays its corpus
#   *_avx2.cc, *_avx512.cc, *_avx512vnni.cc, *_avx512bf16.cc  compiled for that instruction set, called only after a
#               run-time check
set(BP_PRECOMPILED
    <algorithm> <array> <atomic> <charconv> <chrono> <cmath> <cstdint> <cstring> <filesystem> <functional> <limits> <map>
    <memory> <mutex> <numeric> <optional> <set> <span> <string> <string_view> <thread> <unordered_map> <utility>
    <variant> <vector>)
set(BP_ISA_avx2 -mavx2 -mfma -mf16c -mbmi2)
set(BP_ISA_avx512 ${BP_ISA_avx2} -mavx512f -mavx512bw -mavx512dq -mavx512vl -mprefer-vector-width=512)
set(BP_ISA_avx512vnni ${BP_ISA_avx512} -mavx512vnni)
set(BP_ISA_avx512bf16 ${BP_ISA_avx512vnni} -mavx512bf16)

# bp_compile_as_room(TARGET PREFIX SUFFIX HEADERS...): in bp_room; the room's optimisation and precompiled headers, which
# rooms of equal optimisation share. Sanitized code takes twice as long to compile with optimisation as without, so rooms
# that are never hot go without it where a preset lists them in BEDPLATE_UNOPTIMISED_ROOMS, in the order of the rooms.
function(bp_compile_as_room TARGET PREFIX SUFFIX)
  set(FIRST base)
  if(NAME IN_LIST BEDPLATE_UNOPTIMISED_ROOMS)
    target_compile_options(${TARGET} PRIVATE -O0)
    list(GET BEDPLATE_UNOPTIMISED_ROOMS 0 FIRST)
  endif()
  bp_precompile(${TARGET} ${PREFIX}${FIRST}${SUFFIX} ${ARGN})
endfunction()

# bp_compile_together(TARGET): several files at a time, for builds of everything: a third less work, since what the files
# have in common is parsed and instantiated once. So names in the anonymous namespaces of a room's files must differ.
function(bp_compile_together TARGET)
  if(BEDPLATE_UNITY)
    set_target_properties(${TARGET} PROPERTIES UNITY_BUILD ON UNITY_BUILD_BATCH_SIZE 8)
  endif()
endfunction()

# bp_room_test(TEST SOURCES...): in bp_room; the executable TEST_test, and TEST for ctest.
function(bp_room_test TEST)
  add_executable(${TEST}_test ${ARGN})
  target_link_libraries(${TEST}_test PRIVATE bp_${NAME} GTest::gtest_main)
  target_compile_definitions(${TEST}_test PRIVATE BEDPLATE_SOURCE_DIR="${CMAKE_SOURCE_DIR}")
  bp_compile_as_room(${TEST}_test "" _test ${BP_PRECOMPILED} <gtest/gtest.h>)
  bp_compile_together(${TEST}_test)
  add_test(NAME ${TEST} COMMAND ${TEST}_test)
endfunction()

function(bp_room NAME)
  cmake_parse_arguments(ROOM "" "" "DEPS;LIBS" ${ARGN})
  set(DIR ${CMAKE_SOURCE_DIR}/src/${NAME})
  file(GLOB_RECURSE ALL CONFIGURE_DEPENDS ${DIR}/*.cc)
  set(SOURCES ${ALL})
  list(FILTER SOURCES EXCLUDE REGEX "(_(test|bench|fuzz)|/main)\\.cc$")
  set(TESTS ${ALL})
  list(FILTER TESTS INCLUDE REGEX "_test\\.cc$")
  set(SIMULATIONS ${TESTS})
  list(FILTER SIMULATIONS INCLUDE REGEX "_simulation_test\\.cc$")
  list(FILTER TESTS EXCLUDE REGEX "_simulation_test\\.cc$")
  set(BENCHES ${ALL})
  list(FILTER BENCHES INCLUDE REGEX "_bench\\.cc$")
  set(FUZZERS ${ALL})
  list(FILTER FUZZERS INCLUDE REGEX "_fuzz\\.cc$")

  foreach(ISA avx2 avx512 avx512vnni avx512bf16)
    set(ISA_SOURCES ${ALL})
    list(FILTER ISA_SOURCES INCLUDE REGEX "_${ISA}\\.cc$")
    if(ISA_SOURCES)
      set_source_files_properties(${ISA_SOURCES} PROPERTIES COMPILE_OPTIONS "${BP_ISA_${ISA}}" SKIP_PRECOMPILE_HEADERS ON)
    endif()
  endforeach()

  # Emulated instructions are many small functions: under a sanitizer their tests take minutes to compile and show nothing
  # that the same kernels on real instructions don't.
  set(EMULATED ${TESTS})
  list(FILTER EMULATED INCLUDE REGEX "_emulated_test\\.cc$")
  if(EMULATED AND BEDPLATE_SANITIZE)
    set_source_files_properties(${EMULATED} PROPERTIES COMPILE_OPTIONS "-fno-sanitize=all" SKIP_PRECOMPILE_HEADERS ON)
  endif()

  list(TRANSFORM ROOM_DEPS PREPEND bp_)
  if(SOURCES)
    add_library(bp_${NAME} STATIC ${SOURCES})
    target_link_libraries(bp_${NAME} PUBLIC bp_flags ${ROOM_DEPS} ${ROOM_LIBS})
    bp_compile_as_room(bp_${NAME} bp_ "" ${BP_PRECOMPILED})
    bp_compile_together(bp_${NAME})
  else()
    add_library(bp_${NAME} INTERFACE)
    target_link_libraries(bp_${NAME} INTERFACE bp_flags ${ROOM_DEPS} ${ROOM_LIBS})
  endif()

  if(BEDPLATE_TESTS AND TESTS)
    bp_room_test(${NAME} ${TESTS})
  endif()
  if(BEDPLATE_TESTS AND SIMULATIONS)
    bp_room_test(${NAME}_simulation ${SIMULATIONS})
  endif()
  if(BEDPLATE_BENCHMARKS AND BENCHES)
    add_executable(${NAME}_bench ${BENCHES})
    target_link_libraries(${NAME}_bench PRIVATE bp_${NAME} benchmark::benchmark_main)
  endif()
  foreach(FUZZER ${FUZZERS})
    get_filename_component(TARGET ${FUZZER} NAME_WE)
    # Each fuzz target has its corpus beside it: src/ROOM/corpus/TARGET/.
    set(CORPUS ${DIR}/corpus/${TARGET})
    if(BEDPLATE_FUZZERS)
      add_executable(${TARGET} ${FUZZER})
      target_link_libraries(${TARGET} PRIVATE bp_${NAME})
      target_compile_options(${TARGET} PRIVATE -fsanitize=fuzzer)
      target_link_options(${TARGET} PRIVATE -fsanitize=fuzzer)
    elseif(BEDPLATE_TESTS)
      add_executable(${TARGET} ${FUZZER} ${CMAKE_SOURCE_DIR}/cmake/replay_corpus.cc)
      target_link_libraries(${TARGET} PRIVATE bp_${NAME})
      add_test(NAME ${TARGET} COMMAND ${TARGET} ${CORPUS})
    endif()
  endforeach()
endfunction()
