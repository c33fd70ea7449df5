#!/usr/bin/env bash
# From a bare Debian 12 to a first run or to passed tests. Can be repeated; what is there already is left alone.
set -euo pipefail

root="$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)"
build="$root/build/release"

packages=(g++ cmake ninja-build git ca-certificates binutils ccache mold python3-venv
    libboost1.81-dev libboost-program-options1.81-dev libtomlplusplus-dev libspdlog-dev zlib1g-dev libdeflate-dev
    libsqlite3-dev libcurl4-openssl-dev libzip-dev nlohmann-json3-dev libhdf5-dev libgtest-dev libgmock-dev
    libbenchmark-dev dataset-fashion-mnist)
reader_packages=(chromium protobuf-compiler) # for tests labelled readers

# One fact, one place: the version that the finder insists on.
torch_version="$(sed -n 's/^set(DV_TORCH_VERSION \([0-9.]*\))$/\1/p' "$root/cmake/DvTorch.cmake")"
torch_wheels=("torch==$torch_version" nvidia-cuda-runtime==13.0.96 nvidia-cuda-cupti==13.0.85)
torch_cache="${XDG_CACHE_HOME:-$HOME/.cache}/dvhost/torch-$torch_version"

usage() {
    cat <<TEXT
Usage: cmake/bootstrap.sh run MANIFEST [OPTION...]
       cmake/bootstrap.sh test [--without LABEL]... [CTEST_ARG...]

Installs and builds what is missing, then trains (dvhost run) or runs the tests (ctest).

Needs Debian 12 (or the same packages elsewhere). Missing packages are installed as root or through a sudo that asks no
password; otherwise they are listed. LibTorch $torch_version goes to $torch_cache,
unless DVHOST_TORCH_DIR names one. The build is in build/release.

  --without readers   skips the tests in which PyTorch, TensorBoard and others read our files; those install programs
TEXT
}

say() { printf 'bootstrap [%4d s] %s\n' "$SECONDS" "$*" >&2; }

fail() {
    printf 'bootstrap: %s\n' "$*" >&2
    exit 1
}

# --- Debian packages --------------------------------------------------------------------------------------------------

python_with_pip() {
    local candidate
    for candidate in python3 /usr/bin/python3; do
        if "$candidate" -m pip --version >/dev/null 2>&1; then
            echo "$candidate"
            return
        fi
    done
}

is_installed() { [[ "$(dpkg-query --show --showformat='${db:Status-Status}' "$1" 2>/dev/null)" == installed ]]; }

missing_packages() {
    not_installed "${packages[@]}"
    if ! has_torch && [[ -z "$(python_with_pip)" ]]; then echo python3-pip; fi
}

not_installed() {
    local package
    for package; do
        is_installed "$package" || echo "$package"
    done
}

as_root() {
    if [[ "$(id -u)" == 0 ]]; then
        "$@"
    else
        sudo -n "$@"
    fi
}

can_be_root() { [[ "$(id -u)" == 0 ]] || sudo -n true 2>/dev/null; }

list_missing_and_stop() {
    {
        echo "bootstrap: these are missing, and installing packages needs root (or a sudo that asks no password):"
        printf '  %s\n' "$@"
        has_torch || echo "  LibTorch $torch_version"
        echo "Install the packages:"
        echo "  sudo apt-get install --no-install-recommends $*"
        has_torch || echo "Then start this script again: it fetches LibTorch by itself, without root."
    } >&2
    exit 1
}

