# SPDX-License-Identifier: MIT
"""The stand-in of s3_site.py with all that writes to a bucket, of the S3 API reference, and switches for servers that know less:

  conditions   of writes "yes", "no" (refused with 501), "ignored" (those of copies, too, which are older than the others)
  copies       whether parts can be made of other objects
  before_copy  is told of each of these what it is to be made of, before it is
  inner_error  how many times a finish says 200 and then, in its body, that it failed
  told         what becomes of the text of a list, or of a finish (that was done), before it is sent
  watch        who is told of each request at three moments: ASKED (nothing of its body was read), DONE (the answer is not sent) and
               ANSWERED; with its operation and what it is about. What it answers ends the connection
"""
import hashlib
import io
import re
import time
import urllib.parse
from xml.sax.saxutils import escape

import s3_site


class Request(s3_site.Request):
    def do_PUT(self):
        self.server.answer(self)

    do_POST = do_DELETE = do_PUT


ASKED, DONE, ANSWERED = "asked", "done", "answered"


def operation_of(method, asked, headers):
    """As the API reference calls it."""
    if "list-type" in asked:
        return "ListObjectsV2"
    if "uploads" in asked:
        return {"POST": "CreateMultipartUpload", "GET": "ListMultipartUploads"}[method]
    if "uploadId" not in asked:
        return method.capitalize() + "Object"
    if method == "PUT":
        return "UploadPartCopy" if "x-amz-copy-source" in headers else "UploadPart"
    return {"POST": "CompleteMultipartUpload", "GET": "ListParts", "DELETE": "AbortMultipartUpload"}[method]


