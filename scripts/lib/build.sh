# yoke_build PRESET [TARGET...]: configures and builds; quiet unless it fails. Sourced.

yoke_build() {
  local preset=$1 folder log
  shift
  case "$preset" in release) folder=build ;; *) folder=build-$preset ;; esac
  log=$(mktemp)
  if [ ! -f "$folder/build.ninja" ]; then
    cmake --preset "$preset" >"$log" 2>&1 || { cat "$log" >&2; rm -f "$log"; return 1; }
  fi
  if [ -t 2 ]; then
    NINJA_STATUS="building $preset [%f/%t] " ninja -C "$folder" "$@" || { rm -f "$log"; return 1; }
  else
    ninja -C "$folder" "$@" >"$log" 2>&1 || { grep -vE '^\[[0-9]+/[0-9]+\]' "$log" | tail -n 60 >&2; rm -f "$log"; return 1; }
  fi
  rm -f "$log"
}
