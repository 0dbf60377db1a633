#!/bin/sh
# Stops `dg` in a virtual environment from collecting usage statistics, however it is called: quiet_dg.sh FOLDER.
# dg reads that setting from a file of the user or from DAGSTER_HOME, never from the project.
set -eu
printf '[cli.telemetry]\nenabled = false\n' > "$1/dg.toml"
"$1/bin/python" - <<'END'
import pathlib, sysconfig

line = "import os, sys; os.environ.setdefault('DG_CLI_CONFIG', os.path.join(sys.prefix, 'dg.toml'))\n"
pathlib.Path(sysconfig.get_path("purelib"), "dg_without_telemetry.pth").write_text(line)
END
