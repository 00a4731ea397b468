"""Which certificate a Windows host serves: decided on the control node."""
