#!/bin/sh
# Serves the repositories of a folder over Git's own HTTP protocol, on this machine only.
#
#   samples/serve.sh DIR [PORT]
#
# Prints the address on standard output; ends with Ctrl-C. Without a port, or with 0, a free one is taken.
# If SAMPLES_TOKEN is set, callers must name it as the password of HTTP basic authentication.
# Needs git and python3.
set -eu

if [ $# -lt 1 ] || [ $# -gt 2 ]; then
    echo "usage: serve.sh DIR [PORT]" >&2
    exit 2
fi
exec python3 "$(dirname "$0")/serve.py" "$1" "${2:-0}"
