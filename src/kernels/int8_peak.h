#pragma once
/// How fast one core can multiply and add 8-bit integers with an instruction set: the limit that matrix products are
/// measured against. Nothing is computed for anyone; operands stay in registers.

#include <cstdint>

#include "kernels/isa.h"

namespace bedplate {

/// Runs `rounds` rounds of the widest int8 dot product that isa has (vpdpbusd, or vpmaddubsw with vpmaddwd and vpaddd)
/// on enough independent sums to hide its latency. Returns the operations done, a multiply and an add counting as two.
using Int8PeakFn = uint64_t (*)(uint64_t rounds);
/// isa must be one that this machine has.
Int8PeakFn Int8PeakFor(Isa isa);

uint64_t Int8PeakScalar(uint64_t rounds);  // the baseline's SSSE3, as kernels without a file of their own get it
uint64_t Int8PeakAvx2(uint64_t rounds);
uint64_t Int8PeakAvx512(uint64_t rounds);
uint64_t Int8PeakAvx512Vnni(uint64_t rounds);

}  // namespace bedplate
