// What a fuzz target demands of a reader: whatever the bytes, it is a model or a refusal. Anything else ends the
// program, which libFuzzer takes for a finding and keeps the input. One thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>
#include <string_view>

namespace yoke::fuzz {

// Runs `read`; an exception that is no Error, or an Error whose code does not fit a bad file, ends the program.
void read_or_refuse(const std::function<void()>& read);

// open_checkpoint and the catalogue over what it gives.
void open_or_refuse(const std::filesystem::path& model);

// Puts zeros behind a .safetensors file that is a header only: as many as the last number of `header` says, where a
// header's data_offsets end, and at most 1 MiB. They are a hole in the file and cost nothing.
void put_zeros_behind(const std::filesystem::path& file, std::string_view header);

inline std::string text_of(const uint8_t* data, size_t size) {
  return std::string(reinterpret_cast<const char*>(data), size);
}

}  // namespace yoke::fuzz
