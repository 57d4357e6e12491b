# SPDX-License-Identifier: Apache-2.0
"""External tools: what is needed, where it is, how it is run, what is known to be broken."""
