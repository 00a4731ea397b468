"""fsspec's ftp, as in its manual."""

import os
import ssl
import sys

import fsspec

action, *names = sys.argv[1:]
if action == "version":
    sys.exit(print(f"fsspec {fsspec.__version__}, {ssl.OPENSSL_VERSION}"))

fs = fsspec.filesystem(
    "ftp",
    host=os.environ["FTPS_HOST"],
    port=int(os.environ["FTPS_PORT"]),
    username=os.environ["FTPS_ACCOUNT"],
    password=os.environ["FTPS_PASSWORD"],
    tls=True,
    timeout=20,
)
if action == "list":
    print("\n".join(entry["name"].rsplit("/", 1)[-1] for entry in fs.ls("/")))
for name in names:
    if action == "put":
        fs.put_file(name, f"/{name}")
    elif action == "get":
        fs.get_file(f"/{name}", name)
