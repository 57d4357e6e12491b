# SPDX-License-Identifier: Apache-2.0
"""Constant-weight arithmetic: netlists of adders, requantization forms, pipelining, symbolic checks."""
