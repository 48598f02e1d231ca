#!/bin/sh
# usage: setup.sh FOLDER
# Make a virtual environment in FOLDER and install artstyle with its tools into it.
# PYTHON names the Python to use; without it the first suitable one is taken.
set -eu

venv=$1
oldest="3.11"

fits() { # is there a Python by this name, and is it new enough?
    "$1" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null
}

complete() { # can it make an environment with pip in it?
    "$1" -c 'import ensurepip, venv' 2>/dev/null
}

fail() {
    printf 'error: %s\nhint: %s\n' "$1" "$2" >&2
    exit 1
}

find_python() {
    seen="" bare=""
    for name in ${PYTHON:-python3.12 python3.11 python3.13 python3.14 python3 python}; do
        command -v "$name" >/dev/null 2>&1 || continue
        seen="${seen:+$seen, }$name ($("$name" --version 2>&1 | head -n 1))"
        fits "$name" || continue
        if complete "$name"; then
            python=$name
            return
        fi
        bare="${bare:+$bare, }$name"
    done
    if [ -n "$bare" ]; then
        fail "$bare cannot make virtual environments: venv or ensurepip is missing" \
            "on Debian and Ubuntu: apt-get install python3-venv; elsewhere install a whole Python $oldest or newer"
    fi
    if [ -n "${PYTHON:-}" ]; then
        fail "PYTHON=$PYTHON is not Python $oldest or newer: ${seen:-there is no such command}" \
            "name another, or leave PYTHON unset to have one found"
    fi
    fail "there is no Python $oldest or newer here; found: ${seen:-none at all}" \
        "install one, then give the same command again; PYTHON=/path/to/python3 names one off the path"
}

if ! fits "$venv/bin/python" || ! "$venv/bin/python" -m pip --version >/dev/null 2>&1; then
    find_python
    echo "making $venv with $python ($("$python" --version))" >&2
    "$python" -m venv --clear "$venv"
fi
echo "installing artstyle and its tools into $venv; the first time this takes minutes" >&2
"$venv/bin/python" -m pip install --disable-pip-version-check -e ".[dev]" ||
    fail "installing failed; what pip said stands above" \
        "mend that (network? disk?), then give the same command again: it goes on from here"
