"""Running the project's PowerShell on the machine that tests it: it needs no Windows, and proves nothing of Windows."""
