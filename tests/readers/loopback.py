"""A server on loopback that stands in for a service: answers with JSON and keeps what comes."""
import gzip
import http.server
import json
import sys
import threading


class Handler(http.server.BaseHTTPRequestHandler):
    """Say what happens in do_GET and its like; `self.server` is a Server."""
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def answer(self, value, status=200):
        body = json.dumps(value).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def body(self):
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        return gzip.decompress(body) if self.headers.get("Content-Encoding") == "gzip" else body


class Server(http.server.ThreadingHTTPServer):
    """On a free port, from now until stop(). `base` is its address."""

    def __init__(self, handler):
        super().__init__(("127.0.0.1", 0), handler)
        self.base = f"http://127.0.0.1:{self.server_port}"
        threading.Thread(target=self.serve_forever, daemon=True).start()

    def handle_error(self, request, client_address):
        if not isinstance(sys.exc_info()[1], ConnectionResetError):  # the client goes without a word when it is done
            super().handle_error(request, client_address)

    def stop(self):
        self.shutdown()
        self.server_close()
