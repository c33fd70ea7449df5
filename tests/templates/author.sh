#!/usr/bin/env bash
# What the author of a plugin does, from nothing to a run. Usage: author.sh PREFIX KIND FOLDER
set -euo pipefail
prefix="$1" kind="$2" folder="$3"
program="$prefix/bin/dvhost"
id="my_lab.$([[ "$kind" == c ]] && echo logger || echo "$kind").mine"

rm -rf "$folder"
"$program" plugins new "$kind" "$id" --into "$folder"
cd "$folder"
cmake -S . -B build -G Ninja -DCMAKE_BUILD_TYPE=Release "-Ddvsdk_DIR=$prefix/lib/cmake/dvsdk" >configure.log || { cat configure.log; exit 1; }
cmake --build build
ctest --test-dir build --output-on-failure --no-tests=error
"$program" run manifest.toml
