#include "model/text/jinja/arithmetic.h"

#include <cmath>

#include "model/text/jinja/budget.h"

namespace yoke::model::text::jinja {
namespace {

[[noreturn]] void overflow() { fail("an integer left the range of 64 bits"); }

int64_t add(int64_t a, int64_t b) {
  int64_t result = 0;
  if (__builtin_add_overflow(a, b, &result)) overflow();
  return result;
}

int64_t subtract(int64_t a, int64_t b) {
  int64_t result = 0;
  if (__builtin_sub_overflow(a, b, &result)) overflow();
  return result;
}

int64_t multiply(int64_t a, int64_t b) {
  int64_t result = 0;
  if (__builtin_mul_overflow(a, b, &result)) overflow();
  return result;
}

int64_t floor_divide(int64_t a, int64_t b) {
  if (b == 0) fail("division by zero");
  if (b == -1) return subtract(0, a);
  return a / b - (a % b != 0 && (a < 0) != (b < 0) ? 1 : 0);
}

int64_t modulo(int64_t a, int64_t b) {
  if (b == 0) fail("division by zero");
  if (b == -1) return 0;
  const int64_t rest = a % b;
  return rest != 0 && (rest < 0) != (b < 0) ? rest + b : rest;
}

int64_t power(int64_t base, int64_t exponent) {
  int64_t result = 1;
  for (int64_t i = 0; i < exponent && result != 0; ++i) {
    if (base == 1 || (base == -1 && i >= 2)) return base == 1 || exponent % 2 == 0 ? 1 : -1;
    result = multiply(result, base);
  }
  return result;
}

}  // namespace

std::string_view symbol(BinaryOp op) {
  switch (op) {
    case BinaryOp::add: return "+";
    case BinaryOp::subtract: return "-";
    case BinaryOp::multiply: return "*";
    case BinaryOp::divide: return "/";
    case BinaryOp::floor_divide: return "//";
    case BinaryOp::modulo: return "%";
    case BinaryOp::power: return "**";
    case BinaryOp::concatenate: return "~";
  }
  return "?";
}

Value calculate(BinaryOp op, int64_t a, int64_t b) {
  switch (op) {
    case BinaryOp::add: return add(a, b);
    case BinaryOp::subtract: return subtract(a, b);
    case BinaryOp::multiply: return multiply(a, b);
    case BinaryOp::divide:
      if (b == 0) fail("division by zero");
      return static_cast<double>(a) / static_cast<double>(b);
    case BinaryOp::floor_divide: return floor_divide(a, b);
    case BinaryOp::modulo: return modulo(a, b);
    case BinaryOp::power:
      if (b < 0) return std::pow(static_cast<double>(a), static_cast<double>(b));
      return power(a, b);
    case BinaryOp::concatenate: break;
  }
  fail("'{}' has no meaning for numbers", symbol(op));
}

Value calculate(BinaryOp op, double a, double b) {
  const bool divides = op == BinaryOp::divide || op == BinaryOp::floor_divide || op == BinaryOp::modulo;
  if (divides && b == 0) fail("division by zero");
  switch (op) {
    case BinaryOp::add: return a + b;
    case BinaryOp::subtract: return a - b;
    case BinaryOp::multiply: return a * b;
    case BinaryOp::divide: return a / b;
    case BinaryOp::floor_divide: return std::floor(a / b);
    case BinaryOp::modulo: return a - b * std::floor(a / b);
    case BinaryOp::power: return std::pow(a, b);
    case BinaryOp::concatenate: break;
  }
  fail("'{}' has no meaning for numbers", symbol(op));
}

}  // namespace yoke::model::text::jinja
