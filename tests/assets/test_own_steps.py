"""A team's own steps: files beside the settings, and what they report reaches Dagster as it is."""

import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from textwrap import dedent
from typing import Any

import dagster as dg
import pytest
import yaml  # type: ignore[import-untyped]

from photosearch_assets.definitions import load
from photosearch_assets.errors import AssetsError
from photosearch_assets.own_steps import own_steps
from photosearch_assets.runners.foreign_results import NOT_REPORTED
from tests.assets.conftest import Shop, defs_of, hours

FIRST, SECOND = (hour.start_text for hour in hours(0, 2))
OWN = {"name": "sizes", "granularity": "hourly", "after": ["images"], "command": ["python", "s.py"]}
Run = Callable[..., dg.ExecuteInProcessResult]


@pytest.fixture
def run(shop: Shop, instance: dg.DagsterInstance) -> Run:
    """Runs a step over the first two hours: what its process does, and its fields."""

    def ran(does: str, **fields: object) -> dg.ExecuteInProcessResult:
        (shop.root / "s.py").write_text(
            "import sys\nfrom dagster_pipes import PipesMetadataValue, open_dagster_pipes\n"
            f"with open_dagster_pipes() as pipes:\n{_indented(does)}"
        )
        job = defs_of([OWN | {"after": []} | fields]).resolve_implicit_global_asset_job_def()
        return job.execute_in_process(
            instance=instance,
            asset_selection=[dg.AssetKey("sizes")],
            tags={
                "dagster/asset_partition_range_start": FIRST,
                "dagster/asset_partition_range_end": SECOND,
            },
            raise_on_error=False,
        )

    return ran


def _indented(text: str) -> str:
    return "".join(f"    {line}\n" for line in dedent(text).strip().splitlines())


def evaluations(ended: dg.ExecuteInProcessResult) -> Sequence[dg.AssetCheckEvaluation]:
    return ended.get_asset_check_evaluations()


def test_metadata_keep_their_names_and_types_and_none_is_invented(run: Run) -> None:
    ended = run(
        """
        pipes.report_asset_materialization(
            metadata={
                "pictures": 7,
                "share": 0.5,
                "page": {"raw_value": "https://shop.example/", "type": "url"},
                "table": {"raw_value": "| a |", "type": "md"},
                "nested": {"raw_value": {"a": [1]}, "type": "json"},
            },
            data_version="seven",
        )
        """
    )

    assert ended.success
    for made in ended.asset_materializations_for_node("sizes"):
        assert made.metadata == {
            "pictures": dg.MetadataValue.int(7),
            "share": dg.MetadataValue.float(0.5),
            "page": dg.MetadataValue.url("https://shop.example/"),
            "table": dg.MetadataValue.md("| a |"),
            "nested": dg.MetadataValue.json({"a": [1]}),
        }
        assert made.tags is not None
        assert made.tags["dagster/data_version"] == "seven"


def test_a_failed_check_is_recorded_as_it_was_reported(run: Run) -> None:
    ended = run(
        """
        pipes.report_asset_materialization()
        pipes.report_asset_check(
            "not_empty", passed=False, severity="WARN", metadata={"empty": 3}
        )
        pipes.report_asset_check("readable", passed=True)
        """,
        checks=["not_empty", "readable"],
    )

    assert ended.success  # a check warns, unless it is a blocking one
    told = {(one.check_name, one.partition): one for one in evaluations(ended)}
    assert len(told) == 4
    failed = told["not_empty", FIRST]
    assert (failed.passed, failed.severity) == (False, dg.AssetCheckSeverity.WARN)
    assert failed.metadata == {"empty": dg.MetadataValue.int(3)}
    assert told["readable", SECOND].passed
    assert told["readable", SECOND].severity is dg.AssetCheckSeverity.ERROR


def test_a_check_that_is_declared_and_not_reported_has_failed(run: Run) -> None:
    ended = run("pipes.report_asset_materialization()", checks=["not_empty"])

    told = evaluations(ended)
    assert [(one.passed, one.description) for one in told] == [(False, NOT_REPORTED)] * 2


def test_a_check_that_is_not_declared_fails_the_run_by_its_name(run: Run) -> None:
    ended = run(
        """
        pipes.report_asset_materialization()
        pipes.report_asset_check("surprise", passed=False)
        """
    )

    assert not ended.success
    [failure] = ended.get_step_failure_events()
    assert "a check that it does not declare: found surprise" in str(
        failure.step_failure_data.error
    )


def test_the_check_of_a_process_that_then_fails_is_recorded(run: Run) -> None:
    ended = run(
        """
        pipes.report_asset_check("not_empty", passed=False, metadata={"empty": 3})
        sys.exit(3)
        """,
        checks=["not_empty"],
    )

    assert not ended.success
    assert ended.asset_materializations_for_node("sizes") == []
    assert {one.metadata["empty"].value for one in evaluations(ended)} == {3}


