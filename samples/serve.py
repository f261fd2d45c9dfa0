"""Serves Git repositories over HTTP with `git http-backend`. Started by serve.sh."""

import base64
import hmac
import http.server
import os
import subprocess
import sys

BODY_BYTES_MAX = 64 << 20


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    root = ""
    token = ""

    def do_GET(self):
        self.serve(b"")

    def do_POST(self):
        body = self.read_body()
        if body is None:
            self.answer(413, [], b"too large\n")
        else:
            self.serve(body)

    def read_body(self):
        if self.headers.get("Transfer-Encoding", "").lower() == "chunked":
            body = b""
            while len(body) <= BODY_BYTES_MAX:
                size = int(self.rfile.readline().split(b";")[0], 16)
                body += self.rfile.read(size)
                self.rfile.readline()
                if size == 0:
                    return body
            return None
        size = int(self.headers.get("Content-Length", "0"))
        return self.rfile.read(size) if size <= BODY_BYTES_MAX else None

    def is_allowed(self):
        if not self.token:
            return True
        kind, _, value = self.headers.get("Authorization", "").partition(" ")
        try:
            _, _, password = base64.b64decode(value).partition(b":")
        except ValueError:
            return False
        return kind.lower() == "basic" and hmac.compare_digest(password, self.token.encode())

    def serve(self, body):
        if not self.is_allowed():
            self.answer(401, [("WWW-Authenticate", 'Basic realm="samples"')], b"a token is needed\n")
            return
        path, _, query = self.path.partition("?")
        environment = {
            "PATH": os.environ.get("PATH", "/usr/bin:/bin"),
            "GIT_PROJECT_ROOT": self.root,
            "GIT_HTTP_EXPORT_ALL": "1",
            "GIT_CONFIG_COUNT": "1",
            "GIT_CONFIG_KEY_0": "safe.directory",
            "GIT_CONFIG_VALUE_0": "*",
            "PATH_INFO": path,
            "QUERY_STRING": query,
            "REQUEST_METHOD": self.command,
            "CONTENT_TYPE": self.headers.get("Content-Type", ""),
            "CONTENT_LENGTH": str(len(body)),
            "HTTP_CONTENT_ENCODING": self.headers.get("Content-Encoding", ""),
            "GIT_PROTOCOL": self.headers.get("Git-Protocol", ""),
            "REMOTE_ADDR": self.client_address[0],
        }
        run = subprocess.run(["git", "http-backend"], input=body, env=environment, stdout=subprocess.PIPE)
        head, _, content = run.stdout.partition(b"\r\n\r\n")
        status = 200
        headers = []
        for line in head.decode("latin-1").splitlines():
            name, _, value = line.partition(": ")
            if name.lower() == "status":
                status = int(value.split()[0])
            else:
                headers.append((name, value))
        self.answer(status, headers, content)

    def answer(self, status, headers, content):
        self.send_response(status)
        for name, value in headers:
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)


def main():
    Handler.root = os.path.abspath(sys.argv[1])
    Handler.token = os.environ.get("SAMPLES_TOKEN", "")
    server = http.server.ThreadingHTTPServer(("127.0.0.1", int(sys.argv[2])), Handler)
    server.daemon_threads = True
    print(f"http://127.0.0.1:{server.server_address[1]}", flush=True)
    try:
        server.serve_forever()
    except KeyboardInterrupt:
        pass


if __name__ == "__main__":
    main()
