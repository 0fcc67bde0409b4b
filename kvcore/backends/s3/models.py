"""What botocore reads of services from its own files: once per process, not once per session.

To read it takes five times as long as all else that a client needs. A component of a session may
be replaced: https://github.com/boto/botocore/issues/3078.
"""

from __future__ import annotations

from functools import cache
from typing import Any

from kvcore.backends.s3.objects import Session


def share_models(core: Session) -> None:
    """Have a session of botocore take its models from those that were read already.

    After boto3 has been given the session: it adds a folder of its own to the loader of each, which
    in a shared one would grow in number.
    """
    core.register_component("data_loader", _loader(core.get_config_variable("data_path")))


@cache
def _loader(data_path: str | None) -> Any:  # noqa: ANN401  # of botocore
    """The loader for ``AWS_DATA_PATH``.

    Threads share it: it keeps whole what it has read, and nobody changes that. (It merges what are
    called extras into some models after they were read; only paginators have any.)
    """
    from botocore.loaders import create_loader

    return create_loader(data_path)
