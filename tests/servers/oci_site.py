# SPDX-License-Identifier: MIT
"""Models as the tools that push them leave them in a registry: ModelPack, Docker Model Runner, KitOps, ORAS, container images.

A stand-in for registries whose manifests no honest one would take.
"""
import hashlib
import json

import registry_site
from listener import Handler, Listener

MANIFEST = "application/vnd.oci.image.manifest.v1+json"
INDEX = "application/vnd.oci.image.index.v1+json"
EMPTY = ("application/vnd.oci.empty.v1+json", b"{}")
TITLE, PATH = "org.opencontainers.image.title", "org.cncf.model.filepath"


def digest(data):
    return "sha256:" + hashlib.sha256(data).hexdigest()


def descriptor(kind, data, annotations=None, **more):
    return {"mediaType": kind, "digest": digest(data), "size": len(data), **({"annotations": annotations} if annotations else {}), **more}


class Artifact:
    """What registry_site.push takes. `layers`: (media type, bytes, annotations)."""

    def __init__(self, name, tag, config, layers, media_type=MANIFEST, **more):
        self.name, self.tag, self.media_type = name, tag, media_type
        self.blobs = {digest(data): data for data in [config[1], *(layer[1] for layer in layers)]}
        self.document = {"schemaVersion": 2, "mediaType": media_type, **more, "config": descriptor(*config),
                         "layers": [descriptor(*layer) for layer in layers]}
        self.manifest = json.dumps(self.document, indent=1).encode()
        self.digest = digest(self.manifest)


class Index:
    """`children`: (artifact, members of its descriptor)."""

    def __init__(self, name, tag, children, media_type=INDEX):
        self.name, self.tag, self.media_type, self.blobs = name, tag, media_type, {}
        self.manifest = json.dumps({"schemaVersion": 2, "mediaType": media_type, "manifests": [
            descriptor(child.media_type, child.manifest, **more) for child, more in children]}).encode()
        self.digest = digest(self.manifest)


def modelpack(name, tag, files, form="raw"):
    """`files`: path → bytes."""
    kinds = {"json": "weight.config", "md": "doc", "py": "code"}
    config = json.dumps({"descriptor": {"name": name, "licenses": ["Apache-2.0"]}, "modelfs": {"type": "layers", "diffIds": []},
                         "config": {"architecture": "llama", "paramSize": "8b", "quantization": "Q4_K_M", "format": "gguf"}}).encode()
    layers = [(f"application/vnd.cncf.model.{kinds.get(path.rsplit('.')[-1], 'weight')}.v1.{form}", data, {PATH: path})
              for path, data in files.items()]
    return Artifact(name, tag, ("application/vnd.cncf.model.config.v1+json", config), layers,
                    artifactType="application/vnd.cncf.model.manifest.v1+json")


def docker_model(name, tag, layers):
    """`layers`: (kind, bytes) or (kind, bytes, path)."""
    config = json.dumps({"config": {"format": "gguf", "quantization": "IQ2_XXS/Q4_K_M", "parameters": "361.82 M", "architecture": "llama",
                                    "size": "256.35 MiB"}, "descriptor": {}, "rootfs": {"type": "rootfs", "diff_ids": []}}).encode()
    return Artifact(name, tag, ("application/vnd.docker.ai.model.config.v0.1+json", config),
                    [(f"application/vnd.docker.ai.{kind}", data, {PATH: path[0]} if path else None) for kind, data, *path in layers])


def kit(name, tag, parts):
    """`parts`: (kind, bytes of a tar), packed with gzip if the kind says so."""
    return Artifact(name, tag, ("application/vnd.kitops.modelkit.config.v1+json", b'{"manifestVersion":"1.0.0"}'),
                    [(f"application/vnd.kitops.modelkit.{kind}", data, None) for kind, data in parts])


def oras(name, tag, files, unpack=()):
    """`files`: title → bytes; a folder's is a tar."""
    layers = [("application/vnd.oci.image.layer.v1.tar+gzip" if title in unpack else "application/vnd.oci.image.layer.v1.tar", data,
               {TITLE: title, **({"io.deis.oras.content.unpack": "true"} if title in unpack else {})}) for title, data in files.items()]
    return Artifact(name, tag, EMPTY, layers, artifactType="application/vnd.acme.model")


def image(name, tag, media_type=MANIFEST):
    config = json.dumps({"architecture": "amd64", "os": "linux", "name": name}).encode()
    return Artifact(name, tag, ("application/vnd.oci.image.config.v1+json", config),
                    [("application/vnd.oci.image.layer.v1.tar+gzip", b"a root file system of " + name.encode(), None)], media_type)


push = registry_site.push


class LiarsRequest(Handler):
    def do_GET(self):
        self.server.asked.append(self.path)
        kind, reference = self.path.split("/")[-2:]
        body = {"manifests": self.server.manifests, "blobs": self.server.blobs}.get(kind, {}).get(reference)
        self.reply(200 if body is not None else 404, body or b"", [("Content-Type", MANIFEST if kind == "manifests" else "application/octet-stream")])

    do_HEAD = do_GET


class Liar(Listener):
    """Serves manifests and blobs as they are given, by reference; counts what is asked for."""

    def __init__(self):
        self.manifests, self.blobs = {}, {}
        super().__init__(LiarsRequest)
        self.port = self.server_port

    def serve(self, *artifacts):
        for artifact in artifacts:
            self.blobs.update(artifact.blobs)
            self.manifests[artifact.digest] = self.manifests[artifact.tag] = artifact.manifest