install_packages() {
    local missing log
    if ! command -v dpkg-query >/dev/null; then
        say "this is not Debian: taking it that these are here in some form: ${packages[*]}"
        return
    fi
    mapfile -t missing < <(missing_packages)
    [[ ${#missing[@]} == 0 ]] && return
    can_be_root || list_missing_and_stop "${missing[@]}"

    say "installing Debian packages: ${missing[*]}"
    log="$(mktemp)"
    if ! apt_install "${missing[@]}" >"$log" 2>&1; then
        tail -n 20 "$log" >&2
        fail "apt-get could not install the packages above; its last words are shown ($log)"
    fi
    rm -f "$log"
}

apt_install() {
    as_root apt-get update -q &&
        as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends "$@"
}

# One by one: what cannot be had makes its tests say SKIPPED, and the others run.
install_reader_packages() {
    local package
    command -v dpkg-query >/dev/null || return 0
    for package in $(not_installed "${reader_packages[@]}"); do
        say "installing the Debian package $package for tests labelled readers"
        { can_be_root && apt_install "$package" >/dev/null 2>&1; } ||
            say "$package could not be installed: the tests that need it will say SKIPPED"
    done
}

# --- LibTorch ---------------------------------------------------------------------------------------------------------

# The folder asked for: by the environment, by an earlier configure, or our own.
torch_folder() {
    local cached=""
    [[ -f "$build/CMakeCache.txt" ]] && cached="$(sed -n 's/^DVHOST_TORCH_DIR:[A-Z]*=//p' "$build/CMakeCache.txt")"
    echo "${DVHOST_TORCH_DIR:-${cached:-$torch_cache/torch}}"
}

has_torch() {
    local folder
    folder="$(torch_folder)"
    [[ -f "$folder/lib/libtorch_cpu.so" && -f "$folder/lib/libc10.so" ]] || return 1
    [[ "$folder" != "$torch_cache/torch" ]] || [[ -d "$torch_cache/nvidia/cu13/lib" ]]
}

install_torch() {
    local python partial
    has_torch && return
    [[ "$(torch_folder)" == "$torch_cache/torch" ]] ||
        fail "DVHOST_TORCH_DIR is $(torch_folder), which holds no LibTorch; correct it, or unset it to have one fetched"
    python="$(python_with_pip)"
    [[ -n "$python" ]] || fail "LibTorch $torch_version is missing and no pip is here to fetch it; set DVHOST_TORCH_DIR"

    say "fetching LibTorch $torch_version into $torch_cache (0.5 GB to load, 1.2 GB on disk)"
    mkdir -p "$(dirname "$torch_cache")"
    partial="$(mktemp -d "$torch_cache.XXXXXX")" # beside its final place, so that the rename is one step
    trap 'rm -rf "$partial"' EXIT
    "$python" -m pip install --quiet --disable-pip-version-check --root-user-action=ignore \
        --no-deps --no-compile --only-binary :all: --target "$partial" "${torch_wheels[@]}" ||
        fail "pip could not fetch ${torch_wheels[*]}; needs a network and Python 3.10 or newer ($python)"
    chmod 755 "$partial"
    rm -rf "$torch_cache"
    mv -T "$partial" "$torch_cache"
    trap - EXIT
}

# --- Build ------------------------------------------------------------------------------------------------------------

# A compile that includes LibTorch takes up to 2 GB.
jobs() {
    local cores memory_gb
    cores="$(nproc)"
    memory_gb="$(awk '/^MemTotal:/ { print int($2 / 1048576) }' /proc/meminfo)"
    awk -v a="$cores" -v b="$((memory_gb / 2))" 'BEGIN { n = a < b ? a : b; print n < 1 ? 1 : n }'
}

configure() {
    local cached_folder=""
    if [[ -f "$build/build.ninja" ]]; then
        cached_folder="$(sed -n 's/^DVHOST_TORCH_DIR:[A-Z]*=//p' "$build/CMakeCache.txt")"
        [[ -z "${DVHOST_TORCH_DIR:-}" || "$DVHOST_TORCH_DIR" == "$cached_folder" ]] && return
    fi
    say "configuring build/release"
    (cd "$root" && cmake --preset release ${DVHOST_TORCH_DIR:+"-DDVHOST_TORCH_DIR=$DVHOST_TORCH_DIR"})
}

build_target() {
    say "building $1 in build/release"
    NINJA_STATUS='[%f/%t %es] ' cmake --build "$build" --target "$1" --parallel "${CMAKE_BUILD_PARALLEL_LEVEL:-$(jobs)}"
}

prepare() {
    install_packages
    install_torch
    configure
    build_target "$1"
}

# --- Commands ---------------------------------------------------------------------------------------------------------

run() {
    if [[ $# == 0 ]]; then
        usage >&2
        exit 64
    fi
    prepare runtime
    say "dvhost run $*"
    exec "$build/bin/dvhost" run "$@"
}

run_tests() {
    local skipped=() arguments=()
    while [[ $# -gt 0 ]]; do
        case "$1" in
        --without)
            [[ -n "${2:-}" ]] || fail "--without takes a label, such as readers"
            skipped+=("$2")
            shift 2
            ;;
        *)
            arguments+=("$1")
            shift
            ;;
        esac
    done
    if [[ ${#skipped[@]} -gt 0 ]]; then
        arguments+=(--label-exclude "^($(IFS='|' && echo "${skipped[*]}"))\$")
    fi
    prepare all
    [[ " ${skipped[*]} " == *" readers "* ]] || install_reader_packages
    if [[ ${#skipped[@]} -gt 0 ]]; then
        say "SKIPPING the tests labelled ${skipped[*]}, as asked by --without"
    fi
    say "testing"
    ctest --test-dir "$build" --output-on-failure --no-tests=error -j2 "${arguments[@]}"
    say "all tests passed"
}

case "${1:-}" in
run) run "${@:2}" ;;
test) run_tests "${@:2}" ;;
-h | --help | help) usage ;;
*)
    usage >&2
    exit 64
    ;;
esac
