"""What a run's configuration may have, and what is refused because it would have no effect."""

from __future__ import annotations

import pytest

from chargebee_operators.common.exceptions import SettingsError
from chargebee_operators.common.run_configuration import check_configuration

KNOWN = ["resources", "window_start", "window_end", "snapshot", "prefix"]


@pytest.mark.parametrize("configuration", [None, {}, {"resources": ["customers"], "window_end": None}])
def test_a_configuration_of_known_names_is_taken(configuration):
    check_configuration(configuration, KNOWN)


@pytest.mark.parametrize(
    ("configuration", "message"),
    [
        (
            {"resource": ["customers"]},
            r"has 'resource', which the DAG does not know \(did you mean 'resources'\?\): use resources,",
        ),
        ({"window_from": "2026-11-01"}, r"'window_from'.*\(did you mean 'window_\w+'\?\)"),
        (
            {"resources": ["items"], "Snapshot": True, "x": 1},
            r"has 'Snapshot' and 'x', which.*\(did you mean 'snapshot'\?\)",
        ),
    ],
)
def test_an_unknown_name_in_the_configuration_is_refused(configuration, message):
    with pytest.raises(SettingsError, match=message):
        check_configuration(configuration, KNOWN)


def test_a_configuration_that_airflow_ignores_is_refused():
    check_configuration({}, KNOWN, is_heeded=False)
    with pytest.raises(
        SettingsError, match="sets resources, but Airflow ignores it.*core.dag_run_conf_overrides_params is Fa"
    ):
        check_configuration({"resources": ["items"]}, KNOWN, is_heeded=False)


def test_a_dag_without_parameters_takes_no_configuration():
    check_configuration({}, [])
    with pytest.raises(
        SettingsError, match="has 'resources', which the DAG does not know: it has no parameters, so trigger it without"
    ):
        check_configuration({"resources": ["items"]}, [])
