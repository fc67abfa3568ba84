// YOKE_UNROLL(n) before a loop unrolls it n times, so that the vectors of a small array stand in registers and k % 8 is a
// constant. Under a sanitizer it does not: checks on every unrolled access made one file compile for minutes.
#pragma once

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define YOKE_UNROLL(n)
#else
#define YOKE_UNROLL_TEXT(text) _Pragma(#text)
#define YOKE_UNROLL(n) YOKE_UNROLL_TEXT(GCC unroll n)
#endif
