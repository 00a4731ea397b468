"""Choice of the certificate that a Windows host serves, on the control node."""
