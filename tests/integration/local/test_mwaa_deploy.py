"""deploy.sh of a bundle: what it changes in an MWAA environment, in which order, and what it leaves alone."""

from __future__ import annotations

import io
import json
import os
import shutil
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import environment
import pytest
from mwaa.settings import IAM
from mwaa.target import Target
from mwaa_bundle import sums

from support.aws_command import AwsCommand, Mwaa, aws_command
from support.mwaa_server import mwaa_server
from support.small_bundle import WHEELS, make_bundle

BUCKET, ROLE, SITE, KEY = "mwaa-bucket", "airflow-role", "acme-test", "test_0123456789abcdefABCDEF"
TARGET = Target("3.3.1", BUCKET, "prod", "billing-exports")


@pytest.fixture(scope="module")
def bundle(tmp_path_factory) -> Path:
    return make_bundle(tmp_path_factory.mktemp("made"), TARGET)


@pytest.fixture
def mwaa(moto_client) -> Mwaa:
    """AWS with an environment that has neither plugins nor requirements nor options."""
    s3 = moto_client("s3")
    s3.create_bucket(Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
    s3.put_bucket_versioning(Bucket=BUCKET, VersioningConfiguration={"Status": "Enabled"})
    moto_client("iam").create_role(RoleName=ROLE, Path="/service-role/", AssumeRolePolicyDocument="{}")
    environment = {
        "Name": "prod",
        "Arn": "arn:aws:airflow:eu-west-1:111122223333:environment/prod",
        "AirflowVersion": "3.3.1",
        "EnvironmentClass": "mw1.small",
        "Status": "AVAILABLE",
        "SourceBucketArn": f"arn:aws:s3:::{BUCKET}",
        "ExecutionRoleArn": f"arn:aws:iam::111122223333:role/service-role/{ROLE}",
        "DagS3Path": "dags",
    }
    return Mwaa(environment)


@pytest.fixture
def aws(moto_client, mwaa) -> Iterator[AwsCommand]:
    # A short path, for a socket is in it.
    with tempfile.TemporaryDirectory() as folder, aws_command(Path(folder), moto_client, mwaa) as command:
        Path(folder, "python3").symlink_to(sys.executable)  # not the shim of pyenv, which takes its time
        yield command


@pytest.fixture
def deploy(aws, bundle) -> Callable[..., str]:
    def run(*options: str, key: str = f"{KEY}\n", fails: bool = False, script: Path = Path("bundle/deploy.sh")) -> str:
        # Relative, as a person calls it, and with a search path of `cd`, which then prints the folder.
        place = {"PATH": f"{aws.folder}:{os.environ['PATH']}", "CDPATH": str(bundle.parent)}
        environment = {**os.environ, **place, "DEPLOY_LOOK_SECONDS": "0"}
        aws.calls.clear()
        done = subprocess.run(
            [script, *options],
            input=key,
            env=environment,
            cwd=bundle.parent,
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )
        assert bool(done.returncode) is fails, done.stdout + done.stderr
        return done.stdout + done.stderr

    return run


def names(aws: AwsCommand) -> list[str]:
    return [each.name for each in aws.calls if "get" not in each.name and "list" not in each.name]


def stored(s3: Any, key: str, version: str | None = None) -> bytes:
    return s3.get_object(Bucket=BUCKET, Key=key, **({"VersionId": version} if version else {}))["Body"].read()


def test_a_new_environment_gets_everything_the_dags_last_and_the_key_is_nowhere_else(aws, deploy, bundle, moto_client):
    output = deploy("--site", SITE)
    assert names(aws) == [
        "iam put-role-policy",
        "ssm put-parameter",
        "s3api put-object",
        "s3api put-object",
        "mwaa update-environment",
        *("s3api put-object" for _ in (bundle / "dags").iterdir()),
    ]
    s3, has = moto_client("s3"), aws.mwaa.environment
    assert has["AirflowConfigurationOptions"] == json.loads((bundle / "airflow-options.json").read_text())
    assert stored(s3, "plugins.zip", has["PluginsS3ObjectVersion"]) == (bundle / "plugins.zip").read_bytes()
    assert (
        stored(s3, "requirements.txt", has["RequirementsS3ObjectVersion"]) == (bundle / "requirements.txt").read_bytes()
    )
    dag = "dags/chargebee_export.py"
    assert stored(s3, dag) == (bundle / dag).read_bytes()
    policy = moto_client("iam").get_role_policy(RoleName=ROLE, PolicyName="chargebee-exports")["PolicyDocument"]
    resources = [each["Resource"] for each in policy["Statement"]]
    assert resources == [
        "arn:aws:s3:::billing-exports/chargebee/*",
        "arn:aws:s3:::billing-exports",
        "arn:aws:ssm:eu-west-1:111122223333:parameter/airflow/connections/chargebee_*",
    ]
    name = json.loads(has["AirflowConfigurationOptions"]["secrets.backend_kwargs"])["connections_prefix"]
    found = moto_client("ssm").get_parameter(Name=f"{name}/chargebee_default", WithDecryption=True)["Parameter"]
    assert found["Type"] == "SecureString"
    assert json.loads(found["Value"]) == {"conn_type": "generic", "login": SITE, "password": KEY}
    assert KEY not in output
    assert not [each for each in aws.calls if KEY in " ".join(each.arguments)]
    assert [each.name for each in aws.calls if KEY in each.input] == ["ssm put-parameter"]


def test_the_real_aws_cli_installs_a_bundle(moto, mwaa, moto_client, bundle, tmp_path):
    copy = shutil.copytree(bundle, tmp_path / "a bundle")
    for each in ("audit", "doctor"):  # each call of the CLI takes half a second
        (copy / "dags" / f"chargebee_{each}.py").unlink()
    (copy / "SHA256SUMS").write_text(sums(copy))
    tools = environment.VENVS / "tools" / "bin"
    with mwaa_server(mwaa) as found:
        values = {**os.environ, **moto, **found, "PATH": f"{tools}:{os.environ['PATH']}", "DEPLOY_LOOK_SECONDS": "0"}
        done = subprocess.run(
            [copy / "deploy.sh", "--site", SITE],
            input=f"{KEY}\n",
            env=values,
            capture_output=True,
            text=True,
            check=False,
        )
    assert done.returncode == 0, done.stdout + done.stderr
    assert mwaa.environment["AirflowConfigurationOptions"] == json.loads((copy / "airflow-options.json").read_text())
    stored_one = moto_client("ssm").get_parameter(Name="/airflow/connections/chargebee_default", WithDecryption=True)
    assert json.loads(stored_one["Parameter"]["Value"]) == {"conn_type": "generic", "login": SITE, "password": KEY}
    s3, dag = moto_client("s3"), "dags/chargebee_export.py"
    assert stored(s3, dag) == (copy / dag).read_bytes()
    assert stored(s3, "plugins.zip", mwaa.environment["PluginsS3ObjectVersion"]) == (copy / "plugins.zip").read_bytes()
    assert KEY not in done.stdout + done.stderr


def test_a_key_that_is_typed_is_not_shown(aws, bundle):
    environment = {**os.environ, "PATH": f"{aws.folder}:{os.environ['PATH']}", "DEPLOY_LOOK_SECONDS": "0"}
    # A terminal of its own, which passes on what is typed once the question is there.
    code = "import os, pty, sys; sys.exit(os.waitstatus_to_exitcode(pty.spawn(sys.argv[1:])))"
    command = [sys.executable, "-c", code, bundle / "deploy.sh", "--site", SITE]
    with subprocess.Popen(
        command, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=0
    ) as process:
        shown = b""
        while b"is not shown" not in shown:
            piece = process.stdout.read(1000)
            assert piece, shown.decode()
            shown += piece
        process.stdin.write(f"{KEY}\n".encode())
        while piece := process.stdout.read(1000):
            shown += piece
        assert process.wait() == 0, shown.decode()
    assert b"Done." in shown
    assert KEY.encode() not in shown


def test_aws_takes_the_policies_and_the_examples_for_the_bucket(aws, moto_client):
    iam, s3 = moto_client("iam"), moto_client("s3")
    words = {
        "PARTITION": "aws",
        "REGION": "eu-west-1",
        "ACCOUNT": "111122223333",
        "EXPORT_BUCKET": BUCKET,
        "PREFIX": "a",
    }
    words["KMS_KEY_ARN"] = "arn:aws:kms:eu-west-1:111122223333:key/1"

    def filled(path: Path) -> str:
        text = path.read_text(encoding="utf-8")
        for word, value in words.items():
            text = text.replace(word, value)
        return text

    for path in [IAM / "execution-role.json", *sorted((IAM / "optional").glob("*.json"))]:
        iam.put_role_policy(RoleName=ROLE, PolicyName="a-try", PolicyDocument=filled(path))
    iam.delete_role_policy(RoleName=ROLE, PolicyName="a-try")
    s3.put_bucket_policy(Bucket=BUCKET, Policy=filled(IAM / "bucket-policy.json"))
    s3.put_bucket_encryption(
        Bucket=BUCKET, ServerSideEncryptionConfiguration=json.loads(filled(IAM / "bucket-encryption.json"))
    )
    s3.put_bucket_lifecycle_configuration(
        Bucket=BUCKET, LifecycleConfiguration=json.loads(filled(IAM / "bucket-lifecycle.json"))
    )


def test_a_second_time_changes_nothing(aws, deploy):
    deploy("--site", SITE)
    output = deploy()
    assert names(aws) == []
    assert "like that already" in output


def test_a_script_that_was_stopped_while_mwaa_updated_copies_the_dag_files_the_next_time(
    aws, deploy, bundle, moto_client
):
    deploy()
    s3 = moto_client("s3")
    keys = sorted(f"dags/{path.name}" for path in (bundle / "dags").iterdir())
    for key in keys:
        s3.delete_object(Bucket=BUCKET, Key=key)
    aws.mwaa.environment["Status"] = "UPDATING"
    assert "then run this again" in deploy(fails=True)
    assert names(aws) == []
    aws.mwaa.environment["Status"] = "AVAILABLE"
    deploy()
    assert names(aws) == ["s3api put-object" for _ in keys]
    assert [stored(s3, key) for key in keys] == [(bundle / key).read_bytes() for key in keys]


def test_a_role_that_may_not_be_changed_is_left_to_its_owner(aws, deploy):
    aws.mwaa.environment["ExecutionRoleArn"] = "arn:aws:iam::111122223333:role/of-another-team"
    output = deploy(fails=True)
    assert "Role of-another-team was not changed" in output and "--keep-role" in output
    assert names(aws) == ["iam put-role-policy"]
    assert "Done." in deploy("--keep-role")
    assert not [each for each in aws.calls if each.name.startswith("iam")]


def test_a_look_changes_nothing(aws, deploy):
    assert "Nothing was changed" in deploy("--site", SITE, "--look")
    assert names(aws) == []


@pytest.fixture
def used(aws, moto_client) -> dict[str, str]:
    """Give the environment plugins, requirements and options of its owner, and the code of ours as a folder."""
    s3, data = moto_client("s3"), io.BytesIO()
    with zipfile.ZipFile(data, "w") as archive:
        for name in ("own_plugin.py", "sub/module.py", "chargebee_plugin.py", "chargebee_operators/hooks.py"):
            archive.writestr(name, name)
        archive.writestr("chargebee-3.20.0-py3-none-any.whl", "old")
    texts = {"p/plugins.zip": data.getvalue(), "r.txt": b"pandas==2.1.4\n\n# ours\nchargebee>=3.29,<4\nisal\n"}
    versions = {key: s3.put_object(Bucket=BUCKET, Key=key, Body=body)["VersionId"] for key, body in texts.items()}
    options = {"core.default_timezone": "utc", "core.test_connection": "Disabled", "smtp.smtp_password": "geheim"}
    aws.mwaa.environment |= {
        "PluginsS3Path": "p/plugins.zip",
        "PluginsS3ObjectVersion": versions["p/plugins.zip"],
        "RequirementsS3Path": "r.txt",
        "RequirementsS3ObjectVersion": versions["r.txt"],
        "AirflowConfigurationOptions": options,
    }
    return options


def test_what_an_environment_has_stays(aws, deploy, used, moto_client):
    output = deploy()
    has, s3 = aws.mwaa.environment, moto_client("s3")
    options = has["AirflowConfigurationOptions"]
    assert used.items() <= options.items()
    assert options["chargebee_export.bucket"] == "billing-exports"
    assert "core.test_connection stays" in output
    assert "geheim" not in output
    with zipfile.ZipFile(io.BytesIO(stored(s3, "p/plugins.zip", has["PluginsS3ObjectVersion"]))) as archive:
        assert archive.namelist() == [*WHEELS, "own_plugin.py", "sub/module.py"]
    assert stored(s3, "r.txt", has["RequirementsS3ObjectVersion"]).decode().splitlines() == [
        "pandas==2.1.4",
        "",
        "# ours",
        "isal",  # of which this small bundle has no wheel
        "# The Chargebee exports",
        *(f"/usr/local/airflow/plugins/{name}" for name in WHEELS),
    ]
    assert "in place of chargebee>=3.29,<4" in output
    deploy()
    assert names(aws) == [], "a second time changes nothing"


def test_plugins_that_the_environment_names_without_a_version_stay(aws, deploy, used, moto_client):
    for name in ("PluginsS3ObjectVersion", "RequirementsS3ObjectVersion"):
        del aws.mwaa.environment[name]
    deploy()
    has, s3 = aws.mwaa.environment, moto_client("s3")
    with zipfile.ZipFile(io.BytesIO(stored(s3, "p/plugins.zip", has["PluginsS3ObjectVersion"]))) as archive:
        assert "own_plugin.py" in archive.namelist()
    assert b"pandas==2.1.4" in stored(s3, "r.txt", has["RequirementsS3ObjectVersion"])


def test_a_failed_update_is_reported_and_no_dag_is_copied(aws, deploy):
    aws.mwaa.error = "the requirements could not be installed"
    output = deploy("--replace-workers", "GRACEFUL", fails=True)
    assert "the requirements could not be installed" in output
    assert names(aws)[-1] == "mwaa update-environment"
    (update,) = [each for each in aws.calls if each.name == "mwaa update-environment"]
    assert update.parameters["WorkerReplacementStrategy"] == "GRACEFUL"


def test_a_dag_file_that_was_changed_stays_until_its_owner_says_otherwise(aws, deploy, bundle, moto_client):
    s3, key = moto_client("s3"), "dags/chargebee_export.py"
    s3.put_object(Bucket=BUCKET, Key=key, Body=b"# with settings of its owner")
    assert "is different, and stays" in deploy()
    assert stored(s3, key) == b"# with settings of its owner"
    deploy("--replace-dags")
    assert stored(s3, key) == (bundle / key).read_bytes()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"AirflowVersion": "2.11.2"}, "has Airflow 2.11.2, and the bundle is for 3.3.1"),
        ({"SourceBucketArn": "arn:aws:s3:::another"}, "reads arn:aws:s3:::another"),
        ({"EnvironmentClass": "mw1.large"}, "make one with ENVIRONMENT_CLASS=mw1.large"),
        ({"Status": "UPDATING"}, "is UPDATING: wait"),
        ({"AirflowConfigurationOptions": {"chargebee_export.bucket": "other"}}, "chargebee_export.bucket 'other'"),
        (
            {"AirflowConfigurationOptions": {"secrets.backend_kwargs": '{"connections_lookup_pattern": "^x"}'}},
            "leaves out chargebee_default",
        ),
    ],
)
def test_an_environment_that_does_not_fit_is_refused_before_anything_is_changed(aws, deploy, change, message):
    aws.mwaa.environment |= change
    assert message in deploy("--site", SITE, fails=True)
    assert names(aws) == []


