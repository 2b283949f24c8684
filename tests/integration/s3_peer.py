#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""A real S3 server, MinIO, built from its public Go module.

  s3_peer.py build       builds it into the cache (minutes, once); prints its path

Exit: 0, or 77 skipped (no Go, no way to fetch the sources).
Cache: $NCMODEL_TEST_CACHE, default ${XDG_CACHE_HOME:-~/.cache}/ncmodel-test. $NCMODEL_TEST_MINIO names another binary.
"""
import base64
import datetime
import hashlib
import http.client
import os
import shutil
import ssl
import subprocess
import sys
import tempfile
import time
import urllib.parse

sys.dont_write_bytecode = True
sys.path[:0] = [os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "servers")]
import s3_site  # noqa: E402
from peer import SKIP, GoProgram, Rejected, Skip, die_with_parent, end, free_port, say  # noqa: E402

PROGRAM = GoProgram("minio", "github.com/minio/minio", "v0.0.0-20260212201848-7aac2a2c5b7c", options=("-p", "1"))
ACCESS, SECRET, REGION = "ncmodelReader", "canarySecret/Minio+0123456789", "us-east-1"
find = PROGRAM.find


def build():
    return find() or PROGRAM.build()


class Peer:
    """`with Peer(build()) as peer`; with `tls` it has a certificate for 127.0.0.1, to be trusted by `peer.ca`."""

    def __init__(self, binary, tls=False):
        self.home = tempfile.mkdtemp(prefix="s3-peer-")
        self.port = free_port()
        self.tls, self.ca = tls, os.path.join(self.home, "certs", "public.crt")
        self.url = "http%s://127.0.0.1:%d" % ("s" if tls else "", self.port)
        os.makedirs(os.path.dirname(self.ca))
        if tls:
            subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "7",
                            "-keyout", os.path.join(self.home, "certs", "private.key"), "-out", self.ca, "-subj", "/CN=127.0.0.1",
                            "-addext", "subjectAltName=IP:127.0.0.1"], check=True, capture_output=True)
        environment = {"HOME": self.home, "PATH": os.environ["PATH"], "MINIO_ROOT_USER": ACCESS, "MINIO_ROOT_PASSWORD": SECRET,
                       "MINIO_SITE_REGION": REGION, "MINIO_BROWSER": "off", "MINIO_UPDATE": "off", "MINIO_CALLHOME_ENABLE": "off"}
        self.log = open(os.path.join(self.home, "log"), "wb")
        self.process = subprocess.Popen([binary, "server", os.path.join(self.home, "data"), "--address", "127.0.0.1:%d" % self.port,
                                         "--certs-dir", os.path.dirname(self.ca)], env=environment, stdin=subprocess.DEVNULL,
                                        stdout=self.log, stderr=subprocess.STDOUT, preexec_fn=die_with_parent)

    def __enter__(self):
        for _ in range(600):
            if self.process.poll() is not None:
                break
            try:
                if self.ask("GET", "/")[0] == 200:  # /minio/health/ready says so too early
                    return self
            except OSError:
                pass
            time.sleep(0.1)
        self.__exit__()
        raise Rejected("MinIO does not answer")

    def __exit__(self, *unused):
        end(self.process)
        self.log.close()
        shutil.rmtree(self.home, ignore_errors=True)

    def ask(self, method, path, body=b"", headers=None, sign=True, query="", late=0):
        """One request, signed by the rules; gives status, headers and body. `late`: minutes by which its time is off."""
        payload = hashlib.sha256(body).hexdigest()
        headers = {**(headers or {}), "host": "127.0.0.1:%d" % self.port, "x-amz-content-sha256": payload,
                   "x-amz-date": (datetime.datetime.now(datetime.timezone.utc) - datetime.timedelta(minutes=late)).strftime("%Y%m%dT%H%M%SZ")}
        if sign:
            names = sorted(headers)
            signature = s3_site.signature(SECRET, REGION, "s3", method, path, query, headers, names, payload)
            headers["authorization"] = (f"AWS4-HMAC-SHA256 Credential={ACCESS}/{headers['x-amz-date'][:8]}/{REGION}/s3/aws4_request,"
                                        f"SignedHeaders={';'.join(names)},Signature={signature}")
        if self.tls:
            connection = http.client.HTTPSConnection("127.0.0.1", self.port, timeout=30, context=ssl.create_default_context(cafile=self.ca))
        else:
            connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        try:
            connection.request(method, path + ("?" + query if query else ""), body or None, headers)
            answer = connection.getresponse()
            return answer.status, dict(answer.getheaders()), answer.read()
        finally:
            connection.close()

    def must(self, *arguments, **options):
        status, headers, body = self.ask(*arguments, **options)
        if status not in (200, 204):
            raise Rejected(f"MinIO answers {status}: {body[:500]!r}")
        return headers, body

    def bucket(self, name):
        self.must("PUT", "/" + name)

    def put(self, bucket, key, data, checksum=False):
        """`checksum`: with its SHA-256, which the server then holds and tells."""
        headers = {"x-amz-checksum-sha256": base64.b64encode(hashlib.sha256(data).digest()).decode()} if checksum else {}
        self.must("PUT", f"/{bucket}/{urllib.parse.quote(key, safe='/-_.~')}", data, headers)


def main():
    try:
        print(build())
    except Skip as reason:
        say("skipped: %s" % reason)
        return SKIP
    except Rejected as reason:
        say(str(reason))
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
