"""Airflow's configuration in the tests: in short, one machine, and impatience."""

from __future__ import annotations

import secrets


def airflow_settings(port: int, database: str, broker: str) -> dict[str, str]:
    """Return configuration options as environment variables.

    :param port: of the API or web server.
    :param database: address of the metadata database, without a driver's name.
    :param broker: address of Celery's broker, or empty.
    """
    api, secret = f"http://127.0.0.1:{port}", secrets.token_hex(32)
    settings = {
        "core": {
            "parallelism": 4,
            "execution_api_server_url": f"{api}/execution/",
            "simple_auth_manager_all_admins": True,
        },
        "database": {"sql_alchemy_conn": f"postgresql+psycopg2://{database}"},
        "celery": {
            "broker_url": broker,
            "result_backend": f"db+postgresql://{database}",
            "worker_concurrency": 4,
            # Sending from a pool of processes costs more than the sending itself.
            "sync_parallelism": 1,
        },
        "api": {"secret_key": secret, "base_url": api, "auth_backends": "airflow.api.auth.backend.basic_auth"},
        "api_auth": {"jwt_secret": secret},
        "webserver": {"secret_key": secret},
        # What must hold no secret should be all that there can be.
        "logging": {"logging_level": "DEBUG"},
        # Without it, Airflow 3 may fail a task that is resumed within seconds of its deferral.
        "workers": {"min_heartbeat_interval": 1},
        "scheduler": {
            "scheduler_heartbeat_sec": 1,
            # Each task of Airflow 2 would plan the next ones itself, which on two cores only delays them.
            "schedule_after_task_execution": False,
            # The DAG files do not change.
            "min_file_process_interval": 3600,
            # If two processes of Airflow 2 record the same dataset at once, one fails. Its file then waits for the next look.
            "parsing_processes": 1,
            # A killed task, scheduler or triggerer is noticed within seconds, not minutes.
            "task_instance_heartbeat_timeout": 20,
            "task_instance_heartbeat_timeout_detection_interval": 5,
            "scheduler_zombie_task_threshold": 20,
            "zombie_detection_interval": 5,
            "orphaned_tasks_check_interval": 10,
            "scheduler_health_check_threshold": 15,
        },
        "dag_processor": {"min_file_process_interval": 3600},
        "triggerer": {"job_heartbeat_sec": 2, "triggerer_health_check_threshold": 15},
    }
    return {
        f"AIRFLOW__{section.upper()}__{name.upper()}": str(value)
        for section, options in settings.items()
        for name, value in options.items()
    }
