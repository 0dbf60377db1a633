#!/bin/sh
# Makes a virtual environment: make_venv.sh FOLDER [PYTHON].
# Takes the first Python of 3.11 to 3.13 that there is, and says what is missing when it cannot.
set -eu
folder=$1
[ -x "$folder/bin/python" ] && [ -e "$folder/bin/pip" ] && exit 0

for python in ${2:-} python3 python3.11 python3.12 python3.13; do
    "$python" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 14))' 2>/dev/null || continue
    if "$python" -c 'import ensurepip, venv' 2>/dev/null; then
        exec "$python" -m venv "$folder"
    fi
    if "$python" -m pip --version >/dev/null 2>&1; then
        # Debian splits ensurepip off; its pip can fill an environment from outside.
        "$python" -m venv --without-pip "$folder"
        exec "$python" -m pip --python "$folder/bin/python" install --quiet pip
    fi
    echo "Python's venv is missing; on Debian: apt-get install python3-venv" >&2
    exit 1
done
echo "Python 3.11, 3.12 or 3.13 is needed; name one with make PYTHON=/path/to/python3.11" >&2
exit 1
