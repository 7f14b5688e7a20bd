"""The DAG in YAML: what it becomes, and that a team adds its own step to it."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
import yaml  # type: ignore[import-untyped]

import photosearch_assets
from photosearch_assets.definitions import load
from photosearch_assets.errors import AssetsError
from tests.assets.conftest import Shop, defs_of, hours

DEFS = Path(photosearch_assets.__file__).parent / "defs" / "photosearch" / "defs.yaml"

THUMBNAILS = """
from dagster_pipes import open_dagster_pipes
with open_dagster_pipes() as pipes:
    windows = pipes.get_extra("windows")
    pipes.report_asset_materialization(
        metadata={"windows": len(windows), "first": windows[0]}, data_version="seven"
    )
"""


def test_each_step_is_an_asset_with_its_own_partitions(shop: Shop) -> None:
    defs = load()

    found = {spec.key.to_user_string(): spec for spec in defs.resolve_all_asset_specs()}

    outline = {
        name: (
            sorted(dep.asset_key.to_user_string() for dep in spec.deps),
            getattr(spec.partitions_def, "fmt", None),
        )
        for name, spec in found.items()
    }
    assert outline == {
        "embedder": ([], None),
        "images": ([], "%Y-%m-%dT%H"),
        "embeddings": (["embedder", "images"], "%Y-%m-%dT%H"),
        "quantiser": (["embeddings"], None),
        "hourly_index": (["embeddings", "quantiser"], "%Y-%m-%dT%H"),
        "daily_index": (["hourly_index"], "%Y-%m-%d"),
        "monthly_index": (["daily_index"], "%Y-%m"),
        "serving_image": (["daily_index", "hourly_index", "monthly_index", "quantiser"], None),
        "index_service": (["serving_image"], None),
    }
    assert all(spec.code_version for spec in found.values())


def test_a_code_server_can_load_all_of_it(shop: Shop) -> None:
    dg.Definitions.validate_loadable(load())


def test_a_window_is_a_partition_under_its_own_key(shop: Shop) -> None:
    specs = {s.key.to_user_string(): s for s in load().resolve_all_asset_specs()}

    partitions = specs["images"].partitions_def

    assert isinstance(partitions, dg.TimeWindowPartitionsDefinition)
    assert partitions.get_first_partition_key() == hours(0, 1)[0].start_text


def test_loading_reads_the_settings_and_opens_no_store(shop: Shop) -> None:
    script = (
        "import sys, photosearch_assets.definitions\n"
        "heavy = {'torch', 'scann', 'kubernetes', 'onnxruntime', 'tensorflow', 'dagster_k8s'}\n"
        "print(sorted(heavy & set(sys.modules)))\n"
    )
    environment = {**os.environ, "PHOTOSEARCH_DATABASE_URL": "postgresql://nobody@127.0.0.1:1/none"}

    out = subprocess.run(
        [sys.executable, "-c", script], env=environment, capture_output=True, text=True, check=True
    )

    assert out.stdout.strip() == "[]"
    assert list(shop.settings.state.iterdir()) == []


def test_a_team_adds_a_step_of_its_own(shop: Shop, instance: dg.DagsterInstance) -> None:
    script = shop.root / "thumbnails.py"
    script.write_text(THUMBNAILS)
    steps = _steps()
    steps.append(
        {
            "name": "thumbnails",
            "granularity": "hourly",
            "after": ["images"],
            "image": "registry.example/team/thumbnails:1",
            "command": ["python", str(script)],
            "resources": {"cpu": "500m"},
        }
    )
    defs = defs_of(steps)
    shop.list_hours(2)

    ended = defs.resolve_implicit_global_asset_job_def().execute_in_process(
        instance=instance,
        asset_selection=[dg.AssetKey("thumbnails")],
        tags={
            "dagster/asset_partition_range_start": hours(0, 1)[0].start_text,
            "dagster/asset_partition_range_end": hours(1, 1)[0].start_text,
        },
    )

    assert ended.success
    made = ended.asset_materializations_for_node("thumbnails")
    assert [event.partition for event in made] == [hour.start_text for hour in hours(0, 2)]
    assert {name: entry.value for name, entry in made[0].metadata.items()} == {
        "windows": 2,
        "first": "hourly/2026-01-01T00",
    }


def test_a_step_that_reports_nothing_has_failed(shop: Shop, instance: dg.DagsterInstance) -> None:
    steps = [
        {"name": "idle", "granularity": "hourly", "command": ["python", "-c", "pass"], "after": []}
    ]

    ended = (
        defs_of(steps)
        .resolve_implicit_global_asset_job_def()
        .execute_in_process(
            instance=instance, partition_key=hours(0, 1)[0].start_text, raise_on_error=False
        )
    )

    assert not ended.success
    [failure] = ended.get_step_failure_events()
    assert "ended without reporting a materialization" in str(failure.step_failure_data.error)


def test_a_step_after_one_that_is_not_there_is_refused(shop: Shop) -> None:
    late = {"name": "late", "granularity": "daily", "after": ["nothing"], "command": ["x"]}
    steps = [*_steps(), late]

    with pytest.raises(Exception, match="comes after a step that is not there") as refused:
        defs_of(steps)

    causes = [refused.value]
    while causes[-1].__cause__ or causes[-1].__context__:
        causes.append(causes[-1].__cause__ or causes[-1].__context__)  # type: ignore[arg-type]
    assert any(isinstance(cause, AssetsError) for cause in causes)


def _steps() -> list[dict[str, Any]]:
    document = yaml.safe_load(DEFS.read_text())
    assert document["type"] == "photosearch_assets.component.PhotosearchDag"
    steps: list[dict[str, Any]] = document["attributes"]["steps"]
    return steps
