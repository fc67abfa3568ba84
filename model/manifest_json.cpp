#include "model/manifest_json.h"

#include <fmt/format.h>
#include <openssl/evp.h>

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>

#include <bit>
#include <charconv>
#include <cstring>

#include "model/bad_file.h"
#include "model/file_reader.h"
#include "model/json_fields.h"

namespace yoke::model {
namespace {

namespace json = boost::json;

constexpr int64_t kVersion = 1;
constexpr const char* kHash = "xxh3-64";
// DeepSeek-V3's, the largest model in sight, takes 130 MB.
constexpr uint64_t kMostManifestBytes = 1 << 30;
constexpr const char* kRemedy = "delete it, or run `yoke manifest MODEL` to record it anew";

// Hashes lie little-endian, as on every machine that Yoke runs on (model/file_reader.h).
std::string base64_of(const std::vector<uint64_t>& hashes) {
  if (hashes.empty()) return {};
  const int bytes = static_cast<int>(hashes.size() * sizeof(uint64_t));
  std::string text(static_cast<size_t>(bytes + 2) / 3 * 4 + 1, '\0');
  const int written = EVP_EncodeBlock(reinterpret_cast<unsigned char*>(text.data()), reinterpret_cast<const unsigned char*>(hashes.data()), bytes);
  text.resize(static_cast<size_t>(written));
  return text;
}

std::optional<std::vector<uint64_t>> hashes_in(const std::string& base64) {
  std::vector<unsigned char> bytes(base64.size() / 4 * 3);
  if (base64.empty()) return std::vector<uint64_t>();
  const int decoded = EVP_DecodeBlock(bytes.data(), reinterpret_cast<const unsigned char*>(base64.data()), static_cast<int>(base64.size()));
  const size_t padding = base64.ends_with("==") ? 2 : base64.ends_with("=") ? 1 : 0;
  if (decoded < static_cast<int>(padding) || (static_cast<size_t>(decoded) - padding) % sizeof(uint64_t) != 0) return std::nullopt;
  std::vector<uint64_t> hashes((static_cast<size_t>(decoded) - padding) / sizeof(uint64_t));
  if (hashes.empty()) return hashes;
  std::memcpy(hashes.data(), bytes.data(), hashes.size() * sizeof(uint64_t));
  return hashes;
}

uint64_t hash_in(const JsonFields& fields, std::string_view key) {
  const std::string text = fields.required_string(key);
  uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value, 16);
  if (error != std::errc() || end != text.data() + text.size()) fields.refuse_field(key, "16 hexadecimal digits");
  return value;
}

Manifest::File file_in(const json::value& value, const std::filesystem::path& path) {
  if (!value.is_object()) refuse({path, 0, "a file that is no object", "name, bytes, header_bytes and header_hash", kRemedy});
  const JsonFields fields(value.get_object(), path, 0, "files[].");
  return {.name = fields.required_string("name"),
          .bytes = static_cast<uint64_t>(fields.required_integer("bytes", {})),
          .header_bytes = static_cast<uint64_t>(fields.required_integer("header_bytes", {})),
          .header_hash = hash_in(fields, "header_hash")};
}

std::string file_json(const Manifest::File& file) {
  return fmt::format(R"({{"name": {}, "bytes": {}, "header_bytes": {}, "header_hash": "{:016x}"}})", json::serialize(json::value(file.name)),
                     file.bytes, file.header_bytes, file.header_hash);
}

}  // namespace

std::string to_json(const Manifest& manifest) {
  std::string text = fmt::format("{{\n\"yoke_manifest\": {},\n\"hash\": \"{}\",\n\"files\": [", kVersion, kHash);
  for (const Manifest::File& file : manifest.files) text += fmt::format("{}\n{}", &file == manifest.files.data() ? "" : ",", file_json(file));
  text += "\n],\n\"chunk_hashes\": {";
  bool first = true;
  for (const auto& [name, hashes] : manifest.hashes) {
    text += fmt::format("{}\n{}: \"{}\"", first ? "" : ",", json::serialize(json::value(name)), base64_of(hashes));
    first = false;
  }
  return text + "\n}\n}\n";
}

Manifest read_manifest(const std::filesystem::path& path) {
  const FileReader file(path);
  const std::string text = read_text(file, kMostManifestBytes);
  const json::object root = parse_json_object(text, path, 0);
  const JsonFields fields(root, path, 0);
  if (fields.required_integer("yoke_manifest", {}) != kVersion) fields.refuse_field("yoke_manifest", fmt::format("{}", kVersion));
  if (fields.required_string("hash") != kHash) fields.refuse_field("hash", kHash);
  Manifest manifest;
  for (const json::value& value : fields.required_array("files")) manifest.files.push_back(file_in(value, path));
  const std::optional<JsonFields> tensors = fields.object("chunk_hashes");
  if (!tensors) fields.refuse_field("chunk_hashes", "an object");
  for (const auto& [name, value] : tensors->raw()) {
    const json::string* base64 = value.if_string();
    std::optional<std::vector<uint64_t>> hashes = base64 ? hashes_in(std::string(*base64)) : std::nullopt;
    if (!hashes) refuse({path, 0, fmt::format("no checksums at {}", printable(std::string_view(name))), "whole numbers of 64 bits in base64", kRemedy});
    manifest.hashes[std::string(name)] = *std::move(hashes);
  }
  return manifest;
}

}  // namespace yoke::model
