"""What the installed wheel tells Airflow's provider manager: the Chargebee connection type and its form.

Airflow 3.2 and later read the form from here, and do not import the hook for it. Earlier versions ask the hook. A folder in
plugins/ has no entry point, so without the wheel none of this is used.
"""

from __future__ import annotations

from typing import Any

from chargebee_operators._version import __version__

HOOK_NAME = "Chargebee"
CONNECTION_TYPE = "chargebee"
HIDDEN_FIELDS = ["port", "schema"]
RELABELING = {"login": "Site", "password": "API key", "host": "Endpoint"}
PLACEHOLDERS = {"login": "acme-test", "host": "leave empty for Chargebee"}

# Field of the extra -> its JSON type, label, and help.
FORM_FIELDS: dict[str, tuple[str, str, str]] = {
    "business_entity_id": ("string", "Business entity", "For tasks that name none. Leave empty for the whole site."),
    "poll_interval": ("number", "Poll interval", "Least seconds between two looks at an export. Default 10."),
    "max_poll_interval": ("number", "Longest poll interval", "Most seconds between two looks. Default 60."),
    "connect_timeout": ("number", "Connect timeout", "Seconds. Default 10."),
    "read_timeout": ("number", "Read timeout", "Seconds. Default 60."),
    "ca_bundle": ("string", "CA bundle", "Path of a PEM file of trusted CAs, on the workers and the triggerer."),
    "domain": ("string", "Domain", "Default chargebee.com."),
    "window_timezone": ("string", "Site time zone", "Of times without a zone in exports: an IANA name, or UTC."),
    "allowed_download_hosts": ("string", "Download hosts", "Hosts of the zips, with commas. Default: any public host."),
}


def get_provider_info() -> dict[str, Any]:
    """Return the provider's description, as Airflow's ``provider_info.schema.json`` defines it."""
    return {
        "package-name": "airflow-chargebee-exports",
        "name": "Chargebee exports",
        "description": "Copies Chargebee billing data to Amazon S3.",
        "versions": [__version__],
        "connection-types": [
            {
                "connection-type": CONNECTION_TYPE,
                "hook-class-name": "chargebee_operators.hooks.ChargebeeHook",
                "hook-name": HOOK_NAME,
                "ui-field-behaviour": {
                    "hidden-fields": HIDDEN_FIELDS,
                    "relabeling": RELABELING,
                    "placeholders": PLACEHOLDERS,
                },
                "conn-fields": {
                    name: {"label": label, "description": hint, "schema": {"type": [kind, "null"]}}
                    for name, (kind, label, hint) in FORM_FIELDS.items()
                },
            }
        ],
    }
