# SPDX-License-Identifier: MIT
"""docker-registry as Ollama's registry: its configuration, and pushing models into it through its own HTTP API."""
import http.client
import urllib.parse

import nginx_text as nginx

MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"


def configuration(folder, port, address="127.0.0.1", more="", tls=""):
    """`more`: lines at the top level ("auth: …"); `tls`: a line of "http"."""
    return """version: 0.1
log: {level: warn, accesslog: {disabled: %s}}
storage:
  filesystem: {rootdirectory: "%s"}
  redirect: {disable: true}
http:
  addr: "%s:%d"
  headers: {X-Content-Type-Options: [nosniff]}
%s%s""" % ("false" if more else "true", folder, address, port, tls, more)


def tls(certificate):
    return "  tls: {certificate: %s, key: %s}\n" % certificate


def htpasswd(path):
    """`path`: a file that htpasswd -B made."""
    return "auth: {htpasswd: {realm: models, path: %s}}\n" % path


def token(realm, service, issuer, bundle):
    """Tokens of `issuer`, signed with a key whose certificate an authority in `bundle` vouches for, are handed out at `realm`."""
    return "auth: {token: {realm: '%s', service: %s, issuer: %s, rootcertbundle: %s}}\n" % (realm, service, issuer, bundle)


def _ask(port, method, target, body=None, headers=None):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    try:
        connection.request(method, target, body, headers or {})
        answer = connection.getresponse()
        return answer.status, answer.headers, answer.read()
    finally:
        connection.close()


def push(port, image):
    for digest, blob in image.blobs.items():
        status, headers, text = _ask(port, "POST", "/v2/%s/blobs/uploads/" % image.name)
        if status != 202:
            raise RuntimeError("docker-registry refuses an upload: %d %r" % (status, text))
        where = urllib.parse.urlsplit(headers["Location"])
        target = where.path + "?" + (where.query + "&" if where.query else "") + "digest=" + digest
        status, _, text = _ask(port, "PUT", target, blob, {"Content-Type": "application/octet-stream"})
        if status != 201:
            raise RuntimeError("docker-registry refuses blob %s: %d %r" % (digest, status, text))
    status, headers, text = _ask(port, "PUT", "/v2/%s/manifests/%s" % (image.name, image.tag), image.manifest,
                                 {"Content-Type": getattr(image, "media_type", MANIFEST)})
    if status != 201 or headers["Docker-Content-Digest"] != image.digest:
        raise RuntimeError("docker-registry refuses the manifest of %s:%s: %d %r" % (image.name, image.tag, status, text))


def front(ports, storage_ports, certificate, registry):
    """What the public registry adds before it: blobs are redirected to a signed address on another host.

    Ollama's own client insists on both the redirect and the other host name.
    """
    return nginx.server(
        ports, certificate,
        "    set $blobs http://localhost:%d;\n    if ($scheme = https) { set $blobs https://localhost:%d; }\n" % storage_ports,
        nginx.location("~ ^/v2/(.+)/blobs/(sha256:[0-9a-f]+)$", 'return 307 "$blobs/ollama/$1/blobs/$2?X-Amz-Expires=86400&X-Amz-Signature=signed";', exact=False),
        nginx.location("/v2/", "proxy_pass http://127.0.0.1:%d;" % registry, "proxy_set_header Host $http_host;", exact=False))
