#!/bin/sh
# Creates a virtual environment: make_venv.sh FOLDER [PYTHON].
# Uses the first Python 3.11 to 3.13 it finds; otherwise prints what is missing.
set -eu
folder=$1
[ -x "$folder/bin/python" ] && [ -e "$folder/bin/pip" ] && exit 0

for python in ${2:-} python3 python3.11 python3.12 python3.13; do
    "$python" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 14))' 2>/dev/null || continue
    if "$python" -c 'import ensurepip, venv' 2>/dev/null; then
        exec "$python" -m venv "$folder"
    fi
    if "$python" -m pip --version >/dev/null 2>&1; then
        # Debian packages ensurepip separately; the system's pip can install into the environment.
        "$python" -m venv --without-pip "$folder"
        exec "$python" -m pip --python "$folder/bin/python" install --quiet pip
    fi
    echo "Python's venv is missing; on Debian: apt-get install python3-venv" >&2
    exit 1
done
echo "Python 3.11, 3.12 or 3.13 is needed; name one with make PYTHON=/path/to/python3.11" >&2
exit 1
