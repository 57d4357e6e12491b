# SPDX-License-Identifier: Apache-2.0
"""The meaning of graphs: exact integers where there are codes, float64 where there are real numbers."""

from fpgann.reference.executor import encode_input, run_codes, run_values
from fpgann.reference.states import state_codes

__all__ = ["encode_input", "run_codes", "run_values", "state_codes"]
