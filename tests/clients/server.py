"""A real `unicorn-rt serve` on a free port, for the tests of this folder. No test stands here.

The environment says what to run: UNICORN_RT is the program, UNICORN_ARTIFACT the demo model, UNICORN_ARTIFACT_SMALL the demo model
with other weights, one slot and a short context. `run` sets all three.
"""

import json
import os
import re
import signal
import socket
import subprocess
import threading
import time
import urllib.error
import urllib.request

PROGRAM = os.environ["UNICORN_RT"]
ARTIFACT = os.environ["UNICORN_ARTIFACT"]
SMALL = os.environ["UNICORN_ARTIFACT_SMALL"]
QUESTION = "What is 27 + 48?"
ANSWER = "27 + 48 = 75"


class Server:
    """Starts at once, is ready when the constructor returns, and is stopped by `stop`, which gives the exit status."""

    def __init__(self, *args):
        command = [PROGRAM, "serve", *(args or (ARTIFACT,)), "--port", "0"]
        self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        self.log = []
        self.address = None
        for line in self.process.stderr:
            self.log.append(line)
            if found := re.search(r"listening on http://([0-9.]+):(\d+)", line):
                self.address = (found[1], int(found[2]))
                break
        if self.address is None:
            raise RuntimeError(f"the server did not start, status {self.process.wait()}:\n{''.join(self.log)}")
        self.url = f"http://{self.address[0]}:{self.address[1]}"
        self._reader = threading.Thread(target=lambda: self.log.extend(self.process.stderr), daemon=True)
        self._reader.start()
        try:
            wait_for(lambda: self.get("/ready")[0] == 200, "the server to be ready")
        except AssertionError:
            self.process.kill()
            raise

    def get(self, path, key=None):
        return self.request("GET", path, key=key)

    def post(self, path, body, key=None):
        return self.request("POST", path, json.dumps(body).encode(), key)

    def request(self, method, path, data=None, key=None):
        """Status and body; the body as JSON where it is."""
        headers = {"content-type": "application/json"} | ({"authorization": f"Bearer {key}"} if key else {})
        request = urllib.request.Request(self.url + path, data, headers, method=method)
        try:
            with urllib.request.urlopen(request, timeout=60) as response:
                status, text = response.status, response.read()
        except urllib.error.HTTPError as error:
            with error:
                status, text = error.code, error.read()
        try:
            return status, json.loads(text)
        except ValueError:
            return status, text

    def stats(self, model=0):
        return self.get("/stats")[1]["models"][model]

    def idle(self):
        """Nothing runs, nothing waits."""
        return all(model["running"] == 0 and model["waiting"] == 0 for model in self.get("/stats")[1]["models"])

    def connect(self):
        return socket.create_connection(self.address, timeout=60)

    def terminate(self):
        self.process.send_signal(signal.SIGTERM)

    def stop(self):
        """Status after SIGTERM. Fails when the process has died before, or does not end."""
        if self.process.poll() is None:
            self.terminate()
        try:
            return self.process.wait(timeout=60)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            raise AssertionError("the server did not end within a minute of SIGTERM") from None
        finally:
            self._reader.join()
            self.process.stderr.close()


def wait_for(true, what, seconds=60):
    """Polls until `true()`; fails after some time."""
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, f"waited {seconds} s for {what}"
        time.sleep(0.02)


def raw(path, body, method="POST", headers=()):
    """The bytes of a request."""
    head = [f"{method} {path} HTTP/1.1", "host: test", "content-type: application/json", f"content-length: {len(body)}", *headers]
    return "\r\n".join(head).encode() + b"\r\n\r\n" + body


def read_until(stream, mark):
    """Reads from a socket until `mark` is there, or the other side closes."""
    got = b""
    while mark not in got:
        piece = stream.recv(65536)
        if not piece:
            break
        got += piece
    return got


def read_all(stream):
    """Reads until the other side closes; a reset counts as closing."""
    got = b""
    try:
        while piece := stream.recv(65536):
            got += piece
    except ConnectionResetError:
        pass
    return got
