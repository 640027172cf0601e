"""The hook: Chargebee's API for workers, and for coroutines in the triggerer.

All calls go through the package's own clients. The official SDK is for ``get_conn()`` only: importing it takes 0.7 seconds of
CPU and 20 MB, which each task would pay.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import datetime
from functools import cached_property
from typing import TYPE_CHECKING, Any

from chargebee_operators import provider_info
from chargebee_operators._compat import AirflowNotFoundException, BaseHook
from chargebee_operators.chargebee.api import (
    NO_EXPORT,
    Export,
    create_export_request,
    get_export_request,
    read_export,
)
from chargebee_operators.chargebee.async_client import AsyncExportsClient, client_of
from chargebee_operators.chargebee.client import ChargebeeClient
from chargebee_operators.chargebee.configuration import configuration_request, read_product_catalog
from chargebee_operators.chargebee.connection import SiteSettings, settings_from_connection
from chargebee_operators.chargebee.deletions import deletion_kinds
from chargebee_operators.chargebee.event_lists import EventLists
from chargebee_operators.chargebee.events import Event, EventQuery
from chargebee_operators.chargebee.filters import Fields
from chargebee_operators.chargebee.records import get_record_request, read_record
from chargebee_operators.chargebee.sdk import sdk_client, trust
from chargebee_operators.chargebee.windows import Window
from chargebee_operators.common.exceptions import (
    AccessDeniedError,
    ChargebeeExportError,
    RequestRejectedError,
    SettingsError,
    UnavailableError,
)
from chargebee_operators.common.patience import patiently
from chargebee_operators.common.redaction import quieten

if TYPE_CHECKING:
    from chargebee import Chargebee


class ChargebeeHook(BaseHook):
    """Requests exports of a Chargebee site and looks at them.

    The connection may have any type. Its fields: login = the site's name, password = an API key, host = another
    endpoint in the place of Chargebee's (a simulator or proxy; usually empty), extra = a JSON object with any of
    ``connect_timeout``, ``read_timeout``, ``poll_interval``, ``max_poll_interval`` (all in seconds),
    ``business_entity_id``, ``ca_bundle`` (path of a PEM file), ``domain`` (``chargebee.com``), ``window_timezone`` (an IANA
    name) and ``allowed_download_hosts`` (a list).

    :param chargebee_conn_id: the Airflow connection.
    """

    conn_name_attr = "chargebee_conn_id"
    default_conn_name = "chargebee_default"
    conn_type = provider_info.CONNECTION_TYPE
    hook_name = provider_info.HOOK_NAME

    def __init__(self, chargebee_conn_id: str = default_conn_name) -> None:
        super().__init__()
        self.chargebee_conn_id = chargebee_conn_id
        self._sdk: Chargebee | None = None

    @classmethod
    def get_ui_field_behaviour(cls) -> dict[str, Any]:
        """Return the labels of the connection form, for Airflow 2 and 3.0 with the wheel installed."""
        return {
            "hidden_fields": [*provider_info.HIDDEN_FIELDS, "extra"],
            "relabeling": provider_info.RELABELING,
            "placeholders": provider_info.PLACEHOLDERS,
        }

    @classmethod
    def get_connection_form_widgets(cls) -> dict[str, Any]:
        """Return the form's fields for the extra, for Airflow 2 and 3.0 with the wheel installed."""
        from flask_appbuilder.fieldwidgets import BS3TextFieldWidget
        from wtforms import StringField

        return {
            name: StringField(label, widget=BS3TextFieldWidget(), description=hint)
            for name, (_, label, hint) in provider_info.FORM_FIELDS.items()
        }

    @cached_property
    def settings(self) -> SiteSettings:
        """The site and how to reach it, from the connection; looked up once.

        :raises SettingsError: when the connection does not exist, lacks something or has it wrong.
        """
        try:
            connection = self.get_connection(self.chargebee_conn_id)
        except AirflowNotFoundException:
            raise SettingsError(
                f"Connection {self.chargebee_conn_id!r} does not exist: create it under Admin, Connections, or in the secrets "
                "backend. If it is in AWS, the workers need the right to read it: ssm:GetParameter or "
                "secretsmanager:GetSecretValue, and kms:Decrypt for a key of your own."
            ) from None
        return settings_from_connection(connection)

    @cached_property
    def _client(self) -> ChargebeeClient:
        quieten()
        return ChargebeeClient(self.settings)

    def get_conn(self) -> Chargebee:
        """Return the official SDK's client for the site, for calls that this hook does not have.

        The SDK keeps what it trusts in class attributes, so the client of one connection should not be used after
        ``get_conn()`` of another with a different ``ca_bundle`` in the same process.
        """
        trust(self.settings)
        if self._sdk is None:
            self._sdk = sdk_client(self.settings)
        return self._sdk

    def create_export(
        self, resource: str, fields: Fields, *, idempotency_key: str, business_entity_id: str | None = None
    ) -> Export:
        """Request an export.

        :param resource: for example ``customers``.
        :param fields: checked form fields, from ``filters.export_fields``.
        :param idempotency_key: at most 100 characters; within 30 minutes the same key gets the same job.
        :param business_entity_id: overrides the connection's.
        :raises ThrottledError: when no slot is free, or too many calls were made.
        :raises UnavailableError: when no usable answer came. The export may still exist: try the same key again.
        :raises ChargebeeApiError: when Chargebee refuses.
        """
        request = create_export_request(
            self.settings, resource, fields, idempotency_key=idempotency_key, business_entity_id=business_entity_id
        )
        return read_export(self.settings, self._client.send(request))

    def get_export(self, export_id: str, business_entity_id: str | None = None) -> Export:
        """Look at an export; once completed, each look gives a fresh download URL.

        :param export_id: as ``create_export`` returned it.
        :param business_entity_id: overrides the connection's.
        :raises UnavailableError: when no usable answer came.
        :raises ChargebeeApiError: when Chargebee refuses.
        """
        answer = self._client.send(get_export_request(self.settings, export_id, business_entity_id))
        return read_export(self.settings, answer, export_id)

    def chargebee_time(self) -> datetime | None:
        """Return Chargebee's clock, in UTC and whole seconds; None when it can't be known.

        It is the Date header of an answer, whatever the answer says: RFC 9110 (6.6.1) asks servers to send one.
        """
        try:
            return self._client.send(get_export_request(self.settings, NO_EXPORT)).date
        except UnavailableError:
            return None

    def product_catalog(self) -> str | None:
        """Return the version of the site's Product Catalog, ``1.0`` or ``2.0``; None when Chargebee does not say it.

        :raises UnavailableError: when no usable answer came.
        :raises ChargebeeApiError: when Chargebee refuses.
        """
        return read_product_catalog(self.settings, self._client.send(configuration_request()))

    def get_record(
        self, resource: str, record_id: str, *, parent_id: str | None = None, business_entity_id: str | None = None
    ) -> Mapping[str, Any] | None:
        """Retrieve one record as Chargebee has it now; None when it does not exist (any more).

        :param resource: a name of ``records.RETRIEVABLE``, for example ``customers``.
        :param record_id: the record's id.
        :param parent_id: the other id that a record of ``records.NEEDS_PARENT`` needs.
        :param business_entity_id: overrides the connection's.
        :raises ThrottledError: when too many calls were made.
        :raises UnavailableError: when no usable answer came.
        :raises ChargebeeApiError: when Chargebee refuses.
        """
        request = get_record_request(
            self.settings, resource, record_id, parent_id=parent_id, business_entity_id=business_entity_id
        )
        return read_record(self.settings, self._client.send(request), resource, record_id)

    def events(
        self,
        window: Window,
        event_types: Sequence[str],
        *,
        business_entity_id: str | None = None,
        patience: float = 15 * 60,
    ) -> Iterator[Event]:
        """Yield the events of some kinds that occurred in a window, oldest first, page by page.

        It waits in the worker where Chargebee is busy or can't answer, as long as it asks for.

        :param window: when they occurred.
        :param event_types: their kinds, such as ``customer_deleted``.
        :param business_entity_id: overrides the connection's.
        :param patience: the most seconds that one page may be waited for.
        :raises WindowCheckError: when an event is not one of these: Chargebee ignored a filter.
        :raises ThrottledError: when Chargebee was busy for longer than that.
        :raises UnavailableError: when no usable answer came for as long.
        :raises ChargebeeApiError: when Chargebee refuses.
        """
        return self._event_lists(patience).events(EventQuery(window, tuple(event_types), business_entity_id))

    def oldest_event(self, *, business_entity_id: str | None = None, patience: float = 15 * 60) -> Event | None:
        """Return the oldest event that Chargebee still has, of any kind; None when it has none.

        What happened before it is in no list of events any more.

        :param business_entity_id: overrides the connection's.
        :param patience: see ``events``.
        :raises ChargebeeApiError: see ``events``.
        """
        return self._event_lists(patience).oldest(business_entity_id)

    def deletion_kinds(self, *, patience: float = 15 * 60) -> tuple[str, ...]:
        """Return the kinds of events of deletions that the site's Product Catalog has.

        If Chargebee does not name the catalog (a restricted key may not ask for it), they are as many as it lists.

        :param patience: see ``events``.
        :raises ChargebeeApiError: see ``events``.
        """
        try:
            catalog = patiently(self.product_catalog, patience, self._log_wait)
        except (AccessDeniedError, RequestRejectedError) as error:
            # No warning: the list is right all the same, at each run.
            self.log.info("The site's Product Catalog is not known, so kinds of events are tried: %s", error)
            catalog = None
        return deletion_kinds(catalog) if catalog else self._event_lists(patience).listed_deletion_kinds()

    def _event_lists(self, patience: float) -> EventLists:
        return EventLists(self.settings, self._client.send, patience, self._log_wait)

    def _log_wait(self, error: Exception, seconds: float) -> None:
        self.log.info("%s Trying again in %.0f s.", error, seconds)

    @asynccontextmanager
    async def async_client(self) -> AsyncIterator[AsyncExportsClient]:
        """Lend the event loop's pooled client for the site, for as long as the block runs."""
        async with client_of(self.chargebee_conn_id) as client:
            yield client

    async def acreate_export(
        self, resource: str, fields: Fields, *, idempotency_key: str, business_entity_id: str | None = None
    ) -> Export:
        """Request an export from a coroutine; see ``create_export``."""
        async with self.async_client() as client:
            return await client.create_export(
                resource, fields, idempotency_key=idempotency_key, business_entity_id=business_entity_id
            )

    async def aget_export(self, export_id: str, business_entity_id: str | None = None) -> Export:
        """Look at an export from a coroutine; see ``get_export``."""
        async with self.async_client() as client:
            return await client.get_export(export_id, business_entity_id)

    def check_access(self) -> None:
        """Make sure that the site accepts the key, by looking at an export that does not exist.

        :raises ChargebeeApiError: when it does not, or can't be reached.
        """
        try:
            self.get_export(NO_EXPORT)
        except RequestRejectedError as error:
            if error.status != 404 or error.code != "resource_not_found":
                raise

    def test_connection(self) -> tuple[bool, str]:
        """Return whether the site accepts the key, and a sentence."""
        try:
            self.check_access()
        except ChargebeeExportError as error:
            return False, str(error)
        except Exception as error:  # the UI's Test button shows the sentence, and needs one in any case
            return False, f"{type(error).__name__}: connection {self.chargebee_conn_id!r} could not be read"
        return True, f"Site {self.settings.site} accepted the key"
