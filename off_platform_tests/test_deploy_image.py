"""What the image leaves out of the locked packages is there to leave out, and nothing needs it."""

import re
import shlex
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest

from off_platform_tests.waiting import PATIENCE_SECONDS

PROJECT = Path(__file__).resolve().parents[1]
INSTALLED = Path(sysconfig.get_paths()["purelib"])
# Imports all that runs and servers do, and prints each file that was opened or mapped on the way.
IMPORT_EVERYTHING = """
import importlib, pkgutil, sys
opened = set()
sys.addaudithook(lambda event, of: event == "open" and opened.add(str(of[0])))
# As in the image: Arrow does without its own client of S3, and would otherwise load it.
sys.modules["pyarrow._s3fs"] = None
import off_platform
for module in pkgutil.walk_packages(off_platform.__path__, "off_platform."):
    if not module.name.endswith("__main__"):
        importlib.import_module(module.name)
for name in ("boto3", "dagster._cli.code_server", "dagster._daemon.cli", "dagster_aws.s3",
             "dagster_postgres", "dagster_webserver.app", "duckdb", "matplotlib.pyplot",
             "pandas", "pyarrow.dataset", "pyarrow.fs", "pyarrow.parquet"):
    importlib.import_module(name)
from off_platform.imports.values.geography.country_names import meant_country
assert meant_country("Niemcy") == "DE"
mapped = {line.split()[-1] for line in open("/proc/self/maps")}
print(*opened | mapped, sep="\\n")
"""


def commands() -> list[list[str]]:
    """What the Dockerfile runs where the packages are installed, word by word."""
    _, _, text = (PROJECT / "deploy" / "Dockerfile").read_text().partition("RUN set -e; \\\n")
    text, _, _ = text.partition("\n\nFROM")
    text = re.sub(r"(?m)^\s*#.*\n", "", text).replace("\\\n", " ")
    return [shlex.split(each) for each in text.split(";")]


def removed(words: list[str]) -> list[Path]:
    """What a command would remove from the packages that are installed here."""
    if words[0] == "rm":
        return [path for glob in words[1:] if glob != "-r" for path in INSTALLED.glob(glob)]
    action = next(place for place, word in enumerate(words) if word in {"-exec", "-delete"})
    found = subprocess.run(  # noqa: S603 - the Dockerfile's own command, without its action
        [*words[:action], "-print"], cwd=INSTALLED, capture_output=True, text=True, check=True,
        timeout=PATIENCE_SECONDS,
    )  # fmt: skip
    return [INSTALLED / line for line in found.stdout.splitlines()]


@pytest.mark.slow
def test_what_the_image_leaves_out_is_installed_and_nothing_opens_it() -> None:
    *removals, strip = commands()
    assert "strip" in strip
    left_out: set[Path] = set()
    for words in removals:
        if words[0] == "rm":
            assert all(list(INSTALLED.glob(glob)) for glob in words[1:] if glob != "-r"), words
        found = removed(words)
        assert found, words
        left_out.update(found)
    done = subprocess.run(  # noqa: S603 - this Python
        [sys.executable, "-B", "-c", IMPORT_EVERYTHING], capture_output=True, text=True,
        timeout=PATIENCE_SECONDS, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    opened = {Path(line) for line in done.stdout.splitlines() if line.startswith(str(INSTALLED))}
    assert len(opened) > 2000
    assert [path for path in opened if left_out & {path, *path.parents}] == []
