"""The table of routes."""

from __future__ import annotations

import pytest

from xapid.http.routes import Kind, Route, Routes, standard_routes

ROUTES = standard_routes()


@pytest.mark.parametrize(
    "method, path, name",
    [
        ("POST", "/", "post_root"),
        ("POST", "/RPC2", "post_RPC2"),
        ("POST", "/xmlrpc", "post_root"),
        ("POST", "/json", "post_json"),
        ("POST", "/jsonrpc", "post_jsonrpc"),
        ("POST", "/jsonrpc/", "post_jsonrpc"),
        ("POST", "/cli", "post_cli"),
        ("GET", "/", "get_root"),
        ("GET", "/nosuch", "get_root"),
        ("GET", "/import", "get_root"),
        ("GET", "/export", "get_export"),
        ("GET", "/export/", "get_export"),
        ("GET", "/export_raw_vdi", "get_export_raw_vdi"),
        ("GET", "/repository/enabled/x", "get_enabled_repository"),
        ("GET", "/vm_rrds", "get_vm_rrds"),
        ("PUT", "/import_raw_vdi/", "put_import_raw_vdi"),
        ("CONNECT", "/console", "connect_console"),
        ("OPTIONS", "/export", "post_root_options"),
    ],
)
def test_the_longest_prefix_decides(method: str, path: str, name: str) -> None:
    route = ROUTES.find(method, path)

    assert route is not None
    assert route.name == name


@pytest.mark.parametrize(
    "method, path", [("PUT", "/"), ("PUT", "/export"), ("CONNECT", "/"), ("POST", ""), ("GET", "*")]
)
def test_some_paths_have_no_route(method: str, path: str) -> None:
    assert ROUTES.find(method, path) is None


@pytest.mark.parametrize(
    "method, path, kind",
    [("POST", "/x", Kind.RPC), ("POST", "/cli", Kind.STREAM), ("OPTIONS", "/", Kind.CROSS_ORIGIN)],
)
def test_a_route_says_how_its_handler_is_reached(method: str, path: str, kind: Kind) -> None:
    route = ROUTES.find(method, path)

    assert route is not None
    assert route.kind is kind


def test_a_method_without_any_entry_is_not_served() -> None:
    routes = Routes([Route("GET", "/", "get_root")])

    assert routes.serves("GET")
    assert not routes.serves("PUT")
