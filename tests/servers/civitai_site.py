# SPDX-License-Identifier: MIT
"""The shape of Civitai as nginx configuration: the version and model API, download redirects to a signed address elsewhere."""
import hashlib
import json
import os
import urllib.parse
import zlib

import nginx_text as nginx

TOKEN = "0123456789abcdef0123456789abcdef"

MAPS = """  map "$http_authorization|$arg_token" $civitai_caller {
    "Bearer %(token)s|" known;
    "Bearer %(token)s|%(token)s" known;
    "|%(token)s" known;
    default none;
  }
  map $http_user_agent $civitai_browser {
    "~*(mozilla|chrome|safari|firefox|opera|edge)" 1;
    default 0;
  }
  map $args $civitai_signed {
    "~(^|&)X-Amz-Signature=" 1;
    default 0;
  }
""" % {"token": TOKEN}

# model, version, type, name, rule, files (id, name, file type, fixture, format); the first file is the primary one
VERSIONS = [
    (5001, 6001, "Checkpoint", "Tiny Diffusion", "open", [
        (7001, "tinyDiffusion_v10.safetensors", "Model", "safetensors/tiny-diffusion.safetensors", "SafeTensor"),
        (7002, "tinyDiffusion_v10.vae.safetensors", "VAE", "safetensors/tiny-vae.safetensors", "SafeTensor")]),
    (5002, 6002, "LORA", "Tiny Style", "token", [(7003, "tinyStyle.safetensors", "Model", "safetensors/tiny-lora.safetensors", "SafeTensor")]),
    (5003, 6003, "Checkpoint", "Tiny Legacy", "open", [(7004, "tinyLegacy.ckpt", "Model", "pickle/tiny-legacy.ckpt", "PickleTensor")]),
    (5004, 6004, "LORA", "Tiny Early", "early", [(7005, "tinyEarly.safetensors", "Model", "safetensors/tiny-early.safetensors", "SafeTensor")]),
    (5005, 6005, "LORA", "Tiny Closed", "disabled", [(7006, "tinyClosed.safetensors", "Model", "safetensors/tiny-closed.safetensors", "SafeTensor")]),
    (5006, 6006, "LORA", "Tiny Archived", "archived", []),
]

RULES = {
    "open": [],
    "token": ["if ($civitai_caller = none) { return 401 '{\"error\":\"Unauthorized\",\"message\":\"The creator of this asset requires you to be logged in to download it\"}'; }"],
    "early": ["return 403 '{\"error\":\"Early Access\",\"deadline\":\"2099-01-01T00:00:00.000Z\",\"message\":\"This asset is in Early Access. You can use Buzz access it now!\"}';"],
    "disabled": ["return 401 '{\"error\":\"Unauthorized\",\"message\":\"The creator of this asset has disabled downloads on this file\"}';"],
    "archived": ["return 410 '{\"error\":\"Model archived, not available for download\"}';"],
}


def hashes(data):
    """Upper case, as the API gives them. BLAKE3 is absent, as it sometimes is there."""
    digest = hashlib.sha256(data).hexdigest().upper()
    found = {"AutoV1": hashlib.sha256(data[0x100000:0x110000]).hexdigest()[:8].upper(), "AutoV2": digest[:10], "SHA256": digest,
             "CRC32": "%08X" % zlib.crc32(data)}
    if data[8:9] == b"{":  # safetensors: of what follows the header
        found["AutoV3"] = hashlib.sha256(data[8 + int.from_bytes(data[:8], "little") :]).hexdigest()[:12].upper()
    return found


