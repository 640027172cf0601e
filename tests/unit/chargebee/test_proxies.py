"""Which proxy the environment names."""

from __future__ import annotations

import pytest

from chargebee_operators.chargebee.proxies import environment_proxy


@pytest.mark.parametrize(
    ("environment", "proxy"),
    [
        ({}, None),
        ({"https_proxy": "http://proxy.example:3128"}, "http://proxy.example:3128"),
        ({"http_proxy": "http://proxy.example:3128"}, None),
        ({"https_proxy": "http://proxy.example:3128", "no_proxy": ".chargebee.com"}, None),
        ({"https_proxy": "http://proxy.example:3128", "no_proxy": "other.com"}, "http://proxy.example:3128"),
        ({"ALL_PROXY": "http://proxy.example:3128"}, "http://proxy.example:3128"),
        (
            {"all_proxy": "http://other.example:1", "https_proxy": "http://proxy.example:3128"},
            "http://proxy.example:3128",
        ),
        ({"ALL_PROXY": "http://proxy.example:3128", "no_proxy": "chargebee.com"}, None),
    ],
)
def test_the_proxy_comes_from_the_environment(monkeypatch, environment, proxy):
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert environment_proxy("https://acme-test.chargebee.com/api/v2") == proxy