def test_the_windows_of_a_run_may_report_each_on_its_own(run: Run) -> None:
    ended = run(
        """
        for number, window in enumerate(pipes.get_extra("windows")):
            pipes.report_custom_message({"step": "sizes", "window": window, "rows": number})
        """
    )

    made = ended.asset_materializations_for_node("sizes")
    assert [dict(one.metadata) for one in made] == [
        {"rows": dg.MetadataValue.int(0)},
        {"rows": dg.MetadataValue.int(1)},
    ]


TOLD = """
for window in pipes.get_extra("windows"):
    pipes.report_custom_message({"step": "sizes", "window": window, "rows": 1})
"""


def test_checks_and_metadata_reach_dagster_beside_windows_that_are_told_one_by_one(
    run: Run,
) -> None:
    ended = run(
        TOLD
        + """
pipes.report_asset_check("not_empty", passed=False, metadata={"empty": 3})
pipes.report_asset_materialization(metadata={"pictures": 7}, data_version="seven")
""",
        checks=["not_empty"],
    )

    assert ended.success
    told = evaluations(ended)
    assert {one.partition for one in told} == {FIRST, SECOND}
    assert all(one.metadata == {"empty": dg.MetadataValue.int(3)} for one in told)
    assert not any(one.passed for one in told)
    for made in ended.asset_materializations_for_node("sizes"):
        assert made.metadata == {
            "rows": dg.MetadataValue.int(1),
            "pictures": dg.MetadataValue.int(7),
        }
        assert made.tags is not None
        assert made.tags["dagster/data_version"] == "seven"


@pytest.mark.parametrize(
    ("does", "told"),
    [
        (
            f'{TOLD}pipes.report_asset_check("surprise", passed=False)',
            "a check that it does not declare: found surprise",
        ),
        (
            TOLD.replace('"rows": 1', '"checks": [{"name": "odd", "passed": False, "found": "3"}]'),
            "a check that it does not declare: found odd",
        ),
        (TOLD.replace('"rows": 1', '"metadata": {"pictures": 7}'), "no such fields): found meta"),
        (TOLD.replace('"sizes"', '"images"'), "of another step): found 'images'"),
    ],
)
def test_what_is_told_of_windows_and_would_be_dropped_fails_the_run(
    run: Run, does: str, told: str
) -> None:
    ended = run(does)

    assert not ended.success
    [failure] = ended.get_step_failure_events()
    assert told in str(failure.step_failure_data.error)


@pytest.mark.parametrize("program", ["no-such-program", "./s.py"])
def test_a_command_that_cannot_be_started_is_named(run: Run, program: str) -> None:
    ended = run("pass", command=[program])

    assert not ended.success
    [failure] = ended.get_step_failure_events()
    assert "the step sizes can't be started: found" in str(failure.step_failure_data.error)
    assert program in str(failure.step_failure_data.error)


def test_a_file_beside_the_settings_adds_steps_to_the_graph(shop: Shop) -> None:
    fields = {
        "description": "How large the photos are.",
        "owners": ["team:search", "ann@shop.example"],
        "tags": {"cost": "low"},
        "kinds": ["pillow"],
        "group": "quality",
        "pool": "disk",
        "freshness": {"fail_hours": 3, "warn_hours": 2},
        "retry": {"max": 2, "delay_s": 5, "backoff": "exponential"},
        "windows_a_run": 24,
        "checks": ["not_empty"],
        "blocking": ["not_empty"],
    }
    write(shop, {"steps": [OWN | fields]})

    defs = load()
    dg.Definitions.validate_loadable(defs)

    [spec] = [one for one in defs.resolve_all_asset_specs() if one.key == dg.AssetKey("sizes")]
    assert [*spec.owners] == fields["owners"]
    assert spec.tags["cost"] == "low"
    assert spec.kinds == {"pillow"}
    assert spec.group_name == "quality"
    assert isinstance(spec.freshness_policy, dg.FreshnessPolicy)
    assert [dep.asset_key for dep in spec.deps] == [dg.AssetKey("images")]
    [made] = [one for one in defs.assets or () if spec.key in _keys(one)]
    assert isinstance(made, dg.AssetsDefinition)
    assert made.op.pool == "disk"
    assert made.op.retry_policy == dg.RetryPolicy(2, 5.0, dg.Backoff.EXPONENTIAL)
    assert made.backfill_policy == dg.BackfillPolicy.multi_run(24)
    [check] = made.check_specs
    assert check.blocking


def _keys(asset: Any) -> set[dg.AssetKey]:
    return {*asset.keys} if isinstance(asset, dg.AssetsDefinition) else set()