class Site:
    def __init__(self, folder, files):
        self.folder, self.files = folder, files

    def _file(self, version, number, entry):
        identity, name, kind, fixture, form = entry
        data = self.files[fixture]
        made = {"id": identity, "sizeKB": len(data) / 1024, "name": name, "type": kind,
                "metadata": {"fp": "fp16", "size": "pruned", "format": form}, "pickleScanResult": "Success",
                "pickleScanMessage": "No Pickle imports", "virusScanResult": "Success", "virusScanMessage": None,
                "scannedAt": "2024-01-01T00:00:00.000Z", "hashes": hashes(data),
                "downloadUrl": "https://civitai.com/api/download/models/%d" % version}
        if number == 0:
            made["primary"] = True  # elsewhere absent, not false
        return made

    def _version(self, model, version, kind, name, rule, files):
        made = {"id": version, "modelId": model, "name": "v1.0", "status": "Published", "baseModel": "SD 1.5", "baseModelType": "Standard",
                "availability": "Public", "usageControl": "Download", "trainedWords": [], "air": "urn:air:sd1:%s:civitai:%d@%d" % (kind.lower(), model, version),
                "model": {"name": name, "type": kind, "nsfw": False, "poi": False}, "images": [],
                "files": [self._file(version, n, f) for n, f in enumerate(files)],
                "downloadUrl": "https://civitai.com/api/download/models/%d" % version}
        if rule == "archived":
            made["model"]["mode"] = "Archived"
            del made["downloadUrl"]
        return made

    def _json(self, name, value):
        path = os.path.join(self.folder, "civitai", name + ".json")
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "w", encoding="utf-8") as out:
            json.dump(value, out)
        return nginx.file(path, "application/json; charset=utf-8")

    def _download(self, version, name, rule, files, storage):
        lines = ["default_type application/json;", nginx.header("Cache-Control", "no-store"),
                 # HEAD is refused even with a valid token
                 "if ($request_method = HEAD) { return 401; }",
                 'if ($civitai_browser) { return 307 "/login?returnUrl=/model-versions/%d&reason=download-auth"; }' % version] + RULES[rule]
        for number, (identity, file, _, fixture, _) in enumerate(files):
            stem, extension = file.rsplit(".", 1)
            path = "/file/civitai-modelfiles/model/1/%s.Ab3d.%s" % (stem, extension)
            here = os.path.join(self.folder, "storage", path[1:])
            os.makedirs(os.path.dirname(here), exist_ok=True)
            with open(here, "wb") as out:
                out.write(self.files[fixture])
            quoted = urllib.parse.quote('attachment; filename="%s"' % file, safe="")
            address = ("$civitai_storage%s?X-Amz-Expires=86400&response-content-disposition=%s&X-Amz-Algorithm=AWS4-HMAC-SHA256"
                       "&X-Amz-Credential=test&X-Amz-Date=20240101T000000Z&X-Amz-SignedHeaders=host&X-Amz-Signature=signed" % (path, quoted))
            match = "^(%d)?$" % identity if number == 0 else "^%d$" % identity
            lines.append('if ($arg_fileid ~ "%s") { return 307 "%s"; }' % (match, address))
            storage.append(nginx.location(path, "if ($http_authorization) { return 400 '<Error><Code>InvalidArgument</Code>"
                                          "<Message>Only one auth mechanism allowed</Message></Error>'; }",
                                          "if ($civitai_signed = 0) { return 403 '<Error><Code>AccessDenied</Code></Error>'; }",
                                          nginx.header("Content-Disposition", 'attachment; filename="%s"' % file), *nginx.file(here)))
        lines.append("return 404 '{\"error\":\"File not found\"}';")
        return nginx.location("/api/download/models/%d" % version, *lines)

    def servers(self, site_ports, storage_ports, certificate, registry):
        parts = ["    set $civitai_storage http://127.0.0.1:%d;\n    if ($scheme = https) { set $civitai_storage https://127.0.0.1:%d; }\n" % storage_ports]
        storage = []
        for model, version, kind, name, rule, files in VERSIONS:
            made = self._version(model, version, kind, name, rule, files)
            parts.append(nginx.location("/api/v1/model-versions/%d" % version, *self._json("version-%d" % version, made)))
            parts.append(nginx.location("/api/v1/models/%d" % model, *self._json("model-%d" % model, {
                "id": model, "name": name, "type": kind, "nsfw": False, "creator": {"username": "demo"}, "tags": [], "modelVersions": [made]})))
            for file in made["files"]:
                for digest in (file["hashes"]["SHA256"], file["hashes"]["SHA256"].lower(), file["hashes"]["AutoV2"]):
                    if rule in ("open", "token"):
                        parts.append(nginx.location("/api/v1/model-versions/by-hash/" + digest, *self._json("version-%d" % version, made)))
            parts.append(self._download(version, name, rule, files, storage))
        parts.append(nginx.location("/login", *nginx.answer(200, "<!DOCTYPE html><title>Sign in</title>", "text/html")))
        parts.append(nginx.location("/", *nginx.answer(404, '{"error":"Model not found"}'), exact=False))
        # what stands behind the Ollama registry's redirect: the same storage rules before docker-registry's blobs
        storage.append(nginx.location("~ ^/ollama/(?<blob>.*)$", "if ($http_authorization) { return 400; }", "if ($civitai_signed = 0) { return 403; }",
                                      "proxy_pass http://127.0.0.1:%d/v2/$blob;" % registry, "proxy_set_header Host $http_host;", exact=False))
        storage.append(nginx.location("/", "return 404;", exact=False))
        return [nginx.server(site_ports, certificate, *parts), nginx.server(storage_ports, certificate, *storage)]
