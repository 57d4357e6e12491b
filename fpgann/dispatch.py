# SPDX-License-Identifier: Apache-2.0
"""Stage tables: for each level of the compiler, which function handles which operator class."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable, Iterator
from typing import Generic, TypeVar

Handler = TypeVar("Handler", bound=Callable[..., object])


class StageTable(Generic[Handler]):
    """Maps operator classes (or operator names of a file format) to the functions of one stage.

    Args:
        stage: what the stage does, for messages.
    """

    def __init__(self, stage: str) -> None:
        self.stage = stage
        self._handlers: dict[object, Handler] = {}

    def register(self, *keys: object) -> Callable[[Handler], Handler]:
        """Decorator: handle these keys with the decorated function."""

        def add(handler: Handler) -> Handler:
            for key in keys:
                if key in self._handlers:
                    raise ValueError(f"{self.stage} handles {key} twice")
                self._handlers[key] = handler
            return handler

        return add

    def get(self, key: object) -> Handler | None:
        """The handler of a key, if there is one."""
        return self._handlers.get(key)

    def __getitem__(self, key: object) -> Handler:
        """The handler of a key."""
        return self._handlers[key]

    def __contains__(self, key: object) -> bool:
        """Whether a key is handled."""
        return key in self._handlers

    def __iter__(self) -> Iterator[object]:
        """All keys, in order of registration."""
        return iter(self._handlers)


def import_submodules(package: str) -> None:
    """Import every module of a package, so that its handlers register themselves."""
    module = importlib.import_module(package)
    for info in sorted(pkgutil.iter_modules(module.__path__), key=lambda i: i.name):
        importlib.import_module(f"{package}.{info.name}")