def test_a_folder_of_files_adds_them_all_and_no_file_adds_none(shop: Shop) -> None:
    assert own_steps(shop.settings) == []

    (shop.root / "team").mkdir()
    for name in ("b", "a"):
        text = yaml.safe_dump({"steps": [OWN | {"name": name}]})
        (shop.root / "team" / f"{name}.yaml").write_text(text)
    shop.configure(own_steps="team")

    assert [step.name for step in own_steps(shop.settings)] == ["a", "b"]


@pytest.mark.parametrize("text", ["", "# later", "steps:", "steps: []"])
def test_a_file_without_a_step_adds_none(shop: Shop, text: str) -> None:
    (shop.root / "steps.yaml").write_text(text)

    assert own_steps(shop.settings) == []


def test_a_step_that_is_built_by_hand_alone_has_no_condition(shop: Shop) -> None:
    write(shop, {"steps": [OWN, OWN | {"name": "rare", "automation": False}]})

    conditions = {
        spec.key.to_user_string(): spec.automation_condition
        for spec in load().resolve_all_asset_specs()
    }

    assert conditions["sizes"] is not None
    assert conditions["rare"] is None


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("steps: [", "line 1"),
        ("- name: a", "not one list under 'steps'"),
        ("stages: []", "stages"),
        ("steps: 3", "steps: 3, not a list"),
        ("steps: [3]", "step no. 1: 3, not fields and values"),
        ("steps: [{name: B, granularity: hourly, command: [x]}]", "step 'B', name: String"),
        ("steps: [{granularity: hourly, command: [x]}]", "step no. 1, name: Field required"),
        ("steps: [{name: a, granularity: weekly, command: [x]}]", "'a', granularity: Input"),
        ("steps: [{name: a, granularity: hourly, command: []}]", "'a', command: List"),
        ("steps: [{name: a, granularity: hourly, command: x}]", "'a', command: Input"),
        ("steps: [{name: a, granularity: hourly, command: [x], colour: 1}]", "'a', colour: Extra"),
        ("steps: [{name: a, granularity: hourly, command: [x], owners: [b]}]", "'a'"),
        ("steps: [{name: a, granularity: hourly, command: [x], blocking: [b]}]", "blocking check"),
        ("steps: [{name: a, granularity: hourly, command: [x], group: a b}]", "a b"),
        ("steps: [{name: a, granularity: hourly, command: [x], retry: {max: 0}}]", "retry"),
        ("steps: [{name: a, granularity: hourly, command: [x], freshness: 3}]", "freshness"),
        ("steps: [{name: a, granularity: hourly, command: [x], kinds: [a, b, c, d]}]", "kinds"),
        ("steps:\n- \x00", ""),
        ("steps: []\nsteps: [{name: a, granularity: hourly, command: [x]}]", "'steps' given 2"),
        ("steps: [{name: a, name: b, granularity: hourly, command: [x]}]", "'name' given 2"),
        ("steps: [{name: class, granularity: hourly, command: [x]}]", "'class'"),
        ("steps: [{name: a, granularity: hourly, command: [x], checks: [b, b]}]", "Duplicate"),
        ("steps: [{name: a, granularity: hourly, command: [x], checks: [b c]}]", "b c"),
        ("steps: [{name: a, granularity: hourly, command: [x], pool: b c}]", "b c"),
        (
            "steps: [{name: a, granularity: none, command: [x], "
            "freshness: {warn_hours: 2, fail_hours: 1}}]",
            "warn_window",
        ),
    ],
)
def test_a_file_that_holds_no_steps_is_named_with_the_fault(
    shop: Shop, text: str, found: str
) -> None:
    (shop.root / "steps.yaml").write_text(text)

    with pytest.raises(AssetsError, match=r"steps\.yaml holds something else") as refused:
        own_steps(shop.settings)

    assert found in (refused.value.found or "")
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ({"name": "images"}, "a step's name is given once: found images"),
        ({"after": ["nothing"]}, "comes after a step that is not there: found nothing"),
        ({"after": ["sizes"]}, "after each other in a circle: found sizes, after sizes"),
    ],
)
def test_materialize_tells_in_one_line_what_is_wrong_with_the_steps(
    shop: Shop,
    changed: Mapping[str, object],
    told: str,
) -> None:
    write(shop, {"steps": [OWN | dict(changed)]})
    said = subprocess.run(
        [sys.executable, "-P", "-m", "photosearch", "materialize"],
        cwd=shop.root,
        capture_output=True,
        text=True,
    )

    assert said.returncode == 1
    assert told in said.stderr
    assert "Traceback" not in said.stderr


def write(shop: Shop, document: object) -> None:
    (shop.root / "steps.yaml").write_text(yaml.safe_dump(document))
