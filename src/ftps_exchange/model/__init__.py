"""The model: read and checked as a whole before any host is touched (``check``), then read by everything (``view``).

``rules``, ``names`` and ``networks`` say what is acceptable. Nothing is imported here: filters need no pydantic.
"""