class Store(s3_site.Site):
    Request = Request

    def __init__(self, *arguments, **options):
        self.watch, self.busy = None, 0
        self.conditions, self.copies, self.inner_error, self.page = "yes", True, 0, 1000
        self.told, self.before_copy = lambda text: text, lambda name: None
        self.uploads, self.count = {}, 0
        super().__init__(*arguments, **options)

    def send_text(self, request, status, text="", headers=None):
        data = text.encode()
        self.head(request, status, {"Content-Length": str(len(data)), "Content-Type": "application/xml", **(headers or {})})
        request.wfile.write(data)

    def answer(self, request):
        if not self.watch:
            return self.answer_at_once(request)
        with self.lock:
            self.busy += 1
        try:
            return self.answer_watched(request)
        finally:
            with self.lock:
                self.busy -= 1

    def answer_watched(self, request):
        url, _, query = request.path.partition("?")
        asked = dict(urllib.parse.parse_qsl(query, keep_blank_values=True))
        operation = operation_of(request.command, asked, request.headers)
        name = urllib.parse.unquote(url[1:]) + ("/" + asked["prefix"] if "prefix" in asked else "")
        if self.watch(ASKED, operation, name):
            request.close_connection = True
            return
        out, request.wfile = request.wfile, io.BytesIO()
        try:
            self.answer_at_once(request)
            answer = request.wfile.getvalue()
        finally:
            request.wfile = out
        if self.watch(DONE, operation, name):
            request.close_connection = True
            return
        out.write(answer)
        out.flush()
        self.watch(ANSWERED, operation, name)

    def answer_at_once(self, request):
        url, _, query = request.path.partition("?")
        asked = dict(urllib.parse.parse_qsl(query, keep_blank_values=True))
        if request.command in ("GET", "HEAD") and not asked:
            return super().answer(request)
        headers = {name.lower(): value for name, value in request.headers.items()}
        self.seen.append((request.command, request.path, headers))
        size = int(headers.get("content-length", 0))
        body = request.rfile.read(size)
        if len(body) < size:  # who sends it has gone
            request.close_connection = True
            return None
        trouble = self.trouble(request.path)
        code = None if trouble else self.refusal(request, headers)
        if trouble or code:
            return self.error(request, *(trouble or (403, code)))
        payload = headers["x-amz-content-sha256"]
        if payload not in ("UNSIGNED-PAYLOAD", hashlib.sha256(body).hexdigest()):
            return self.error(request, 400, "XAmzContentSHA256Mismatch")
        name = urllib.parse.unquote(url[1:])
        return self.do(request, name, asked, headers, body)

    def do(self, request, name, asked, headers, body):
        method = request.command
        if "list-type" in asked:
            return self.listing(request, name, asked)
        if method == "GET" and "uploads" in asked:
            return self.upload_listing(request, name, asked)
        if method == "POST" and "uploads" in asked:
            self.count += 1
            self.uploads["upload+%d/=" % self.count] = (name, {})
            return self.send_text(request, 200, f"<R><UploadId>upload+{self.count}/=</UploadId></R>")
        if "uploadId" in asked:
            if self.uploads.get(asked["uploadId"], ("",))[0] != name:
                return self.error(request, 404, "NoSuchUpload")
            return getattr(self, "upload_" + method.lower())(request, name, asked, headers, body)
        if method == "DELETE":
            self.objects.pop(name, None)
            return self.send_text(request, 204)
        return self.refused_by_condition(request, name, headers) or self.keep(request, name, body)

    def keep(self, request, name, data, text=""):
        self.objects[name], self.modified[name] = data, time.time()
        return self.send_text(request, 200, self.told(text) if text else "", {"ETag": self.tag(data)})

    def refused_by_condition(self, request, name, headers):
        """Whether it was answered."""
        none, match = headers.get("if-none-match"), headers.get("if-match")
        if self.conditions == "ignored" or not (none or match):
            return False
        there = self.objects.get(name)
        if self.conditions == "no":
            self.error(request, 501, "NotImplemented")
        elif none and there is not None or match and (there is None or self.tag(there) != match):
            self.error(request, 412, "PreconditionFailed")
        else:
            return False
        return True

    def listing(self, request, bucket, asked):
        objects = dict(self.objects)  # others write meanwhile
        names = sorted(n for n in objects if n.startswith(f"{bucket}/{asked.get('prefix', '')}"))
        names = [n for n in names if n > asked.get("continuation-token", "")]
        more = names[self.page:]
        rows = "".join("<Contents><Key>%s</Key><LastModified>%s</LastModified><ETag>%s</ETag><Size>%d</Size></Contents>" % (
            escape(n.partition("/")[2]), time.strftime("%Y-%m-%dT%H:%M:%S.000Z", time.gmtime(self.modified.get(n, time.time()))),
            escape(self.tag(objects[n]), {'"': "&quot;"}), len(objects[n])) for n in names[:self.page])
        token = f"<NextContinuationToken>{escape(names[self.page - 1])}</NextContinuationToken>" if more else ""
        text = f"<ListBucketResult><IsTruncated>{'true' if more else 'false'}</IsTruncated>{token}{rows}</ListBucketResult>"
        self.send_text(request, 200, self.told(text))

    def upload_listing(self, request, bucket, asked):
        rows = "".join(f"<Upload><Key>{escape(n.partition('/')[2])}</Key><UploadId>{u}</UploadId></Upload>"
                       for u, (n, _) in self.uploads.items() if n.startswith(f"{bucket}/{asked.get('prefix', '')}"))
        self.send_text(request, 200, f"<R><IsTruncated>false</IsTruncated>{rows}</R>")

    def upload_put(self, request, name, asked, headers, body):
        source = headers.get("x-amz-copy-source")
        if source:
            if not self.copies:
                return self.error(request, 501, "NotImplemented")
            of = urllib.parse.unquote(source).lstrip("/")
            self.before_copy(of)
            body = self.objects.get(of)
            if body is None:
                return self.error(request, 404, "NoSuchKey")
            if self.conditions != "ignored" and headers.get("x-amz-copy-source-if-match", self.tag(body)) != self.tag(body):
                return self.error(request, 412, "PreconditionFailed")
        self.uploads[asked["uploadId"]][1][int(asked["partNumber"])] = body
        tag = self.tag(body)
        return self.send_text(request, 200, f"<R><ETag>{escape(tag)}</ETag></R>" if source else "", {"ETag": tag})

    def upload_get(self, request, name, asked, headers, body):
        parts = self.uploads[asked["uploadId"]][1]
        numbers = sorted(n for n in parts if n > int(asked.get("part-number-marker", 0)))
        more = numbers[self.page:]
        rows = "".join(f"<Part><PartNumber>{n}</PartNumber><ETag>&#34;{self.tag(parts[n])[1:-1]}&#34;</ETag><Size>{len(parts[n])}</Size></Part>"
                       for n in numbers[:self.page])
        marker = f"<NextPartNumberMarker>{numbers[self.page - 1]}</NextPartNumberMarker>" if more else ""
        return self.send_text(request, 200, f"<R>{marker}<IsTruncated>{'true' if more else 'false'}</IsTruncated>{rows}</R>")

    def upload_delete(self, request, name, asked, headers, body):
        self.uploads.pop(asked["uploadId"], None)
        return self.send_text(request, 204)

    def upload_post(self, request, name, asked, headers, body):
        if self.inner_error > 0:
            self.inner_error -= 1
            return self.send_text(request, 200, "  <Error><Code>InternalError</Code><Message>We had trouble.</Message></Error>")
        parts = self.uploads[asked["uploadId"]][1]
        listed = re.findall(r"<ETag>(.*?)</ETag><PartNumber>(\d+)</PartNumber>", body.decode())
        if any(int(n) not in parts or self.tag(parts[int(n)]) != e.replace("&#34;", '"') for e, n in listed) or not listed:
            return self.error(request, 400, "InvalidPart")
        if self.refused_by_condition(request, name, headers):
            return None
        self.uploads.pop(asked["uploadId"], None)
        return self.keep(request, name, b"".join(parts[int(n)] for _, n in listed),
                         "<CompleteMultipartUploadResult></CompleteMultipartUploadResult>")
