"""ftputil, as in its manual."""

import os
import ssl
import sys
from ftplib import FTP_TLS

import ftputil
import ftputil.session

action, *names = sys.argv[1:]
if action == "version":
    sys.exit(print(f"ftputil {ftputil.__version__}, {ssl.OPENSSL_VERSION}"))

factory = ftputil.session.session_factory(
    base_class=FTP_TLS, port=int(os.environ["FTPS_PORT"]), encrypt_data_channel=True
)
account = os.environ["FTPS_HOST"], os.environ["FTPS_ACCOUNT"], os.environ["FTPS_PASSWORD"]
with ftputil.FTPHost(*account, session_factory=factory) as host:
    if action == "list":
        print("\n".join(host.listdir(host.curdir)))
    for name in names:
        if action == "put":
            host.upload(name, name)
        elif action == "get":
            host.download(name, name)
