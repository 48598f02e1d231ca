#!/bin/sh
# usage: demo.sh ARTSTYLE
# Show what artstyle can do on this machine. Everything it makes goes to demo/.
set -eu

artstyle=$1
say() { printf '\n$ artstyle %s\n' "$*"; }
show() {
    say "$@"
    "$artstyle" "$@"
}

show init demo
show doctor --workspace demo
