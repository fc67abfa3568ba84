// A parsed template. Made by the parser, then const; any thread.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "model/text/jinja/filters.h"
#include "model/text/jinja/operations.h"
#include "model/text/jinja/value.h"

namespace yoke::model::text::jinja {

struct Expr;
struct Stmt;
using ExprPtr = std::unique_ptr<const Expr>;
using Body = std::vector<Stmt>;

struct CallArguments {
  std::vector<ExprPtr> positional;
  std::vector<std::pair<std::string, ExprPtr>> named;
  ExprPtr all_positional, all_named;  // f(*list, **dict); null where there is none
};

struct Literal {
  Value value;
};
struct Name {
  std::string name;
};
struct Captured {};  // what a {% filter %} or {% set x | f %} block wrote
struct ListDisplay {
  std::vector<ExprPtr> items;
  List::Form form;
};
struct DictDisplay {
  std::vector<std::pair<ExprPtr, ExprPtr>> entries;
};
struct Negation {
  ExprPtr operand;
};
struct Not {
  ExprPtr operand;
};
struct Logical {  // `and`, `or`: the value that decided
  bool is_and;
  ExprPtr left, right;
};
struct Binary {
  BinaryOp op;
  ExprPtr left, right;
};
struct Comparison {  // a < b <= c, as Python chains them
  ExprPtr first;
  std::vector<std::pair<CompareOp, ExprPtr>> rest;
};
struct Conditional {
  ExprPtr condition, then, otherwise;  // otherwise may be null: undefined
};
struct Attribute {
  ExprPtr object;
  std::string name;
};
struct Subscript {
  ExprPtr object, key;
};
struct Slice {
  ExprPtr object, begin, end, step;  // bounds may be null
};
struct Call {
  ExprPtr function;
  CallArguments arguments;
};
struct FilterCall {
  const Filter* filter;
  ExprPtr value;
  CallArguments arguments;
};
struct TestCall {
  const Test* test;
  bool negated;
  ExprPtr value;
  CallArguments arguments;
};

struct Expr {
  int line;
  std::variant<Literal, Name, Captured, ListDisplay, DictDisplay, Negation, Not, Logical, Binary, Comparison, Conditional,
               Attribute, Subscript, Slice, Call, FilterCall, TestCall>
      node;
  int depth = 1;  // of the tree below, this node included
};

// What a value is bound to: a name, a namespace's field, or several targets that it is unpacked into.
struct Target {
  std::string name;
  std::string field;  // of the namespace `name`
  std::vector<Target> parts;  // not empty: unpacks
};

struct Data {
  std::string text;
};
struct Output {
  ExprPtr value;
};
struct If {
  std::vector<std::pair<ExprPtr, Body>> branches;
  Body otherwise;
};
struct For {
  Target target;
  ExprPtr iterable, filter;  // filter may be null
  Body body, otherwise;
  bool recursive;
};
struct Set {
  Target target;
  ExprPtr value;
};
struct SetBlock {
  Target target;
  ExprPtr value;  // over Captured
  Body body;
};
struct FilterBlock {
  ExprPtr value;  // over Captured
  Body body;
};
struct Macro {
  std::string name;
  std::vector<std::pair<std::string, ExprPtr>> parameters;  // the default may be null
  Body body;
  bool takes_more, takes_more_named, takes_caller;  // its body speaks of varargs, kwargs, caller
};
struct CallBlock {  // {% call f(1) %}: what stands inside is given to f as its caller
  ExprPtr call;     // of a Call
  Macro inside;
};
struct With {  // the values see the names before them
  std::vector<std::pair<Target, ExprPtr>> bindings;
  Body body;
};
struct Break {};
struct Continue {};

struct Stmt {
  int line;
  std::variant<Data, Output, If, For, Set, SetBlock, FilterBlock, Macro, CallBlock, With, Break, Continue> node;
};

}  // namespace yoke::model::text::jinja
