# SPDX-License-Identifier: MIT
"""Pieces of nginx configuration."""


def quoted(text):
    """A quoted nginx string. A dollar sign cannot be escaped there, so none may be in it."""
    if "$" in text:
        raise ValueError("nginx would read a variable in %r" % text)
    return '"%s"' % text.replace("\\", "\\\\").replace('"', '\\"')


def header(name, value):
    return "add_header %s %s always;" % (name, quoted(value))


def location(path, *lines, exact=True):
    body = "\n".join("      " + line for line in lines)
    return "    location %s%s {\n%s\n    }\n" % ("= " if exact else "", quoted(path) if exact else path, body)


def answer(status, body, kind="application/json"):
    """The lines that answer at once."""
    return ["default_type %s;" % quoted(kind), "return %d '%s';" % (status, body.replace("'", "\\'"))]


def file(path, kind="application/octet-stream"):
    """The lines that serve one file."""
    return ["types { }", "default_type %s;" % quoted(kind), "alias %s;" % quoted(path)]


def server(ports, certificate, *parts):
    """`ports`: (plain, tls)."""
    listen = ["    listen 127.0.0.1:%d;" % ports[0], "    listen 127.0.0.1:%d ssl;" % ports[1],
              "    ssl_certificate %s;" % quoted(certificate[0]), "    ssl_certificate_key %s;" % quoted(certificate[1])]
    return "  server {\n%s\n%s  }\n" % ("\n".join(listen), "".join(parts))


def main(state, user, maps, servers):
    """The whole file. Every path is below `state`, so that nothing of the system's own nginx is touched."""
    return """%(user)sworker_processes 1;
daemon off;
pid "%(state)s/nginx.pid";
error_log "%(state)s/nginx-error.log" warn;
events { worker_connections 512; }
http {
  # one JSON object a request, with what a token leak would show
  log_format requests escape=json '{"server":"$server_port","scheme":"$scheme","method":"$request_method","target":"$request_uri",'
    '"status":$status,"sent":$body_bytes_sent,"authorization":"$http_authorization","cookie":"$http_cookie","range":"$http_range",'
    '"if_range":"$http_if_range","encoding":"$http_accept_encoding","agent":"$http_user_agent","referer":"$http_referer"}';
  access_log "%(state)s/requests.jsonl" requests;
  client_body_temp_path "%(state)s/tmp/body";
  proxy_temp_path "%(state)s/tmp/proxy";
  fastcgi_temp_path "%(state)s/tmp/fastcgi";
  uwsgi_temp_path "%(state)s/tmp/uwsgi";
  scgi_temp_path "%(state)s/tmp/scgi";
  absolute_redirect off;
  server_tokens off;
  sendfile on;
  client_max_body_size 0;
  map_hash_bucket_size 256;
%(maps)s
%(servers)s}
""" % {"state": state, "user": "user %s;\n" % user if user else "", "maps": maps, "servers": "".join(servers)}
