"""For what a bundle is made: an Airflow version on MWAA, an environment, and the bucket of the exports."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

import environment

# The classes of an MWAA environment: https://docs.aws.amazon.com/mwaa/latest/userguide/environment-class.html
CLASSES = ("mw1.micro", "mw1.small", "mw1.medium", "mw1.large", "mw1.xlarge", "mw1.2xlarge")
# https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucketnamingrules.html
_BUCKET = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")
# https://docs.aws.amazon.com/mwaa/latest/API/API_CreateEnvironment.html
_ENVIRONMENT = re.compile(r"[A-Za-z][0-9A-Za-z_-]{0,79}")
_PREFIX = re.compile(r"[A-Za-z0-9!_.'()=/-]*")


class TargetError(Exception):
    """A value of the command line is wrong; the message says which, and what to give."""


@dataclass(frozen=True)
class Target:
    """What the command line says.

    :param airflow_version: one that the project has constraint files for.
    :param bucket: of the MWAA environment itself, with its DAG files.
    :param environment: the name of the MWAA environment.
    :param export_bucket: where the exports go.
    :param prefix: what their keys begin with; the one in dags/chargebee_export.py.
    :param environment_class: the size of the environment.
    :param parquet: whether pyarrow goes into the bundle.
    """

    airflow_version: str
    bucket: str
    environment: str
    export_bucket: str
    prefix: str = "chargebee"
    environment_class: str = "mw1.small"
    parquet: bool = False

    def check(self) -> None:
        """Refuse values that can't be right.

        :raises TargetError: with the value and what to give.
        """
        if self.airflow_version not in environment.airflow_versions():
            known = ", ".join(environment.airflow_versions())
            raise TargetError(f"AIRFLOW_VERSION is {self.airflow_version!r}: give one of {known}.")
        for name, value in (("BUCKET", self.bucket), ("EXPORT_BUCKET", self.export_bucket)):
            if not _BUCKET.fullmatch(value):
                raise TargetError(f"{name} is {value!r}: give the name of a bucket, without s3:// and without a path.")
        if not _ENVIRONMENT.fullmatch(self.environment):
            raise TargetError(f"ENVIRONMENT is {self.environment!r}: give the name of the MWAA environment.")
        if not _PREFIX.fullmatch(self.prefix):
            raise TargetError(
                f"EXPORT_PREFIX is {self.prefix!r}: give what the keys begin with, for example chargebee."
            )
        if self.environment_class not in CLASSES:
            raise TargetError(f"ENVIRONMENT_CLASS is {self.environment_class!r}: give one of {', '.join(CLASSES)}.")

    @property
    def python(self) -> str:
        """The Python that MWAA has, as ``3.12``."""
        return ".".join(map(str, environment.mwaa_python(self.airflow_version)))

    @property
    def constraints(self) -> list[Path]:
        """The two constraint files that MWAA applies."""
        return sorted((environment.ROOT / "constraints" / self.airflow_version).glob("*.txt"))
