"""The exchange as data: the checked model, and what follows from it for each target."""