def test_a_bucket_without_versions_is_refused_before_anything_in_it_is_replaced(aws, deploy, moto_client):
    moto_client("s3").put_bucket_versioning(Bucket=BUCKET, VersioningConfiguration={"Status": "Suspended"})
    assert "switch versioning on" in deploy(fails=True)
    assert names(aws) == []


@pytest.mark.parametrize("site", ["acme-test.chargebee.com", "https://acme-test", "-x", "a b"])
def test_what_is_no_site_is_refused_before_anything_is_changed(aws, deploy, site):
    assert "give the site's name only" in deploy("--site", site, fails=True)
    assert aws.calls == []


def test_what_is_no_key_is_refused_and_nothing_is_stored(aws, deploy, moto_client):
    assert "not an API key" in deploy("--site", SITE, key="two words\n", fails=True)
    assert "mwaa update-environment" not in names(aws)
    assert not moto_client("ssm").describe_parameters()["Parameters"]


def test_a_bundle_that_was_changed_is_refused(aws, deploy, bundle, tmp_path):
    copy = tmp_path / "bundle"
    subprocess.run(["cp", "-r", bundle, copy], check=True)
    (copy / "dags" / "chargebee_export.py").write_text("# settings of its owner")
    assert "dags/chargebee_export.py is missing or was changed" in deploy(fails=True, script=copy / "deploy.sh")
    assert aws.calls == []
    (copy / "SHA256SUMS").write_text(sums(copy))
    deploy("--look", script=copy / "deploy.sh")
