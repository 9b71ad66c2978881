#pragma once
/// Everything elementwise or row-wise: norms, activations, softmax pieces, sums over a vocabulary.
///
/// Numerics: sums use 16 strided partials (element i goes to partial i mod 16) and one tree that adds partial j + 8,
/// then j + 4, j + 2, j + 1. exp and log are our own series (exp_body.h, vector_kernels.cc), the same on every
/// instruction set. Threads: pure. Pointers need no alignment; out may alias an input of the same shape.

#include <cstddef>
#include <cstdint>

#include "kernels/isa.h"

namespace bedplate {

float Exp(float x);  // e^x, relative error < 2^-21; 0 below -87.3, e^88.3 above 88.3; the same bits as the kernels'
float Log(float x);  // natural log of a positive normal number, error < 2^-22 * max(1, |result|)

struct VectorKernels {
  /// out[i] = gain[i] * x[i] / sqrt(mean(x^2) + epsilon).
  void (*rms_norm)(const float* x, const float* gain, size_t n, float epsilon, float* out);
  void (*add)(const float* a, const float* b, size_t n, float* out);
  void (*scale)(const float* x, float factor, size_t n, float* out);
  void (*silu_multiply)(const float* gate, const float* up, size_t n, float* out);  // gate / (1 + exp(-gate)) * up
  void (*gelu_multiply)(const float* gate, const float* up, size_t n, float* out);  // tanh form of GELU, times up
  void (*softcap)(const float* x, float cap, size_t n, float* out);                 // cap * tanh(x / cap)
  float (*max)(const float* x, size_t n);                                           // n >= 1
  size_t (*argmax)(const float* x, size_t n);               // the lowest index of the largest; n >= 1
  float (*sum_exp)(const float* x, size_t n, float shift);  // sum of exp(x[i] - shift)
};

const VectorKernels& VectorKernelsFor(Isa isa);

}  // namespace bedplate
