// Values of the template language. Immutable and shared by pointer, so that copying a conversation costs one pointer; the one
// exception is a namespace, which the rendering owns. Values live no longer than their rendering. One thread.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "model/text/chat_template.h"
#include "model/text/jinja/text.h"

namespace yoke::model::text::jinja {

class Value;
class Budget;
struct List;
struct Dict;
struct Namespace;
struct Loop;
struct Callable;

struct Undefined {
  std::shared_ptr<const std::string> why;  // what to say to whoever needs it; null where there is nothing to say
};
struct None {};

using TextPtr = std::shared_ptr<const Text>;
using ListPtr = std::shared_ptr<const List>;
using DictPtr = std::shared_ptr<const Dict>;
using LoopPtr = std::shared_ptr<Loop>;
using CallablePtr = std::shared_ptr<const Callable>;

class Value {
 public:
  Value() = default;  // undefined
  Value(None) : data_(None{}) {}
  Value(bool value) : data_(value) {}
  Value(int64_t value) : data_(value) {}
  Value(double value) : data_(value) {}
  Value(Text text) : data_(std::make_shared<const Text>(std::move(text))) {}
  Value(TextPtr text) : data_(std::move(text)) {}
  Value(ListPtr list) : data_(std::move(list)) {}
  Value(DictPtr dict) : data_(std::move(dict)) {}
  Value(Namespace* space) : data_(space) {}
  Value(LoopPtr loop) : data_(std::move(loop)) {}
  Value(CallablePtr callable) : data_(std::move(callable)) {}
  Value(const char*) = delete;  // would become true
  static Value undefined(std::string why);

  bool is_undefined() const { return std::holds_alternative<Undefined>(data_); }
  bool is_none() const { return std::holds_alternative<None>(data_); }
  const bool* boolean() const { return std::get_if<bool>(&data_); }
  const int64_t* integer() const { return std::get_if<int64_t>(&data_); }
  const double* real() const { return std::get_if<double>(&data_); }
  const Text* text() const { return pointed<TextPtr>(); }
  const List* list() const { return pointed<ListPtr>(); }
  const Dict* dict() const { return pointed<DictPtr>(); }
  Loop* loop() const { return pointed<LoopPtr>(); }
  const Callable* callable() const { return pointed<CallablePtr>(); }
  Namespace* space() const { return std::holds_alternative<Namespace*>(data_) ? std::get<Namespace*>(data_) : nullptr; }

  TextPtr share_text() const { return std::get<TextPtr>(data_); }
  ListPtr share_list() const { return std::get<ListPtr>(data_); }

  std::string_view why_undefined() const;
  std::string_view type_name() const;  // for messages, in Python's words
  int depth() const;                   // of nested containers: 0 for a scalar
  std::optional<double> number() const;  // of a number or a boolean

 private:
  template <typename Pointer>
  auto pointed() const -> decltype(std::declval<const Pointer&>().get()) {
    const Pointer* pointer = std::get_if<Pointer>(&data_);
    return pointer ? pointer->get() : nullptr;
  }

  std::variant<Undefined, None, bool, int64_t, double, TextPtr, ListPtr, DictPtr, Namespace*, LoopPtr, CallablePtr> data_;
};

struct List {
  // A generator is what map, select and their kin give in Jinja: always true, and without length or elements by number.
  enum class Form { list, tuple, generator };
  Form form = Form::list;
  std::vector<Value> items;
  int depth = 1;
};
// Fault where it would nest too deeply.
ListPtr make_list(std::vector<Value> items, List::Form form = List::Form::list);

// In order of insertion. Keys are strings, numbers, booleans and none.
struct Dict {
  std::vector<std::pair<Value, Value>> entries;
  std::map<std::string_view, size_t> index;  // of strings, only where there are many entries
  int depth = 1;

  const Value* find(std::string_view key) const;
  const Value* find(const Value& key) const;  // as Python compares: 1, 1.0 and true are one key
};
// Of equal keys the last value counts, at the first one's place. Fault where it would nest too deeply, and for keys of other
// types.
DictPtr make_dict(std::vector<std::pair<Value, Value>> entries);

struct Namespace {
  std::map<std::string, Value, std::less<>> fields;
};

// `loop` inside a for statement.
struct Loop {
  ListPtr items;
  size_t at = 0;
  int64_t nesting = 0;                     // of a recursive loop: how many of its calls are around this one
  CallablePtr again;                       // of a recursive loop: goes through other items in the same way
  std::optional<std::vector<Value>> seen;  // by loop.changed
};

// The arguments of a call, a filter or a test.
struct Arguments {
  std::vector<Value> positional;
  std::vector<std::pair<std::string_view, Value>> named;
  Value unpacked;  // owns the names that came from f(**dict)

  // By place or by name; null where it was not given.
  const Value* find(size_t place, std::string_view name) const;
};

// What the rows of the tables below are given: the budget, and the namespaces that they make.
struct Context {
  Budget& budget;
  std::optional<Moment> now;  // none: core/clock
  std::vector<std::unique_ptr<Namespace>> namespaces;
};

struct Callable {
  virtual ~Callable() = default;
  virtual Value call(Context& context, const Arguments& arguments) const = 0;
  virtual int depth() const { return 0; }
};

}  // namespace yoke::model::text::jinja
