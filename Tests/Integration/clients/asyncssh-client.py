#!/usr/bin/python3
"""asyncssh. The words of the command line are done in one session."""
import asyncio
import os
import sys
import warnings

warnings.simplefilter("ignore")  # of old ciphers, as it is imported
import asyncssh  # noqa: E402


async def resume(sftp, local, remote):
    with open(local, "rb") as here:
        async with sftp.open(remote, "ab") as there:
            here.seek((await there.stat()).size)
            while data := here.read(1 << 20):
                await there.write(data)


async def main():
    environment = os.environ
    key, password = environment["GATE_KEY"], environment["GATE_PASSWORD"]
    words = iter(sys.argv[1:])
    async with asyncssh.connect(
            environment["GATE_HOST"], int(environment["GATE_PORT"]), username=environment["GATE_USER"],
            known_hosts=environment["GATE_KNOWN_HOSTS"], config=None, agent_path=None,
            client_keys=[key] if key else None, password=password or None) as connection:
        async with connection.start_sftp_client() as sftp:
            for verb in words:
                if verb == "put":
                    await sftp.put(next(words), next(words))
                elif verb == "many":
                    await sftp.mput(next(words) + "/*")
                elif verb == "tree":
                    await sftp.put(next(words), recurse=True)
                elif verb == "deliver":
                    local, temporary, final = next(words), next(words), next(words)
                    await sftp.put(local, temporary)
                    await sftp.rename(temporary, final)
                elif verb == "resume":
                    await resume(sftp, next(words), next(words))
                elif verb == "check":
                    local, remote = next(words), next(words)
                    if await sftp.getsize(remote) != os.path.getsize(local):
                        sys.exit(f"{remote} has another size")


asyncio.run(main())
