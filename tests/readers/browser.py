"""Headless Chromium, one page of it, by its DevTools protocol over two pipes: nothing to install but the browser."""
import base64
import contextlib
import json
import os
import select
import signal
import subprocess
import tempfile
import time

import programs

PROGRAMS = ("chromium", "chromium-browser", "google-chrome-stable", "google-chrome")
OPTIONS = ("--headless=new", "--remote-debugging-pipe", "--no-sandbox", "--no-first-run", "--hide-scrollbars", "--mute-audio",
           "--disable-background-networking", "--disable-component-update", "--disable-default-apps", "--disable-sync",
           "--disable-extensions", "--disable-dev-shm-usage", "--enable-unsafe-swiftshader", "--force-device-scale-factor=1",
           "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1")  # nothing but loopback is asked for anything


class Browser:
    """A context manager; ends the test as skipped where there is no Chromium."""

    def __init__(self, width=1400, height=1000):
        program = programs.require(*PROGRAMS, package="chromium")
        self.number, self.buffer, self.session = 0, b"", {}
        with contextlib.ExitStack() as undo:
            self.profile = undo.enter_context(tempfile.TemporaryDirectory(ignore_cleanup_errors=True))
            self.log = undo.enter_context(tempfile.TemporaryFile("w+"))
            self._start([program, *OPTIONS, f"--window-size={width},{height}", f"--user-data-dir={self.profile}", "about:blank"])
            undo.callback(self._stop)
            target = self.call("Target.createTarget", url="about:blank")["targetId"]
            self.session = {"sessionId": self.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]}
            self.undo = undo.pop_all()

    def _start(self, command):
        read_3, self.to = os.pipe()
        self.back, write_4 = os.pipe()
        read_3, write_4 = (os.dup2(end, at) for end, at in ((read_3, 103), (write_4, 104)))  # out of the way of 3 and 4

        def as_3_and_4():
            os.dup2(103, 3)
            os.dup2(104, 4)

        self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=self.log, stderr=self.log, pass_fds=(3, 4),
                                        preexec_fn=as_3_and_4, start_new_session=True)
        for end in (read_3, write_4):
            os.close(end)

    def _stop(self):
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()
        os.close(self.to)
        os.close(self.back)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.undo.close()

    def _message(self, deadline):
        while b"\0" not in self.buffer:
            if not select.select([self.back], [], [], max(0, deadline - time.monotonic()))[0]:
                raise TimeoutError("the browser does not answer")
            data = os.read(self.back, 1 << 20)
            if not data:
                self.log.seek(0)
                raise RuntimeError("the browser went away: " + self.log.read()[-2000:])
            self.buffer += data
        text, self.buffer = self.buffer.split(b"\0", 1)
        return json.loads(text)

    def call(self, method, timeout=120, **parameters):
        """A command of the DevTools protocol, and its result."""
        self.number += 1
        message = {"id": self.number, "method": method, "params": parameters, **self.session}
        os.write(self.to, json.dumps(message).encode() + b"\0")
        deadline = time.monotonic() + timeout
        while (answer := self._message(deadline)).get("id") != self.number:
            pass  # an event
        if "error" in answer:
            raise RuntimeError(f"{method}: {answer['error']['message']}")
        return answer["result"]

    def open(self, url):
        self.call("Page.navigate", url=url)

    def evaluate(self, script):
        """The value of a JavaScript expression."""
        answer = self.call("Runtime.evaluate", expression=script, returnByValue=True, awaitPromise=True)
        if "exceptionDetails" in answer:
            raise RuntimeError(answer["exceptionDetails"].get("exception", {}).get("description", script))
        return answer["result"].get("value")

    def wait_for(self, script, timeout=120):
        """Until the expression is true; its value."""
        deadline = time.monotonic() + timeout
        while not (value := self.evaluate(script)):
            if time.monotonic() > deadline:
                raise TimeoutError(f"the page never fulfils {script}; it shows: {self.evaluate('document.body.innerText')[:2000]}")
            time.sleep(0.2)
        return value

    def screenshot(self):
        """The page as PNG."""
        return base64.b64decode(self.call("Page.captureScreenshot", format="png")["data"])
