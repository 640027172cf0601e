"""Buttons in the Airflow UI. A link that can't be made is empty; it never raises, for the UI would break."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from chargebee_operators._compat import BaseOperatorLink, xcom_of
from chargebee_operators.chargebee.connection import DOMAIN

if TYPE_CHECKING:
    from chargebee_operators._compat import BaseOperator

log = logging.getLogger(__name__)

# The XCom of a task that waits: the site, before the task returns anything.
SITE = "chargebee_site"


class _ResultLink(BaseOperatorLink):
    """A link made from what the task returned, or from what it left before it began to wait."""

    early_key = ""

    def get_link(self, operator: BaseOperator, *, ti_key: Any) -> str:
        """Return the address, or an empty text when the task has left nothing for it yet."""
        try:
            result = xcom_of(ti_key)
            if result is None and self.early_key:
                result = xcom_of(ti_key, self.early_key)
            return self.address(result) if isinstance(result, Mapping) else ""
        except Exception as error:
            log.debug("No link for %s: %s", ti_key, type(error).__name__)
            return ""

    def address(self, result: Mapping[str, Any]) -> str:
        """Return the address for a task's result."""
        raise NotImplementedError


class ChargebeeSiteLink(_ResultLink):
    """Opens the Chargebee site that was exported."""

    name = "Chargebee"
    early_key = SITE

    def address(self, result: Mapping[str, Any]) -> str:
        """Return the site's address; empty where the site has none, as in a simulator."""
        domain = quote(result.get("domain", DOMAIN), safe=":")
        return f"https://{quote(result['site'], safe='')}.{domain}/" if domain else ""


class S3PartitionLink(_ResultLink):
    """Opens the partition in the S3 console."""

    name = "S3 partition"

    def address(self, result: Mapping[str, Any]) -> str:
        """Return the console's address of the partition; empty where S3 is not that of AWS."""
        return str(result["console_url"])
