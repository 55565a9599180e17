"""From a host name to addresses, without blocking the loop or the end of the program."""

from __future__ import annotations

import ipaddress
import socket

from stui_supervisor.adapters.worker import in_thread
from stui_supervisor.endpoint import Endpoint

Address = tuple[socket.AddressFamily, str]
_IPV6 = 6


async def resolve(endpoint: Endpoint) -> list[Address]:
    """Every address of the endpoint's host, in the system's order. Raises OSError as getaddrinfo does."""
    try:
        version = ipaddress.ip_address(endpoint.host).version
    except ValueError:
        return await in_thread("stui-resolve", lambda: _look_up(endpoint.host, endpoint.port))
    return [(socket.AF_INET6 if version == _IPV6 else socket.AF_INET, endpoint.host)]


def _look_up(host: str, port: int) -> list[Address]:
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except UnicodeError as error:
        raise socket.gaierror(socket.EAI_NONAME, str(error)) from error
    return list(dict.fromkeys((family, str(where[0])) for family, _, _, _, where in found))
