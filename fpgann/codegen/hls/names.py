# SPDX-License-Identifier: Apache-2.0
"""Names of C++: on top of what HDL names must obey, no keyword and nothing that generated files mean by a name."""

from __future__ import annotations

from collections.abc import Iterable

from fpgann.hardware.names import Namespace

# ISO/IEC 14882:2017 [lex.key] and [lex.digraph], and what C++20 adds
_KEYWORDS = frozenset(
    """
    alignas alignof and and_eq asm auto bitand bitor bool break case catch char char8_t char16_t char32_t class compl
    concept const const_cast consteval constexpr constinit continue co_await co_return co_yield decltype default delete
    do double dynamic_cast else enum explicit export extern false float for friend goto if inline int long mutable
    namespace new noexcept not not_eq nullptr operator or or_eq private protected public register reinterpret_cast
    requires return short signed sizeof static static_assert static_cast struct switch template this thread_local throw
    true try typedef typeid typename union unsigned using virtual void volatile wchar_t while xor xor_eq
    """.split()  # noqa: SIM905  a list would take a line each
)

# namespaces and macros of generated files and of what they include, and local names of layer functions
_TAKEN = frozenset(
    (
        *("fpgann", "hls", "layers", "main", "std", "job", "files", "pipelines", "shells", "noise"),
        *("linux", "unix", "assert", "errno", "stdin", "stdout", "stderr", "ap_int", "ac_int"),
    )
)

LAYER_SUFFIXES = ("", "_t", "_acc_t", "_weights", "_book", "_bias", "_staircase")


class CppNamespace:
    """Hands out C++ identifiers that differ from all handed out before.

    Args:
        taken: identifiers that are in use already.
    """

    def __init__(self, taken: Iterable[str] = ()) -> None:
        self._names = Namespace(_KEYWORDS | _TAKEN | set(taken))

    def claim(self, name: str, fallback: str, *, prefix: str = "") -> str:
        """A unique identifier that resembles a name; what a layer derives from it is unique as well."""
        return self._names.claim(name, fallback, prefix=prefix, suffixes=LAYER_SUFFIXES)
