# SPDX-License-Identifier: Apache-2.0
"""Everything that knows the ONNX format; the rest of the compiler sees `fpgann.ir` only."""
