"""An upstream that behaves as the first segment of the path says, and remembers what it was sent."""

import asyncio
import base64
import hashlib
import threading


class Upstream:
    """Serves on a port of its own, in a thread of its own."""

    def __init__(self, name):
        self.name, self.seen, self.fails, self.port = name, [], 0, None
        self.loop = asyncio.new_event_loop()
        ready = threading.Event()
        threading.Thread(target=self._run, args=(ready,), daemon=True).start()
        ready.wait(10)

    def _run(self, ready):
        asyncio.set_event_loop(self.loop)
        self.server = self.loop.run_until_complete(asyncio.start_server(self._serve, "127.0.0.1", 0))
        self.port = self.server.sockets[0].getsockname()[1]
        ready.set()
        self.loop.run_forever()

    @property
    def address(self):
        return f"127.0.0.1:{self.port}"

    async def _serve(self, reader, writer):
        try:
            while await self._one(reader, writer):
                pass
        except (asyncio.IncompleteReadError, ConnectionError, asyncio.LimitOverrunError, ValueError):
            pass
        finally:
            writer.close()

    async def _one(self, reader, writer):
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
        first, *lines = head.split("\r\n")
        method, path, _ = first.split(" ")
        fields = [tuple(part.strip() for part in line.split(":", 1)) for line in lines if line]
        headers = {name.lower(): value for name, value in fields}
        body = b""
        if "content-length" in headers:
            body = await reader.readexactly(int(headers["content-length"]))
        elif headers.get("transfer-encoding") == "chunked":
            while size := int(await reader.readline(), 16):
                body += await reader.readexactly(size)
                await reader.readline()
            await reader.readline()
        self.seen.append((method, path, fields, body))
        how = path.split("?")[0].strip("/").split("/")[-1]
        return await getattr(self, f"do_{how}", self.do_echo)(reader, writer, path, headers, body)

    def answer(self, writer, body, status="200 OK", more=""):
        writer.write(f"HTTP/1.1 {status}\r\ncontent-length: {len(body)}\r\nx-from: {self.name}\r\n{more}\r\n".encode() + body)
        return True

    async def do_echo(self, reader, writer, path, headers, body):
        return self.answer(writer, body or path.encode())

    async def do_hang(self, reader, writer, path, headers, body):
        await asyncio.sleep(30)

    async def do_slow(self, reader, writer, path, headers, body):
        await asyncio.sleep(0.5)
        return self.answer(writer, b"slow")

    async def do_reset(self, reader, writer, path, headers, body):
        writer.transport.abort()

    async def do_garbage(self, reader, writer, path, headers, body):
        writer.write(b"\x16\x03\x01 this is no HTTP at all\r\n\r\n")
        await writer.drain()

    async def do_cut(self, reader, writer, path, headers, body):
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nhalf")
        await writer.drain()

    async def do_huge(self, reader, writer, path, headers, body):
        return self.answer(writer, b"x" * 5000)

    async def do_fail(self, reader, writer, path, headers, body):
        return self.answer(writer, b"failed", "500 Internal Server Error")

    async def do_some(self, reader, writer, path, headers, body):
        """Fails as often as it was told to, then no more."""
        self.fails -= 1
        return self.answer(writer, b"some", "503 Service Unavailable" if self.fails >= 0 else "200 OK")

    async def do_events(self, reader, writer, path, headers, body):
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n")
        for number in range(3):
            event = f"data: {number}\n\n".encode()
            writer.write(f"{len(event):x}\r\n".encode() + event + b"\r\n")
            await writer.drain()
            await asyncio.sleep(0.4)
        writer.write(b"0\r\n\r\n")
        return True

    async def do_socket(self, reader, writer, path, headers, body):
        """A WebSocket that sends back what it gets (RFC 6455), short messages only."""
        key = headers.get("sec-websocket-key", "") + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
        accept = base64.b64encode(hashlib.sha1(key.encode()).digest()).decode()
        writer.write(f"HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\nconnection: upgrade\r\nsec-websocket-accept: {accept}\r\n\r\n".encode())
        while True:
            first, length = await reader.readexactly(2)
            length &= 0x7F
            if length == 126:
                length = int.from_bytes(await reader.readexactly(2), "big")
            mask = await reader.readexactly(4)
            data = bytes(byte ^ mask[at % 4] for at, byte in enumerate(await reader.readexactly(length)))
            size = bytes([length]) if length < 126 else b"\x7e" + length.to_bytes(2, "big")
            writer.write(bytes([first]) + size + data)
            if first & 0x0F == 8:
                return False
