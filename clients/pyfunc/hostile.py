"""A model that does what it is asked to: what it must not be able to do in the sandbox."""

import mlflow


class Hostile(mlflow.pyfunc.PythonModel):
    """Its input `deed` names what it tries, `at` where."""

    def predict(self, context, model_input, params=None):
        return [self.tried(str(row["deed"]), str(row["at"])) for _, row in model_input.iterrows()]

    def tried(self, deed, at):
        try:
            return f"done: {self.do(deed, at)}"
        except BaseException as error:
            return f"{type(error).__name__}: {error}"

    def do(self, deed, at):
        import os
        import socket
        import subprocess
        import time

        if deed == "write":
            with open(at, "w") as file:
                file.write("was here")
        elif deed == "read":
            with open(at, "rb") as file:
                return len(file.read())
        elif deed == "list":
            return len(os.listdir(at))
        elif deed == "connect":
            host, port = at.rsplit(":", 1)
            socket.create_connection((host, int(port)), timeout=3).close()
        elif deed == "unix":
            socket.socket(socket.AF_UNIX).connect(at)
        elif deed == "program":
            subprocess.run(["/bin/true"], check=True)
        elif deed == "fork":
            child = os.fork()
            if child == 0:
                os._exit(0)
        elif deed == "kill":
            os.kill(int(at), 0)
        elif deed == "signal":
            import ctypes

            libc = ctypes.CDLL(None, use_errno=True)
            if libc.syscall(234, int(at), int(at), 0) != 0:
                raise OSError(ctypes.get_errno(), "tgkill")
        elif deed == "starve":
            import resource

            resource.prlimit(int(at), resource.RLIMIT_NOFILE, (10, 10))
        elif deed == "open up":
            before = os.stat(at).st_mode
            os.chmod(at, 0o777)
            if os.stat(at).st_mode == before:
                raise PermissionError("nothing changed")
        elif deed == "own":
            os.chown(at, 1, 1)
        elif deed == "share":
            import ctypes

            libc = ctypes.CDLL(None, use_errno=True)
            if libc.shmget(0, 4096, 0o1600) < 0:
                raise OSError(ctypes.get_errno(), "shmget")
        elif deed == "trace":
            import ctypes

            libc = ctypes.CDLL(None, use_errno=True)
            if libc.ptrace(16, int(at), 0, 0) != 0:
                raise OSError(ctypes.get_errno(), "ptrace")
        elif deed == "thread":
            import threading

            seen = []
            thread = threading.Thread(target=lambda: seen.append("a thread"))
            thread.start()
            thread.join()
            return seen[0]
        elif deed == "scratch":
            with open(os.path.join(os.environ["TMPDIR"], "own"), "w") as file:
                file.write("own")
        elif deed == "fill":
            with open(os.path.join(os.environ["TMPDIR"], "full"), "wb") as file:
                for _ in range(1024):
                    file.write(b"x" * (1 << 20))
        elif deed == "allocate":
            kept = []
            for _ in range(1_000):
                kept.append(bytearray(100 << 20))
        elif deed == "environment":
            return ",".join(sorted(name for name in os.environ if "AIC" in name or "PASSWORD" in name or "TOKEN" in name))
        elif deed == "loop":
            while True:
                time.sleep(0.01)
        elif deed == "exit":
            os._exit(3)
        elif deed == "crash":
            import ctypes

            ctypes.string_at(0)
        return "yes"
