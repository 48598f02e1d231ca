#!/bin/sh
# usage: timed.sh NAME COMMAND...
# Run the command, say how long it took, and give its exit code.
name=$1
shift
start=$(date +%s)
code=0
"$@" || code=$?
echo "[$name: $(($(date +%s) - start)) s, exit code $code]"
exit "$code"
