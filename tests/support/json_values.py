"""Any JSON value, with the names that Chargebee's answers use."""

from __future__ import annotations

from hypothesis import strategies as st

NAMES = ("id", "status", "created_at", "object", "export", "download", "download_url", "valid_till", "message", "param")
OTHER_NAMES = ("api_error_code", "list", "next_offset", "event", "customer", "occurred_at", "event_type")

json_values = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.integers(10**9, 10**10) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.sampled_from(NAMES + OTHER_NAMES), inner),
    max_leaves=8,
)
