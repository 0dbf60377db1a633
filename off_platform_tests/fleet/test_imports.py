"""Several imports in one run, validated by Ray's workers: the same tables, checks and reports."""

from pathlib import Path

import dagster as dg
import pytest

from off_platform.imports import importing
from off_platform_tests.imports.test_batch import Desk, desk_in

pytestmark = pytest.mark.cluster


def imported(root: Path, instance: dg.DagsterInstance, **settings: object) -> Desk:
    """All files of a desk, imported in one run."""
    root.mkdir()
    desk = desk_in(root, instance)
    desk.settings = desk.settings.model_copy(update=settings)
    assert desk.together(desk.files).success
    return desk


def refuse(*_: object, **__: object) -> None:
    raise AssertionError("it was validated in this process")


@pytest.mark.usefixtures("fleet")
def test_imports_of_workers_are_those_of_one_process(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with dg.DagsterInstance.ephemeral(tempdir=str(tmp_path)) as instance:
        here = imported(tmp_path / "here", instance)
    with dg.DagsterInstance.ephemeral(tempdir=str(tmp_path)) as instance:
        # Workers load the module anew.
        monkeypatch.setattr(importing, "validate_import", refuse)
        there = imported(tmp_path / "there", instance, fleet="ray", fleet_places=2)
        assert there.made("import_report") == dict.fromkeys(there.keys.values(), 1)
        for key in there.keys.values():
            assert there.checks(key)
    assert there.rows() == here.rows()
