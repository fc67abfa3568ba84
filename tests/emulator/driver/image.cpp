#include "tests/emulator/driver/image.h"

#include <cctype>
#include <cstdint>
#include <cstring>

namespace yoke::emulator {
namespace {

// /usr/local/cuda/include/fatbinary_section.h and what nvcc 13.0 writes.
constexpr uint32_t kWrapperMagic = 0x466243B1;
constexpr uint32_t kFatbinMagic = 0xBA55ED50;
constexpr uint32_t kElfMagic = 0x464C457F;
constexpr uint16_t kPtxEntry = 1;

struct Wrapper {
  uint32_t magic, version;
  const void* data;
  const void* unused;
};
struct FatbinHeader {
  uint32_t magic;
  uint16_t version, header_bytes;
  uint64_t bytes;  // of the entries behind it
};
struct Entry {
  uint16_t kind, version;
  uint32_t header_bytes;
  uint64_t bytes;             // of its padded contents
  uint32_t compressed_bytes;  // 0: not compressed
  uint32_t options;
  uint16_t minor, major;
  uint32_t architecture;
};

template <typename Struct>
Struct read(const void* from) {
  Struct value;
  std::memcpy(&value, from, sizeof value);
  return value;
}

// ".target sm_121a" serves 12.1 alone; ".target sm_90" serves 9.0 and all that came after it.
bool serves(const std::string& ptx, int capability, std::string& target) {
  const size_t at = ptx.find(".target");
  const size_t name = at == std::string::npos ? at : ptx.find("sm_", at);
  if (name == std::string::npos) throw Failure{CUDA_ERROR_INVALID_PTX, "PTX without .target"};
  const size_t end = ptx.find_first_of(", \t\r\n", name);
  target = ptx.substr(name, end - name);
  const int number = std::stoi(target.substr(3));
  const char suffix = target.back();
  if (suffix == 'a') return number == capability;
  if (suffix == 'f') return number / 10 == capability / 10 && number <= capability;
  return number <= capability;
}

std::string text_of(const void* contents, uint64_t bytes) {
  const auto* text = static_cast<const char*>(contents);
  return std::string(text, strnlen(text, bytes));
}

std::string from_fatbin(const std::byte* fatbin, int capability) {
  const auto header = read<FatbinHeader>(fatbin);
  std::string others, best;
  int best_number = -1;
  for (uint64_t at = 0; at + sizeof(Entry) <= header.bytes;) {
    const std::byte* place = fatbin + header.header_bytes + at;
    const auto entry = read<Entry>(place);
    if (entry.header_bytes == 0) throw Failure{CUDA_ERROR_INVALID_IMAGE, "an entry of the fatbin has no header"};
    at += entry.header_bytes + entry.bytes;
    if (entry.kind != kPtxEntry) {
      others += " SASS sm_" + std::to_string(entry.architecture);
      continue;
    }
    if (entry.compressed_bytes != 0) {
      others += " compressed PTX sm_" + std::to_string(entry.architecture) + " (make it with --compress-mode=none)";
      continue;
    }
    std::string target;
    std::string ptx = text_of(place + entry.header_bytes, entry.bytes);
    if (!serves(ptx, capability, target)) {
      others += " PTX " + target;
    } else if (const int number = std::stoi(target.substr(3)); number > best_number) {
      best_number = number;
      best = std::move(ptx);
    }
  }
  if (best_number >= 0) return best;
  throw Failure{CUDA_ERROR_NO_BINARY_FOR_GPU, "the emulator runs PTX for " + std::to_string(capability) +
                                                  ", and the fatbin has" + (others.empty() ? " nothing" : others)};
}

}  // namespace

std::string ptx_of(const void* image, int capability) {
  if (!image) throw Failure{CUDA_ERROR_INVALID_VALUE, "no image"};
  const auto magic = read<uint32_t>(image);
  if (magic == kWrapperMagic) return ptx_of(read<Wrapper>(image).data, capability);
  if (magic == kFatbinMagic) return from_fatbin(static_cast<const std::byte*>(image), capability);
  if (magic == kElfMagic) {
    throw Failure{CUDA_ERROR_NO_BINARY_FOR_GPU, "the image is a cubin, and the emulator runs PTX: load the fatbin that holds both"};
  }
  const auto* text = static_cast<const char*>(image);
  const auto first = static_cast<unsigned char>(*text);
  if (first != '/' && first != '.' && !std::isspace(first)) throw Failure{CUDA_ERROR_INVALID_IMAGE, "neither PTX nor a fatbin"};
  std::string ptx(text);
  std::string target;
  if (serves(ptx, capability, target)) return ptx;
  throw Failure{CUDA_ERROR_NO_BINARY_FOR_GPU, "PTX for " + target + " on a device of " + std::to_string(capability)};
}

}  // namespace yoke::emulator
