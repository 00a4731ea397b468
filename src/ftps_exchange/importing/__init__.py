"""Customer files from a table.

``table`` reads it, ``cells`` understands it, ``drafts`` collects the customers, ``run`` checks them with the model.
What is written is what the model accepts; the rest is refused with row, column, value and remedy.
"""
