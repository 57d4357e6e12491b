# SPDX-License-Identifier: Apache-2.0
"""`python -m fpgann`: the command line, for where scripts are not on the path."""

from __future__ import annotations

from fpgann.cli import main

if __name__ == "__main__":
    main()
