#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Real S3 servers of two makes, MinIO and versitygw, built from their public Go modules.

  s3_peer.py build       builds them into the cache (minutes, once); prints their paths

Exit: 0, or 77 skipped (no Go, no way to fetch the sources).
Cache: $NCMODEL_TEST_CACHE, default ${XDG_CACHE_HOME:-~/.cache}/ncmodel-test. $NCMODEL_TEST_MINIO and $NCMODEL_TEST_VERSITYGW name
other binaries.
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
import unittest
import urllib.parse

sys.dont_write_bytecode = True
sys.path[:0] = [os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "servers")]
import s3_site  # noqa: E402
from peer import SKIP, GoProgram, Rejected, Skip, die_with_parent, end, free_port, say  # noqa: E402

PROGRAM = GoProgram("minio", "github.com/minio/minio", "v0.0.0-20260212201848-7aac2a2c5b7c", options=("-p", "1"))
VERSITY = GoProgram("versitygw", "github.com/versity/versitygw", "v1.8.0", "/cmd/versitygw", ("-p", "1"))
ACCESS, SECRET, REGION = "ncmodelReader", "canarySecret/Minio+0123456789", "us-east-1"
find = PROGRAM.find


def build(program=PROGRAM):
    return program.find() or program.build()


def built(program=PROGRAM, name="MinIO"):
    """Its path. A test that wants it is skipped where it is not there."""
    binary = program.find()
    if not binary:
        raise unittest.SkipTest(f"no {name} here: tests/integration/s3_peer.py build")
    return binary


class Peer:
    """MinIO: `with Peer(build()) as peer`; with `tls` it has a certificate for its address, to be trusted by `peer.ca`. `parent`: the
    folder in which it keeps what it has."""

    name = "MinIO"

    def __init__(self, binary, tls=False, host="127.0.0.1", parent=None):
        self.home = tempfile.mkdtemp(prefix="s3-peer-", dir=parent)
        self.host, self.port = host, free_port()
        self.tls, self.ca, self.key = tls, os.path.join(self.home, "certs", "public.crt"), os.path.join(self.home, "certs", "private.key")
        self.address = "%s:%d" % (host, self.port)
        self.url = "http%s://%s" % ("s" if tls else "", self.address)
        os.makedirs(os.path.dirname(self.ca))
        os.makedirs(os.path.join(self.home, "data"))
        if tls:
            subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "7",
                            "-keyout", self.key, "-out", self.ca, "-subj", "/CN=" + host, "-addext", "subjectAltName=IP:" + host],
                           check=True, capture_output=True)
        self.log = open(os.path.join(self.home, "log"), "wb")
        self.process = subprocess.Popen(self.command(binary), env={"HOME": self.home, "PATH": os.environ["PATH"], **self.settings()},
                                        stdin=subprocess.DEVNULL, stdout=self.log, stderr=subprocess.STDOUT, preexec_fn=die_with_parent)

    def command(self, binary):
        return [binary, "server", os.path.join(self.home, "data"), "--address", self.address, "--certs-dir", os.path.dirname(self.ca)]

    def settings(self):
        return {"MINIO_ROOT_USER": ACCESS, "MINIO_ROOT_PASSWORD": SECRET, "MINIO_SITE_REGION": REGION, "MINIO_BROWSER": "off",
                "MINIO_UPDATE": "off", "MINIO_CALLHOME_ENABLE": "off"}

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
        raise Rejected(self.name + " does not answer")

    def __exit__(self, *unused):
        end(self.process)
        self.log.close()
        shutil.rmtree(self.home, ignore_errors=True)

    def ask(self, method, path, body=b"", headers=None, sign=True, query="", late=0):
        """One request, signed by the rules; gives status, headers and body. `late`: minutes by which its time is off."""
        payload = hashlib.sha256(body).hexdigest()
        headers = {**(headers or {}), "host": self.address, "x-amz-content-sha256": payload,
                   "x-amz-date": (datetime.datetime.now(datetime.timezone.utc) - datetime.timedelta(minutes=late)).strftime("%Y%m%dT%H%M%SZ")}
        if sign:
            names = sorted(headers)
            signature = s3_site.signature(SECRET, REGION, "s3", method, path, query, headers, names, payload)
            headers["authorization"] = (f"AWS4-HMAC-SHA256 Credential={ACCESS}/{headers['x-amz-date'][:8]}/{REGION}/s3/aws4_request,"
                                        f"SignedHeaders={';'.join(names)},Signature={signature}")
        if self.tls:
            connection = http.client.HTTPSConnection(self.host, self.port, timeout=30, context=ssl.create_default_context(cafile=self.ca))
        else:
            connection = http.client.HTTPConnection(self.host, self.port, timeout=30)
        try:
            connection.request(method, path + ("?" + query if query else ""), body or None, headers)
            answer = connection.getresponse()
            return answer.status, dict(answer.getheaders()), answer.read()
        finally:
            connection.close()

    def must(self, *arguments, **options):
        status, headers, body = self.ask(*arguments, **options)
        if status not in (200, 204):
            raise Rejected(f"{self.name} answers {status}: {body[:500]!r}")
        return headers, body

    def bucket(self, name):
        self.must("PUT", "/" + name)

    def put(self, bucket, key, data, checksum=False):
        """`checksum`: with its SHA-256, which the server then holds and tells."""
        headers = {"x-amz-checksum-sha256": base64.b64encode(hashlib.sha256(data).digest()).decode()} if checksum else {}
        self.must("PUT", f"/{bucket}/{urllib.parse.quote(key, safe='/-_.~')}", data, headers)


class Versity(Peer):
    """The same with versitygw before a folder: another make, with another reading of S3's rules."""

    name = "versitygw"

    def command(self, binary):
        tls = ["--cert", self.ca, "--key", self.key] if self.tls else []
        data = os.path.join(self.home, "data")
        os.makedirs(os.path.join(self.home, "more"))  # what would be extended attributes, which not every disk has
        return [binary, "--access", ACCESS, "--secret", SECRET, "--region", REGION, "--port", self.address, *tls, "posix", "--sidecar",
                os.path.join(self.home, "more"), data]

    def settings(self):
        return {}


def main():
    try:
        print(build(), build(VERSITY), sep="\n")
    except Skip as reason:
        say("skipped: %s" % reason)
        return SKIP
    except Rejected as reason:
        say(str(reason))
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
