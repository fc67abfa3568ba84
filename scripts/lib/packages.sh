# What Yoke builds and runs with, by the names of Debian 12 and Ubuntu 24.04. Sourced by scripts/quickstart and scripts/test.

YOKE_PACKAGES=(
  g++ cmake ninja-build ccache mold pkg-config
  libfmt-dev libspdlog-dev libcli11-dev libyaml-cpp-dev libhwy-dev libssl-dev libpcre2-dev libcurl4-openssl-dev
  protobuf-compiler libprotobuf-dev libucx-dev libopenmpi-dev openmpi-bin prometheus-cpp-dev libxxhash-dev
  libgtest-dev libgmock-dev libbenchmark-dev
  python3 python3-venv python3-pip ca-certificates
)

# Boost >= 1.81 has another name on each: Debian 12 has 1.74 as its default, and the two conflict.
if apt-cache show libboost-json1.83-dev >/dev/null 2>&1; then
  YOKE_PACKAGES+=(libboost1.83-dev libboost-json1.83-dev)
else
  YOKE_PACKAGES+=(libboost1.81-dev libboost-json1.81-dev)
fi

# For the fuzz targets; both names follow the default clang: 14 on Debian 12, 18 on Ubuntu 24.04.
YOKE_FUZZ_PACKAGES=(clang libclang-rt-dev)

yoke_missing_packages() {
  local package
  for package in "${YOKE_PACKAGES[@]}"; do
    [ "$(dpkg-query -W -f='${db:Status-Abbrev}' "$package" 2>/dev/null)" = "ii " ] || echo "$package"
  done
}

# Installs what is missing; says what, and asks on a terminal unless $1 is "yes".
yoke_install_packages() {
  local missing answer sudo=()
  if ! command -v apt-get >/dev/null; then
    echo "This is not a Debian or Ubuntu system; install the equivalents of: ${YOKE_PACKAGES[*]}" >&2
    return 0
  fi
  mapfile -t missing < <(yoke_missing_packages)
  [ "${#missing[@]}" -eq 0 ] && return 0
  echo "Debian packages to install: ${missing[*]}"
  if [ "${1:-}" != yes ] && [ -t 0 ]; then
    read -r -p "Install them now with apt-get? [Y/n] " answer
    case "$answer" in [nN]*) echo "Nothing was installed. Install them yourself and run this again." >&2; return 1 ;; esac
  fi
  if [ "$(id -u)" -ne 0 ]; then
    command -v sudo >/dev/null || { echo "Installing needs root: run this as root, or install sudo." >&2; return 1; }
    sudo=(sudo)
  fi
  "${sudo[@]}" env DEBIAN_FRONTEND=noninteractive apt-get update -qq
  "${sudo[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
}
