"""WhatsApp's protobuf messages, without WhatsApp's Go library.

`import neonize` loads a 19 MB shared library and configures logging; only the link's child process
may do that. The message classes themselves are plain Python in `neonize.proto`. This module puts a
bare package named `neonize` in place (with the real one's folders) so that they can be imported
alone. In a process that has already loaded the real neonize, that one is used as it is.
"""
from __future__ import annotations

import importlib.util
import sys
import types


def _bare_neonize() -> None:
    if "neonize" in sys.modules:
        return
    spec = importlib.util.find_spec("neonize")
    if spec is None or not spec.submodule_search_locations:
        raise ImportError(
            "the WhatsApp library is not installed: run `make setup`, or "
            "`pip install -r requirements.lock`, in this virtual environment"
        )
    package = types.ModuleType("neonize")
    package.__path__ = list(spec.submodule_search_locations)
    package.__spec__ = spec
    sys.modules["neonize"] = package


_bare_neonize()

from neonize.proto import Neonize_pb2 as neonize_pb2  # noqa: E402
from neonize.proto.waAdv import WAAdv_pb2 as adv  # noqa: E402
from neonize.proto.waCert import WACert_pb2 as cert  # noqa: E402
from neonize.proto.waCommon import WACommon_pb2 as common  # noqa: E402
from neonize.proto.waE2E import WAWebProtobufsE2E_pb2 as e2e  # noqa: E402
from neonize.proto.waHistorySync import WAWebProtobufsHistorySync_pb2 as history  # noqa: E402
from neonize.proto.waVnameCert import WAWebProtobufsVnameCert_pb2 as vname  # noqa: E402
from neonize.proto.waWa6 import WAWebProtobufsWa6_pb2 as wa6  # noqa: E402
from neonize.proto.waWeb import WAWebProtobufsWeb_pb2 as web  # noqa: E402

__all__ = ["adv", "cert", "common", "e2e", "history", "neonize_pb2", "vname", "wa6", "web"]
