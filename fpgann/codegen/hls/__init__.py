# SPDX-License-Identifier: Apache-2.0
"""HLS C++17: one function per layer, the top function, a test bench."""

from fpgann.codegen.hls.project import HlsProject, render_hls

__all__ = ["HlsProject", "render_hls"]
