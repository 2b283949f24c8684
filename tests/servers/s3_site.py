# SPDX-License-Identifier: MIT
"""A server that speaks as S3 does, of the S3 API reference: it checks each signature by the rules, not by the program's code, and
answers with S3's errors. For what a real server (s3_peer.py) cannot be made to show: other clocks, storms of 503, redirects.
"""
import base64
import datetime
import email.utils
import hashlib
import hmac
import time
import urllib.parse

from listener import Handler, Listener

ACCESS, SECRET, SESSION = "CANARYACCESSKEY0017", "canarySecret/Canary+0123456789canary/key", "canarySession//Token0123456789=="


def mac(key, text):
    return hmac.new(key, text.encode(), hashlib.sha256).digest()


def signature(secret, region, service, method, path, query, headers, names, payload):
    """As "Signature Calculations for the Authorization Header" has it. `headers`: names in lower case."""
    pairs = sorted((urllib.parse.quote(k, safe="-_.~"), urllib.parse.quote(v, safe="-_.~"))
                   for k, v in urllib.parse.parse_qsl(query, keep_blank_values=True))
    canonical = "\n".join([method, path, "&".join(f"{k}={v}" for k, v in pairs),
                           *[f"{name}:{' '.join(headers[name].split())}" for name in sorted(names)], "", ";".join(sorted(names)), payload])
    day = headers["x-amz-date"][:8]
    text = "\n".join(["AWS4-HMAC-SHA256", headers["x-amz-date"], f"{day}/{region}/{service}/aws4_request",
                      hashlib.sha256(canonical.encode()).hexdigest()])
    key = ("AWS4" + secret).encode()
    for part in (day, region, service, "aws4_request"):
        key = mac(key, part)
    return mac(key, text).hex()


class Tags:
    """ETags of objects, each counted once."""

    MOST = 64

    def __init__(self):
        self.known = {}

    def of(self, data):
        object_, tag = self.known.get(id(data), (None, None))
        if object_ is data:
            return tag
        tag = f'"{hashlib.md5(data).hexdigest()}"'
        if len(self.known) >= self.MOST:
            self.known.clear()
        self.known[id(data)] = data, tag
        return tag


class Request(Handler):
    def do_GET(self):
        self.server.answer(self)

    do_HEAD = do_GET


class Site(Listener):
    """`objects`: "bucket/key" → bytes. `tag(data)` is what one is called: by its MD5, as by S3 unless it encrypts with a customer's key.
    `trouble(path)` may give (status, code, headers) for a request, else None."""

    Request = Request

    def __init__(self, region="us-east-1", session=None, public=()):
        self.region, self.session, self.public = region, session, set(public)
        self.objects, self.digests, self.seen = {}, set(), []
        self.modified = {}  # of objects: seconds since 1970, where it is not now
        self.skew, self.tag = datetime.timedelta(), Tags().of
        self.trouble = lambda path: None
        super().__init__(self.Request)

    def digest_of(self, name):
        return hashlib.sha256(self.objects[name]).hexdigest()

    def now(self):
        return datetime.datetime.now(datetime.timezone.utc) + self.skew

    def refusal(self, request, headers):
        """The code with which the request's signature is refused, or None."""
        said = headers.get("authorization", "")
        if not said:
            return None if request.path.split("/")[1] in self.public else "AccessDenied"
        kind, _, rest = said.partition(" ")
        parts = dict(part.strip().split("=", 1) for part in rest.split(","))
        access, day, region, service, last = parts["Credential"].split("/")
        names = parts["SignedHeaders"].split(";")
        if kind != "AWS4-HMAC-SHA256" or last != "aws4_request" or service != "s3" or day != headers["x-amz-date"][:8]:
            return "AuthorizationHeaderMalformed"
        if "host" not in names or any(name.startswith("x-amz-") and name not in names for name in headers):
            return "AccessDenied"
        if access != ACCESS:
            return "InvalidAccessKeyId"
        if region != self.region:
            return "AuthorizationHeaderMalformed"
        at = datetime.datetime.strptime(headers["x-amz-date"], "%Y%m%dT%H%M%SZ").replace(tzinfo=datetime.timezone.utc)
        if abs(at - self.now()) > datetime.timedelta(minutes=15):
            return "RequestTimeTooSkewed"
        if headers.get("x-amz-security-token") != self.session:
            return "InvalidToken"
        path, _, query = request.path.partition("?")
        good = signature(SECRET, region, "s3", request.command, path, query, headers, names, headers["x-amz-content-sha256"])
        return None if hmac.compare_digest(good, parts["Signature"]) else "SignatureDoesNotMatch"

    def answer(self, request):
        headers = {name.lower(): value for name, value in request.headers.items()}
        self.seen.append((request.command, request.path, headers))
        trouble = self.trouble(request.path)
        if trouble:
            return self.error(request, *trouble)
        code = self.refusal(request, headers)
        if code:
            return self.error(request, 400 if code == "AuthorizationHeaderMalformed" else 403, code)
        bucket, _, key = urllib.parse.unquote(request.path.partition("?")[0][1:]).partition("/")
        if not any(name.startswith(bucket + "/") for name in self.objects):
            return self.error(request, 404, "NoSuchBucket")
        data = self.objects.get(bucket + "/" + key)
        if data is None:
            return self.error(request, 404, "NoSuchKey")
        return self.send(request, headers, bucket + "/" + key, data)

    def send(self, request, headers, name, data):
        start, end, status = 0, len(data), 200
        if "range" in headers:
            first, _, last = headers["range"].removeprefix("bytes=").partition("-")
            start, end, status = int(first), min(int(last) + 1 if last else len(data), len(data)), 206
        told = {"Content-Type": "application/octet-stream", "ETag": self.tag(data), "Accept-Ranges": "bytes",
                "Last-Modified": email.utils.formatdate(self.modified.get(name, time.time()), usegmt=True),
                "Content-Length": str(end - start)}
        if status == 206:
            told["Content-Range"] = f"bytes {start}-{end - 1}/{len(data)}"
        if name in self.digests and headers.get("x-amz-checksum-mode") == "ENABLED":
            told["x-amz-checksum-sha256"] = base64.b64encode(bytes.fromhex(self.digest_of(name))).decode()
        self.head(request, status, told)
        if request.command != "HEAD":
            request.wfile.write(data[start:end])

    def error(self, request, status, code, headers=None):
        region = f"<Region>{self.region}</Region>" if code == "AuthorizationHeaderMalformed" else ""
        body = (f'<?xml version="1.0" encoding="UTF-8"?>\n<Error><Code>{code}</Code><Message>It is {code}.</Message>{region}'
                f"<RequestId>4442587FB7D0A2F9</RequestId></Error>").encode()
        self.head(request, status, {"Content-Type": "application/xml", "Content-Length": str(len(body)), **(headers or {})})
        if request.command != "HEAD":
            request.wfile.write(body)

    def head(self, request, status, headers):
        request.send_response_only(status)
        request.send_header("Date", self.now().strftime("%a, %d %b %Y %H:%M:%S GMT"))
        for name, value in headers.items():
            request.send_header(name, value)
        request.end_headers()
