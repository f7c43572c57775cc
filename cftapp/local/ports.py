"""The ports of a stack: which they are, whether they are free, and whether the web process answers on its own."""

import contextlib
import json
import socket
import urllib.error
import urllib.request
from collections.abc import Mapping

from cftapp.local.embedded import Unusable


def port_of(environment: Mapping[str, str], variable: str, usual: int) -> int:
    """The port that a variable names, or the usual one."""
    text = environment.get(variable) or str(usual)
    if text.isascii() and text.isdigit() and 0 < int(text[:6]) < 2**16:
        return int(text)
    raise Unusable(f"{variable} is {text!r}: set it to a port from 1 to 65535, such as `{variable}=8000 make up`.")


def require_port(port: int, variable: str) -> None:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError as taken:
            raise Unusable(
                f"Port {port} is in use by another program: stop that one, or choose another port, "
                f"such as `{variable}={port + 10} make up`."
            ) from taken


def readiness(port: int) -> tuple[bool, dict[str, str]]:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/readyz", timeout=5) as answer:
            return True, json.load(answer)
    except urllib.error.HTTPError as refused:
        with contextlib.suppress(ValueError):
            return False, json.load(refused)
        return False, {"web": f"status {refused.code}"}
    except (OSError, ValueError):
        return False, {"web": "no answer yet"}
