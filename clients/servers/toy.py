"""A server of models in a few lines, by three protocols, and whatever a server can do wrong; a program that a platform starts, too.

`toy.py PORT` listens at 127.0.0.1. What it is asked for decides what it answers, so that a test can tell it by the request alone.
"""

import http.server
import json
import os
import socket
import sys
import time

SEEN = []


def tried(deed):
    """What came of something that a confined program has no business with."""
    try:
        deed()
        return "done"
    except OSError as error:
        return type(error).__name__


def hostile():
    """What a program may not do, each with what came of it."""
    def call():
        socket.create_connection(("127.0.0.1", int(os.environ.get("ELSEWHERE", "1"))), 1)

    def datagram():
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(b"x", ("127.0.0.1", 9))

    def local():
        socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)

    def listen():
        it = socket.socket()
        it.bind(("127.0.0.1", 0))
        it.listen()

    def write():
        with open(os.environ.get("OUTSIDE", "/tmp/outside"), "w") as file:
            file.write("x")

    def read():
        with open(os.environ.get("SECRET", "/etc/shadow")) as file:
            file.read()

    def fork():
        os.waitpid(os.fork() or os._exit(0), 0)

    return {deed.__name__: tried(deed) for deed in (call, datagram, local, listen, write, read, fork)}


class Toy(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def say(self, told, status=200):
        body = told if isinstance(told, bytes) else json.dumps(told).encode()
        self.send_response(status)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_GET(self):
        if self.path == "/v1/models":
            return self.say({"object": "list", "data": [{"id": "echo", "object": "model"}]})
        if self.path == "/seen":
            return self.say(SEEN)
        return self.say({}, 200 if self.path in ("/health", "/") else 404)

    def do_POST(self):
        asked = json.loads(self.rfile.read(int(self.headers["content-length"])))
        SEEN.append({"path": self.path, "authorization": self.headers.get("authorization"), "asked": asked})
        if self.path == "/v1/chat/completions":
            return self.chat(asked)
        if self.path == "/v1/embeddings":
            data = [{"index": i, "object": "embedding", "embedding": [float(len(text)), 1.0, 0.5]} for i, text in enumerate(asked["input"])]
            return self.say({"object": "list", "data": list(reversed(data))})
        if self.path.startswith("/score/"):
            return self.say({"results": [{"class": "big" if row["x"] > 1 else "small", "score": row["x"] * 2} for row in asked["records"]]})
        return self.say({"error": "nothing here"}, 404)

    def chat(self, asked):
        prompt = asked["messages"][-1]["content"]
        if prompt == "slow":
            time.sleep(5)
        if prompt == "broken":
            return self.say({"error": {"message": "it broke"}}, 500)
        if prompt == "refused":
            return self.say({"error": {"message": "not that"}}, 400)
        if prompt == "garbled":
            return self.say(b"<html>")
        if prompt == "cut":
            self.send_response(200)
            self.send_header("content-length", "1000")
            self.end_headers()
            self.wfile.write(b'{"choices"')
            self.close_connection = True
            return None
        if prompt == "die":
            os._exit(3)
        if asked.get("stream"):
            return self.parts(prompt, asked)
        text = json.dumps(hostile()) if prompt == "hostile" else f"{os.getpid()}: {prompt[::-1]}"
        message = {"role": "assistant", "content": text}
        return self.say({"choices": [{"index": 0, "message": message, "finish_reason": "stop"}], "usage": {"prompt_tokens": len(prompt), "completion_tokens": 2}})


    def parts(self, prompt, asked):
        """Words one by one, as server-sent events; one that is told to break does so after the first."""
        self.send_response(200)
        self.send_header("content-type", "text/event-stream")
        self.send_header("connection", "close")
        self.end_headers()
        self.close_connection = True
        words = prompt.split()[: asked.get("most")]
        for i, word in enumerate(words):
            last = "stop" if i + 1 == len(words) else None
            self.event({"choices": [{"index": 0, "delta": {"content": word + " "}, "finish_reason": last}]})
            if word == "break":
                return
            time.sleep(0.3)
        self.event({"choices": [], "usage": {"prompt_tokens": len(words), "completion_tokens": len(words)}})
        self.wfile.write(b"data: [DONE]\n\n")

    def event(self, told):
        self.wfile.write(f"data: {json.dumps(told)}\n\n".encode())
        self.wfile.flush()


if __name__ == "__main__":
    print("the toy listens", flush=True)
    http.server.ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Toy).serve_forever()
