// A model's answer from its tokens: detokenized, ended by a stop string, divided into reasoning and content. Neither holds half
// a character or any part of a stop string. One thread.
//
// Stop strings look at the text as the model wrote it, reasoning and tags included, before it is divided (as vLLM's do): one may
// end an answer while it thinks. The heads of harmony's messages are no text, and no stop string goes across one.
#pragma once

#include <deque>
#include <memory>
#include <string>
#include <vector>

#include "model/text/reasoning/reader.h"
#include "model/text/reasoning/splitter.h"
#include "model/text/stop_matcher.h"

namespace yoke::model::text::reasoning {

class Answer {
 public:
  struct Options {
    std::vector<std::string> stop;
    bool marked = false;  // undivided: all is content, with its tags
  };
  Answer(const Tokenizer& tokenizer, const Format& format, Options options);

  // What became certain. Bytes count in the text as the model wrote it: the stretches' bytes (without inserted ones) follow each
  // other there from 0.
  struct Step {
    std::vector<Stretch> stretches;
    size_t begin = 0;     // where the token's own text begins
    bool textless = false;  // the token is a part of the format
    bool stopped = false;   // by a stop string; nothing follows
  };
  Step push(TokenId token);
  Step finish();

  size_t bytes() const { return made_; }              // of the text so far
  int64_t characters() const { return characters_; }  // likewise
  Part part() const { return splitter_.part(); }      // of what comes next

 private:
  struct Tag {
    size_t begin;
    Run run;
  };
  void apply(const Run& run, Step& step);
  void release(std::string_view text, Step& step);

  std::unique_ptr<Reader> reader_;
  StopMatcher matcher_;
  Splitter splitter_;
  std::deque<Tag> tags_;  // whose text the matcher holds
  size_t made_ = 0;       // bytes that came from the reader
  size_t released_ = 0;   // bytes that left the matcher
  int64_t characters_ = 0;
};

// Unicode characters (code points) in UTF-8 text.
int64_t characters_in(std::string_view text);

}  // namespace yoke::model::text::reasoning
