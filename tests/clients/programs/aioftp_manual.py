"""aioftp, as in its manual."""

import asyncio
import os
import ssl
import sys

import aioftp

action, *names = sys.argv[1:]
if action == "version":
    sys.exit(print(f"aioftp {aioftp.__version__}, {ssl.OPENSSL_VERSION}"))


async def main() -> None:
    context = ssl.create_default_context(cafile=os.environ["FTPS_CA"])
    implicit = os.environ["FTPS_IMPLICIT"] == "1"
    client = aioftp.Client(ssl=context if implicit else None, socket_timeout=20, path_timeout=20)
    await client.connect(os.environ["FTPS_HOST"], int(os.environ["FTPS_PORT"]))
    if not implicit:
        await client.upgrade_to_tls(context)
    await client.login(os.environ["FTPS_ACCOUNT"], os.environ["FTPS_PASSWORD"])
    if action == "list":
        for path, _ in await client.list():
            print(path)
    for name in names:
        if action == "put":
            await client.upload(name, name, write_into=True)
        elif action == "get":
            await client.download(name, name, write_into=True)
        elif action == "resume-put":
            there = int((await client.stat(name))["size"])
            with open(name, "rb") as file:
                file.seek(there)
                async with client.upload_stream(name, offset=there) as stream:
                    await stream.write(file.read())
        elif action == "resume-get":
            with open(name, "ab") as file:
                async with client.download_stream(name, offset=file.tell()) as stream:
                    async for block in stream.iter_by_block():
                        file.write(block)
    await client.quit()


asyncio.run(main())
